"""Inputs and weights leave one output, whatever a prover puts into the bits and into the field.

For toy networks of every op that has constraints, `solutions` finds all that satisfies the circuit.
The pairs of hidden inputs and public outputs among it are those of the integer oracle, for all
weights and all inputs of the declared ranges: no output is missing, none is a second one, and no
input is out of range. All of the witness is unique too, but for the selectors between equal entries
of a max_pool or of distances, and the remainders of a rescale that bits write in two ways, which
are free. Bounds that a statement puts on public entries play no part; only an output of a single
possible number, which has no rows, is left to them (test_removed_blocks.py).

Products of matrices are held by challenges, random here and with the sketch as unknowns. A product
of one entry has none, so that its rows are exact; a wrong product of two entries passes for about
one challenge in l.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import Any

import numpy as np
import pytest
from networks import Net

from tests.soundness.solutions import Solution, solutions
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.gadgets import rescale
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MODULUS
from zkinfer.circuit.value import Integers
from zkinfer.fixed import FixedGraph, FixedNode, evaluate
from zkinfer.lower import lower, weight_arrays
from zkinfer.ops.rescale import ratio

Arrays = dict[str, Integers]
Graphs = Iterator[tuple[str, FixedGraph]]
Pair = tuple[tuple[int | None, ...], tuple[int | None, ...]]
"""The entries of all inputs, and those of all outputs; None for any number."""

POINT: dict[str, Any] = {"strides": (1,), "dilations": (1,), "pads": (0, 0)}


def rescaled() -> Graphs:
    """requantize alone: the two sides, and what else changes the rows."""
    for name, bounds, shift, low, high in (
        ("both sides", (-16, 15), 1, -2, 1),
        ("both sides, range of no power of two", (-16, 15), 1, -2, 2),
        ("both sides, far", (-32, 31), 1, -1, 0),
        ("over", (-4, 11), 1, -2, 1),
        ("over, range of no power of two", (-4, 11), 1, -2, 2),
        ("under", (-12, 3), 1, -2, 1),
        ("under, range of no power of two", (-12, 3), 1, -1, 1),
        ("neither", (-9, 8), 2, -8, 7),
        ("neither, range of no power of two", (-9, 9), 1, -8, 7),
        ("small excess", (-3, 6), 1, 0, 3),
        ("large shift", (-32, 31), 4, -1, 1),
        ("relu", (-8, 7), 2, 0, 7),
        ("relu without shift", (-8, 7), 0, 0, 7),
        ("clip", (-8, 7), 0, -3, 2),
        ("clip above", (-8, 7), 0, -8, 3),
        ("clip that never saturates", (-8, 7), 0, -8, 7),
    ):
        net = Net()
        x = net.input(1, low=bounds[0], high=bounds[1])
        yield f"requantize: {name}", net.graph(net.requantize(x, shift, low=low, high=high))
    net = Net()
    x = net.requantize(net.input(1), 1, low=-2, high=1)
    yield "requantize twice", net.graph(net.requantize(x, 1, low=0, high=1))
    net = Net()
    x = net.input(1)
    constant = net.requantize(x, 0, low=5, high=5)
    yield "requantize to a constant", net.graph(net.node("sub", x, constant, shift_a=0, shift_b=0))


def divided() -> Graphs:
    """rescale alone, by numbers that are no powers of two, one or one a column."""
    for name, bounds, by, low, high in (
        ("both sides", (-16, 15), [(2, 5, 1)], -2, 1),
        ("over", (-4, 11), [(3, 7, 3)], -2, 1),
        ("under, range of no power of two", (-12, 3), [(1, 3, 1)], -1, 1),
        ("neither", (-9, 8), [(3, 5, 2)], -8, 7),
        ("a remainder of one bit", (-4, 3), [(1, 2, 1)], -1, 0),
        ("no remainder", (-4, 3), [(3, 1, 1)], -4, 5),
        ("a view", (-4, 3), [(3, 1, 1)], -11, 10),
        ("skew, both sides", (-16, 15), [(2, 7, 1, 2)], -2, 1),
        ("skew, over, even span", (-4, 11), [(3, 7, 3, 1)], -2, 2),
        ("skew, over, even span from odd", (-4, 11), [(3, 7, 3, -1)], -1, 1),
        ("skew, under, from odd", (-12, 3), [(1, 4, 1, -1)], -1, 2),
        ("skew, neither", (-9, 8), [(3, 6, 2, 2)], -8, 7),
        ("skew of a power of two", (-9, 8), [(1, 4, 2, 1)], -2, 1),
        ("skew to a power of two", (-9, 8), [(1, 5, 2, -1)], -2, 2),
    ):
        net = Net()
        x = net.input(1, low=bounds[0], high=bounds[1])
        yield f"rescale: {name}", net.graph(net.rescale(x, by, 0, (low, high)))
    net = Net()
    x = net.input(2, low=-4, high=3)
    yield "rescale: by column", net.graph(net.rescale(x, [(2, 3, 1), (3, 4, 2)], 0, (-1, 1)))
    net = Net()
    by = [(2, 4, 1, 1), (3, 5, 2, -1)]
    x = net.input(2, low=-4, high=3)
    yield "rescale: skews by column", net.graph(net.rescale(x, by, 0, (-1, 1)))
    net = Net()
    x = net.node("mul", net.input(1, low=-2, high=1), net.weight(1, low=-1, high=1))
    yield "rescale: product", net.graph(net.rescale(x, [(2, 3, 1)], 0, (-1, 0)))


def linear() -> Graphs:
    """Sums and means, shown and rounded."""
    total: dict[str, Any] = {"keepdims": False, "axes": (0,)}
    net = Net()
    x = net.node("reduce_sum", net.input(3, low=-2, high=1), **total, multiplier=1, scale=0)
    yield "reduce_sum", net.graph(x)
    net = Net()
    x = net.node("reduce_sum", net.input(3, low=-2, high=1), **total, multiplier=5, scale=4)
    yield "mean", net.graph(net.requantize(x, 4, low=-1, high=1))
    net = Net()
    x = net.node(
        "average_pool", net.input(1, 1, 3, low=-2, high=1),
        kernel=(2,), strides=(1,), dilations=(1,), pads=(1, 0), multipliers=((4, 2, 4),), scale=2,
    )  # fmt: skip
    yield "average_pool", net.graph(net.requantize(x, 2, low=-1, high=1))


def products() -> Graphs:
    """mul, matmul and conv, each followed by requantize."""
    net = Net()
    x = net.node("mul", net.input(2, low=-2, high=1), net.weight(2, low=-1, high=1))
    yield "mul", net.graph(net.requantize(x, 1, low=-1, high=0))
    for mode in ("hidden", "public"):
        net = Net()
        x = net.table(1, 2, axis=1, lows=(0, -3), bits=2)
        total = net.node("reduce_sum", x, axes=(1,), keepdims=True, multiplier=1, scale=0)
        yield f"{mode} input by column", net.graph(total, inputs=mode)
    net = Net()
    x = net.input(1, low=-4, high=3)
    yield "mul of an input by itself", net.graph(net.node("mul", x, x))
    net = Net()
    x = net.input(1, low=-4, high=3)
    square = net.requantize(net.node("mul", x, x), 1, low=0, high=4)
    yield "mul of an input by itself, rounded", net.graph(square)
    net = Net()
    x, w = net.input(1, 2, low=-2, high=1), net.weight(2, 1, low=-1, high=1)
    bias = net.weight(1, low=-1, high=1)
    x = net.node("matmul", x, w, bias)
    yield "matmul", net.graph(net.requantize(x, 1, low=-1, high=1))
    net = Net()
    x = net.node("matmul", net.input(1, low=-2, high=1), net.weight(1, 2, low=-1, high=1))
    yield "matmul of two outputs", net.graph(net.requantize(x, 1, low=-1, high=0))
    net = Net()
    a, b = net.input(1, 2, low=0, high=1), net.input(2, 1, low=-2, high=1)
    x = net.node("matmul", a, b)
    yield "matmul of activations", net.graph(net.requantize(x, 1, low=-1, high=0))
    net = Net()
    x, w = net.input(1, 1, 3, low=-1, high=0), net.weight(1, 1, 2, low=-1, high=1)
    x = net.node("conv", x, w, net.weight(1, low=0, high=1), **POINT, groups=1)
    yield "conv", net.graph(net.requantize(x, 1, low=0, high=1))


def nonlinear() -> Graphs:
    """Signs, slopes and labels."""
    net = Net()
    x = net.node("leaky_relu", net.input(1), alpha=0, shift=0)
    yield "relu by a slope of zero", net.graph(x)
    net = Net()
    x = net.input(1, low=-5, high=2)
    yield "leaky_relu", net.graph(net.node("leaky_relu", x, alpha=1, shift=2))
    net = Net()
    x = net.node("leaky_relu", net.input(1), alpha=1, shift=2)
    yield "leaky_relu, rounded", net.graph(net.requantize(x, 2, low=-1, high=4))
    net = Net()
    x, slope = net.input(1, low=-4, high=3), net.weight(1, low=-2, high=5, scale=2)
    yield "prelu", net.graph(net.node("prelu", x, slope, shift=2))
    net = Net()
    x, slope = net.input(1, low=-4, high=3), net.weight(1, low=-2, high=5, scale=2)
    x = net.node("prelu", x, slope, shift=2)
    yield "prelu, rounded", net.graph(net.requantize(x, 2, low=-2, high=1))
    for count, low, high in ((2, -2, 1), (2, 0, 4), (3, 0, 1), (3, -1, 1)):
        net = Net()
        x = net.node("label", net.input(1, count, low=low, high=high), kept=0)
        yield f"label of {count} scores from {low} to {high}", net.graph(x, output="label")


def distances() -> Graphs:
    """Below the largest; the selectors between equals are free."""
    for low, high in ((-1, 1), (0, 3)):
        net = Net()
        x = net.node("distances", net.input(2, low=low, high=high))
        yield f"distances of {low} to {high}", net.graph(x)


def look_ups() -> Graphs:
    """Functions by table: with lines, without, and two that share one."""
    net = Net()
    x = net.input(1, low=-4, high=3)
    hill = {"shift": 1, "scale": 0, "values": (-1, 2, 2, 0, -1)}
    y = net.node("interpolate", x, first=-4, **hill)
    yield "interpolate", net.graph(y)
    net = Net()
    y = net.node("interpolate", net.input(1, low=-4, high=3), first=-4, **hill)
    yield "interpolate, rounded", net.graph(net.requantize(y, 1, low=-1, high=1))
    net = Net()
    x, z = net.input(1, low=-2, high=1), net.input(1, low=0, high=3)
    flat = {"shift": 0, "scale": 0, "values": (1, 1, -3, 0, 0)}
    y = net.node("interpolate", x, name="left", first=-2, **flat)
    yield "interpolate twice", net.graph(y, net.node("interpolate", z, first=0, **flat))


def divisions() -> Graphs:
    """Quotients, roots and comparisons."""
    for name, shift, a, b in (
        ("numbers of either sign", 0, (-3, 2), (1, 3)),
        ("with shift", 2, (-1, 1), (2, 5)),
        ("one divisor", 1, (-2, 3), (3, 3)),
    ):
        net = Net()
        x, y = net.input(1, low=a[0], high=a[1]), net.input(1, low=b[0], high=b[1])
        yield f"divide: {name}", net.graph(net.node("divide", x, y, shift=shift))
    net = Net()
    x = net.node("divide", net.input(1, low=-2, high=1), net.weight(1, low=1, high=3), shift=0)
    yield "divide by a weight", net.graph(x)
    for low, high, shift in ((0, 9, 0), (3, 5, 1), (0, 1, 2), (7, 7, 0), (0, 0, 3)):
        net = Net()
        x = net.input(1, low=low, high=high, scale=shift)
        yield f"sqrt of {low} to {high}", net.graph(net.node("sqrt", x, shift=shift))
    for low, high in ((-5, 2), (-1, 0), (-3, 9)):
        net = Net()
        x = net.node("is_negative", net.input(1, low=low, high=high))
        yield f"is_negative of {low} to {high}", net.graph(x)


def gathers() -> Graphs:
    """Numbers of a hidden table."""
    net = Net()
    w, x = net.weight(2, 1, low=-1, high=1), net.input(1, low=0, high=1)
    yield "gather", net.graph(net.node("gather", w, x))


def steps() -> Graphs:
    """What is computed again and again, with a state that is handed on."""
    net = Net()
    x, state = net.input(4, low=-1, high=0), net.input(1, low=-1, high=1)
    for step in range(4):
        bounds = {"starts": (step,), "stops": (step + 1,), "axes": (0,), "steps": (1,)}
        part = net.node("slice", x, name=f"slice{step}", **bounds)
        state = net.node("sub", part, state, name=f"sub{step}", shift_a=0, shift_b=0)
        state = net.requantize(state, 0, low=-1, high=1)
    yield "a state, step by step", net.graph(state)


def pools() -> Graphs:
    """Maxima: stored, padded, overlapping, and over a product that is not stored."""
    for name, shape, pool in (
        ("one window", (1, 1, 3), {"kernel": (3,), **POINT}),
        ("two windows", (1, 1, 4), {"kernel": (2,), **POINT, "strides": (2,)}),
        ("windows that overlap", (1, 1, 3), {"kernel": (2,), **POINT}),
        ("padding", (1, 1, 2), {"kernel": (2,), **POINT, "pads": (1, 0)}),
    ):
        net = Net()
        low, high = (-1, 0) if name == "two windows" else (-2, 1)
        x = net.node("max_pool", net.input(*shape, low=low, high=high), **pool)
        yield f"max_pool: {name}", net.graph(x)
    net = Net()
    x = net.node("mul", net.input(1, 1, 2, low=-2, high=1), net.weight(1, low=-1, high=1))
    x = net.requantize(x, 1, low=-1, high=0)
    x = net.node("max_pool", x, kernel=(2,), **POINT | {"strides": (2,)})
    yield "max_pool: product", net.graph(x)


NETWORKS = dict(
    chain(
        rescaled(),
        divided(),
        linear(),
        products(),
        nonlinear(),
        distances(),
        look_ups(),
        gathers(),
        divisions(),
        pools(),
        steps(),
    )
)


def every(graph: FixedGraph, names: Sequence[str]) -> Iterator[Arrays]:
    """All arrays of the declared ranges."""
    choices = []
    for name in names:
        encoding, shape = graph.encoding(name), graph.tensors[name].shape
        ends = (np.broadcast_to(end, shape).flat for end in (encoding.low, encoding.high))
        numbers = [range(low, high + 1) for low, high in zip(*ends, strict=True)]
        choices.append([np.array(all_, np.int64).reshape(shape) for all_ in product(*numbers)])
    for arrays in product(*choices):
        yield dict(zip(names, arrays, strict=True))


def oracle(graph: FixedGraph, weights: Arrays) -> Counter[Pair]:
    """Inputs and outputs modulo l, and how many witnesses there are of them."""
    found = {}
    for inputs in every(graph, graph.inputs):
        arrays = evaluate(graph, weights, inputs)
        shown, hidden = (
            tuple(int(entry) % MODULUS for name in names for entry in arrays[name].flat)
            for names in (graph.outputs, graph.inputs)
        )
        found[hidden, shown] = selectors(graph, arrays)
    return Counter(found)


def selectors(graph: FixedGraph, arrays: Arrays) -> int:
    """The ways to choose a largest entry in every line of distances, and window of a max_pool.

    One after a requantize takes the entries before they are rounded; the padding is the least.
    """
    lines = [arrays[node.inputs[0]] for node in graph.nodes if node.op == "distances"]
    lines = [line for x in lines for line in x.reshape(-1, x.shape[-1])]
    before = {node.outputs[0]: node.inputs[0] for node in graph.nodes if node.op == "requantize"}
    count = math.prod(int(np.sum(line == line.max())) for line in lines)
    for node in graph.nodes:
        if node.op == "rescale":
            count *= encodings(node, graph, arrays)
        if node.op == "max_pool":
            (name,) = node.inputs
            x = arrays[before.get(name, name)].reshape(-1)
            x = np.pad(x, node.attrs["pads"], constant_values=graph.tensors[name].low)
            windows = np.lib.stride_tricks.sliding_window_view(x, node.attrs["kernel"])
            for window in windows[:: node.attrs["strides"][0]]:
                count *= int(np.sum(window == window.max()))
    return count


def encodings(node: FixedNode, graph: FixedGraph, arrays: Arrays) -> int:
    """The ways to write the remainders of a rescale that divides.

    Skewed, and with a range of an even span, the highest quotient may be said to be over.
    """
    by, x = ratio(node.attrs), graph.tensors[node.inputs[0]]
    low, high = node.attrs["low"], node.attrs["high"]
    ends = by.quotients(x.low, x.high)
    digits = rescale.Digits.fitting(*ends, low, high, skewed=by.skewed)
    if not by.width and not digits.above and not digits.below:
        return 1
    quotient, rest = by.divided(arrays[node.inputs[0]])
    half, spans, skews = 1 << by.width >> 1, np.array(by.spans), np.array(by.skews)

    def ways(rest: Integers) -> Integers:
        again = (spans - half <= rest) & (rest < half)
        return np.where((rest >= 0) & (rest < spans), 1 + again, 0)

    longer = (quotient % 2 == (skews < 0)) & by.skewed
    written = ways(rest) + longer * ways(rest - 2 * abs(skews))
    twice = digits.above and digits.beyond == digits.span
    return int(np.prod(written << (twice & (quotient == high))))


def pair(graph: FixedGraph, solution: Solution) -> Pair:
    hidden, shown = (
        tuple(chain(*(solution[path] for path in paths)))
        for paths in (graph.inputs, [f"{name}/public" for name in graph.outputs])
    )
    return hidden, shown


def found(graph: FixedGraph, circuit: Circuit, weights: Arrays) -> Iterator[Pair]:
    """The pairs of all solutions; one whose witness has a number that may be any is refused."""
    for solution in solutions(circuit, weight_arrays(graph, weights)):
        assert None not in chain(*solution.values())
        yield pair(graph, solution)


@pytest.mark.parametrize("name", NETWORKS)
def test_one_output(name: str) -> None:
    graph = NETWORKS[name]
    circuit = lower(graph)
    for weights in every(graph, graph.weights):
        assert Counter(found(graph, circuit, weights)) == oracle(graph, weights)


def test_one_output_with_the_remainder_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the digits are too many for one number."""
    monkeypatch.setattr(rescale, "MAX_PACKED", 4)
    graph = NETWORKS["requantize: both sides"]
    circuit = lower(graph)
    assert "rescale0/remainder" in [tensor.path for tensor in circuit.tensors]
    assert Counter(found(graph, circuit, {})) == oracle(graph, {})


