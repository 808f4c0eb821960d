"""Gather by computed indices gives the rows that onnxruntime gives."""

import numpy as np
import onnx
import pytest

from tests.conformance.agreement import normal
from tests.float_oracle import evaluate
from tests.onnx_models import Extents, model, node, run
from zkinfer import onnx_import

RNG = np.random.default_rng(6)


def agrees(made: onnx.ModelProto, rows: int) -> None:
    """With random indices of x, and floats for any other input."""
    graph = onnx_import.load(made)
    inputs = {name: normal(*graph.shape(name)) for name in graph.inputs if name != "x"}
    inputs["x"] = RNG.integers(0, rows, graph.shape("x"))
    got = evaluate(graph, inputs)["y"]
    np.testing.assert_allclose(got, run(made, inputs)["y"], rtol=1e-6)


@pytest.mark.parametrize("index", [(), (4,), (2, 3)])
@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((5, 4), 0), ((2, 5, 3), 1), ((2, 5), -1)])
def test_embeddings(index: Extents, shape: tuple[int, ...], axis: int) -> None:
    nodes = [node("Gather", "w x", axis=axis)]
    agrees(model(nodes, {"x": index}, {"w": normal(*shape)}, input_type=onnx.TensorProto.INT64), 5)
