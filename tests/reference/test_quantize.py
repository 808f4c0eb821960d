"""Quantization: what it promises about fidelity, domains and bounds, checked from outside."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from float_oracle import evaluate as float_evaluate

from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.fixed import FixedGraph, evaluate, quantize_input
from zkinfer.graph import Graph, Node, TensorType
from zkinfer.layers import LAYERS
from zkinfer.quantize import Quantized, floats, quantize
from zkinfer.quantize.network import Built
from zkinfer.quantize.run import run
from zkinfer.report import build, render_html

MODELS = Path(__file__).resolve().parents[2] / "models"
Array = np.ndarray[Any, Any]


class Reference:
    """The float network by the tests' own operators."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        values = float_evaluate(self.graph, inputs)
        return {name: values[name] for name in self.graph.outputs}

    def run_all(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return float_evaluate(self.graph, inputs)


class Net:
    """Writes a float graph; `add` returns the name of the node's output."""

    def __init__(self, *shape: int, batch: bool = True) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.samples: dict[str, Array] = {"x": np.zeros(shape)}
        self.batch = batch
        self.rng = np.random.default_rng(7)

    def constant(self, *shape: int, scale: float = 1.0) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = self.rng.normal(size=shape) * scale
        return name

    def add(self, op: str, *inputs: str, **attrs: Any) -> str:
        name = f"{op}{len(self.nodes)}"
        self.nodes.append(Node(f"n_{name}", op, inputs, (name,), attrs))
        return name

    def graph(self, *outputs: str) -> Graph:
        shapes = {name: array.shape for name, array in {**self.samples, **self.constants}.items()}
        for node in self.nodes:
            made = LAYERS[node.op].shape(node.attrs, [shapes[name] for name in node.inputs])
            shapes.update(zip(node.outputs, made, strict=True))
        types = {name: TensorType(shape) for name, shape in shapes.items()}
        inputs, batch = tuple(self.samples), dict.fromkeys(self.samples, self.batch)
        return Graph(inputs, outputs, tuple(self.nodes), self.constants, types, batch)


def window(kernel: int, stride: int = 1, pad: int = 0) -> dict[str, tuple[int, ...]]:
    return {
        "kernel": (kernel,) * 2,
        "strides": (stride,) * 2,
        "pads": (pad,) * 4,
        "dilations": (1, 1),
    }


def every_operator() -> Graph:
    """One network with every float operator but softmax."""
    net = Net(1, 2, 8, 8)
    conv = {"strides": (1, 1), "pads": (1,) * 4, "dilations": (1, 1)}
    x = net.add("conv", "x", net.constant(4, 2, 3, 3, scale=0.3), net.constant(4), groups=1, **conv)
    skip = net.add("leaky_relu", x, alpha=0.1)
    x = net.add("conv", skip, net.constant(4, 2, 3, 3, scale=0.3), groups=2, **conv)
    x = net.add("relu", net.add("add", x, skip))
    pooled = net.add(
        "average_pool", x, count_include_pad=False, extra_pads=(1, 1), **window(3, 2, 1)
    )
    x = net.add("prelu", pooled, net.constant(4, 1, 1))
    x = net.add("clip", net.add("max_pool", x, **window(2)), low=-0.5, high=6.0)
    x = net.add("slice", x, starts=(0,), stops=(2,), axes=(1,), steps=(1,))
    x = net.add("pad", x, pads=(0, 0, 0, 0, 0, 0, 1, 1), value=0.25)
    other = net.add("slice", pooled, starts=(2,), stops=(4,), axes=(1,), steps=(1,))
    x = net.add("concat", x, other, axis=1)
    mean = net.add("reduce_mean", x, axes=(2, 3), keepdims=True)
    total = net.add("reduce_sum", x, axes=(2,), keepdims=True)
    x = net.add("neg", net.add("sub", mean, total))
    x = net.add("transpose", x, perm=(0, 3, 2, 1))
    x = net.add("matmul", net.add("reshape", x, shape=(1, 5, 4)), net.constant(4, 3))
    x = net.add("mul", x, net.constant(3))
    x = net.add("matmul", x, net.add("transpose", x, perm=(0, 2, 1)))
    return net.graph(net.add("add", x, net.constant(5, 5)))


def compile_net(graph: Graph, **changes: Any) -> Quantized:
    options: dict[str, Any] = {
        "calibration": None,
        "input_range": None,
        "max_error": 1e-3,
        "input_mode": "hidden",
        "output_mode": "public",
        "weights_mode": "hidden",
        "oracle": Reference(graph),
        **changes,
    }
    return quantize(graph, **options)


def normal(*shape: int) -> Array:
    return np.random.default_rng(3).normal(size=shape)


def outputs_of(quantized: Quantized, x: Array) -> Array:
    """The only output for one sample, by the integer oracle."""
    graph = quantized.graph
    values = evaluate(graph, quantized.weights, quantize_input(graph, {"x": x}))
    (name,) = graph.outputs
    return values[name] * 2.0 ** -graph.tensors[name].scale


@pytest.fixture(scope="module")
def everything() -> tuple[Graph, Quantized, Array]:
    graph, samples = every_operator(), normal(60, 2, 8, 8)
    return graph, compile_net(graph, calibration={"x": samples}), samples


@pytest.mark.parametrize("max_error", [1e-2, 1e-3, 1e-4])
def test_every_operator_meets_the_target(max_error: float) -> None:
    graph = every_operator()
    quantized = compile_net(graph, calibration={"x": normal(60, 2, 8, 8)}, max_error=max_error)
    assert quantized.fidelity.fitted.error <= max_error
    assert all(layer.saturated == 0 for layer in quantized.fidelity.fitted.layers)


def test_smaller_errors_take_wider_numbers() -> None:
    graph, data = every_operator(), {"x": normal(60, 2, 8, 8)}
    rough, fine = (compile_net(graph, calibration=data, max_error=e) for e in (1e-2, 1e-4))
    assert rough.fidelity.activation_bits < fine.fidelity.activation_bits


def test_many_samples_at_once_are_the_same(everything: tuple[Graph, Quantized, Array]) -> None:
    _, quantized, samples = everything
    graph = quantized.graph
    names = {name: name for name in graph.tensors}
    built = Built(graph, quantized.weights, names, frozenset(), frozenset())
    together = run(built, {"x": samples[:, None]}).arrays
    for index, x in enumerate(samples[:5, None]):
        alone = evaluate(graph, quantized.weights, quantize_input(graph, {"x": x}))
        for node in graph.nodes:
            for name in node.outputs:
                assert np.array_equal(together[name][index], alone[name]), node


def test_float_values_are_those_of_the_reference(
    everything: tuple[Graph, Quantized, Array],
) -> None:
    graph, _, samples = everything
    together = floats.values(graph, {"x": samples[:, None]})
    for index, x in enumerate(samples[:3, None]):
        for name, value in float_evaluate(graph, {"x": x}).items():
            if name in together:
                np.testing.assert_allclose(together[name][index], value, atol=1e-10)


def test_intervals_hold() -> None:
    graph = every_operator()
    bounds = floats.intervals(graph, {"x": (-1.0, 2.0)})
    rng = np.random.default_rng(5)
    for _ in range(20):
        x = rng.choice([-1.0, 0.3, 2.0], size=(1, 2, 8, 8))
        for name, value in float_evaluate(graph, {"x": x}).items():
            if name in bounds:
                low, high = bounds[name]
                assert low - 1e-9 <= value.min()
                assert value.max() <= high + 1e-9


def test_declared_bounds_hold_on_the_whole_domain(
    everything: tuple[Graph, Quantized, Array],
) -> None:
    """At the corners of the domain activations saturate, and nothing leaves its bounds."""
    _, quantized, _ = everything
    graph = quantized.graph
    domain = graph.tensors["x"]
    rng = np.random.default_rng(11)
    for _ in range(20):
        x = rng.choice([domain.low, domain.high], size=domain.shape)
        for name, value in evaluate(graph, quantized.weights, {"x": x}).items():
            tensor = graph.tensors[name]
            assert tensor.low <= value.min(), name
            assert value.max() <= tensor.high, name


def test_weights_are_in_power_of_two_ranges(everything: tuple[Graph, Quantized, Array]) -> None:
    _, quantized, _ = everything
    for name, value in quantized.weights.items():
        tensor = quantized.graph.tensors[name]
        assert tensor.high + 1 == -tensor.low
        assert (tensor.high + 1) & tensor.high == 0
        assert tensor.low <= value.min()
        assert value.max() <= tensor.high


def test_deterministic(everything: tuple[Graph, Quantized, Array]) -> None:
    graph, quantized, samples = everything
    again = compile_net(graph, calibration={"x": samples})
    assert again.graph.to_json() == quantized.graph.to_json()
    assert all(np.array_equal(again.weights[n], w) for n, w in quantized.weights.items())


def test_the_graph_survives_json(everything: tuple[Graph, Quantized, Array]) -> None:
    _, quantized, _ = everything
    data = quantized.graph.to_json()
    assert FixedGraph.from_json(data).to_json() == data


def dense(*, batch: bool = True) -> Graph:
    net = Net(1, 4, batch=batch)
    return net.graph(net.add("relu", net.add("matmul", "x", net.constant(4, 3), net.constant(3))))


@pytest.mark.parametrize(
    ("samples", "ends"),
    [
        (np.random.default_rng(0).uniform(0, 0.9, (50, 4)), (0.0, 2.0)),
        (np.linspace(-1, 1, 200).reshape(50, 4), (-2.0, 2.0)),
        (np.linspace(0, 255, 200).reshape(50, 4).round(), (0.0, 512.0)),
        (np.linspace(-0.1, 3, 200).reshape(50, 4), (-8.0, 8.0)),
    ],
)
def test_domain_has_room_for_twice_the_data(samples: Array, ends: tuple[float, float]) -> None:
    quantized = compile_net(dense(), calibration={"x": samples})
    domain = quantized.graph.tensors["x"]
    assert (domain.low / 2**domain.scale, (domain.high + 1) / 2**domain.scale) == ends
    for x in samples[:, None]:
        quantize_input(quantized.graph, {"x": x})


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 255.0), (-0.3, 7.7)])
def test_domain_is_the_input_range(ends: tuple[float, float]) -> None:
    quantized = compile_net(dense(), input_range=ends)
    domain = quantized.graph.tensors["x"]
    expected = tuple(int(np.rint(end * 2.0**domain.scale)) for end in ends)
    assert (domain.low, domain.high) == expected
    assert quantized.fidelity.synthetic
    assert quantized.fidelity.fitted.error <= 1e-3


