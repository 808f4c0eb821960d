"""Comparisons, logic, choices, rounding and reductions agree with onnxruntime."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import zkinfer
from tests.conformance.agreement import agrees, ints, normal, one
from tests.float_oracle import evaluate
from tests.onnx_models import NEWEST, RUNTIME_NEWEST, model, node, run
from zkinfer import UnsupportedModelError
from zkinfer.graph import Integer
from zkinfer.onnx_import import load

X = {"x": (2, 3)}


def shown(nodes: Sequence[onnx.NodeProto], opset: int = 17, **constants: Any) -> None:
    """Nodes that make the truth value t of x (2, 3), cast to float, agree."""
    last = node("Cast", "t", to=TensorProto.FLOAT)
    agrees(model([*nodes, last], X, constants, opset=opset))


@pytest.mark.parametrize("opset", [12, 13, RUNTIME_NEWEST])
@pytest.mark.parametrize("op", ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"])
def test_comparisons(op: str, opset: int) -> None:
    shown([node(op, "x c", "t")], opset, c=normal(3))
    shown([node(op, "c x", "t")], opset, c=np.float32(0.5))
    shown([node("Relu", "x", "r"), node(op, "r c", "t")], opset, c=np.float32(0))
    shown([node("Neg", "x", "r"), node(op, "r x", "t")], opset)


@pytest.mark.parametrize("op", ["And", "Or", "Xor"])
def test_logic(op: str) -> None:
    both = [node("Less", "x c", "a"), node("Greater", "x d", "b")]
    shown([*both, node(op, "a b", "t")], c=normal(2, 1), d=normal(3))
    shown([*both, node(op, "a e", "t")], c=normal(3), d=normal(3), e=normal(2, 3) > 0)
    shown([*both, node("Not", "a", "n"), node(op, "n b", "t")], c=normal(3), d=normal(3))


def test_choices() -> None:
    less, zero = node("Less", "x c", "t"), np.float32(0)
    constants = {
        "c": normal(3),
        "d": normal(2, 1),
        "e": normal(3),
        "z": zero,
        "k": normal(2, 3) > 0,
    }
    for choice in ("t x c", "t c x", "t c d", "t x z", "t z x", "t d z", "k x c", "k z x"):
        agrees(model([less, node("Where", choice)], X, constants))
    wide = {"x": (3,)}
    agrees(model([less, node("Where", "t d x")], wide, {"c": normal(3), "d": normal(2, 1)}))


def test_a_choice_of_integers_is_one() -> None:
    nodes = [
        node("Equal", "x c", "t"),
        node("Where", "t x k", "i"),
        node("Cast", "i", to=TensorProto.FLOAT),
    ]
    constants = {"c": ints(1, 2, 3), "k": ints(7)}
    agrees(model(nodes, X, constants, input_type=TensorProto.INT64))
    made = model([*nodes[:2], node("Sqrt", "i")], X, constants, input_type=TensorProto.INT64)
    with pytest.raises(UnsupportedModelError, match="Cast to float"):
        load(made)


@pytest.mark.parametrize("op", ["Floor", "Ceil", "Round", "Sign"])
def test_whole_numbers(op: str) -> None:
    for opset in (13, NEWEST):
        one(op, (2, 3), opset=opset)
    halves = [node("Floor", "x", "f", name="first"), node("Mul", "f c", "h"), node(op, "h")]
    agrees(model(halves, {"x": (50,)}, {"c": np.float32(0.5)}))


def test_remainders() -> None:
    for divisor in (1.0, 0.75, [-2.0, 3.0, 0.3]):
        one("Mod", (2, 3), {"c": np.array(divisor, np.float32)}, fmod=1)


def test_casts() -> None:
    for to in (TensorProto.INT64, TensorProto.BOOL, TensorProto.INT8):
        agrees(model([node("Cast", "x", "i", to=to, name="there"),
                      node("Cast", "i", to=TensorProto.FLOAT)], X))  # fmt: skip


def test_casts_of_tokens() -> None:
    """Inputs are kept within the narrower type; places always fit it."""
    narrow, back = (node("Cast", *names, to=kind, name=names[0]) for *names, kind in (
        ("r", "i", TensorProto.INT32), ("i", "y", TensorProto.FLOAT)))  # fmt: skip
    made = model([node("Reshape", "x c", "r"), narrow, back], X, {"c": ints(3, 2)},
                 input_type=TensorProto.INT64)  # fmt: skip
    assert agrees(made).tensors["x"].kind == Integer(-(1 << 31), (1 << 31) - 1)
    agrees(model([node("ArgMax", "x", "r"), narrow, back], X))
    byte = node("Cast", "x", "y", to=TensorProto.INT8)
    with pytest.raises(UnsupportedModelError, match="holds all integers"):
        load(model([byte], X, input_type=TensorProto.INT64, output_type=TensorProto.INT8))


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64])
def test_sums_and_products_of_integers(kind: int) -> None:
    constants = {"c": np.array([3, -1, 2], helper.tensor_dtype_to_np_dtype(kind)), "a": ints(1)}
    ways = [("Add", "x c"), ("Sub", "c x"), ("Mul", "x c"), ("Mul", "x x"), ("Max", "x c"),
            ("Min", "x c x"), ("Neg", "x"), ("Abs", "x"), ("Sign", "x"),
            ("CumSum", "x a"), ("ReduceSum", "x a"), ("ReduceMax", "x")]  # fmt: skip
    for op, inputs in ways:
        nodes = [node(op, inputs, "i"), node("Cast", "i", to=TensorProto.FLOAT)]
        read = {name: array for name, array in constants.items() if name in inputs.split()}
        agrees(model(nodes, X, read, input_type=kind))
    narrow = model([node("Add", "x x")], X, input_type=TensorProto.INT8,
                   output_type=TensorProto.INT8)  # fmt: skip
    with pytest.raises(UnsupportedModelError, match="Cast to float"):
        load(narrow)


def test_positions_that_leave_padding_out() -> None:
    """As RoBERTa counts them, for an embedding."""
    nodes = [
        node("Equal", "x pad", "p"),
        node("Not", "p", "n"),
        node("Cast", "n", "m", to=TensorProto.INT32, name="mask"),
        node("CumSum", "m one", "s"),
        node("Mul", "s m", "k"),
        node("Cast", "k", "l", to=TensorProto.INT64, name="long"),
        node("Add", "l pad", "i"),
        node("Gather", "w x", "t", name="tokens"),
        node("Gather", "v i", "u", name="positions"),
        node("Add", "t u", name="both"),
    ]
    constants = {"pad": np.array(1), "one": np.array(1), "w": normal(9, 2), "v": normal(9, 2)}
    made = model(nodes, {"x": (1, 6)}, constants, input_type=TensorProto.INT64)
    graph = load(made)
    for _ in range(3):
        tokens = np.random.default_rng(3).integers(0, 3, (1, 6))
        expected, got = run(made, {"x": tokens}), evaluate(graph, {"x": tokens})
        np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-5)
    samples = np.random.default_rng(4).integers(0, 9, (8, 6))
    compiled = zkinfer.compile(made, calibration={"x": samples})
    proof = zkinfer.prove(compiled.proving_key, samples[:1])
    outputs = zkinfer.verify(compiled.verifying_key, proof).outputs
    np.testing.assert_allclose(outputs["y"], run(made, {"x": samples[:1]})["y"], atol=5e-3)


def test_guards_against_numbers_that_are_not_finite() -> None:
    for op in ("IsNaN", "IsInf"):
        graph = agrees(model([node(op, "x", "s"), node("Where", "s z x", "w"), node("Neg", "w")],
                             X, {"z": np.float32(0)}))  # fmt: skip
        assert [made.op for made in graph.nodes] == ["neg"]


@pytest.mark.parametrize(
    "op", ["ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd"]
)
def test_reductions(op: str) -> None:
    one(op, (2, 3, 4))
    for axes in ([0], [-1, 0], [1, 2]):
        for keepdims in (0, 1):
            one(op, (2, 3, 4), axes=axes, keepdims=keepdims)
    one(op, (2, 3, 4), {"a": ints(1)}, 18, keepdims=0)
    one(op, (2, 3, 4), {}, 18, noop_with_empty_axes=1)


def test_computed_bounds() -> None:
    means = [node("ReduceMean", "x", "m", keepdims=0), node("Neg", "m", "n")]
    for bounds in ("x n m", "x m", "x - m", "x c m"):
        agrees(model([*means, node("Clip", bounds)], X, {"c": np.float32(-0.5)}))


def test_truth_values_are_proved_as_numbers() -> None:
    made = model([node("Less", "x c")], X, {"c": np.float32(0)}, output_type=TensorProto.BOOL)
    samples = normal(8, 2, 3)
    compiled = zkinfer.compile(made.SerializeToString(), calibration={"x": samples})
    proof = zkinfer.prove(compiled.proving_key, samples[0])
    result = zkinfer.verify(compiled.verifying_key, proof)
    np.testing.assert_array_equal(result.outputs["y"], samples[0] < 0)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (node("Mod", "x c", fmod=0), "expected fmod"),
        (node("Mod", "x z", fmod=1), "other than zero"),
        (node("Cast", "x", to=TensorProto.STRING), "numbers or truth values"),
        (node("ReduceProd", "w", keepdims=0), "at most 64 factors"),
    ],
)
def test_refusals(made: onnx.NodeProto, message: str) -> None:
    constants = {"c": np.float32(2), "z": np.float32(0)}
    with pytest.raises(UnsupportedModelError, match=message):
        load(model([made], {"x": (2, 3), "w": (9, 9)}, constants))
