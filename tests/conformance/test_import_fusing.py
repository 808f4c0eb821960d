"""Constants fold into the products before them, and the results stay the same."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from tests.conformance.agreement import agrees, normal
from tests.onnx_models import model, node
from zkinfer.graph import Graph


def sequence(nodes: Sequence[onnx.NodeProto], ops: str, constants: Mapping[str, Any]) -> Graph:
    """A model of x (2, 4) or (2, 4, 5, 5) agrees with the oracle and has these operators."""
    shape = (2, 4, 5, 5) if nodes[0].op_type == "Conv" else (2, 4)
    graph = agrees(model(nodes, {"x": shape}, constants))
    assert " ".join(made.op for made in graph.nodes) == ops
    return graph


BN = {"s": normal(3), "b": normal(3), "m": normal(3), "v": normal(3) ** 2}
W4 = {"w": normal(3, 4, 2, 2), "wb": normal(3)}
W2 = {"w": normal(4, 3), "wb": normal(3)}


def test_batch_normalization_is_folded() -> None:
    norm = node("BatchNormalization", "h s b m v")
    graph = sequence([node("Conv", "x w wb", "h"), norm], "conv", {**W4, **BN})
    assert graph.nodes[0].outputs == ("y",)
    sequence([node("Conv", "x w", "h"), norm], "conv", {**W4, **BN})
    sequence([node("Gemm", "x w wb", "h"), norm], "matmul", {**W2, **BN})
    sequence([node("MatMul", "x w", "h"), norm], "matmul", {**W2, **BN})


def test_batch_normalization_stays_where_others_read_its_input() -> None:
    nodes = [
        node("Conv", "x w wb", "h"),
        node("BatchNormalization", "h s b m v", "n"),
        node("Add", "h n"),
    ]
    sequence(nodes, "conv mul add add", {**W4, **BN})
    made = model(nodes[:2], {"x": (2, 4, 5, 5)}, {**W4, **BN}, ["n", "h"])
    assert [made.op for made in agrees(made).nodes] == ["conv", "mul", "add"]


def test_biases_and_factors_are_folded() -> None:
    c1, c3, c231 = normal(1), normal(3), normal(2, 3)
    sequence([node("MatMul", "x w", "h"), node("Add", "h c")], "matmul", {**W2, "c": c3})
    sequence([node("MatMul", "x w", "h"), node("Add", "c h")], "matmul", {**W2, "c": c231})
    sequence([node("MatMul", "x w", "h"), node("Sub", "h c")], "matmul", {**W2, "c": c3})
    sequence([node("MatMul", "x w", "h"), node("Sub", "c h")], "matmul", {**W2, "c": c3})
    sequence([node("MatMul", "x w", "h"), node("Div", "h c")], "matmul", {**W2, "c": c1})
    sequence([node("MatMul", "x w", "h"), node("Mul", "h c")], "matmul mul", {**W2, "c": c231})
    wide = normal(2, 2, 3)
    sequence([node("MatMul", "x w", "h"), node("Add", "h c")], "matmul add", {**W2, "c": wide})
    sequence([node("Conv", "x w", "h"), node("Add", "h c")], "conv", {**W4, "c": normal(3, 1, 1)})
    sequence([node("Conv", "x w wb", "h"), node("Mul", "h c")], "conv", {**W4, "c": c1})
    sequence([node("Conv", "x w", "h"), node("Mul", "h c")], "conv mul", {**W4, "c": normal(4)})


def test_factors_fold_into_a_weight_on_the_left_or_without_columns() -> None:
    for w, c, ops in (
        (normal(5, 2), normal(5, 1), "matmul"),
        (normal(5, 2), normal(4), "matmul mul"),
        (normal(3, 5, 2), normal(5, 1), "matmul"),
        (normal(2), normal(1), "matmul"),
        (normal(2), normal(4), "matmul mul"),
    ):
        sequence([node("MatMul", "w x", "h"), node("Mul", "h c")], ops, {"w": w, "c": c})
    for c, ops in ((normal(1), "matmul"), (normal(2), "matmul mul")):
        nodes = [node("MatMul", "x w", "h"), node("Mul", "h c")]
        sequence(nodes, ops, {"w": normal(4), "c": c})
    made = model(
        [node("MatMul", "w x", "h"), node("Mul", "h c")],
        {"x": (4,)},
        {"w": normal(2, 3, 4), "c": normal(2, 1)},
    )
    agrees(made)


def test_scales_and_biases_are_absorbed_by_the_products_after_them() -> None:
    c4, d4, w = normal(4), normal(1, 4), {"w": normal(4, 3), "b": normal(3)}
    scaled = [node("Relu", "x", "r"), node("Mul", "r c", "s"), node("Add", "d s", "t")]
    constants = {**w, "c": c4, "d": d4}
    sequence([*scaled, node("MatMul", "t w")], "relu matmul", constants)
    sequence([*scaled, node("Gemm", "t w b")], "relu matmul", constants)
    sequence(
        [*scaled[:1], node("Sub", "r c", "t"), node("MatMul", "t w")], "relu matmul", constants
    )
    one = {**constants, "c": normal(1)}
    sequence([*scaled, node("MatMul", "t w")], "relu matmul", one)
    rows = {**constants, "c": normal(2, 1)}
    sequence([*scaled, node("MatMul", "t w")], "relu mul matmul", rows)
    sequence(
        [*scaled, node("MatMul", "w t")], "relu mul add matmul", {**constants, "w": normal(3, 2)}
    )
    minus = [*scaled[:1], node("Sub", "c r", "t"), node("MatMul", "t w")]
    sequence(minus, "relu sub matmul", constants)


def test_what_others_read_is_not_absorbed() -> None:
    scaled = [node("Relu", "x", "r"), node("Mul", "r c", "s")]
    constants = {"c": normal(4), "w": normal(4, 3), "v": normal(4, 5)}
    two = [*scaled, node("MatMul", "s w", "a"), node("MatMul", "s v", "b", name="second")]
    made = model(two, {"x": (2, 4)}, constants, ["a", "b"])
    assert [made.op for made in agrees(made).nodes] == ["relu", "matmul", "matmul"]
    made = model([*two[:3], node("Neg", "s", "b")], {"x": (2, 4)}, constants, ["a", "b"])
    assert [made.op for made in agrees(made).nodes] == ["relu", "mul", "matmul", "neg"]
    made = model(two[:3], {"x": (2, 4)}, constants, ["a", "s"])
    assert [made.op for made in agrees(made).nodes] == ["relu", "mul", "matmul"]