def test_raw_features_of_different_magnitudes() -> None:
    """Standardization inside the model, of features from 1e-3 to 1e3."""
    net = Net(1, 6)
    spread = 10.0 ** np.arange(-3, 3)
    net.constants.update(mean=5 * spread, reciprocal=1 / spread)
    x = net.add("mul", net.add("sub", "x", "mean"), "reciprocal")
    graph = net.graph(net.add("matmul", x, net.constant(6, 3)))
    samples = np.abs(5 * spread + spread * normal(100, 6))
    assert compile_net(graph, calibration={"x": samples}).fidelity.fitted.error <= 1e-3


def test_unseen_outputs_do_not_saturate() -> None:
    """Calibration shows differences up to 0.5; nearly twice that is still exact."""
    net = Net(1, 2)
    net.constants["w"] = np.array([[1.0], [-1.0]])
    graph = net.graph(net.add("matmul", "x", "w"))
    rng = np.random.default_rng(2)
    near = rng.uniform(10, 15, (50, 1)) + rng.uniform(0, 0.5, (50, 2))
    quantized = compile_net(graph, calibration={"x": near})
    assert outputs_of(quantized, np.array([[11.0, 10.1]])) == pytest.approx(0.9, abs=2e-3)


def test_activations_saturate() -> None:
    """An input far from the calibration data clamps an activation; the bounds stay finite."""
    net = Net(1, 2)
    net.constants.update(w=np.array([[1.0], [-1.0]]), v=np.array([[2.0]]))
    x = net.add("relu", net.add("matmul", "x", "w"))
    graph = net.graph(net.add("matmul", x, "v"))
    rng = np.random.default_rng(2)
    near = rng.uniform(10, 15, (50, 1)) + rng.uniform(0, 0.5, (50, 2))
    quantized = compile_net(graph, calibration={"x": near})
    assert 1.0 <= outputs_of(quantized, np.array([[15.0, 0.0]])) <= 2.0


