"""Graphs that a hostile key could hold are lowered in little time, or refused by name."""

import numpy as np
import pytest
from networks import Net

from zkinfer.circuit.bits import MIN_PIECE, join_axes, split_width
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment, choose_columns, next_power, outermost, place
from zkinfer.circuit.layout import Tensor as Stored
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import evaluate
from zkinfer.lower import lower, solve
from zkinfer.plan import MAX_TERMS


def test_sums_do_not_grow_without_end() -> None:
    net = Net()
    x = net.input(4, low=0, high=1)
    for number in range(30):
        turned = net.node(
            "slice", x, name=f"t{number}", starts=(3,), stops=(-9,), axes=(0,), steps=(-1,)
        )
        x = net.node("add", x, turned, name=f"a{number}", shift_a=0, shift_b=0)
    graph = net.graph(x)
    circuit = lower(graph)
    assert all(len(block.c) <= 2 * MAX_TERMS + 2 for block in circuit.blocks)
    inputs = {"x0": np.array([1, 0, 1, 1])}
    witness = solve(graph, {}, inputs)
    assert check(circuit, witness.segments) == []
    np.testing.assert_array_equal(witness.outputs[x], evaluate(graph, {}, inputs)[x])


def test_sums_of_sums_are_stored() -> None:
    net = Net()
    x = net.input(1, 1, 9, 9, low=0, high=1)
    for number in range(4):
        x = net.node(
            "average_pool", x, name=f"p{number}", kernel=(2, 2), strides=(1, 1), dilations=(1, 1),
            pads=(0, 0, 0, 0), multipliers=((1,) * (8 - number),) * 2, scale=0,
        )  # fmt: skip
    graph = net.graph(x)
    inputs = {"x0": np.random.default_rng(0).integers(0, 2, (1, 1, 9, 9))}
    witness = solve(graph, {}, inputs)
    assert check(lower(graph), witness.segments) == []
    np.testing.assert_array_equal(witness.outputs[x], evaluate(graph, {}, inputs)[x])


@pytest.mark.parametrize("op", ["label", "pad"])
def test_long_public_weights_are_refused(op: str) -> None:
    net = Net()
    x = net.input(1 << 30)
    if op == "label":
        graph = net.graph(net.node("label", x, kept=0), output="label")
    else:
        graph = net.graph(net.node("pad", x, pads=(1, 1), value=3))
    with pytest.raises(UnsupportedModelError, match=rf"node {op} \({op}\): an axis of"):
        lower(graph)


def test_views_of_too_many_axes_are_refused() -> None:
    net = Net()
    x = net.input(*(2,) * 8, low=0, high=1)
    y = net.node("transpose", x, perm=tuple(range(7, -1, -1)))
    pool = {"kernel": (2,) * 6, "strides": (1,) * 6, "dilations": (1,) * 6, "pads": (1,) * 12}
    with pytest.raises(UnsupportedModelError, match=r"node max_pool \(max_pool\): .*axes"):
        lower(net.graph(net.node("max_pool", y, **pool)))


@pytest.mark.parametrize("width", range(1, 65))
def test_widths_are_split_without_loss(width: int) -> None:
    pieces = split_width(width)
    assert sum(pieces) == width
    assert all(piece >= MIN_PIECE for piece in pieces[:-1])
    padded = sum(max(next_power(piece), MIN_PIECE) for piece in pieces)
    assert padded <= max(next_power(width), MIN_PIECE)


@pytest.mark.parametrize(
    "shape", [(), (1, 1), (6, 14, 14), (1, 16, 5, 5, 4), (64, 32, 32), (5000,)]
)
def test_joined_axes_keep_their_order(shape: tuple[int, ...]) -> None:
    groups = join_axes(shape)
    axes = sorted(axis for group in groups for axis in group)
    assert axes == [axis for axis, extent in enumerate(shape) if extent != 1]
    assert all(list(group) == sorted(group) for group in groups)


def test_the_axis_that_wastes_most_comes_first() -> None:
    assert outermost((8, 5, 4)) == 1
    assert outermost((4, 8)) == 0
    assert place([(3, 5), (2, 16), ()]) == ([0, 32, 64], 65)


def test_columns_balance_rows_and_the_opening() -> None:
    bits = Stored("b", Segment.BITS, (1 << 16,))
    assert choose_columns([bits]) == 256
    assert choose_columns([Stored("w", Segment.WEIGHTS, (1 << 16,))]) == 16
