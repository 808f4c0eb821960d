"""Operators that are rewritten as others compute what onnxruntime or onnx computes."""

from typing import Any

import numpy as np
import pytest

from tests.conformance.agreement import OPSETS, agrees, ints, normal, one
from tests.conformance.test_import_refusals import message
from tests.onnx_models import NEWEST, RUNTIME_NEWEST, model, node
from zkinfer.errors import UnsupportedModelError

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("opset", OPSETS)
def test_abs(opset: int) -> None:
    assert [made.op for made in one("Abs", (2, 3), opset=opset).nodes] == ["add", "relu", "sub"]


@pytest.mark.parametrize("opset", [7, 12, 13, NEWEST])
def test_pow(opset: int) -> None:
    for exponent in (1, 2, 3):
        one("Pow", (2, 3), {"e": np.float32(exponent)}, opset)
    one("Pow", (2, 3), {"e": np.array([1, 2, 3], np.float32)}, opset)
    one("Pow", (3,), {"e": np.full((2, 1), 2, np.float32)}, opset)
    if opset >= 12:
        one("Pow", (2, 3), {"e": np.array([[3], [2]], np.int64)}, opset)


@pytest.mark.parametrize("opset", [7, 13, NEWEST])
def test_quotients_and_roots(opset: int) -> None:
    positive = [node("Mul", "x x", "q"), node("Add", "q c", "p")]
    for last in ("Sqrt p", "Reciprocal p", "Div x p", "Div c p", "Pow p r", "Pow p i", "Pow p n"):
        op, inputs = last.split(" ", 1)
        constants = {"c": np.float32(2), "r": np.float32(0.5), "i": np.float32(-1)}
        made = [*positive, node(op, inputs)]
        agrees(model(made, {"x": (2, 3)}, {**constants, "n": np.float32([[-0.5]])}, opset=opset))


@pytest.mark.parametrize("exponent", [[2.0, 0.5], [9.0, 1.0], np.nan, np.inf])
def test_pow_with_other_exponents(exponent: Any) -> None:
    made = model([node("Pow", "x e")], {"x": (3, 2)}, {"e": np.array(exponent, np.float32)})
    assert "the_pow" in message(made, UnsupportedModelError)


def test_pow_with_computed_exponents() -> None:
    agrees(model([node("Pow", "c x")], {"x": (3,)}, {"c": np.float32(2)}))
    agrees(model([node("Abs", "x", "a"), node("Pow", "a x")], {"x": (3,)}))


def test_prelu_with_computed_slopes() -> None:
    agrees(model([node("PRelu", "x z")], {"x": (2, 3), "z": (3,)}))


@pytest.mark.parametrize("opset", [8, 12, 13, RUNTIME_NEWEST])
@pytest.mark.parametrize("op", ["Max", "Min", "Sum", "Mean"])
def test_several_operands(op: str, opset: int) -> None:
    one(op, (2, 3), opset=opset)
    for shape in ((), (1,), (3,), (2, 1), (4, 2, 3)):
        one(op, (2, 3), {"c": normal(*shape)}, opset)
    one(op, (2, 3), {"c": normal(3), "d": normal(2, 1)}, opset)
    one(op, (3,), {"c": np.full((2, 1), 0.5, np.float32)}, opset)
    agrees(model([node(op, "x z")], {"x": (2, 3), "z": (3,)}, opset=opset))
    agrees(model([node(op, "c x z d x")], {"x": (2, 3), "z": (4, 1, 1)},
                 {"c": normal(1), "d": normal(2, 1)}, opset=opset))  # fmt: skip


@pytest.mark.parametrize("op", ["Max", "Min", "Sum", "Mean"])
def test_several_operands_of_one_shape(op: str) -> None:
    for opset in (7, NEWEST):
        inputs = {"x": (2, 3), "z": (2, 3)}
        agrees(model([node(op, "x z c")], inputs, {"c": normal(2, 3)}, opset=opset))


def test_bounds_that_bound_nothing() -> None:
    for op, bound in (("Max", -np.inf), ("Min", np.finfo(np.float32).max)):
        nodes = [node(op, "x c", "m"), node("Neg", "m")]
        graph = agrees(model(nodes, {"x": (2, 3)}, {"c": np.float32(bound)}))
        assert [made.op for made in graph.nodes] == ["neg"]