def test_relu_and_clip_are_fused() -> None:
    quantized = compile_net(dense(), calibration={"x": normal(50, 4)})
    assert [node.op for node in quantized.graph.nodes] == ["matmul", "requantize"]
    assert quantized.graph.tensors["relu1"].low == 0


def test_samples_without_batch_axis() -> None:
    quantized = compile_net(dense(batch=False), calibration={"x": normal(50, 1, 4)})
    assert quantized.fidelity.held_out is not None
    assert quantized.fidelity.fitted.samples + quantized.fidelity.held_out.samples == 50
    with pytest.raises(UsageError, match="expected"):
        compile_net(dense(batch=False), calibration={"x": normal(50, 4)})


def test_label() -> None:
    """The arg-max of the scores; a last softmax is dropped; scores get a name of their own."""
    net = Net(1, 4)
    scores = net.add("matmul", "x", net.constant(4, 5))
    plain, soft = net.graph(scores), net.graph(net.add("softmax", scores, axis=1))
    samples = normal(80, 4)
    for graph in (plain, soft):
        quantized = compile_net(graph, calibration={"x": samples}, output_mode="label")
        assert quantized.graph.outputs == graph.outputs
        assert quantized.graph.nodes[-1].op == "label"
        for x in samples[:20, None]:
            wanted = float_evaluate(plain, {"x": x})[scores].argmax()
            assert outputs_of(quantized, x) == wanted


