"""What is said of costs before any key is near what then comes out."""

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import zkinfer
from zkinfer import api, speed
from zkinfer.costs import costs
from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.lower import lower
from zkinfer.speed import Speed

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(autouse=True)
def _known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "this_machine", lambda: Speed(2.0, 3.0, 4.0))


def test_sizes_with_public_weights() -> None:
    model = MODELS / "breast_cancer.onnx"
    ((_, samples),) = np.load(MODELS / "breast_cancer_calibration.npz").items()
    keys = zkinfer.compile(model, calibration=samples, weights="public")
    graph = keys.verifying_key.graph
    known = costs(graph, lower(graph)).verifying_key
    assert known == pytest.approx(len(keys.verifying_key.to_bytes()), rel=0.03)


def test_layers_add_up() -> None:
    found = zkinfer.estimate(MODELS / "lenet5.onnx")
    layers = found.costs.layers
    assert sum(layer.share for layer in layers) == pytest.approx(1)
    assert sum(layer.rows for layer in layers) == pytest.approx(found.costs.counts["rows"], rel=0.3)
    assert layers[0].node == "pool1"
    assert found.content["prove_seconds"] == pytest.approx(2 * found.costs.prove, rel=1e-2)
    assert json.loads(found.to_json()) == found.content
    assert "pool1 (max_pool)" in str(found)


def one(op: str, *shape: int, **more: np.ndarray) -> onnx.ModelProto:
    """A model of one operator, on an input of floats."""
    constants = [numpy_helper.from_array(array, name) for name, array in more.items()]
    nodes = [helper.make_node(op, ["x", *more], ["y"])]
    ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)] for n in ("x", "y")]
    graph = helper.make_graph(nodes, "one", *ends, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_model_of_positive_numbers_gets_some() -> None:
    assert zkinfer.estimate(one("Log", 4)).costs.prove > 0


def test_what_cannot_be_estimated_is_said() -> None:
    with pytest.raises(UsageError, match=r"does not take random inputs .*--calibration"):
        zkinfer.estimate(one("Acosh", 4))
    with pytest.raises(UnsupportedModelError, match="NonZero"):
        zkinfer.estimate(one("NonZero", 4))


def test_what_does_not_fit_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "available_memory", lambda: 1 << 20)
    model = one("MatMul", 1, 4, w=np.eye(4, dtype=np.float32))
    with pytest.raises(UsageError, match=r"MiB of memory, and 1.0 MiB are .*--force-memory"):
        zkinfer.compile(model, input_range=(-1, 1))
    assert zkinfer.compile(model, input_range=(-1, 1), force_memory=True)


def test_the_speed_is_measured_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the file holds that it is remembered in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, second, third = (Speed(factor, 2 * factor, 3 * factor) for factor in (1.5, 2.5, 3.5))
    answers = iter((first, second, third))
    monkeypatch.setattr(speed, "measured", lambda: next(answers))
    assert [speed.this_machine() for _ in range(2)] == [first, first]
    (path,) = (tmp_path / "zkinfer").iterdir()
    path.write_text('{"machine": 1}')
    assert speed.this_machine() == second
    path.write_bytes(b"\xff")
    assert speed.this_machine() == third


def test_a_machine_has_a_speed() -> None:
    found = speed.measured()
    assert all(0.01 < factor < 1000 for factor in astuple(found))
