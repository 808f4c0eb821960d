"""Comparing imported graphs with onnxruntime on random inputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.float_oracle import evaluate
from tests.onnx_models import NEWEST, Array, Extents, model, node, run
from zkinfer import onnx_import
from zkinfer.graph import Graph

RNG = np.random.default_rng(20240229)


def normal(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, dtype=np.int64)


def agrees(made: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Graph:
    """Loads the model and compares its graph with the oracle on random inputs."""
    graph = onnx_import.load(made, shapes)
    types = {value.name: value.type.tensor_type.elem_type for value in made.graph.input}
    inputs = {
        name: (4 * normal(*graph.shape(name))).astype(helper.tensor_dtype_to_np_dtype(types[name]))
        for name in graph.inputs
    }
    expected, got = run(made, inputs), evaluate(graph, inputs)
    for name in graph.outputs:
        assert expected[name].shape == graph.shape(name)
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-4)
    return graph


def one(
    op: str,
    shape: Extents,
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
    **attrs: Any,
) -> Graph:
    """A model of one node that reads x and the constants agrees with the oracle."""
    inputs = " ".join(["x", *(constants or {})])
    return agrees(model([node(op, inputs, **attrs)], {"x": shape}, constants, opset=opset))


OPSETS = (7, 8, 9, 10, 11, 12, 13, 14, 18, 19, 21, 22, NEWEST)
