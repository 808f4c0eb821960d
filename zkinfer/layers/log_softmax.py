"""log_softmax(x): x less the logarithm of the sum of exp(x) along an axis.

Attributes: axis, not negative. It is a head: where a label is proved, only the order of its scores
is. With d the distances to the largest score and S the sum of exp(-d), it is -d - log(S); large S
are brought closer to 1 by square roots before a table has their logarithm.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Head,
    Interval,
    Layer,
)
from zkinfer.layers.emitting import step
from zkinfer.layers.exponentials import back, exponentials, last
from zkinfer.layers.tabulated import table
from zkinfer.ops import lift

GUARD = 2

MOST_ROOTS = 3
"""With so many square roots 2^24 scores have a sum of 8 at most."""

SMALL = 8
"""The largest number that the table goes to."""


def _log_softmax(attrs: Attrs, x: Floats) -> Floats:
    """From differences to the largest, which no exponential leaves the floats for."""
    below = x - x.max(axis=attrs["axis"], keepdims=True)
    return below - _log_sum(attrs, below)


def _log_sum(attrs: Attrs, x: Floats) -> Floats:
    y: Floats = np.log(np.exp(x).sum(axis=attrs["axis"], keepdims=True))
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    """The sum is at most that of the largest operands, and no logarithm of a share is positive."""
    ((low, high),) = operands
    top = high.max(axis=attrs["axis"], keepdims=True)
    least = low - top - _log_sum(attrs, high - top)
    return (Interval(least, np.zeros(least.shape)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((-math.inf, 0.0),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    (tensor,), name, output = node.outputs, node.name, b.raw(node.outputs[0])
    axis, scale = node.attrs["axis"], b.scale(tensor) + GUARD
    x = last(b, name, b.fixed(node.inputs[0]), axis)
    d, _, total = exponentials(b, name, x, max(scale, GUARD))
    roots = 0
    while roots < MOST_ROOTS and b.tensor(total).high > SMALL << b.tensor(total).scale:
        roots += 1
        shift = 2 * (max(scale, 0) + roots + 2) - b.tensor(total).scale
        total = step(b, name, f"/root{roots}", "sqrt", total, shift=shift)
    logarithm = b.derived(name, "/logarithm")
    table(b, logarithm, LOGARITHMS[roots], total, logarithm, scale)
    below = step(b, name, "/below", "neg", d)
    scales = b.tensor(below).scale, b.tensor(logarithm).scale
    shift_a, shift_b = (max(scales) - own for own in scales)
    result = step(b, name, "/result", "sub", below, logarithm, shift_a=shift_a, shift_b=shift_b)
    back(b, name, result, axis, output)
    return (Emitted(output, raw=True),)


def _of_root(roots: int) -> Callable[[Floats], Floats]:
    """The logarithm of a number, of a root of it."""

    def logarithm(x: Floats) -> Floats:
        y: Floats = 2**roots * np.log(x)
        return y

    return logarithm


LOGARITHMS = [_of_root(roots) for roots in range(MOST_ROOTS + 1)]

LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.along_axis, _log_softmax),
    interval=_interval,
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=Head("LogSoftmax", rules.axis),
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
