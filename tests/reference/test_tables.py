"""Functions by tables are close where they bend, however wide the range that they are used on."""

import numpy as np
import pytest

import zkinfer
from tests.onnx_models import RUNTIME_NEWEST, model, node
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.float_oracle import FloatOracle

WIDE = 300.0
PLACES = 1024

LINES = {"Gelu": "Relu", "Softplus": "Relu", "Mish": "Relu", "Elu": "Relu"}
"""What a function is like far from 0."""


@pytest.mark.parametrize("op", [*LINES, "Sigmoid", "Tanh", "Erf"])
def test_wide_ranges(op: str) -> None:
    nodes = [node(op, "x", "f")]
    nodes += [node(LINES[op], "x", "l"), node("Sub", "f l")] if op in LINES else []
    made = model(nodes, {"x": (PLACES,)}, {}, ["y"] if op in LINES else ["f"], RUNTIME_NEWEST)
    near = np.geomspace(1e-3, WIDE, PLACES // 2)
    x = np.concatenate((near, -near)).astype(np.float32)
    compiled = zkinfer.compile(made, calibration=x[None], max_error=1e-3)
    graph, key = compiled.verifying_key.graph, compiled.proving_key
    (name,) = graph.outputs
    arrays = evaluate(graph, key.weights, quantize_input(graph, {"x": x}))
    y = np.ldexp(arrays[name].astype(np.float64), -graph.tensors[name].scale)
    expected = FloatOracle(made).run({"x": x})[name]
    assert np.abs(y - expected).max() <= 1e-3 * np.abs(expected).max()
    assert {made.op for made in graph.nodes} >= {"interpolate", "requantize"}
