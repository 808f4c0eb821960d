"""Where floats become integers: inputs that only a QuantizeLinear reads, whose integers are
onnxruntime's whatever they are; outputs that the model rounds; and what is quantized by itself.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

import zkinfer
from tests.conformance.tiny import make, node

Floats = npt.NDArray[np.float32]
SHAPE = (1, 2, 3, 4)
MOVES = {
    "alone": [],
    "flat": [node("Flatten", ["x"], ["moved"])],
    "transposed": [
        node("Transpose", ["x"], ["turned"], perm=[0, 2, 3, 1]),
        node("Slice", ["turned", "starts", "ends"], ["moved"]),
    ],
}


def model(scale: float, before: list[Any], *, shown: bool = False) -> onnx.ModelProto:
    """A linear layer on unsigned bytes. before: what makes `moved` of x, if anything does."""
    rng = np.random.default_rng(1)
    constants = {
        "s": np.array(scale, np.float32),
        "z": np.array(3, np.uint8),
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.int8),
        "w": rng.integers(-90, 90, (24, 5)).astype(np.int8),
        "t": np.array(50 * scale, np.float32),
        "u": np.array(100, np.uint8),
        "row": np.array([1, -1], np.int64),
        "starts": np.array([0, 0], np.int64),
        "ends": np.array([1, 9], np.int64),
    }
    nodes = [
        *before,
        node("QuantizeLinear", ["moved" if before else "x", "s", "z"], ["q"]),
        node("Reshape", ["q", "row"], ["r"]),
        node("QLinearMatMul", ["r", "s", "z", "w", "one", "zero", "t", "u"]),
    ]
    types = {"y": TensorProto.UINT8, "q": TensorProto.UINT8}
    outputs = ("y", "q") if shown else ("y",)
    return make(nodes, {"x": SHAPE}, constants=constants, types=types, outputs=outputs, opset=21)


def numbers(scale: float, seed: int) -> Floats:
    """In the middle between steps and next to it, on both sides of the ends, and far beyond."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([*np.arange(-9, 270) + 0.5, *rng.uniform(-9, 270, 99)], SHAPE)
    x = (np.float64(scale) * steps).astype(np.float32)
    x = np.nextafter(x, rng.choice([-1e38, 1e38], SHAPE).astype(np.float32))
    return np.where(rng.random(SHAPE) < 0.05, x * np.float32(1e6), x)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("scale", [0.0039, 0.25, 1e-5, 3e5])
def test_whatever_the_numbers_are(scale: float, move: str) -> None:
    made = model(scale, MOVES[move])
    session = onnxruntime.InferenceSession(made.SerializeToString())
    data = np.concatenate([numbers(scale, seed) for seed in range(8)])
    compiled = zkinfer.compile(made.SerializeToString(), calibration=data)
    key = compiled.proving_key
    assert set(key.graph.quantized) == {"x"}
    assert "rescale" not in {n.op for n in key.graph.nodes if "x" in n.inputs}
    for seed in range(100, 120):
        x = numbers(scale, seed)
        proof = zkinfer.prove(key, x)
        verified = zkinfer.verify(compiled.verifying_key, proof)
        assert np.array_equal(verified.outputs["y"], session.run(None, {"x": x})[0])


def test_public_numbers_are_those_of_the_steps() -> None:
    made = model(0.0039, [])
    data = np.concatenate([numbers(0.0039, seed) for seed in range(8)])
    compiled = zkinfer.compile(made.SerializeToString(), calibration=data, input="public")
    verified = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, data[:1]))
    steps = np.clip(np.rint(data[:1] / np.float32(0.0039)).astype(np.float64) + 3, 0, 255) - 3
    assert np.array_equal(verified.inputs["x"], steps * float(np.float32(0.0039)))


@pytest.mark.parametrize("x", [np.nan, np.inf])
def test_what_is_no_number_is_refused(x: float) -> None:
    data = np.concatenate([numbers(0.25, seed) for seed in range(8)])
    key = zkinfer.compile(model(0.25, []).SerializeToString(), calibration=data).proving_key
    with pytest.raises(zkinfer.UsageError, match="expected a number"):
        zkinfer.prove(key, np.full(SHAPE, x))


