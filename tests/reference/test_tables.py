"""Functions by tables are close where they bend, however wide the range that they are used on."""

import numpy as np
import numpy.typing as npt
import onnx
import pytest

import zkinfer
from tests.onnx_models import RUNTIME_NEWEST, model, node
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.float_oracle import FloatOracle

Floats = npt.NDArray[np.float32]

WIDE = 300.0
PLACES = 1024

LINES = {"Gelu": "Relu", "Softplus": "Relu", "Mish": "Relu", "Elu": "Relu"}
"""What a function is like far from 0."""


def ops_where_close(made: onnx.ModelProto, x: Floats) -> set[str]:
    """The operators of a model in integers, whose outputs of x are close to the float ones."""
    compiled = zkinfer.compile(made, calibration=x[None], max_error=1e-3)
    graph, key = compiled.verifying_key.graph, compiled.proving_key
    (name,) = graph.outputs
    arrays = evaluate(graph, key.weights, quantize_input(graph, {"x": x}))
    y = np.ldexp(arrays[name].astype(np.float64), -graph.tensors[name].scale)
    expected = FloatOracle(made).run({"x": x})[name]
    assert np.abs(y - expected).max() <= 1e-3 * np.abs(expected).max()
    return {made.op for made in graph.nodes}


@pytest.mark.parametrize("op", [*LINES, "Sigmoid", "Tanh", "Erf"])
def test_wide_ranges(op: str) -> None:
    nodes = [node(op, "x", "f")]
    nodes += [node(LINES[op], "x", "l"), node("Sub", "f l")] if op in LINES else []
    made = model(nodes, {"x": (PLACES,)}, {}, ["y"] if op in LINES else ["f"], RUNTIME_NEWEST)
    near = np.geomspace(1e-3, WIDE, PLACES // 2)
    x = np.concatenate((near, -near)).astype(np.float32)
    assert ops_where_close(made, x) >= {"interpolate", "requantize"}


@pytest.mark.parametrize(("op", "least"), [("Max", 1e-9), ("Add", 2.0**-24), ("Max", 1e-3)])
@pytest.mark.parametrize("size", [1e-1, 1e-2, 2e-3])
def test_logarithms_of_energies(op: str, least: float, size: float) -> None:
    """Many orders of magnitude, and energies of 0, as of a band that no frequency is in."""
    nodes = [node("Mul", "x x", "e"), node(op, "e least", "m"), node("Log", "m", "y")]
    made = model(nodes, {"x": (PLACES,)}, {"least": np.float32([least])}, ["y"], RUNTIME_NEWEST)
    x = np.geomspace(size, 30, PLACES).astype(np.float32)
    x[: PLACES // 8] = 0
    assert "sqrt" in ops_where_close(made, x)
