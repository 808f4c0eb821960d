"""What compile promises of data that it has not seen: MLPs and CNNs, and fresh samples of a kind.

A model is compiled with 200 samples and run on 1,000 others of the same distribution. Samples whose
values saturate, or that leave the domain, are refused by provers unless they insist; of all others
no output may differ by more than 1.5 times the largest error that was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from tests.properties.choices import Choices, Finding
from tests.properties.drawing import Array, Drawing, finished
from zkinfer.errors import ZkinferError
from zkinfer.float_oracle import FloatOracle
from zkinfer.onnx_import import load
from zkinfer.quantize import Quantized, quantize
from zkinfer.quantize.network import Built
from zkinfer.quantize.run import run
from zkinfer.saturation import excesses

CALIBRATION, UNSEEN = 200, 1000
MAX_ERROR = 1e-3
BAR = 1.5
"""The largest unseen error, in targets."""

CHUNK = 50


@dataclass(frozen=True)
class Case:
    """A model and its data. samples: those of calibration, then the unseen, [samples, ...]."""

    model: onnx.ModelProto
    kind: str
    distribution: str
    samples: Array


def draw(c: Choices) -> Case:
    """An MLP or a CNN, and samples of a uniform, a normal or a Student-t distribution."""
    d = Drawing(c, 17)
    d.naming = "plain"
    kind = c.one(("mlp", "cnn"))
    shape = (
        (1, c.integer(2, 64)) if kind == "mlp" else (1, c.integer(1, 3), *[c.integer(8, 14)] * 2)
    )
    distribution = c.one(tuple(DISTRIBUTIONS))
    samples = DISTRIBUTIONS[distribution](d.numbers, (CALIBRATION + UNSEEN, *shape[1:]))
    samples = (samples * c.one((1.0, 0.05, 10.0, 255.0))).astype(np.float32)
    d.add_input("x", samples[:1], shape)
    if kind == "cnn":
        _convolutions(d)
    elif c.chance(30):
        _standardized(d, samples)
    _dense(d, c.integer(1, 3))
    output = helper.make_tensor_value_info(d.pool[-1].name, onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph(d.nodes, "unseen", d.inputs, [output], d.initializers)
    return Case(finished(graph, d.version), kind, distribution, samples)


DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "normal": lambda rng, shape: rng.normal(size=shape),
    "student": lambda rng, shape: rng.standard_t(4, size=shape),
}


def _convolutions(d: Drawing) -> None:
    """One to three convolutions with activations and pools; then all in one row."""
    for _ in range(d.choices.integer(1, 3)):
        channels = d.pool[-1].shape[1]
        filters, size = d.choices.integer(2, 8), d.choices.one((3, 1, 5))
        w = d.numbers.normal(size=(filters, channels, size, size)) / np.sqrt(channels * size**2)
        offset = d.numbers.normal(size=filters) * 0.1
        pads = [size // 2] * 4
        inputs = (d.pool[-1].name, *(_initializer(d, array) for array in (w, offset)))
        d.emit("Conv", *inputs, kernel_shape=[size, size], pads=pads)
        _activation(d)
        pool = d.choices.one(("MaxPool", "AveragePool", ""))
        if pool and min(d.pool[-1].shape[2:]) > 1:
            d.emit(pool, d.pool[-1].name, kernel_shape=[2, 2], strides=[2, 2])
    d.emit("Flatten", d.pool[-1].name)


def _standardized(d: Drawing, samples: Array) -> None:
    """Columns of any units, and a scaler that brings them to one size."""
    units = 10 ** d.numbers.uniform(-3, 9, samples.shape[1:])
    shift = d.numbers.normal(size=units.shape)
    samples[...] = (samples + shift) * units
    mean, spread = samples.mean(axis=0), samples.std(axis=0)
    d.emit("Sub", d.pool[-1].name, _initializer(d, mean))
    d.emit("Div", d.pool[-1].name, _initializer(d, spread))


def _dense(d: Drawing, depth: int) -> None:
    for layer in range(depth):
        width, fan_in = d.choices.integer(2, 64), d.pool[-1].shape[1]
        w = d.numbers.normal(size=(fan_in, width)) / np.sqrt(fan_in)
        offset = d.numbers.normal(size=width) * 0.1
        d.emit("Gemm", d.pool[-1].name, *(_initializer(d, array) for array in (w, offset)))
        if layer < depth - 1:
            _activation(d)


def _initializer(d: Drawing, array: Array) -> str:
    name = d.name("weight")
    array = array.astype(np.float32)
    d.initializers.append(onnx.numpy_helper.from_array(array, name))
    d.weights[name] = array
    return name


def _activation(d: Drawing) -> None:
    d.emit(d.choices.one(("Relu", "Relu", "LeakyRelu")), d.pool[-1].name)


def check(case: Case) -> str:
    """How far unseen samples are from onnxruntime's numbers. Raises Finding above the bar."""
    graph, oracle = load(case.model), FloatOracle(case.model)
    calibration, unseen = np.split(case.samples, [CALIBRATION])
    try:
        quantized = quantize(
            graph,
            calibration={"x": calibration},
            input_range=None,
            max_error=MAX_ERROR,
            input_mode="hidden",
            output_mode="public",
            weights_mode="hidden",
            oracle=oracle,
        )
    except ZkinferError as error:
        raise Finding("refused", str(error)) from error
    (name,) = graph.outputs
    wanted = [oracle.run({"x": x[None]})[name] for x in case.samples]
    magnitude = float(np.abs(wanted[:CALIBRATION]).max())
    inside = _inside(quantized, unseen)
    errors, saturating = _errors(quantized, unseen, np.stack(wanted[CALIBRATION:]))
    errors = errors / (magnitude * MAX_ERROR)
    proved = errors[inside & ~saturating].max(initial=0.0)
    text = (
        f"{case.kind}, {case.distribution}: unseen error {proved:.2f} targets; "
        f"{(~inside).sum()} outside of the domain; {(inside & saturating).sum()} saturate, "
        f"error {errors[inside & saturating].max(initial=0.0):.2f} targets; "
        f"calibrated {quantized.fidelity.fitted.error / MAX_ERROR:.2f}"
    )
    print(text, flush=True)
    if proved > BAR:
        raise Finding("unseen error", text)
    return "within 1 target" if proved <= 1 else f"within {BAR} targets"


