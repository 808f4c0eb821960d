"""What every layer says of itself holds on the nodes of drawn models.

The tests' own float operators say what the values are.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pytest

from tests import float_oracle
from tests.properties import draw_models, draw_quantized
from tests.properties.choices import Rejected, seeded
from tests.properties.draw_quantized import LAST
from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.graph import Graph, Integer, Node
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries, Floats, Interval, Operand
from zkinfer.onnx_import import load
from zkinfer.quantize import floats

MODELS = 40
MODELS_OF_A_KIND = 2
QUANTIZED = 24
"""Among the nodes of so many models there are all operators."""


def drawn() -> Iterator[tuple[Graph, dict[str, Floats]]]:
    """Graphs with samples of their inputs."""
    kinds: list[str | None] = [None] * MODELS
    kinds += [kind for kind in draw_models.OPERATORS for _ in range(MODELS_OF_A_KIND)]
    for number, kind in enumerate(kinds):
        try:
            case = draw_models.graph(seeded(3, number), kind)
            graph = load(case.model, case.shapes)
        except (Rejected, UnsupportedModelError, UsageError):
            continue
        samples = {
            name: np.stack([np.asarray(sample[name], np.float64) for sample in case.samples[:2]])
            for name in graph.inputs
        }
        yield graph, samples
    for number in range(QUANTIZED):
        with suppress(Rejected):
            network = draw_quantized.network(seeded(3, number), number % len(LAST))
            x = np.stack([np.asarray(sample["x"], np.float64) for sample in network.samples[:2]])
            yield load(network.model), {"x": x}


def arrays_of(node: Node, values: Mapping[str, Floats], graph: Graph) -> list[Floats]:
    """The operands of a node for one sample."""
    return [values[name] if name in values else graph.constants[name] for name in node.inputs]


def check_entries(node: Node, operands: list[Floats], y: Floats) -> None:
    """An output's entries are to the operands' what the layer says, and within its bounds."""
    layer = LAYERS[node.op]
    ((low, high),) = layer.bounds(node.attrs)
    assert low <= y.min(), node
    assert y.max() <= high, node
    if layer.entries is Entries.CLAMPED:
        np.testing.assert_array_equal(y, np.clip(operands[0], low, high))
    elif layer.entries is Entries.NEGATED:
        np.testing.assert_array_equal(abs(y), abs(operands[0]))
    elif layer.entries in (Entries.LARGEST, Entries.MOVED):
        change = (
            np.arctan if layer.entries is Entries.LARGEST else np.sin
        )  # one rises, one does not
        value = {name: change(node.attrs[name]) for name in ("value",) if name in node.attrs}
        inputs = [(change(x)[None], True) for x in operands]
        (again,) = layer.value({**node.attrs, **value}, inputs)
        np.testing.assert_array_equal(again[0], change(y))
    if layer.entries is Entries.MOVED:
        known = np.concatenate([x.ravel() for x in operands])
        assert np.isin(y, [*known, node.attrs.get("value", known[0])]).all(), node


def check_interval(
    node: Node, operands: list[Floats], graph: Graph, rng: np.random.Generator
) -> None:
    """Operands within intervals around these give outputs within the layer's; whole ones of a
    quotient of whole numbers, of which no divisor is zero.
    """
    layer = LAYERS[node.op]
    places = layer.within(node.attrs, [x.shape for x in operands])
    moves = [
        name not in graph.constants and place not in places
        for place, name in enumerate(node.inputs)
    ]
    radii = [
        rng.random(x.shape) * moved * abs(x).max() * 2
        for moved, x in zip(moves, operands, strict=True)
    ]
    whole = node.op == "integer_divide"
    if whole:
        radii = [np.rint(r / 2) * 2 for r in radii]
    around = [Interval(x - r, x + r) for x, r in zip(operands, radii, strict=True)]
    with np.errstate(all="ignore"):
        (interval,) = layer.interval(node.attrs, around)
    ends = np.nan_to_num([abs(interval.low).max(), abs(interval.high).max()], posinf=0)
    slack = 1e-9 * (ends.sum() + 1)
    for _ in range(4):
        chosen = [
            x + r * rng.choice([-1.0, 0.0, 0.5, 1.0], x.shape)
            for x, r in zip(operands, radii, strict=True)
        ]
        with np.errstate(all="ignore"):
            (y,) = layer.value(node.attrs, inputs_of(node, chosen, graph))
        defined = np.isfinite(y[0]) if whole else ~np.isnan(y[0])
        assert (interval.low - slack <= y[0])[defined].all(), node
        assert (y[0] <= interval.high + slack)[defined].all(), node


def inputs_of(node: Node, operands: list[Floats], graph: Graph) -> list[Operand]:
    """The operands of one sample, constants without the axis of samples."""
    return [
        (x, False) if name in graph.constants else (x[None], True)
        for name, x in zip(node.inputs, operands, strict=True)
    ]


def check_rewrites(node: Node, operands: list[Floats], y: Floats) -> None:
    """The head's order is that of the scores; numbers of attributes can be read as weights."""
    layer = LAYERS[node.op]
    if layer.head is not None:
        axis, scores = layer.head.axis(node.attrs), operands[0]
        if layer.entries is Entries.PLACE:
            check_places(scores, y.astype(int), axis)
        else:
            order = np.argsort(scores, axis=axis, kind="stable")
            assert (np.diff(np.take_along_axis(y, order, axis), axis=axis or 0) >= 0).all(), node
    if layer.weighted is not None:
        new = layer.weighted(node.attrs)
        inputs = [(x[None], True) for x in operands]
        weights = [(array, False) for array in new.constants.values()]
        (again,) = LAYERS[new.op].value(new.attrs, [*inputs, *weights])
        np.testing.assert_array_equal(again[0], y)


