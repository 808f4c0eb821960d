"""The models of this repository, from ONNX to a verified proof: fidelity, costs, and no input left
out.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zkinfer
from circuits import stats
from models import data
from models.generated import GENERATED
from zkinfer.costs import costs
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.float_oracle import FloatOracle
from zkinfer.lower import lower
from zkinfer.quantize.samples import split

MODELS = Path(__file__).resolve().parents[2] / "models"
NAMES = tuple(data.DATASETS)
SAMPLES = 400
"""Unseen ones of a model, at most."""


compiled = cache(stats.compiled)


def fixed_outputs(
    key: zkinfer.ProvingKey, x: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.int64]]:
    """What the integer oracle says."""
    (name,) = key.graph.inputs
    arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {name: x}))
    return {output: arrays[output] for output in key.graph.outputs}


def prove_and_compare(name: str, x: npt.NDArray[np.float64]) -> None:
    """Proves an input, however far from the calibration data, and verifies.

    The outputs are the integer oracle's.
    """
    keys = compiled(name)
    proof = zkinfer.prove(keys.proving_key, x, allow_saturation=True)
    result = zkinfer.verify(keys.verifying_key, proof)
    expected = fixed_outputs(keys.proving_key, x)
    assert result.outputs_fixed.keys() == expected.keys()
    for output, values in expected.items():
        assert np.array_equal(result.outputs_fixed[output], values)


def test_costs_are_those_on_record() -> None:
    """To accept a change: python circuits/stats.py."""
    assert stats.render(compiled) == stats.FILE.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_corners_of_the_domain_are_proved(name: str) -> None:
    graph = compiled(name).proving_key.graph
    tensor = graph.tensors[graph.inputs[0]]
    encoding = graph.encoding(graph.inputs[0])
    low, high = (
        np.broadcast_to(encoding.numbers(end), tensor.shape)
        for end in (encoding.low, encoding.high)
    )
    prove_and_compare(name, low)
    prove_and_compare(name, high)
    corner = low.copy()
    corner.flat[::2] = high.flat[::2]
    prove_and_compare(name, corner)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32), spread=st.sampled_from(["uniform", "ends", "sparse"]))
def test_every_input_of_the_domain_is_proved(name: str, seed: int, spread: str) -> None:
    graph = compiled(name).proving_key.graph
    tensor = graph.tensors[graph.inputs[0]]
    encoding = graph.encoding(graph.inputs[0])
    rng = np.random.default_rng(seed)
    integers = rng.integers(encoding.low, encoding.high + 1, tensor.shape)
    if spread == "ends":
        integers = np.where(rng.random(tensor.shape) < 0.5, encoding.low, encoding.high)
    elif spread == "sparse":
        least = np.maximum(encoding.low, 0)
        integers = np.where(rng.random(tensor.shape) < 0.9, least, integers)
    prove_and_compare(name, encoding.numbers(integers))


@pytest.mark.parametrize("name", NAMES)
def test_unseen_samples_agree_with_onnxruntime(name: str) -> None:
    """At most one label differs, and no output by more than one and a half targets, which are met
    on what compile saw.
    """
    session = onnxruntime.InferenceSession(str(MODELS / f"{name}.onnx"))
    unseen = data.DATASETS[name]().unseen_x[:SAMPLES]
    key, report = compiled(name).proving_key, compiled(name).report.content
    (source,), (output,) = key.graph.inputs, key.graph.outputs
    floats = session.run(None, {source: unseen})[0]
    scale = key.graph.tensors[output].scale
    integers = np.concatenate([fixed_outputs(key, x[None])[output] for x in unseen])
    ours = np.ldexp(integers.astype(np.float64), -scale)
    assert np.count_nonzero(ours.argmax(1) != floats.argmax(1)) <= 1
    (largest,) = (made["largest"] for made in report["outputs"])
    assert np.abs(ours - floats).max() <= 1.5e-3 * largest


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_known_before(name: str) -> None:
    """Nearly exactly by the circuit that keys are made of, nearly without any data."""
    keys = compiled(name)
    ((_, samples),) = np.load(MODELS / f"{name}_calibration.npz").items()
    proof = len(zkinfer.prove(keys.proving_key, samples[:1], allow_saturation=True).to_bytes())
    graph = keys.verifying_key.graph
    known, guessed = costs(graph, lower(graph)), zkinfer.estimate(MODELS / f"{name}.onnx").costs
    assert known.verifying_key == pytest.approx(len(keys.verifying_key.to_bytes()), rel=0.03)
    assert known.proof == pytest.approx(proof, rel=0.03)
    for one, other in ((guessed.proof, proof), (guessed.counts["bits"], known.counts["bits"])):
        assert 1 / 1.5 <= one / other <= 1.5


@pytest.mark.parametrize("name", NAMES)
def test_the_report_is_what_sample_by_sample_comes_out(name: str) -> None:
    """What it says of both parts of the calibration data.

    At most one label in two hundred differs: one sample of the mobile network has two scores that
    are nearly equal.
    """
    oracle = FloatOracle(onnx.load(MODELS / f"{name}.onnx"))
    ((source, samples),) = np.load(MODELS / f"{name}_calibration.npz").items()
    key, report = compiled(name).proving_key, compiled(name).report.content
    (output,), summary = key.graph.outputs, report["summary"]
    scale = key.graph.tensors[output].scale
    fixed = np.array([fixed_outputs(key, x[None])[output] * 2.0**-scale for x in samples])
    floats = np.array([oracle.run({source: x[None]})[output] for x in samples])
    errors, same = np.abs(fixed - floats), fixed.argmax(-1) == floats.argmax(-1)
    assert np.count_nonzero(~same) <= len(samples) // 200
    parts = split(len(samples))
    largest = np.abs(floats[parts[0]]).max()
    for part, said in zip(parts, (summary["fitted"], summary["held_out"]), strict=True):
        assert said["samples"] == len(part)
        assert said["same_label"] == pytest.approx(same[part].mean())
        assert errors[part].max() / largest == pytest.approx(said["error"], rel=1e-9)
    assert summary["fitted"]["error"] <= 1e-3


@pytest.mark.parametrize("name", ["norm_mlp", "mobile_block", "encoder_block", "gru_32", "lstm_32"])
def test_small_networks_with_random_weights_are_proved(name: str, tmp_path: Path) -> None:
    """A proof of an input that compile has not seen is within twice the target of onnxruntime."""
    generated, path = GENERATED[name], tmp_path / "model.onnx"
    generated.write(path)
    keys = zkinfer.compile(path, calibration=generated.inputs(80, 1))
    x = generated.inputs(1, 2)
    proof = zkinfer.prove(keys.proving_key, x)
    ((output, ours),) = zkinfer.verify(keys.verifying_key, proof).outputs.items()
    (floats,) = onnxruntime.InferenceSession(path).run([output], x)
    (largest,) = (made["largest"] for made in keys.report.content["outputs"])
    assert np.abs(ours - floats).max() <= 2e-3 * largest


def test_samples_may_be_stacked_inputs() -> None:
    """Along the batch axis of the model, or along a new one."""
    ((_, samples),) = np.load(MODELS / "digits_mlp_calibration.npz").items()
    graphs = [
        zkinfer.estimate(MODELS / "digits_mlp.onnx", calibration=stacked).graph
        for stacked in (samples, samples[:, None])
    ]
    assert graphs[0].to_json() == graphs[1].to_json()
