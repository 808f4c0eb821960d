"""What is too large for the pairing backend is refused before any work, with what to do."""

from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import zkinfer


def dense(*widths: int) -> onnx.ModelProto:
    """An MLP with ReLU."""
    rng = np.random.default_rng(0)
    nodes, constants, x = [], [], "x"
    for layer, (wide, narrow) in enumerate(pairwise(widths)):
        array = rng.normal(size=(wide, narrow)).astype(np.float32) / wide**0.5
        constants.append(numpy_helper.from_array(array, f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [x, f"w{layer}"], [f"y{layer}"]))
        nodes.append(helper.make_node("Relu", [f"y{layer}"], [f"r{layer}"]))
        x = f"r{layer}"
    ends = (("x", widths[0]), (x, widths[-1]))
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])] for name, width in ends
    )
    graph = helper.make_graph(nodes, "mlp", inputs, outputs, constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def test_many_weights_are_refused() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (8, 400)).astype(np.float32)
    with pytest.raises(zkinfer.UnsupportedModelError, match=r"signal.*--backend transparent"):
        zkinfer.draft(dense(400, 400), calibration=samples, weight_ranges="unchecked")


def test_ranges_that_more_than_double_the_circuit_have_to_be_chosen() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (8, 24)).astype(np.float32)
    with pytest.raises(zkinfer.UsageError, match="--weight-ranges checked, or"):
        zkinfer.draft(dense(24, 16), calibration=samples)
    drafted = zkinfer.draft(dense(24, 16), calibration=samples, weight_ranges="unchecked")
    assert drafted.draft.ranges.value == "unchecked"


def test_an_estimate_says_what_it_takes() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, (8, 24)).astype(np.float32)
    options = {"calibration": samples, "weight_ranges": "unchecked"}
    estimate = zkinfer.estimate(dense(24, 16, 4), backend="groth16", **options)
    drafted = zkinfer.draft(dense(24, 16, 4), **options)
    rows = estimate.content["circuit"]["constraint_rows"]
    assert 0.8 < rows / drafted.draft.rows < 1.25
    assert "with --backend transparent" in str(estimate)