def _inside(quantized: Quantized, samples: Array) -> Array:
    """Which samples lie in the domain."""
    domain = quantized.graph.encoding("x")
    integers = np.rint(np.ldexp(samples[:, None].astype(np.float64), domain.scale))
    outside = (integers < domain.low) | (integers > domain.high)
    return ~outside.reshape(len(samples), -1).any(axis=1)


def _errors(quantized: Quantized, samples: Array, wanted: Array) -> tuple[Array, Array]:
    """The largest output error of each sample, and whether values saturate."""
    graph = quantized.graph
    finer = graph.encoding("x").scale - graph.tensors["x"].scale
    built = Built(graph, quantized.weights, {n: n for n in graph.tensors}, frozenset(), frozenset())
    errors, saturating = [], []
    for start in range(0, len(samples), CHUNK):
        chunk = samples[start : start + CHUNK].astype(np.float64)
        made = run(built, {"x": np.ldexp(chunk[:, None], finer)})
        difference = made.value(graph.outputs[0]) - wanted[start : start + CHUNK]
        errors.append(np.abs(difference).reshape(len(chunk), -1).max(axis=1))
        beyond = [(times > 1).reshape(len(chunk), -1) for _, times in excesses(graph, made.arrays)]
        saturating.append(np.concatenate([np.zeros((len(chunk), 1), bool), *beyond], 1).any(1))
    return np.concatenate(errors), np.concatenate(saturating)