def without(circuit: Circuit, path: str) -> Circuit:
    return replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != path))


def others(graph: FixedGraph, path: str) -> Iterator[Pair]:
    """The pairs of solutions without a block that are not the oracle's."""
    circuit = without(lower(graph), path)
    for weights in every(graph, graph.weights):
        known = oracle(graph, weights)
        pairs = (pair(graph, s) for s in solutions(circuit, weight_arrays(graph, weights)))
        yield from (p for p in pairs if p not in known)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_second_output_without_a_block(name: str) -> None:
    """The same search finds one as soon as any block is missing but the range of an input.

    Without its remainder a root is a product of unknowns: test_removed_blocks.py finds another.
    """
    graph = NETWORKS[name]
    for block in lower(graph).blocks:
        if not block.path.startswith(("x0/range", "x1/range", "sqrt/remainder")):
            assert any(others(graph, block.path)), block.path


def test_an_input_out_of_range_without_its_check() -> None:
    assert any(others(NETWORKS["requantize: both sides"], "x0/range"))


def test_every_assignment_is_tried() -> None:
    """Without blocks every one is a solution, with any numbers at all."""
    circuit = replace(lower(NETWORKS["requantize: relu"]), blocks=())
    bits = [tensor.path for tensor in circuit.segment(Segment.BITS)]
    tried = [tuple(chain(*(s[path] for path in bits))) for s in solutions(circuit, [])]
    assert sorted(tried) == [*product((0, 1), repeat=9)]
    assert all(s["x0"] == (None,) for s in solutions(circuit, []))


def test_products_of_unknowns_are_refused() -> None:
    circuit = lower(NETWORKS["mul of an input by itself"])
    with pytest.raises(ValueError, match="1 rows are products of two unknowns"):
        list(solutions(without(circuit, "x0/range"), []))
