"""Converters of ensembles of decision trees: TreeEnsembleClassifier, TreeEnsembleRegressor and
TreeEnsemble of ai.onnx.ml.

Where a missing number goes is passed over: the numbers of a proof are finite.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.classes import both, class_count, labelled, scored, transformed
from zkinfer.onnx_import.forest import ORDERED, UNORDERED, Forest, Node, numbers, table
from zkinfer.onnx_import.moves import end_to_end, reshaped, sliced
from zkinfer.onnx_import.node import ML_DOMAIN, Refusal
from zkinfer.onnx_import.thresholds import moved

Floats = npt.NDArray[np.float64]

MODES = (*ORDERED, *UNORDERED)
AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
EXTREMES = ("MIN", "MAX")
POST_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
"""By the numbers that TreeEnsemble has for them."""

_NOT_WHOLE = (
    "expected, of the MIN or MAX of several targets, values of each at every leaf: onnxruntime "
    "passes over targets without a value"
)


def tree_ensemble_regressor(site: Site) -> None:
    """The aggregate of all trees' values for each target, plus base values."""
    targets, way = int(site.attr("n_targets", 1)), str(site.attr("aggregate_function", "SUM"))
    forest = _forest(site, "target", targets)
    if way in EXTREMES and len(_whole(site, "target")[1]) < targets > 1:
        raise Refusal(_NOT_WHOLE)
    scores = _aggregated(site, forest, way)
    base = _floats(site, "base_values")
    if len(base) not in (0, targets):
        raise Refusal(f"expected a base value for each of {targets} targets, got {len(base)}")
    if base.any() and targets > 1 and len(_whole(site, "target")[0]) < targets:
        raise Refusal(
            "expected, beside base values, trees all of whose leaves have values of each target: "
            "onnxruntime adds none to a target without a value; list values of zero too"
        )
    scores = _based(site, scores, base)
    site.graph.alias(site.node.outputs[0], transformed(site, scores))


def tree_ensemble(site: Site) -> None:
    """TreeEnsemble of opset 5: the aggregate for each target."""
    targets = int(site.attr("n_targets", 1))
    way, transform = int(site.attr("aggregate_function", 1)), int(site.attr("post_transform", 0))
    if not 0 <= way < len(AGGREGATES) or not 0 <= transform < len(POST_TRANSFORMS):
        raise Refusal(f"expected a known aggregate and post_transform, got {way} and {transform}")
    if AGGREGATES[way] in EXTREMES and targets > 1:
        raise Refusal(_NOT_WHOLE)
    scores = _aggregated(site, _forest_of_opset_5(site, targets), AGGREGATES[way])
    done = transformed(site, scores, POST_TRANSFORMS[transform])
    site.graph.alias(site.node.outputs[0], done)


def tree_ensemble_classifier(site: Site) -> None:
    """The sum of all trees' votes for each class, plus base values, and the class of most votes."""
    count, base = class_count(site), _floats(site, "base_values")
    if count == 2:
        _of_two_classes(site, base)
        return
    if len(base) not in (0, count):
        raise Refusal(f"expected a base value for each of {count} classes, got {len(base)}")
    if not len(base) and (_floats(site, "class_weights") < 0).any():
        sure, _ = _whole(site, "class")
        if len(sure) < count:
            some = next(kind for kind in range(count) if kind not in sure)
            raise Refusal(
                f"expected a tree all of whose leaves vote on class {some}, got none: "
                "onnxruntime passes over classes without a vote; list votes of zero too"
            )
    votes = _based(site, _aggregated(site, _forest(site, "class", count), "SUM"), base)
    labelled(site, votes)
    scored(site, votes)


