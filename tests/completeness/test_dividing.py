"""Divisors near zero, and how sharp normalizations are on inputs that compiling has not seen."""

from typing import Any

import numpy as np
import onnx
import pytest

import zkinfer
from tests.onnx_models import model, node, run
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.ops import OPS

RNG = np.random.default_rng(11)
QUOTIENT = model(
    [node("Add", "z z", "d"), node("Div", "x d")],
    {"x": (1, 4), "z": (1, 4)},
)


def compiled(made: onnx.ModelProto, **options: Any) -> zkinfer.Compiled:
    return zkinfer.compile(made.SerializeToString(), **options)


def samples(low: float, high: float) -> dict[str, np.ndarray]:
    x, z = RNG.normal(size=(40, 4)), RNG.uniform(low, high, (40, 4))
    return {"x": x.astype(np.float32), "z": z.astype(np.float32)}


@pytest.mark.parametrize(("low", "high"), [(1, 3), (-3, -1)])
def test_a_divisor_below_its_range_saturates(low: float, high: float) -> None:
    keys = compiled(QUOTIENT, calibration=samples(low, high))
    inside = {"x": np.ones((1, 4)), "z": np.full((1, 4), (low + high) / 2)}
    proof = zkinfer.prove(keys.proving_key, inside)
    y = zkinfer.verify(keys.verifying_key, proof).outputs["y"]
    np.testing.assert_allclose(y, 1 / (low + high), atol=1e-3)
    nearer = {**inside, "z": np.full((1, 4), np.sign(low) * 0.1)}
    with pytest.raises(
        zkinfer.UsageError, match=r"^4 values of the_div/divisor saturate \(up to 1\.8"
    ):
        zkinfer.prove(keys.proving_key, nearer)
    proof = zkinfer.prove(keys.proving_key, nearer, allow_saturation=True)
    assert zkinfer.verify(keys.verifying_key, proof)


def test_divisors_of_either_sign() -> None:
    data = samples(1, 3)
    data["z"] *= RNG.choice([-1, 1], data["z"].shape)
    keys = compiled(QUOTIENT, calibration=data)
    zero = {"x": np.ones((1, 4)), "z": np.zeros((1, 4))}
    for x in ({name: array[:1] for name, array in data.items()}, zero):
        proof = zkinfer.prove(keys.proving_key, x, allow_saturation=True)
        assert zkinfer.verify(keys.verifying_key, proof)


def test_zeros_in_the_data_are_named() -> None:
    data = samples(1, 3)
    data["z"][7, 2] = 0
    with pytest.raises(zkinfer.ZkinferError, match="NaN or infinity"):
        compiled(QUOTIENT, calibration=data)
    with pytest.raises(zkinfer.UnsupportedModelError, match=r"the_div.* have no bounds"):
        compiled(QUOTIENT, input_range=(-1.0, 1.0))


def test_a_layer_normalization_is_sharp() -> None:
    scale, bias = RNG.normal(1, 0.1, 48), RNG.normal(0, 0.1, 48)
    constants = {"s": scale.astype(np.float32), "b": bias.astype(np.float32)}
    made = model([node("LayerNormalization", "x s b")], {"x": (1, 8, 48)}, constants)
    keys = compiled(made, calibration=RNG.normal(size=(50, 8, 48)).astype(np.float32))
    graph, errors, largest = keys.proving_key.graph, [], 0.0
    for _ in range(200):
        x = {"x": RNG.normal(size=(1, 8, 48)).astype(np.float32)}
        expected = run(made, x)["y"]
        y = evaluate(graph, keys.proving_key.weights, quantize_input(graph, x))["y"]
        errors.append(np.abs(graph.encoding("y").numbers(y) - expected).max())
        largest = max(largest, np.abs(expected).max())
    assert max(errors) < 1e-3 * largest


def test_the_excess_below_a_positive_range() -> None:
    ends = {"low": 8, "high": 20, "low_saturates": True, "high_saturates": True}
    excess = OPS["requantize"].excess
    assert excess is not None
    times = excess({"shift": 1, **ends}, np.array([16, 14, 8, 0, -16, 48]))
    np.testing.assert_array_equal(times, [1, 1, 1.5, 2, 3, 24 / 21])


def test_the_shares_of_many_are_as_fine_as_their_sum_allows() -> None:
    """A softmax of thousands of like scores: each share is a small number."""
    data = RNG.normal(0, 0.1, (4, 4096)).astype(np.float32)
    made = model([node("Softmax", "x")], {"x": (1, 4096)})
    summary = compiled(made, calibration=data, max_error=1e-4).report.content["summary"]
    assert summary["fitted"]["error"] <= 1e-4
