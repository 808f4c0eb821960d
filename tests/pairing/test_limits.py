"""What is too large for the pairing backend is refused before any work, with what to do."""

from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

import zkinfer
from zkinfer import api
from zkinfer.keys import make_pairing_keys
from zkinfer.speed import Speed


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


@pytest.mark.parametrize("ranges", ["checked", "unchecked"])
def test_an_estimate_says_what_it_takes(ranges: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "this_machine", lambda: Speed(1.0, 1.0, 2.0))
    samples = np.random.default_rng(1).uniform(-1, 1, (8, 24)).astype(np.float32)
    options = {"calibration": samples, "weight_ranges": ranges}
    estimate = zkinfer.estimate(dense(24, 16, 4), backend="groth16", **options)
    draft = zkinfer.draft(dense(24, 16, 4), **options).draft
    key = make_pairing_keys(draft.graph, draft.weights, draft.ranges)
    content, verifying = estimate.content, len(key.verifying_key.to_bytes())
    rows = content["circuit"]["constraint_rows"]
    assert rows == pytest.approx(draft.rows, rel=0.2)
    assert content["verifying_key_bytes"] == pytest.approx(verifying, rel=0.05)
    assert content["proving_key_bytes"] == pytest.approx(len(key.to_bytes()), rel=0.2)
    assert content["setup_seconds"] == pytest.approx(2 * estimate.pairing.setup, rel=1e-2)
    assert "with --backend transparent" in str(estimate)


def test_widths_of_random_inputs_that_do_not_fit_are_explained() -> None:
    samples, labels = load_breast_cancer(return_X_y=True)
    model = GradientBoostingClassifier(n_estimators=2).fit(samples, labels)
    with pytest.raises(zkinfer.UsageError, match=r"random inputs.*--calibration"):
        zkinfer.estimate(model, backend="groth16")