def _of_two_classes(site: Site, base: Floats) -> None:
    """As onnxruntime has it: votes v on the second class alone mean it where v > 0, or v > 1/2 if
    no vote is negative, and the first class then has -v or 1 - v; of votes on both classes those on
    the second decide by their sign. With class_ids of 1 the first has none.
    """
    ids = sorted(set(_ints(site, "class_ids")))
    if len(ids) == 2:
        whole = not len(base) and len(_whole(site, "class")[1]) == 2
        if not whole or list(site.attr("classlabels_int64s", ())) != [0, 1]:
            raise Refusal(
                "expected votes of every leaf on both classes 0 and 1, without base values, or on "
                "one class: of others onnxruntime makes no scores of one meaning"
            )
        votes = _aggregated(site, _forest(site, "class", 2), "SUM")
        labelled(site, both(site, sliced(site, votes, {1: (1, 2, 1)}), complement=False))
        scored(site, votes)
        return
    if len(base) > (ids == [0]):
        raise Refusal(f"expected no base values or, of class 0, one, got {len(base)}")
    votes = _based(site, _aggregated(site, _forest(site, "class", 1), "SUM"), base)
    positive = bool((_floats(site, "class_weights") >= 0).all())
    signed = both(site, votes, complement=False)
    pair = both(site, votes, complement=True) if positive else signed
    labelled(site, pair)
    if ids == [1]:
        none = site.weight("none", np.zeros((site.graph.shape(votes)[0], 1)))
        scored(site, end_to_end(site, (none, votes), 1))
    elif site.attr("post_transform", "NONE") == "PROBIT":
        raise Refusal("expected another post_transform of one score than PROBIT")
    elif site.attr("post_transform", "NONE") == "LOGISTIC":
        scored(site, signed)
    elif site.uses_output(1):
        site.graph.alias(site.node.outputs[1], pair)


def _whole(site: Site, what: str) -> tuple[set[int], set[int]]:
    """The classes or targets that all leaves of a tree have values of, and those of all trees."""
    nodes = zip(_ints(site, "nodes_treeids"), site.attr("nodes_modes", ()), strict=False)
    leaves = Counter(tree for tree, mode in nodes if mode == "LEAF")
    names = (f"{what}_{name}" for name in ("ids", "treeids", "nodeids"))
    values = set(zip(*(_ints(site, name) for name in names), strict=False))
    counts = Counter((kind, tree) for kind, tree, _ in values)
    whole = Counter(kind for (kind, tree), count in counts.items() if count == leaves[tree])
    return set(whole), {kind for kind, count in whole.items() if count == len(leaves)}


def _based(site: Site, scores: str, base: Floats) -> str:
    """The scores plus base values."""
    if not base.any():
        return scores
    return site.step("add", "based", scores, site.weight("base", base))


def _forest(site: Site, what: str, values: int) -> Forest:
    """The trees of opsets before 5: nodes by pairs of numbers, and what leaves are worth."""
    trees, ids = _ints(site, "nodes_treeids"), _ints(site, "nodes_nodeids")
    columns: list[Sequence[Any]] = [
        _ints(site, "nodes_featureids"),
        [str(mode) for mode in site.attr("nodes_modes", ())],
        list(numbers(_floats(site, "nodes_values").tolist())),
        _ints(site, "nodes_truenodeids"),
        _ints(site, "nodes_falsenodeids"),
    ]
    if not trees or any(len(column) != len(trees) for column in (ids, *columns)):
        raise Refusal("expected as many modes, features, thresholds and branches as nodes")
    places = {pair: place for place, pair in enumerate(zip(trees, ids, strict=True))}
    if len(places) != len(trees):
        raise Refusal("expected nodes of different numbers in each tree, got one twice")
    _check_values(site, len(trees), values)
    nodes, leaves = {}, {}
    width = site.shape(0)[-1] if site.shape(0) else 1
    for place, (tree, feature, mode, number, true, false) in enumerate(
        zip(trees, *columns, strict=True)
    ):
        if mode == "LEAF":
            leaves[place] = np.zeros(values)
            continue
        if mode not in ORDERED and mode not in UNORDERED:
            raise Refusal(f"expected a known mode of nodes, got {mode}")
        if not 0 <= feature < width:
            raise Refusal(f"expected features from 0 to {width - 1}, got {feature}")
        for side in (true, false):
            if (tree, side) not in places:
                raise Refusal(f"expected nodes that exist, got a branch to {side} in tree {tree}")
        sides = [places[tree, side] for side in (true, false)]
        nodes[place] = Node(feature, mode, (number,), *sides)
    _weigh(site, what, values, places, leaves)
    led_to = {side for node in nodes.values() for side in (node.true, node.false)}
    firsts: dict[int, int] = {}
    for place, tree in enumerate(trees):
        if place not in led_to:
            if tree in firsts:
                raise Refusal(f"expected one root in each tree, got two in tree {tree}")
            firsts[tree] = place
    sizes = Counter(trees)
    lone = [tree for tree, place in firsts.items() if place in leaves and sizes[tree] > 1]
    if lone or len(firsts) != len(set(trees)):
        raise Refusal("expected trees, got branches that lead in a circle")
    return Forest(nodes, leaves, list(firsts.values()))


