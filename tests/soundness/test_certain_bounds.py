"""Weights that leave their declared ranges, but not what their certificate allows, prove nothing
false.

Completeness rests on declared ranges, soundness must not: they are only what an honest compiler
would have done. For toy networks whose gadgets meet values of weights, and weights on both sides of
all their boundaries, every solution of the circuit (tests/soundness/solutions.py) has inputs of the
domain and the outputs that the integer oracle has for these very weights. Fewer inputs may have a
solution; none may have a wrong one.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from networks import Net, cases

from tests.soundness.solutions import solutions
from tests.soundness.test_determinism import NETWORKS, POINT, Arrays, Graphs, every, pair
from zkinfer import UnsupportedModelError
from zkinfer.certificate import certified_bound
from zkinfer.circuit.term import MODULUS
from zkinfer.circuit.value import Interval
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.lower import lower, weight_arrays
from zkinfer.ops import OPS
from zkinfer.ops.contract import nothing

SHIFTS = {"shift_a": 0, "shift_b": 0}


def boundaries() -> Graphs:
    """Gadgets behind x + w, for a w that is declared to be 0 or 1: where a range that excludes a
    side, a sign or a check would let another value pass.
    """

    def summed(net: Net, *shape: int, low: int = -2, high: int = 1) -> str:
        w = net.weight(1, low=0, high=1)
        return net.node("add", net.input(*shape, low=low, high=high), w, **SHIFTS)

    for name, shift, low, high in (
        ("both sides", 0, -1, 0),
        ("above", 0, -2, 0),
        ("below", 0, 0, 2),
        ("below, range of no power of two", 0, -1, 2),
        ("neither", 0, -3, 4),
        ("neither, range of no power of two", 0, -2, 3),
        ("neither, from the lowest", 0, -2, 5),
        ("neither, to the highest", 0, -6, 2),
        ("identity", 0, -2, 2),
        ("always the lowest", 0, 2, 5),
        ("always the highest", 0, -5, -2),
        ("shift", 1, -1, 1),
        ("shift, neither", 1, -2, 3),
    ):
        net = Net()
        yield (
            f"requantize: {name}",
            net.graph(net.requantize(summed(net, 1), shift, low=low, high=high)),
        )
    net = Net()
    yield "no requantize", net.graph(summed(net, 1))
    net = Net()
    x = summed(net, 1, low=0, high=3)
    yield (
        "leaky_relu of what is not negative",
        net.graph(net.node("leaky_relu", x, alpha=1, shift=1)),
    )
    net = Net()
    yield "leaky_relu", net.graph(net.node("leaky_relu", summed(net, 1), alpha=1, shift=1))
    net = Net()
    x = summed(net, 1, low=-3, high=-1)
    yield (
        "leaky_relu of what is not positive",
        net.graph(net.node("leaky_relu", x, alpha=1, shift=1)),
    )
    for low, high in ((-2, 1), (0, 3), (-3, -1)):
        net = Net()
        x = summed(net, 1, low=low, high=high)
        yield f"is_negative from {low} to {high}", net.graph(net.node("is_negative", x))
    for low, high in ((1, 2), (1, 3), (3, 3)):
        net = Net()
        a, w = net.input(1, low=-1, high=1), summed(net, 1, low=low, high=high)
        yield f"divide by {low} to {high}", net.graph(net.node("divide", a, w, shift=1))
    net = Net()
    quotient = net.node("divide", summed(net, 1), net.input(1, low=1, high=2), shift=0)
    yield "divide", net.graph(quotient)
    for low, high in ((0, 2), (0, 3), (4, 7)):
        net = Net()
        x = summed(net, 1, low=low, high=high)
        yield f"sqrt from {low} to {high}", net.graph(net.node("sqrt", x, shift=0))
    net = Net()
    yield "distances", net.graph(net.node("distances", summed(net, 2, low=-1, high=0)))
    for low, pads in ((-2, (1, 0)), (0, (1, 0)), (-2, (0, 0))):
        net = Net()
        x = summed(net, 1, 1, 2, low=low, high=low + 1)
        pool = {**POINT, "pads": pads, "kernel": (2,)}
        yield f"max_pool from {low}, pads {pads}", net.graph(net.node("max_pool", x, **pool))
    net = Net()
    w = net.weight(1, 1, 2, low=0, high=0)
    x = net.node("mul", net.input(1, 1, 2, low=0, high=1), w)
    pool = {**POINT, "pads": (1, 0), "kernel": (2,)}
    yield "max_pool of what is always zero", net.graph(net.node("max_pool", x, **pool))
    net = Net()
    scores = summed(net, 1, 2, low=-1, high=0)
    yield "label", net.graph(net.node("label", scores, kept=0), output="label")
    net = Net()
    x = net.input(1, low=0, high=1)
    constant = net.node("mul", net.weight(1, low=0, high=1), net.weight(1, low=0, high=1))
    yield "constant", net.graph(net.node("add", x, constant, **SHIFTS))


TABLES = {"interpolate", "trees"}
"""What looks rows up that weights name, and has none for weights outside of their ranges."""

GRAPHS = dict(boundaries()) | {
    f"{name}, as declared": graph for name, graph in NETWORKS.items() if graph.weights
}


def beyond(graph: FixedGraph) -> Iterator[Arrays]:
    """Weights around and far beyond their ranges, one entry at a time."""
    tensors = {name: graph.tensors[name] for name in graph.weights}
    bound = min(certified_bound(graph), 1 << 40)
    for name, tensor in tensors.items():
        ends = (tensor.low, tensor.high)
        steps = (1, 2, 3, 4, 7, 8, 9, 16, 1000)
        values = {*ends, *(e + d * s for e in ends for s in steps for d in (1, -1)), bound, -bound}
        for value in sorted(values):
            weights = {n: np.full(t.shape, t.high, np.int64) for n, t in tensors.items()}
            weights[name].flat[0] = value
            yield weights


@pytest.mark.parametrize("name", GRAPHS)
def test_no_other_output(name: str) -> None:
    graph = GRAPHS[name]
    circuit = lower(graph)
    inputs = list(every(graph, graph.inputs))
    for weights in beyond(graph):
        known = set()
        for x in inputs:
            arrays = evaluate(graph, weights, x)
            hidden, shown = (
                tuple(int(entry) % MODULUS for name in names for entry in arrays[name].flat)
                for names in (graph.inputs, graph.outputs)
            )
            known.add((hidden, shown))
        for solution in solutions(circuit, weight_arrays(graph, weights)):
            assert pair(graph, solution) in known, weights


@pytest.mark.parametrize("name", [name for name in GRAPHS if "declared" not in name])
def test_declared_weights_keep_every_output(name: str) -> None:
    graph = GRAPHS[name]
    circuit = lower(graph)
    for weights in every(graph, graph.weights):
        found = {pair(graph, s)[0] for s in solutions(circuit, weight_arrays(graph, weights))}
        assert len(found) == len(list(every(graph, graph.inputs)))


def test_equations_that_could_wrap_are_refused() -> None:
    """Weights times weights times weights, without a rescaling between."""

    def powers(count: int) -> FixedGraph:
        net = Net()
        x = net.input(1, low=0, high=1)
        for number in range(count):
            x = net.node("mul", x, net.weight(1), name=f"mul{number}")
        return net.graph(x)

    bits = certified_bound(powers(9)).bit_length()
    assert 9 * bits < MODULUS.bit_length() < 11 * (bits - 1)
    lower(powers(9))
    with pytest.raises(UnsupportedModelError, match="more than the field holds"):
        lower(powers(11))
    assert lower(replace(powers(11), weights_mode="public")).blocks


def test_bounds_are_of_every_witness() -> None:
    """Certain bounds hold the honest ones: no gadget claims more than it may."""
    hull = Interval.hull(-3, 5)
    assert hull.times(-2) == Interval(-10, 6)
    assert hull.plus(Interval(1, 1)) == Interval(-2, 6)
    assert Interval(2, 3).or_zero() == Interval(0, 3)
    for case in cases().values():
        assert lower(case.graph).blocks


def test_networks_meet_every_gadget() -> None:
    """But for tables."""
    ops = {node.op for graph in GRAPHS.values() for node in graph.nodes}
    costly = {name for name, op in OPS.items() if op.cost is not nothing}
    assert ops >= {*costly, "mul", "matmul", "conv"} - TABLES
    assert len(list(chain.from_iterable(beyond(graph) for graph in GRAPHS.values()))) > 400