def test_what_others_read_too_keeps_a_scale() -> None:
    """The integers as an output, a pad of a constant, and the numbers in another place."""
    data = np.random.default_rng(1).integers(-5, 250, (8, *SHAPE[1:])) * np.float32(0.25)
    padded = make(
        [
            node("Pad", ["x", "pads", "value"], ["moved"]),
            node("QuantizeLinear", ["moved", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ],
        {"x": SHAPE},
        constants={
            "pads": np.array([0, 0, 1, 0, 0, 0, 0, 0], np.int64),
            "value": np.array(1.5, np.float32),
            "s": np.array(0.25, np.float32),
            "z": np.array(3, np.uint8),
        },
        opset=21,
    )
    twice = make(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["d"]),
            node("Add", ["d", "x"]),
        ],
        {"x": SHAPE},
        constants={"s": np.array(0.25, np.float32), "z": np.array(3, np.uint8)},
        opset=21,
    )
    for each in (model(0.25, [], shown=True), padded, twice):
        key = zkinfer.compile(
            each.SerializeToString(), calibration=data, max_error=0.01
        ).proving_key
        assert not key.graph.quantized


def rounded_sigmoid(steps: float) -> onnx.ModelProto:
    """A sigmoid, which no network computes as onnxruntime does, in so many steps."""
    constants = {"s": np.array(1 / steps, np.float32), "z": np.array(0, np.uint8)}
    nodes = [
        node("Sigmoid", ["x"], ["a"]),
        node("QuantizeLinear", ["a", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("Flatten", ["d"], ["y"]),
    ]
    return make(nodes, {"x": SHAPE}, constants=constants, opset=21)


def test_an_output_in_steps_may_be_off_by_one() -> None:
    """Numbers next to the middle between two steps, closer than any width tells apart."""
    rng = np.random.default_rng(1)
    middles = (rng.integers(20, 80, (40, *SHAPE[1:])) + 0.5) / 100
    data = np.log(middles / (1 - middles)).astype(np.float32)
    data = np.nextafter(data, rng.choice([-9.0, 9.0], data.shape).astype(np.float32))
    compiled = zkinfer.compile(rounded_sigmoid(100).SerializeToString(), calibration=data)
    summary = compiled.report.content["summary"]
    assert summary["max_error"] == pytest.approx(0.01 / 0.8, rel=0.02)
    assert 0 < summary["fitted"]["error"] <= summary["max_error"]
    assert "rounds its outputs to steps" in " ".join(summary["promise"])
    far = (rng.integers(20, 80, (40, *SHAPE[1:])) / 100 + 0.002).astype(np.float32)
    data = np.log(far / (1 - far)).astype(np.float32)
    compiled = zkinfer.compile(rounded_sigmoid(100).SerializeToString(), calibration=data)
    summary = compiled.report.content["summary"]
    assert summary["max_error"] == 1e-3
    assert summary["fitted"]["error"] < 1e-6


def test_zeros_alone_have_a_dynamic_scale() -> None:
    """onnxruntime's is 1, where ONNX divides by zero."""
    constants = {"w": np.random.default_rng(0).integers(-90, 90, (4, 3)).astype(np.int8)}
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("DynamicQuantizeLinear", ["r"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "w", "z"], ["a"]),
        node("Cast", ["a"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "s"]),
    ]
    made = make(nodes, {"x": (1, 4)}, constants=constants, opset=21).SerializeToString()
    data = np.random.default_rng(1).normal(0, 1, (40, 4)).astype(np.float32)
    data[3] = -np.abs(data[3])
    compiled = zkinfer.compile(made, calibration=data, max_error=0.01)
    session = onnxruntime.InferenceSession(made)
    expected = np.concatenate([session.run(None, {"x": x[None]})[0] for x in data])
    assert not expected[3].any()
    for place in (3, 5):
        proof = zkinfer.prove(compiled.proving_key, data[place : place + 1])
        outputs = zkinfer.verify(compiled.verifying_key, proof).outputs["y"]
        assert np.abs(outputs - expected[place]).max() <= 0.01 * np.abs(expected).max()
