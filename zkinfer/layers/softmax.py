"""softmax(x): exp(x) over its sum along an axis.

Attributes: axis, not negative. It is a head: where a label is proved, only the order of its scores
is. With d the distances to the largest score, e = exp(-d) by a table, S its sum along the axis, and
r = 1 / S, it is e r. Two bits more than its format has keep it within one step of it.
"""

from collections.abc import Sequence

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
from zkinfer.layers.exponentials import back, exponentials, last, reciprocal
from zkinfer.ops import lift

GUARD = 2
FINEST = 28
"""The finest scale of shares: one over the sum is a number of twice as many bits."""


def _softmax(attrs: Attrs, x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=attrs["axis"], keepdims=True))
    y: Floats = powers / powers.sum(axis=attrs["axis"], keepdims=True)
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    shape = operands[0].low.shape
    return (Interval(np.zeros(shape), np.ones(shape)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, 1.0),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    return normalized(b, node, b.fixed(node.inputs[0]), node.attrs["axis"])


def normalized(b: Emitter, node: Node, x: str, axis: int) -> tuple[Emitted, ...]:
    """The softmax of fixed-point x along an axis, as the output of a node."""
    (tensor,), output = node.outputs, b.raw(node.outputs[0])
    scale = min(b.scale(tensor), FINEST)
    x = last(b, node.name, x, axis)
    _, e, total = exponentials(b, node.name, x, scale + GUARD)
    r = reciprocal(b, node.name, total, scale + GUARD)
    product = step(b, node.name, "/product", "mul", e, r)
    back(b, node.name, product, axis, output)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.along_axis, _softmax),
    interval=_interval,
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=Head("Softmax", rules.axis),
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