def check_places(scores: Floats, places: npt.NDArray[np.int64], axis: int | None) -> None:
    """Each place is the first of the largest scores along the axis."""
    assert axis is not None
    rows = np.moveaxis(scores, axis, -1).reshape(places.size, -1)
    for row, place in zip(rows, places.ravel(), strict=True):
        assert (row[:place] < row[place]).all()
        assert (row[place:] <= row[place]).all()


def check_kinds(node: Node, graph: Graph) -> None:
    """Entries that are moved keep their kind if all have one, and places are integers; of what is
    computed only quantized numbers, whole ones beside quotients, and sums of products of both, are.
    """
    sources = ("quantize_linear", "table", "integer_divide")
    narrow = any(other.op.endswith(sources) for other in graph.nodes)
    entries = LAYERS[node.op].entries
    kinds = {graph.tensors[name].kind for name in node.inputs}
    integers = len(kinds) == 1 and isinstance(*kinds, Integer)
    kept = entries is Entries.MOVED and integers
    some = entries is Entries.LARGEST and integers
    for name in node.outputs:
        whole = isinstance(graph.tensors[name].kind, Integer)
        assert whole >= (kept or entries is Entries.PLACE)
        assert whole <= (kept or some or narrow or entries is Entries.PLACE)


def test_layers_are_what_they_say() -> None:
    seen, rng = set(), np.random.default_rng(0)
    for graph, samples in drawn():
        for node in graph.nodes:
            check_kinds(node, graph)
        together = floats.values(graph, samples)
        ends = {name: (float(x.min()), float(x.max())) for name, x in samples.items()}
        intervals = floats.intervals(graph, ends)
        for index in range(len(next(iter(samples.values())))):
            sample = {name: array[index] for name, array in samples.items()}
            with np.errstate(all="ignore"):
                expected = float_oracle.evaluate(graph, sample)
            if not all(np.isfinite(x).all() for x in expected.values()):
                continue  # compiling refuses it
            for node in graph.nodes:
                layer, (name,) = LAYERS[node.op], node.outputs
                operands, y = arrays_of(node, expected, graph), expected[name]
                (shape,) = layer.shape(node.attrs, [x.shape for x in operands])
                assert shape == y.shape == graph.shape(name), node
                scale = abs(y).max() + 1
                np.testing.assert_allclose(together[name][index], y, atol=1e-9 * scale)
                low, high = intervals[name]
                slack = 1e-9 * (abs(low) + abs(high) + 1)
                if np.isfinite(high - low):  # what has no bounds is refused
                    assert low - slack <= y.min(), node
                    assert y.max() <= high + slack, node
                check_interval(node, operands, graph, rng)
                check_entries(node, operands, y)
                check_rewrites(node, operands, y)
                assert layer.products([x.shape for x in operands]) >= 1, node
                assert all(name in graph.constants for name in constant_inputs(node)), node
                seen.add(node.op)
    assert seen == set(LAYERS)


def constant_inputs(node: Node) -> list[str]:
    """The operands that the layer says are constants."""
    return [node.inputs[at] for at in LAYERS[node.op].constants if at < len(node.inputs)]


@pytest.mark.parametrize("seed", range(20))
def test_intervals_of_slopes_of_either_sign(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, slopes = rng.normal(size=(3, 5)), rng.normal(size=5)
    graph = Graph(("x",), ("y",), (), {"s": slopes}, {}, {})
    leaky = Node("n", "leaky_relu", ("x",), ("y",), {"alpha": float(slopes[0])})
    check_interval(leaky, [x], graph, rng)
    check_interval(Node("n", "prelu", ("x", "s"), ("y",), {}), [x, slopes], graph, rng)