def _forest_of_opset_5(site: Site, targets: int) -> Forest:
    """The trees of TreeEnsemble: nodes and leaves apart, each by its place in lists."""
    modes = _tensor(site, "nodes_modes").astype(np.int64).tolist()
    splits, members = _tensor(site, "nodes_splits").tolist(), iter(_members(site))
    columns: list[list[int]] = [
        _ints(site, f"nodes_{name}") for name in ("featureids", "truenodeids", "falsenodeids")
    ]
    leafs = [_ints(site, f"nodes_{name}leafs") for name in ("true", "false")]
    ids, weights = _ints(site, "leaf_targetids"), _tensor(site, "leaf_weights")
    roots, count = _ints(site, "tree_roots"), len(modes)
    if len(splits) != count or any(len(column) != count for column in (*columns, *leafs)):
        raise Refusal("expected as many modes, features, splits and branches as nodes")
    if not roots or not all(0 <= root < count for root in roots):
        raise Refusal(f"expected roots from 0 to {count - 1}, got {roots}")
    if len(ids) != len(weights) or not all(0 <= place < targets for place in ids):
        raise Refusal(f"expected a target from 0 to {targets - 1} for each weight of a leaf")
    _check_values(site, count + len(ids), targets)
    width = site.shape(0)[-1] if site.shape(0) else 1
    nodes = {}
    for place, (mode, number, feature, *sides) in enumerate(
        zip(modes, splits, *columns, strict=True)
    ):
        if not 0 <= mode < len(MODES) or not 0 <= feature < width:
            raise Refusal(f"expected a known mode and feature, got {mode} and {feature}")
        own = next(members, []) if MODES[mode] == "BRANCH_MEMBER" else [number]
        known = tuple(numbers(own))
        true, false = (
            side + count * bool(leaf[place]) for side, leaf in zip(sides, leafs, strict=True)
        )
        nodes[place] = Node(feature, MODES[mode], known, true, false)
    leaves = {count + place: np.zeros(targets) for place in range(len(ids))}
    for place, (target, weight) in enumerate(zip(ids, weights, strict=True)):
        leaves[count + place][target] = weight
    return Forest(nodes, leaves, roots)


def _members(site: Site) -> list[list[float]]:
    """The sets of numbers, one for each node that has one."""
    if site.attr("membership_values", None) is None:
        return []
    values = _tensor(site, "membership_values")
    ends = [-1, *np.flatnonzero(np.isnan(values)).tolist(), len(values)]
    sets = [values[low + 1 : high].tolist() for low, high in pairwise(ends)]
    return [part for part in sets if part]


def _check_values(site: Site, nodes: int, values: int) -> None:
    """Raises Refusal where there are no values of leaves, or more than memory is for."""
    if values < 1:
        raise Refusal(f"expected leaves of one value or more, got {values}")
    site.graph.allowance.spend((nodes, 2, values), "what leaves are worth")


