"""Tables: columns of any units are proved to the target, each within a domain of its own."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.properties.choices import Rejected, seeded
from tests.properties.draw_models import graph as drawn
from tests.reference.test_quantize import Net, Reference, compile_net
from zkinfer.errors import UsageError, ZkinferError
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.graph import Graph, Integer, TensorType
from zkinfer.onnx_import import load
from zkinfer.quantize import Quantized, floats
from zkinfer.quantize.columns import Sizes, sizes
from zkinfer.quantize.fold import fold
from zkinfer.quantize.prepare import prepare

Array = npt.NDArray[np.float64]

COLUMNS = ("age", "income", "ratio", "flag", "population", "longitude", "small", "constant")


def table(rng: np.random.Generator, count: int) -> Array:
    columns = (
        rng.integers(18, 90, count),
        rng.lognormal(10.5, 0.8, count).clip(0, 1e6),
        rng.random(count),
        rng.integers(0, 2, count),
        rng.lognormal(14, 2, count).clip(0, 1e9),
        rng.uniform(-180, 180, count),
        rng.normal(0, 1e-3, count),
        np.full(count, 7.0),
    )
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def weight(net: Net, array: Any) -> str:
    name = f"w{len(net.constants)}"
    net.constants[name] = np.asarray(array, np.float64)
    return name


def network(kind: str, data: Array, rng: np.random.Generator) -> Graph:
    """A linear model, an MLP, or a scaler and an MLP, that listen to every column."""
    net = Net(1, data.shape[1])
    mean, spread = data.mean(axis=0), data.std(axis=0)
    spread[spread == 0] = 1
    width = 1 if kind == "linear" else 16
    w = rng.normal(size=(data.shape[1], width))
    if kind == "scaler":
        centered = net.add("sub", "x", weight(net, mean))
        x = net.add("mul", centered, weight(net, 1 / spread))
        x = net.add("matmul", x, weight(net, w))
    else:
        w = w / spread[:, None]
        x = net.add("matmul", "x", weight(net, w), weight(net, -mean @ w))
    if kind != "linear":
        x = net.add("matmul", net.add("relu", x), weight(net, rng.normal(size=(width, 3))))
    return net.graph(x)


def unseen_error(quantized: Quantized, graph: Graph, calibration: Array, unseen: Array) -> float:
    """The largest error over the largest calibrated output."""
    (output,) = graph.outputs
    largest = np.abs(floats.values(graph, {"x": calibration[:, None]})[output]).max()
    error = 0.0
    for x in unseen[:, None]:
        made = evaluate(
            quantized.graph, quantized.weights, quantize_input(quantized.graph, {"x": x})
        )
        wanted = Reference(graph).run({"x": x})[output]
        got = quantized.graph.encoding(output).numbers(made[output])
        error = max(error, float(np.abs(got - wanted).max()))
    return error / largest


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["linear", "mlp", "scaler"])
def test_tables_meet_the_target(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = table(rng, 400)
    graph = network(kind, data, rng)
    quantized = compile_net(graph, calibration={"x": data[:200]})
    assert unseen_error(quantized, graph, data[:200], data[200:]) <= 1.5e-3
    for place, value in enumerate((900_000, 1e8, -0.1, 100, 1e13, 10_000, 1, 1000)):
        wrong = data[:1].copy()
        wrong[0, place] = value
        with pytest.raises(UsageError, match=rf"\(0, {place}\) .* domain of this column"):
            quantize_input(quantized.graph, {"x": wrong})


def test_single_columns_are_one_table() -> None:
    """Inputs of one column each, which the model joins."""
    rng = np.random.default_rng(5)
    data = table(rng, 300)
    net = Net()
    net.samples = dict.fromkeys(COLUMNS, np.zeros((1, 1)))
    spread = np.maximum(np.abs(data).max(axis=0), 1e-9)
    joined = net.add("concat", *COLUMNS, axis=1)
    w = rng.normal(size=(len(COLUMNS), 4)) / spread[:, None]
    graph = net.graph(net.add("relu", net.add("matmul", joined, weight(net, w))))
    columns = {name: data[:, place, None] for place, name in enumerate(COLUMNS)}
    quantized = compile_net(graph, calibration=columns)
    assert set(quantized.graph.columns) == set(COLUMNS)
    assert quantized.fidelity.fitted.error <= 1e-3


def test_channels_of_an_image() -> None:
    rng = np.random.default_rng(2)
    net = Net(1, 3, 6, 6)
    units = np.array([1.0, 255.0, 1e5]).reshape(1, 3, 1, 1)
    w = weight(net, rng.normal(size=(4, 3, 3, 3)) / units)
    attrs = {"strides": (1, 1), "dilations": (1, 1), "pads": (1, 1, 1, 1), "groups": 1}
    graph = net.graph(net.add("relu", net.add("conv", "x", w, **attrs)))
    quantized = compile_net(graph, calibration={"x": rng.uniform(0, 1, (50, 3, 6, 6)) * units})
    assert quantized.graph.columns["x"].axis == 1
    assert quantized.fidelity.fitted.error <= 1e-3


def chosen(data: Array, shape: tuple[int, ...], kind: Any = None) -> dict[str, Sizes]:
    tensors = {"x": TensorType(shape, kind) if kind else TensorType(shape)}
    return sizes(Graph(("x",), ("y",), (), {}, tensors, {"x": True}), {"x": data})


def test_alike_columns_share_a_scale() -> None:
    rng = np.random.default_rng(0)
    assert not chosen(rng.normal(size=(100, 1, 5)), (1, 5))
    pixels = rng.random((100, 1, 64)) * (rng.random((100, 1, 64)) < 0.5)
    pixels[..., :9] = 0
    pixels[:3, :, 9] = 1 / 255
    assert not chosen(pixels, (1, 64))


def test_integers_of_several_columns_share_a_scale() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(1, [100, 10**6], (100, 1, 2)).astype(np.float64)
    assert chosen(data, (1, 2))
    assert not chosen(data, (1, 2), Integer(-(2**31), 2**31 - 1))


@pytest.mark.parametrize("number", range(60))
def test_folding_changes_no_output(number: int) -> None:
    """Inputs over any powers of two, of a drawn model: the same outputs, to the last bit or two."""
    try:
        case = drawn(seeded(3, number))
        graph = prepare(load(case.model.SerializeToString(), case.shapes), "public", hidden=True)
    except (Rejected, ZkinferError):
        pytest.skip("the model is refused")
    rng = np.random.default_rng(number)
    exponents = {}
    for name in graph.inputs:
        shape = graph.shape(name)
        axis = int(rng.integers(len(shape))) if shape else -1
        extents = [n if place == axis else 1 for place, n in enumerate(shape)]
        if name not in graph.outputs:
            exponents[name] = rng.integers(-9, 10, extents)
    folded = fold(graph, exponents)
    samples = {name: np.asarray(x, np.float64)[None] for name, x in case.samples[0].items()}
    divided = {
        name: np.ldexp(x, -exponents[name]) if name in exponents else x
        for name, x in samples.items()
    }
    wanted, made = floats.values(graph, samples), floats.values(folded, divided)
    for name in graph.outputs:
        largest = max((np.abs(x).max() for x in wanted.values()), default=0.0)
        assert np.abs(wanted[name] - made[name]).max() <= 1e-12 * largest


def test_linear_layers_take_the_powers_in() -> None:
    """No product is left that only brings columns back."""
    net = Net(1, 4)
    centered = net.add("sub", "x", weight(net, np.ones(4)))
    turned = net.add("reshape", net.add("neg", net.add("relu", centered)), shape=(4, 1))
    x = net.add("matmul", net.add("transpose", turned, perm=(1, 0)), weight(net, np.ones((4, 2))))
    graph = net.graph(x)
    folded = fold(graph, {"x": np.array([[3, -1, 0, 20]])})
    assert [node.op for node in folded.nodes] == [node.op for node in graph.nodes]


def test_what_takes_no_powers_reads_the_whole() -> None:
    net = Net(1, 4)
    clipped = net.add("clip", "x", low=-1.0, high=math.pi)
    folded = fold(net.graph(clipped), {"x": np.array([[3, -1, 0, 20]])})
    assert [node.op for node in folded.nodes] == ["mul", "clip"]
    assert replace(folded.nodes[1], inputs=("x",)) == net.nodes[0]
