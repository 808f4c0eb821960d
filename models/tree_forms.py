"""Boosted trees spelt out in tensors, in the two forms in which hummingbird writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import GradientBoostingClassifier

from models.export import IR_VERSION, OPSETS

Parts = tuple[list[onnx.NodeProto], dict[str, npt.NDArray[Any]]]


def products(model: GradientBoostingClassifier) -> Parts:
    """A product with the chosen features, thresholds, a product that counts the decisions on the
    way to each leaf, an equality, a product with what leaves are worth.
    """
    grown = [tree.tree_ for (tree,) in model.estimators_]
    trees = len(grown)
    splits = max(int((tree.children_left >= 0).sum()) for tree in grown)
    leaves = max(int((tree.children_left < 0).sum()) for tree in grown)
    a, b = np.zeros((trees * splits, model.n_features_in_)), np.zeros((trees * splits, 1))
    c, d = np.zeros((trees, leaves, splits)), np.full((trees, leaves, 1), -99.0)
    e = np.zeros((trees, 1, leaves))
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
    shapes = {"shape": np.array([trees, splits, -1]), "axis": np.array([0])}
    return nodes, {n: array.astype(np.float32) for n, array in floats.items()} | shapes


def places(model: GradientBoostingClassifier) -> Parts:
    """Step by step: the split at each tree's place, its feature, a comparison, the next place."""
    grown = [tree.tree_ for (tree,) in model.estimators_]
    trees = len(grown)
    most = max(tree.node_count for tree in grown)
    feature, left, right = (np.zeros(trees * most, np.int64) for _ in range(3))
    threshold, worth = (np.zeros((trees * most, 1), np.float32) for _ in range(2))
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
        "starts": np.arange(trees) * most, "wide": np.array([1, trees]), "flat": np.array([-1]),
        "whole": np.array([1, trees, 1]), "axis": np.array([1]),
    }  # fmt: skip
    nodes, at = [], "starts"
    for step in range(model.max_depth):
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


def spelt(model: GradientBoostingClassifier, parts: Parts) -> onnx.ModelProto:
    """The classifier of two classes: x [N, features] to label [N] and probabilities [N, 2].

    parts: its trees, as `products` or `places` spells them.
    """
    nodes, constants = parts
    second = float(model.init_.class_prior_[1])
    constants["base"] = np.array([np.log(second / (1 - second))], np.float32)
    constants["one"] = np.ones(1, np.float32)
    nodes += [
        helper.make_node("Add", ["sum", "base"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["second"]),
        helper.make_node("Sub", ["one", "second"], ["first"]),
        helper.make_node("Concat", ["first", "second"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    width = model.n_features_in_
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", width])]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2]),
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "trees", inputs, outputs, stored)
    opset = helper.make_opsetid("", OPSETS[""])
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