def test_a_number_as_bound_is_a_clip() -> None:
    for op in ("Max", "Min"):
        graph = one(op, (2, 3), {"c": np.float32(0.5), "d": np.float32([0.25])})
        assert [made.op for made in graph.nodes] == ["clip"]


@pytest.mark.parametrize("opset", [8, 13, NEWEST])
@pytest.mark.parametrize("target", [(4,), (1,), (2, 1, 4), (2, 3, 4), (5, 1, 3, 1), (1, 1, 1)])
def test_expand(opset: int, target: tuple[int, ...]) -> None:
    for shape in ((3, 1), (3, 4), (1,), (1, 1, 1)):
        try:
            np.broadcast_shapes(shape, target)
        except ValueError:
            continue
        one("Expand", shape, {"s": ints(*target)}, opset)


@pytest.mark.parametrize("opset", [7, 13, NEWEST])
@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 1), (1, 3, 1), (2, 3, 4), (1, 1, 5)])
def test_tile(opset: int, repeats: tuple[int, ...]) -> None:
    for shape in ((2, 3, 4), (1, 3, 1), (1, 1, 1)):
        one("Tile", shape, {"r": ints(*repeats)}, opset)


INDICES = [np.array(-1), np.array(0), ints(2, 0), ints(1, 1, 1), ints(-1, -2, -3), ints(0, 2),
           np.array([[2, 0], [1, -2]]), ints(0, 1, 2), np.array(1, np.int32)]  # fmt: skip


@pytest.mark.parametrize("opset", [7, 11, 13, NEWEST])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_gather(opset: int, axis: int) -> None:
    if axis < 0 and opset < 11:
        return
    for indices in INDICES:
        if opset >= 11 or indices.min() >= 0:
            one("Gather", (3, 4, 5), {"i": indices}, opset, axis=axis)
    one("Gather", (3,), {"i": np.array(1)}, opset)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_of_many_indices(axis: int) -> None:
    shape = [2, 3, 4]
    shape[axis] = 40
    graph = one("Gather", shape, {"i": RNG.permutation(40)}, axis=axis)
    assert "matmul" in [made.op for made in graph.nodes]
    one("Gather", shape, {"i": RNG.integers(-40, 40, (5, 7))}, axis=axis)
    assert [made.op for made in one("Gather", shape, {"i": np.arange(39, 3, -2)}, axis=axis).nodes
            ] == ["slice"]  # fmt: skip


def test_gather_with_other_indices() -> None:
    made = model([node("Gather", "x i")], {"x": (3, 4)}, {"i": ints(0, 3)})
    assert "from -3 to 2" in message(made, UnsupportedModelError)
    agrees(model([node("ArgMax", "x", "i"), node("Gather", "x i")], {"x": (3, 4)}))
    made = model([node("Gather", "x i")], {"x": (1, 1 << 20)}, {"i": RNG.permutation(99)})
    made.graph.node[0].attribute.add(name="axis", i=1, type=2)
    assert "the matrix of its indices" in message(made, UnsupportedModelError)


@pytest.mark.parametrize("opset", [7, 13, NEWEST])
def test_heads(opset: int) -> None:
    one("LogSoftmax", (2, 5), opset=opset)
    one("LogSoftmax", (2, 5, 1), opset=opset, axis=1)
    one("Sigmoid", (2, 5), opset=opset)
    for attrs in ({}, {"axis": 1}, {"axis": 1, "keepdims": 0}, {"axis": 2, "keepdims": 1}):
        made = model([node("ArgMax", "x", **attrs)], {"x": (3, 4, 5)}, opset=opset, output_type=7)
        agrees(made)


@pytest.mark.parametrize("pads", [[0, 0], [1, 0], [0, 1]])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_ceil_mode_on_an_axis_of_one(op: str, pads: list[int]) -> None:
    for kernel, stride in ((2, 2), (1, 2), (2, 3), (3, 3)):
        if kernel + 1 > sum(pads) + stride:
            attrs = {"kernel_shape": [kernel], "strides": [stride], "pads": pads, "ceil_mode": 1}
            one(op, (1, 2, 1), **attrs)
