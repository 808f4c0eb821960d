"""ArgMax, ArgMin, TopK and gathering by computed places agree with onnxruntime."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

import zkinfer
from tests.conformance.agreement import agrees, ints, normal
from tests.conformance.test_import_refusals import message
from tests.onnx_models import NEWEST, RUNTIME_NEWEST, model, node, run
from zkinfer import UnsupportedModelError, UsageError

SHAPE = {"x": (3, 4, 5)}
NUMBER = node("Cast", "i", "f", to=TensorProto.FLOAT)
WHOLE = node("Round", "x", "r")


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("opset", [12, 13, RUNTIME_NEWEST])
def test_places_of_extremes(op: str, opset: int) -> None:
    for attrs in ({}, {"axis": 1}, {"axis": -1, "keepdims": 0}, {"axis": 1, "keepdims": 1},
                  {"axis": 2, "select_last_index": 1}):  # fmt: skip
        for source in ("x", "r"):  # of which only the second has equal entries
            nodes = [WHOLE, node(op, source, "i", **attrs), NUMBER, node("Neg", "f")]
            agrees(model(nodes, SHAPE, opset=opset))
        agrees(model([node(op, "x", **attrs)], {"x": (3, 1, 2)}, output_type=TensorProto.INT64))
    agrees(model([node(op, "x", axis=1)], {"x": (1, 1)}, output_type=TensorProto.INT64))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_several_places(axis: int, count: int) -> None:
    for source in ("x", "r"):
        for attrs in ({}, {"largest": 0}):
            nodes = [WHOLE, node("TopK", f"{source} k", "v i", axis=axis, **attrs), NUMBER]
            agrees(model([*nodes, node("Add", "v f")], SHAPE, {"k": ints(count)}))
    old = [node("TopK", "x", "v i", axis=axis, k=count), NUMBER, node("Add", "v f")]
    agrees(model(old, SHAPE, opset=9))
    single = [node("TopK", "x k", "v i"), NUMBER, node("Add", "v f")]
    agrees(model(single, {"x": (2, 1)}, {"k": ints(1)}))
    agrees(model([node("TopK", "x k", "y i", sorted=0)], SHAPE, {"k": ints(1)}))


@pytest.mark.parametrize("table", ["x", "w"])
def test_gathering_at_computed_places(table: str) -> None:
    constants = {"k": ints(2), "w": normal(3, 4, 5), "last": ints(-1)}
    constants |= {"u": normal(5, 2), "v": normal(3, 5, 2)}
    for axis in (0, 1, 2):
        top = node("TopK", "x k", "t i", axis=axis)
        elements = node("GatherElements", f"{table} i", axis=axis)
        agrees(model([top, elements], SHAPE, constants))
        rows = [top, node("Unsqueeze", "i last", "n")]
        agrees(model([*rows, node("GatherND", "u n")], SHAPE, constants))
    rows = [node("ArgMax", "x", "n", axis=2)]
    agrees(model([*rows, node("GatherND", "v n", batch_dims=1)], SHAPE, constants))


def test_labels_that_heads_read() -> None:
    """The place of the largest score is a score itself, where a head reads it."""
    last = [node("Cast", "i", "f", to=1), node("Softmax", "f", axis=1)]
    made = model([node("ArgMax", "x", "i", axis=1), *last], {"x": (1, 4)})
    agrees(made)
    with pytest.raises(UsageError, match="one score only"):
        zkinfer.compile(made, input_range=(-1, 1), output="label")


def test_places_are_proved() -> None:
    nodes = [node("MatMul", "x w", "z"), node("TopK", "z k", "v i"), NUMBER, node("Add", "v f")]
    made = model(nodes, {"x": (2, 5)}, {"w": normal(5, 9), "k": ints(4)})
    samples = normal(8, 2, 5)
    compiled = zkinfer.compile(made, calibration={"x": samples})
    proof = zkinfer.prove(compiled.proving_key, samples[0])
    result = zkinfer.verify(compiled.verifying_key, proof)
    np.testing.assert_allclose(result.outputs["y"], run(made, {"x": samples[0]})["y"], atol=1e-2)


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("ArgMax", "x", {"axis": 3}, "expected an axis from -3 to 2"),
    ("TopK", "x zero", {}, "expected one k from 1 to 5"),
    ("TopK", "x six", {}, "expected one k from 1 to 5"),
    ("TopK", "w many", {}, "expected a k of at most 64, got 65"),
    ("TopK", "x two", {"sorted": 0}, "leaves the order of the output open"),
    ("TopK", "x count", {}, "expected constant k"),
    ("GatherND", "x pairs", {}, "computed ones of one axis, got 2 axes"),
    ("GatherND", "x pairs", {"batch_dims": 1}, "expected indices of the batch"),
]


@pytest.mark.parametrize(("op", "inputs", "attrs", "text"), REFUSED)
def test_refusals(op: str, inputs: str, attrs: dict[str, Any], text: str) -> None:
    constants = {"zero": ints(0), "six": ints(6), "two": ints(2), "many": ints(65)}
    computed = [
        node("Cast", "x", "whole", to=TensorProto.INT64),
        node("Reshape", "whole flat", "one"),
        node("Slice", "one start end", "count"),
        node("Reshape", "whole two_axes", "pairs"),
    ]
    more = {"flat": ints(-1), "start": ints(0), "end": ints(1), "two_axes": ints(30, 2)}
    outputs = "y i" if op == "TopK" else "y"
    made = model(
        [*computed, node(op, inputs, outputs, **attrs)],
        {"x": (3, 4, 5), "w": (70,)},
        {**constants, **more},
        opset=min(NEWEST, 17),
    )
    assert text in message(made, UnsupportedModelError)
