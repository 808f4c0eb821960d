"""Trees that are spelt out in tensors, as hummingbird writes them: labels are onnxruntime's."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import GradientBoostingClassifier

import zkinfer
from models import data
from tests.properties.drawing import Array, finished, run, session
from zkinfer.fixed import evaluate, quantize_input

TREES, DEPTH = 8, 3

Parts = tuple[list[onnx.NodeProto], dict[str, Array]]


@pytest.fixture(scope="module")
def boosted() -> GradientBoostingClassifier:
    source = data.breast_cancer()
    model = GradientBoostingClassifier(n_estimators=TREES, max_depth=DEPTH, random_state=0)
    return model.fit(source.train_x, source.train_y)


def products(model: GradientBoostingClassifier) -> Parts:
    """A product with the chosen features, thresholds, a product that counts the decisions on the
    way to each leaf, an equality, a product with what leaves are worth.
    """
    grown = [tree.tree_ for (tree,) in model.estimators_]
    splits = max(int((tree.children_left >= 0).sum()) for tree in grown)
    leaves = max(int((tree.children_left < 0).sum()) for tree in grown)
    a, b = np.zeros((TREES * splits, 30)), np.zeros((TREES * splits, 1))
    c, d = np.zeros((TREES, leaves, splits)), np.full((TREES, leaves, 1), -99.0)
    e = np.zeros((TREES, 1, leaves))
    for number, tree in enumerate(grown):
        place = {node: i for i, node in enumerate(np.flatnonzero(tree.children_left >= 0))}
        for node, i in place.items():
            a[number * splits + i, tree.feature[node]] = 1
            b[number * splits + i] = tree.threshold[node]
        leaf, waiting = 0, [(0, [])]
        while waiting:
            node, way = waiting.pop()
            if node in place:
                left, right = tree.children_left[node], tree.children_right[node]
                waiting += [(left, [*way, (place[node], 1)]), (right, [*way, (place[node], -1)])]
                continue
            for i, sign in way:
                c[number, leaf, i] = sign
            d[number, leaf] = sum(sign > 0 for _, sign in way)
            e[number, 0, leaf] = model.learning_rate * tree.value[node].item()
            leaf += 1
    nodes = [
        helper.make_node("Transpose", ["x"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["a", "turned"], ["chosen"]),
        helper.make_node("LessOrEqual", ["chosen", "b"], ["decided"]),
        helper.make_node("Cast", ["decided"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["numbers", "shape"], ["decisions"]),
        helper.make_node("MatMul", ["c", "decisions"], ["counts"]),
        helper.make_node("Equal", ["counts", "d"], ["equal"]),
        helper.make_node("Cast", ["equal"], ["reached"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["e", "reached"], ["worth"]),
        helper.make_node("ReduceSum", ["worth", "axis"], ["sum"], keepdims=0),
    ]
    floats = {"a": a, "b": b, "c": c, "d": d, "e": e}
    shapes = {"shape": np.array([TREES, splits, -1]), "axis": np.array([0])}
    return nodes, {n: array.astype(np.float32) for n, array in floats.items()} | shapes


def places(model: GradientBoostingClassifier) -> Parts:
    """Step by step: the split at each tree's place, its feature, a comparison, the next place."""
    grown = [tree.tree_ for (tree,) in model.estimators_]
    most = max(tree.node_count for tree in grown)
    feature, left, right = (np.zeros(TREES * most, np.int64) for _ in range(3))
    threshold, worth = (np.zeros((TREES * most, 1), np.float32) for _ in range(2))
    for number, tree in enumerate(grown):
        for node in range(tree.node_count):
            row = number * most + node
            if tree.children_left[node] < 0:
                left[row] = right[row] = node
                worth[row] = model.learning_rate * tree.value[node].item()
            else:
                left[row], right[row] = tree.children_left[node], tree.children_right[node]
                feature[row], threshold[row] = tree.feature[node], tree.threshold[node]
    constants = {
        "feature": feature, "left": left, "right": right, "threshold": threshold, "worth": worth,
        "starts": np.arange(TREES) * most, "wide": np.array([1, TREES]), "flat": np.array([-1]),
        "whole": np.array([1, TREES, 1]), "axis": np.array([1]),
    }  # fmt: skip
    nodes, at = [], "starts"
    for step in range(DEPTH):
        for name in ("feature", "threshold", "left", "right"):
            nodes.append(helper.make_node("Gather", [name, at], [f"{name}_{step}"]))
            nodes.append(helper.make_node("Reshape", [f"{name}_{step}", "wide"], [f"{name}{step}"]))
        nodes += [
            helper.make_node("GatherElements", ["x", f"feature{step}"], [f"x{step}"], axis=1),
            helper.make_node("LessOrEqual", [f"x{step}", f"threshold{step}"], [f"is{step}"]),
            helper.make_node("Where", [f"is{step}", f"left{step}", f"right{step}"], [f"to{step}"]),
            helper.make_node("Add", [f"to{step}", "starts"], [f"next{step}"]),
            helper.make_node("Reshape", [f"next{step}", "flat"], [f"at{step}"]),
        ]
        at = f"at{step}"
    nodes += [
        helper.make_node("Gather", ["worth", at], ["values"]),
        helper.make_node("Reshape", ["values", "whole"], ["leaves"]),
        helper.make_node("ReduceSum", ["leaves", "axis"], ["sum"], keepdims=0),
    ]
    return nodes, constants


@pytest.mark.parametrize("form", [products, places])
def test_a_form_has_the_labels_of_onnxruntime(
    form: Callable[[GradientBoostingClassifier], Parts], boosted: GradientBoostingClassifier
) -> None:
    nodes, constants = form(boosted)
    share = float(data.breast_cancer().train_y.mean())
    constants["base"] = np.array([np.log(share / (1 - share))], np.float32)
    constants["one"] = np.ones(1, np.float32)
    nodes += [
        helper.make_node("Add", ["sum", "base"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["second"]),
        helper.make_node("Sub", ["one", "second"], ["first"]),
        helper.make_node("Concat", ["first", "second"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 30])]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2]),
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    model = finished(helper.make_graph(nodes, "trees", inputs, outputs, stored), 17)
    source = data.breast_cancer()
    key = zkinfer.compile(model, calibration=source.train_x[:200]).proving_key
    runner = session(model)
    for x in source.unseen_x:
        expected, _ = run(runner, {"x": x[None]})
        arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {"x": x[None]}))
        assert arrays["label"].item() == expected.item()
