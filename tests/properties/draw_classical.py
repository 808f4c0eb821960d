"""How the operators of ai.onnx.ml are drawn: trees, linear models, support vectors, tables."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import numpy_helper

from tests.properties.choices import Rejected
from tests.properties.drawing import Drawing, Tensor

ML = "ai.onnx.ml"
TRANSFORMS = ("NONE", "NONE", "LOGISTIC", "SOFTMAX")
ORDERED = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")
EQUALITIES = ("BRANCH_EQ", "BRANCH_NEQ")


def _rows(d: Drawing) -> Tensor:
    """A tensor of samples and features; often one that some node scales column by column."""
    c = d.choices
    x = d.of_rank(2)
    if d.dtype != np.float32:
        raise Rejected("doubles")
    if c.chance(40):
        return _scaler(d, x)
    return x


def _scaler(d: Drawing, x: Tensor) -> Tensor:
    c, width = d.choices, x.shape[1]
    offset, scale = (d.numbers.normal(size=c.one((1, width))) for _ in range(2))
    attrs = {"offset": offset.tolist(), "scale": (np.abs(scale) + 0.1).tolist()}
    return d.emit("Scaler", x.name, domain=ML, **attrs)


class Trees:
    """Trees of any shapes, whose thresholds are often numbers of the data.

    whole: whether every leaf has all values.
    """

    def __init__(self, d: Drawing, x: Tensor, values: int, *, whole: bool = False) -> None:
        self.d, self.x, self.values, self.whole = d, x, values, whole
        self.nodes: list[dict[str, Any]] = []
        self.leaves: list[tuple[int, int, int, float]] = []
        c = d.choices
        modes = c.one((("BRANCH_LEQ",), ORDERED, (*ORDERED, *EQUALITIES)))
        for tree in range(c.integer(1, 5)):
            self._count = 0
            self._grow(tree, c.one((0, 1, 2, 3, 3)), modes)

    def _grow(self, tree: int, depth: int, modes: tuple[str, ...]) -> int:
        d, c = self.d, self.d.choices
        number, self._count = self._count, self._count + 1
        node = dict.fromkeys(("feature", "true", "false"), 0)
        node |= {"tree": tree, "node": number, "mode": "LEAF", "value": 0.0}
        self.nodes.append(node)
        if depth == 0 or c.chance(15):
            some = [c.integer(0, self.values - 1)]
            kinds = range(self.values) if self.whole or c.chance(50) else some
            for kind in kinds:
                weight = c.one((float(d.numbers.normal()), 0.25, 0.5, -1.0, 0.0))
                self.leaves.append((tree, number, kind, weight))
            return number
        feature = c.integer(0, self.x.shape[1] - 1)
        known = float(c.one(self.x.value[:, feature].tolist()))
        value = c.one((known, known, float(np.float32(d.numbers.normal())), 0.0))
        node |= {"feature": feature, "value": value, "mode": c.one(modes)}
        node["true"] = self._grow(tree, depth - 1, modes)
        node["false"] = self._grow(tree, depth - 1, modes)
        return number

    def attributes(self, what: str, *, positive: bool = False) -> dict[str, Any]:
        """Those of the operators before opset 5."""
        names = {
            "treeids": "tree", "nodeids": "node", "featureids": "feature", "modes": "mode",
            "values": "value", "truenodeids": "true", "falsenodeids": "false",
        }  # fmt: skip
        attrs: dict[str, Any] = {
            f"nodes_{name}": [node[key] for node in self.nodes] for name, key in names.items()
        }
        columns = zip(*self.leaves, strict=True)
        for name, column in zip(("treeids", "nodeids", "ids", "weights"), columns, strict=True):
            attrs[f"{what}_{name}"] = list(map(abs, column)) if positive else list(column)
        return attrs

    def attributes_of_opset_5(self, count: int) -> dict[str, Any]:
        """Those of TreeEnsemble, with sets of numbers here and there; every tree has a split."""
        c = self.d.choices
        splits = [node for node in self.nodes if node["mode"] != "LEAF"]
        places = {(node["tree"], node["node"]): place for place, node in enumerate(splits)}
        leaf = {
            (node["tree"], node["node"]): place
            for place, node in enumerate(n for n in self.nodes if n["mode"] == "LEAF")
        }
        roots = [places[node["tree"], 0] for node in splits if node["node"] == 0]
        if len(roots) < len({node["tree"] for node in self.nodes}):
            raise Rejected("a tree without splits")
        worth = {}
        for tree, node, kind, weight in self.leaves:
            worth[tree, node] = kind, weight
        sets: list[float] = []
        modes = []
        for node in splits:
            mode = (*ORDERED, *EQUALITIES).index(node["mode"])
            if c.chance(20):
                mode = 6
                sets += [*[node["value"], 1.0, -0.5][: c.integer(1, 3)], float("nan")]
            modes.append(mode)
        attrs: dict[str, Any] = {
            "tree_roots": roots,
            "nodes_modes": _tensor(np.array(modes, np.uint8)),
            "nodes_splits": _tensor(np.array([n["value"] for n in splits], np.float32)),
            "nodes_featureids": [n["feature"] for n in splits],
            "leaf_targetids": [worth[key][0] for key in leaf],
            "leaf_weights": _tensor(np.array([worth[key][1] for key in leaf], np.float32)),
            "n_targets": count,
        }
        if sets:
            attrs["membership_values"] = _tensor(np.array(sets, np.float32))
        for side in ("true", "false"):
            ends = [(n["tree"], n[side]) for n in splits]
            attrs[f"nodes_{side}leafs"] = [int(end in leaf) for end in ends]
            attrs[f"nodes_{side}nodeids"] = [leaf.get(e, places.get(e, 0)) for e in ends]
        return attrs


def _tensor(array: np.ndarray) -> Any:
    return numpy_helper.from_array(array)


def trees(d: Drawing) -> None:
    """TreeEnsembleRegressor and TreeEnsemble, of one target or several."""
    c, x, ways = d.choices, _rows(d), _ways(d)
    targets, whole = c.one((1, 1, 2, 3)), c.chance(50) and ways != {True}
    grown = Trees(d, x, targets, whole=whole)
    if ways == {True} or (not ways and not whole and c.chance(60)):
        attrs = grown.attributes_of_opset_5(targets)
        attrs["aggregate_function"] = c.one((0, 1, 1, *((2, 3) if targets == 1 else ())))
        attrs["post_transform"] = c.one((0, 0, 1, 2))
        d.emit("TreeEnsemble", x.name, domain=ML, **attrs)
        return
    attrs = grown.attributes("target")
    attrs["n_targets"] = targets
    attrs["aggregate_function"] = c.one(
        ("SUM", "SUM", "AVERAGE", *(("MIN", "MAX") if targets == 1 or whole else ()))
    )
    attrs["post_transform"] = c.one(TRANSFORMS)
    if c.chance(40) and (whole or targets == 1):
        attrs["base_values"] = d.numbers.normal(size=targets).tolist()
    d.emit("TreeEnsembleRegressor", x.name, domain=ML, **attrs)


def _labels(d: Drawing, count: int) -> list[int]:
    start, step = d.choices.one(((0, 1), (0, 1), (5, 1), (-2, 3)))
    return [start + step * place for place in range(count)]


def _ways(d: Drawing) -> set[bool]:
    """Whether the trees of the graph are those of opset 5, which has no others."""
    known = [n.op_type for n in d.nodes if n.domain == ML and n.op_type.startswith("TreeEnsemble")]
    return {op == "TreeEnsemble" for op in known}


def tree_classes(d: Drawing) -> None:
    """TreeEnsembleClassifier of two classes, by one score or two, or of more."""
    if _ways(d) == {True}:
        raise Rejected("an opset without it")
    c, x = d.choices, _rows(d)
    count = c.one((2, 2, 3))
    single = count == 2 and c.chance(60)
    grown = Trees(d, x, 1 if single else count, whole=not single)
    attrs = grown.attributes("class", positive=c.chance(50))
    kind = c.one((0, 0, 1))
    if single:
        attrs["class_ids"] = [kind] * len(attrs["class_ids"])
    attrs["classlabels_int64s"] = [0, 1] if count == 2 and not single else _labels(d, count)
    attrs["post_transform"] = c.one(TRANSFORMS)
    if c.chance(40) and (count > 2 or (single and kind == 0)):
        bases = d.numbers.normal(size=1 if single else count)
        attrs["base_values"] = bases.tolist()
    d.emit_many("TreeEnsembleClassifier", [x.name], 2, domain=ML, **attrs)


def linear_models(d: Drawing) -> None:
    """LinearRegressor and LinearClassifier."""
    c, x = d.choices, _rows(d)
    rows = c.one((1, 2, 3))
    attrs: dict[str, Any] = {
        "coefficients": d.numbers.normal(size=rows * x.shape[1]).tolist(),
        "intercepts": d.numbers.normal(size=rows).tolist(),
        "post_transform": c.one(TRANSFORMS if rows > 1 else TRANSFORMS[:3]),
    }
    if c.chance(40):
        d.emit("LinearRegressor", x.name, domain=ML, targets=rows, **attrs)
        return
    attrs["classlabels_ints"] = _labels(d, max(rows, 2))
    d.emit_many("LinearClassifier", [x.name], 2, domain=ML, **attrs)


def support_vectors(d: Drawing) -> None:
    """SVMRegressor and SVMClassifier of all kernels."""
    c, x = d.choices, _rows(d)
    if x.shape[1] > 40:
        raise Rejected("many features")
    sizes = [c.integer(1, 4) for _ in range(c.one((1, 2, 3)))]
    total = sum(sizes)
    attrs: dict[str, Any] = {
        "kernel_type": c.one(("LINEAR", "RBF", "RBF", "POLY", "SIGMOID")),
        "kernel_params": [1 / x.shape[1], c.one((0.0, 0.5)), float(c.integer(1, 3))],
        "support_vectors": d.numbers.normal(size=total * x.shape[1]).tolist(),
    }
    if len(sizes) == 1:
        attrs |= {"n_supports": total, "rho": [float(d.numbers.normal())]}
        attrs["coefficients"] = d.numbers.normal(size=total).tolist()
        if c.chance(20):
            attrs["one_class"] = 1
        d.emit("SVMRegressor", x.name, domain=ML, **attrs)
        return
    pairs = len(sizes) * (len(sizes) - 1) // 2
    attrs["vectors_per_class"] = sizes
    attrs["coefficients"] = d.numbers.normal(size=total * (len(sizes) - 1)).tolist()
    attrs["rho"] = d.numbers.normal(size=pairs).tolist()
    attrs["classlabels_ints"] = _labels(d, len(sizes))
    if len(sizes) == 2 and c.chance(30):
        attrs |= {"prob_a": [-1.5], "prob_b": [0.25]}
    d.emit_many("SVMClassifier", [x.name], 2, domain=ML, **attrs)


def columns(d: Drawing) -> None:
    """Normalizer, Binarizer, Imputer, FeatureVectorizer and ArrayFeatureExtractor."""
    c, x = d.choices, d.of_rank(2)
    op = c.one(("Normalizer", "Binarizer", "Imputer", "FeatureVectorizer", "ArrayFeatureExtractor"))
    if d.dtype != np.float32:
        raise Rejected("doubles")
    if op == "Normalizer":
        positive = d.emit("Add", d.emit("Abs", x.name).name, d.scalar(0.5))
        d.emit(op, positive.name, domain=ML, norm=c.one(("MAX", "L1", "L2")))
    elif op == "Binarizer":
        d.emit(op, x.name, domain=ML, threshold=c.one((0.0, 0.5, -1.0)))
    elif op == "Imputer":
        imputed = d.numbers.normal(size=c.one((1, x.shape[1]))).tolist()
        old = c.one((float("nan"), 1.0))
        whole = x if np.isnan(old) else d.emit("Binarizer", x.name, domain=ML, threshold=0.0)
        d.emit(op, whole.name, domain=ML, imputed_value_floats=imputed, replaced_value_float=old)
    elif op == "FeatureVectorizer":
        widths = [x.shape[1]] * 2
        d.emit(op, x.name, x.name, domain=ML, inputdimensions=widths)
    else:
        places = d.numbers.integers(0, x.shape[1], c.integer(1, 5))
        d.emit(op, x.name, d.constant(places.astype(np.int64)), domain=ML)


def codes(d: Drawing) -> None:
    """LabelEncoder and OneHotEncoder of whole numbers that a Binarizer makes."""
    c, x = d.choices, d.of_rank(2)
    if d.dtype != np.float32:
        raise Rejected("doubles")
    bits = d.emit("Binarizer", x.name, domain=ML, threshold=c.one((0.0, 0.5)))
    keys = c.shuffled([0, 1, 2, 7][: c.integer(1, 4)])
    if c.chance(50):
        if bits.value.size > 64:
            raise Rejected("many codes")
        d.emit("OneHotEncoder", bits.name, domain=ML, cats_int64s=keys, zeros=1)
        return
    values = d.numbers.normal(size=len(keys)).tolist()
    attrs = {"keys_floats": list(map(float, keys)), "values_floats": values}
    d.emit("LabelEncoder", bits.name, domain=ML, default_float=c.one((0.0, -1.5)), **attrs)


def log_sums(d: Drawing) -> None:
    """ReduceLogSumExp along axes, and what is less by it."""
    c, x = d.choices, d.any()
    if not x.rank:
        raise Rejected("a scalar")
    axis, keep = c.integer(0, x.rank - 1), c.one((1, 0))
    if d.version >= 18:
        y = d.emit("ReduceLogSumExp", x.name, d.integers([axis]), keepdims=keep)
    else:
        y = d.emit("ReduceLogSumExp", x.name, axes=[axis], keepdims=keep)
    if keep and c.chance(50):
        d.emit("Sub", x.name, y.name)


def distances(d: Drawing) -> None:
    """CDist between rows of the graph and constant ones, or others."""
    c, x = d.choices, d.of_rank(2)
    if d.dtype != np.float32 or x.shape[0] > 64:
        raise Rejected("doubles or many rows")
    rows, metric = d.weight((c.integer(1, 9), x.shape[1])), c.one(("euclidean", "sqeuclidean"))
    if metric == "sqeuclidean" and c.chance(50):  # of others, roots near zero are onnxruntime's own
        rows = d.emit("Add", x.name, d.weight((1, x.shape[1]))).name
    d.emit("CDist", x.name, rows, domain="com.microsoft", metric=metric)


CLASSICAL: dict[str, Callable[[Drawing], None]] = {
    "trees": trees,
    "tree_classes": tree_classes,
    "linear_models": linear_models,
    "support_vectors": support_vectors,
    "columns": columns,
    "codes": codes,
    "log_sums": log_sums,
    "distances": distances,
}