def refused(graph: Graph, error: type[Exception] = UsageError, **changes: Any) -> str:
    with pytest.raises(error) as caught:
        compile_net(graph, **{"input_range": (-1.0, 1.0), **changes})
    return str(caught.value)


def test_label_needs_one_vector() -> None:
    net = Net(2, 4)
    scores = net.add("matmul", "x", net.constant(4, 5))
    assert "(2, 5)" in refused(net.graph(scores), output_mode="label")
    net = Net(1, 4)
    scores = net.add("matmul", "x", net.constant(4, 5))
    assert "one output" in refused(net.graph(scores, net.add("relu", scores)), output_mode="label")


def test_wrong_use_is_refused() -> None:
    graph = dense()
    for mode in ("input_mode", "output_mode", "weights_mode"):
        assert "secret" in refused(graph, **{mode: "secret"})
    for max_error in (0.0, -1.0, 1.0, float("nan")):
        assert "max_error" in refused(graph, max_error=max_error)
    message = refused(graph, input_range=None)
    assert "--calibration" in message
    assert "--input-range" in message
    assert "range" in refused(graph, input_range=(1.0, 1.0))
    assert "range" in refused(graph, input_range=(0.0, float("inf")))
    data = {"x": np.full((5, 4), 2.0)}
    assert "2" in refused(graph, calibration=data)
    for bad in (np.zeros((5, 3)), np.zeros((0, 4)), np.zeros(4), np.full((5, 4), np.nan)):
        assert refused(graph, calibration={"x": bad}, input_range=None)
    assert "y" in refused(graph, calibration={"y": np.zeros((5, 4))}, input_range=None)


def test_constants_must_be_finite() -> None:
    net = Net(1, 4)
    graph = net.graph(net.add("matmul", "x", net.constant(4, 3)))
    net.constants["c0"][1, 2] = np.nan
    assert "c0" in refused(graph, UnsupportedModelError, oracle=Reference(dense()))


def test_a_target_out_of_reach_names_the_best() -> None:
    message = refused(dense(), max_error=1e-14)
    assert "1e-14" in message
    assert re.search(r"best is \d", message)


def test_numbers_beyond_62_bits_are_refused() -> None:
    """The square of a matrix whose entries need 32 bits."""
    net = Net(4, 4)
    message = refused(net.graph(net.add("matmul", "x", "x")), UnsupportedModelError, max_error=1e-9)
    assert "62" in message
    assert "n_matmul0" in message


def test_operands_of_products_are_rounded_where_they_are_too_wide() -> None:
    net = Net(1, 4)
    product = net.add("mul", *(net.add("matmul", "x", net.constant(4, 4)) for _ in range(2)))
    graph = net.graph(product)
    compile_net(graph, input_range=(-1.0, 1.0), max_error=1e-7)
    assert "best is" in refused(graph, max_error=1e-13)


def test_report(everything: tuple[Graph, Quantized, Array]) -> None:
    """JSON without NaN, and a page that loads nothing and runs nothing."""
    _, quantized, _ = everything
    report = build(quantized, {"constraints": 1234})
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    page = render_html(report)
    assert "<svg" in page
    assert "1,234" in page
    for word in ("<script", "http:", "https:", "url(", "@import", "<link", "src="):
        assert word not in page
    assert {layer["node"] for layer in report["layers"]} <= {n.name for n in every_operator().nodes}


def test_report_escapes_names() -> None:
    net = Net(1, 4)
    product = Node("<b>&\"'", "matmul", ("x", net.constant(4, 3)), ("<script>x</script>",), {})
    net.nodes.append(product)
    quantized = compile_net(net.graph(*product.outputs), input_range=(-1.0, 1.0))
    page = render_html(build(quantized, {"<i>": 1}))
    for word in ("<script", "<b>&", "<i>"):
        assert word not in page
    assert "&lt;script&gt;" in page
