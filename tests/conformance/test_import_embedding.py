"""Gather by computed indices gives the rows that onnxruntime gives."""

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.conformance.agreement import normal
from tests.float_oracle import evaluate
from tests.onnx_models import Extents, model, node, run
from zkinfer import UnsupportedModelError, onnx_import

RNG = np.random.default_rng(6)


def agrees(made: onnx.ModelProto, rows: int) -> None:
    """With random indices of x, and floats for any other input."""
    graph = onnx_import.load(made)
    inputs = {name: normal(*graph.shape(name)) for name in graph.inputs if name != "x"}
    kind = helper.tensor_dtype_to_np_dtype(made.graph.input[0].type.tensor_type.elem_type)
    inputs["x"] = RNG.integers(0, rows, graph.shape("x")).astype(kind)
    got = evaluate(graph, inputs)["y"]
    np.testing.assert_allclose(got, run(made, inputs)["y"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("index", [(), (4,), (2, 3)])
@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((5, 4), 0), ((2, 5, 3), 1), ((2, 5), -1)])
def test_embeddings(index: Extents, shape: tuple[int, ...], axis: int) -> None:
    nodes = [node("Gather", "w x", axis=axis)]
    agrees(model(nodes, {"x": index}, {"w": normal(*shape)}, input_type=onnx.TensorProto.INT64), 5)


TABLES = {"w": normal(5, 4), "p": normal(6, 4), "s": normal(2, 4), "g": normal(4), "b": normal(4)}
SEGMENTS = {"t": np.array([[0, 1, 1], [0, 0, 1]], np.int32)}
MASK = {"m": np.array([[1, 1, 0], [1, 2, 1]], np.int32)}
ORDER = {"o": np.array([[2, 0, 5]], np.int32)}


@pytest.mark.parametrize("given", ["x - w p - g b", "x t w p s g b", "x t w p s g b m o",
                                   "x t w p s g b x", "t x w p s g b - o"])  # fmt: skip
def test_embeddings_of_tokens(given: str) -> None:
    """The sum, its normalization and how many ones the mask has."""
    fused = node("EmbedLayerNormalization", given, "n c e", domain="com.microsoft")
    float_ = node("Cast", "c", "f", to=onnx.TensorProto.FLOAT)
    wide = node("Reshape", "f wide", "k")
    sums = [node("Add", "n e", "a", name="first"), node("Add", "a k")]
    constants = {**TABLES, **SEGMENTS, **MASK, **ORDER, "wide": np.array([2, 1, 1])}
    read = {name: array for name, array in constants.items() if name in (*given.split(), "wide")}
    made = model([fused, float_, wide, *sums], {"x": (2, 3)}, read,
                 input_type=onnx.TensorProto.INT32, domains={"com.microsoft": 1})  # fmt: skip
    agrees(made, 2 if given.startswith("t") else 5)


def test_embeddings_of_other_shapes() -> None:
    fused = node("EmbedLayerNormalization", "x - w p - g b", domain="com.microsoft")
    for shape, tables, text in (
        ((3,), {}, "expected tokens"),
        ((1, 3), {"w": normal(4)}, "expected a table of rows"),
        ((1, 9), {}, "expected rows for 9 positions"),
    ):
        constants = {name: array for name, array in TABLES.items() if name != "s"} | tables
        made = model([fused], {"x": shape}, constants, input_type=onnx.TensorProto.INT32,
                     domains={"com.microsoft": 1})  # fmt: skip
        with pytest.raises(UnsupportedModelError, match=text):
            onnx_import.load(made)