def _weigh(
    site: Site,
    what: str,
    values: int,
    places: dict[tuple[int, int], int],
    leaves: dict[int, Floats],
) -> None:
    """Adds what leaves are worth."""
    trees, ids = _ints(site, f"{what}_treeids"), _ints(site, f"{what}_nodeids")
    kinds, weights = _ints(site, f"{what}_ids"), _floats(site, f"{what}_weights")
    if not len(trees) == len(ids) == len(kinds) == len(weights):
        raise Refusal(f"expected as many trees, nodes, numbers and weights of each {what}")
    for tree, node, kind, weight in zip(trees, ids, kinds, weights, strict=True):
        place = places.get((tree, node), -1)
        if place not in leaves:
            raise Refusal(f"expected weights of leaves, got one of node {node} in tree {tree}")
        if values > 1 and not 0 <= kind < values:
            raise Refusal(f"expected a {what} from 0 to {values - 1}, got {kind}")
        leaves[place][kind if values > 1 else 0] += weight


def _aggregated(site: Site, forest: Forest, way: str) -> str:
    """The values of all trees as one, [samples, values]."""
    x, shape, known = site.any_operand(0), site.shape(0), table(forest)
    if len(shape) == 1:
        x = reshaped(site, x, (1, *shape))
    else:
        x, known = moved(site, site.node.inputs[0], known)
    columns = [
        site.weight(name, getattr(known, name))
        for name in ("features", "thresholds", "children", "values")
    ]
    attrs = {"trees": known.trees, "depth": known.depth}
    leaves = site.step("trees", "leaves", x, *columns, **attrs)
    if way in EXTREMES:
        return _extreme(site, leaves, least=way == "MIN")
    if way == "AVERAGE":
        return site.step("reduce_mean", "mean", leaves, axes=(1,), keepdims=False)
    if way != "SUM":
        raise Refusal(f"expected one of {', '.join(AGGREGATES)} as aggregate_function, got {way}")
    return site.step("reduce_sum", "sum", leaves, axes=(1,), keepdims=False)


def _extreme(site: Site, leaves: str, *, least: bool) -> str:
    """The least or the greatest of the trees' values for each target, [samples, targets]."""
    samples, trees, targets = site.graph.shape(leaves)
    turned = site.step("transpose", "turned", leaves, perm=(0, 2, 1)) if targets > 1 else leaves
    flat = reshaped(site, turned, (1, samples * targets, trees))
    flat = site.step("neg", "negative", flat) if least else flat
    window = {"kernel": (trees,), "strides": (trees,), "dilations": (1,), "pads": (0, 0)}
    found = site.step("max_pool", "extreme", flat, **window)
    top = reshaped(site, found, (samples, targets))
    return site.step("neg", "least", top) if least else top


def _ints(site: Site, name: str) -> list[int]:
    return [int(item) for item in site.attr(name, ())]


def _tensor(site: Site, name: str) -> Floats:
    """An attribute that is a tensor, as a list. Raises Refusal where there is none."""
    tensor = site.attr(name, None)
    if tensor is None:
        raise Refusal(f"expected {name}, got none")
    return numpy_helper.to_array(tensor).astype(np.float64).ravel()


def _floats(site: Site, name: str) -> Floats:
    """An attribute that lists numbers, or the one that holds them as a tensor."""
    if site.attr(f"{name}_as_tensor", None) is not None:
        return _tensor(site, f"{name}_as_tensor")
    return np.array(site.attr(name, ()), np.float64)


CONVERTERS: Converters = {
    (ML_DOMAIN, "TreeEnsemble"): tree_ensemble,
    (ML_DOMAIN, "TreeEnsembleClassifier"): tree_ensemble_classifier,
    (ML_DOMAIN, "TreeEnsembleRegressor"): tree_ensemble_regressor,
}
