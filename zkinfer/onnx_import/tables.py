"""Converters of what stands before and behind classical models in ai.onnx.ml: columns of tables,
codes of numbers, and entries that are chosen from them.

A code of numbers, as those of LabelEncoder and OneHotEncoder, is a tree with a leaf for each key.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper

from zkinfer.onnx_import.builder import Converters, Site, finite
from zkinfer.onnx_import.forest import Forest, Node, table
from zkinfer.onnx_import.gather import indices
from zkinfer.onnx_import.moves import end_to_end, reshaped, taken
from zkinfer.onnx_import.node import ML_DOMAIN, Refusal
from zkinfer.onnx_import.normalization import absolute, lp_normalization

Floats = npt.NDArray[np.float64]
_NO_NUMBERS = "got texts that are no labels of a classifier, or none; encode texts before the model"

MOST_CLASSES = 32
"""Whole numbers below this are told apart by as many marks."""

Numbers = npt.NDArray[np.int64] | Floats


def array_feature_extractor(site: Site) -> None:
    """ArrayFeatureExtractor: entries along the last axis by constant or computed places."""
    shape, extent = site.shape(0), site.shape(0)[-1]
    count = math.prod(site.shape(1))
    target = (1, count) if len(shape) == 1 else (*shape[:-1], count)
    x = site.any_operand(0)
    if site.is_constant(1):
        places = indices(site, 1, extent).reshape(-1).tolist()
        site.keep(reshaped(site, taken(site, x, len(shape) - 1, places), target))
        return
    own = site.is_constant(0) and shape[-1] == math.prod(shape)
    if own and np.array_equal(site.array(0, "entries").ravel(), np.arange(extent)):
        site.graph.alias(site.node.outputs[0], reshaped(site, site.source(1), target))
        site.graph.integral.add(site.node.outputs[0])
        return
    rows = math.prod(shape[:-1])
    lines = reshaped(site, x, (rows, extent))
    if rows > 1:
        lines = site.step("transpose", "turned", lines, perm=(1, 0))
    index = reshaped(site, site.source(1), (count,))
    found = site.step(
        "gather", "gather", reshaped(site, lines, (extent, rows)), index, extent=extent
    )
    if rows > 1:
        found = site.step("transpose", "back", found, perm=(1, 0))
    site.keep(reshaped(site, found, target))
    if site.is_constant(0) and site.array(0, "entries").dtype.kind in "iu":
        site.graph.integral.add(site.node.outputs[0])


def binarizer(site: Site) -> None:
    """Binarizer: 1 where x is above the threshold, else 0."""
    threshold = site.weight("threshold", np.array(float(site.attr("threshold", 0.0))))
    site.finish("less", threshold, site.any_operand(0))


def feature_vectorizer(site: Site) -> None:
    """FeatureVectorizer: the columns of all inputs side by side."""
    parts = []
    for place in range(len(site.node.inputs)):
        shape = site.shape(place)
        rows = shape[0] if len(shape) > 1 else 1
        part = reshaped(site, site.any_operand(place), (rows, math.prod(shape) // rows))
        parts.append(part)
    site.graph.alias(site.node.outputs[0], end_to_end(site, parts, 1))


def imputer(site: Site) -> None:
    """Imputer: a number that stands for a missing one is replaced; NaN cannot be in a proof."""
    x, shape = site.any_operand(0), site.shape(0)
    for kind, what in (("float", "floats"), ("int64", "int64s")):
        new = np.array(site.attr(f"imputed_value_{what}", ()), np.float64)
        old = float(site.attr(f"replaced_value_{kind}", 0))
        if not new.size:
            continue
        if new.size not in (1, shape[-1]):
            raise Refusal(f"expected 1 or {shape[-1]} imputed values, got {new.size}")
        if not math.isnan(old):
            missing = site.weight("missing", np.array(old))
            pairs = ((x, missing), (missing, x))
            signs = (site.step("less", "other", *pair) for pair in pairs)
            there, filled = (
                site.step("add", "there", *signs),
                site.weight("imputed", finite(new, "imputed values")),
            )
            more = site.step("sub", "more", x, filled)
            x = site.step("add", "filled", site.step("mul", "kept", there, more), filled)
        site.keep(x)
        return
    raise Refusal("expected imputed values, got none")


def normalizer(site: Site) -> None:
    """Normalizer: each sample over its largest entry, its L1 or its L2 norm."""
    norm = str(site.attr("norm", "MAX"))
    if norm == "MAX":
        x, shape = site.operand(0), site.shape(0)
        window = {
            "kernel": (shape[-1],),
            "strides": (shape[-1],),
            "dilations": (1,),
            "pads": (0, 0),
        }
        flat = reshaped(site, absolute(site, x), (1, math.prod(shape[:-1]), shape[-1]))
        top = reshaped(site, site.step("max_pool", "largest", flat, **window), (*shape[:-1], 1))
        site.finish("divide", x, top)
        return
    if norm not in ("L1", "L2"):
        raise Refusal(f"expected MAX, L1 or L2 as norm, got {norm}")
    attrs = {"axis": -1, "p": int(norm[1])}
    lp_normalization(replace(site, node=replace(site.node, attrs=attrs)))


def label_encoder(site: Site) -> None:
    """LabelEncoder: the value of a key, or the default."""
    keys, values = _listed(site, "keys"), _listed(site, "values")
    if len(keys) != len(values) or not keys.size:
        raise Refusal(f"expected as many values as keys, got {len(values)} and {len(keys)}")
    integers = values.dtype.kind == "i"
    default = _default(site, integers=integers)
    x, shape = site.any_operand(0), site.shape(0)
    known = np.append(values, default)
    if integers and known.min() >= 0 and known.max() < MOST_CLASSES:
        y = _class(site, x, keys, known.astype(np.int64))
    else:
        y = coded(site, x, keys, values[:, None], np.array([default]))
    site.graph.alias(site.node.outputs[0], reshaped(site, y, shape))
    if integers:
        site.graph.integral.add(site.node.outputs[0])


def _class(site: Site, x: str, keys: Numbers, values: npt.NDArray[np.int64]) -> str:
    """Values that may be numbers of classes, the default last, as the place of a one."""
    places = np.arange(int(values.max()) + 1)
    marks = np.eye(len(places))[values]
    site.graph.allowance.spend(marks.shape, "the codes")
    codes = coded(site, x, keys, marks[:-1], marks[-1])
    numbers = site.weight("places", places)
    return site.step("arg_max", "class", codes, numbers, axes=(1,), keepdims=False)


def one_hot_encoder(site: Site) -> None:
    """OneHotEncoder of numbers: a one in the place of the category."""
    keys = np.array(site.attr("cats_int64s", ()), np.int64)
    if not keys.size:
        raise Refusal(f"expected categories that are numbers, {_NO_NUMBERS}")
    if not site.attr("zeros", 1):
        raise Refusal("expected zeros = 1, got 0, with which other numbers are errors")
    x, shape = site.any_operand(0), site.shape(0)
    site.graph.allowance.spend((len(keys), 2, len(keys)), "the codes")
    made = coded(site, x, keys, np.eye(len(keys)), np.zeros(len(keys)))
    site.graph.alias(site.node.outputs[0], reshaped(site, made, (*shape, len(keys))))


def coded(site: Site, x: str, keys: Numbers, values: Numbers, default: Floats) -> str:
    """The values [keys, n] of entries that are keys, and those of all others, [entries, n]."""
    leaves = dict(enumerate(finite(np.vstack([values, default]), "values")))
    tree, nodes = _searched(keys.astype(np.float64).tolist(), len(keys))
    known = table(Forest(nodes, leaves, [tree]))
    columns = [
        site.weight(name, getattr(known, name))
        for name in ("features", "thresholds", "children", "values")
    ]
    count = math.prod(site.graph.shape(x))
    flat = reshaped(site, x, (count, 1))
    coded = site.step("trees", "code", flat, *columns, trees=1, depth=known.depth)
    return reshaped(site, coded, (count, values.shape[1]))


def _searched(keys: Sequence[float], default: int) -> tuple[int, dict[int, Node]]:
    """A balanced tree whose leaves are the places of keys; its root, and its nodes."""
    order = np.argsort(keys, kind="stable").tolist()
    if len(set(keys)) != len(keys):
        raise Refusal("expected different keys, got one twice")
    nodes: dict[int, Node] = {}

    def part(low: int, high: int) -> int:
        number = default + 1 + len(nodes)
        if high - low == 1:
            nodes[number] = Node(0, "BRANCH_EQ", (keys[order[low]],), order[low], default)
            return number
        nodes[number] = Node(0, "BRANCH_EQ", (), default, default)
        middle = (low + high) // 2
        below, above = part(low, middle), part(middle, high)
        nodes[number] = Node(0, "BRANCH_LT", (keys[order[middle]],), below, above)
        return number

    return part(0, len(keys)), nodes


def _listed(site: Site, what: str) -> Numbers:
    """An attribute that lists numbers, of integers or floats."""
    tensor = site.attr(f"{what}_tensor", None)
    array = np.zeros(0) if tensor is None else numpy_helper.to_array(tensor).ravel()
    given = (array, site.attr(f"{what}_int64s", ()), site.attr(f"{what}_floats", ()))
    for listed in map(np.array, given):
        if listed.size and listed.dtype.kind in "fiub":
            whole = listed.dtype.kind != "f"
            return listed.astype(np.int64) if whole else listed.astype(np.float64)
    raise Refusal(f"expected {what} that are numbers, {_NO_NUMBERS}")


def _default(site: Site, *, integers: bool) -> float:
    tensor = site.attr("default_tensor", None)
    if tensor is not None:
        return float(numpy_helper.to_array(tensor).ravel()[0])
    return float(site.attr("default_int64", -1) if integers else site.attr("default_float", 0.0))


CONVERTERS: Converters = {
    (ML_DOMAIN, "ArrayFeatureExtractor"): array_feature_extractor,
    (ML_DOMAIN, "Binarizer"): binarizer,
    (ML_DOMAIN, "FeatureVectorizer"): feature_vectorizer,
    (ML_DOMAIN, "Imputer"): imputer,
    (ML_DOMAIN, "LabelEncoder"): label_encoder,
    (ML_DOMAIN, "Normalizer"): normalizer,
    (ML_DOMAIN, "OneHotEncoder"): one_hot_encoder,
}
