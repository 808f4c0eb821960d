"""arg_max(x, numbers): the place of the largest entry along an axis, of equal ones the first.

Attributes: axes, one that is not negative; keepdims: whether it stays, with extent 1. The numbers
are the places, from 0 on. It is a head: a label can be proved in its place.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import reduce_sum, rules
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
    Operand,
    Shape,
)
from zkinfer.layers.exponentials import last
from zkinfer.layers.ranking import places


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    return reduce_sum.shape(attrs, shapes[:1])


def _value(attrs: Attrs, operands: Sequence[Operand]) -> tuple[Floats, ...]:
    x, _ = operands[0]
    return (x.argmax(axis=_axis(attrs) + 1, keepdims=attrs["keepdims"]).astype(np.float64),)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    x = operands[0].low.shape
    (shape,) = reduce_sum.shape(attrs, [x])
    return (Interval(np.zeros(shape), np.full(shape, x[_axis(attrs)] - 1.0)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, np.inf),)


def _axis(attrs: Attrs) -> int:
    (axis,) = attrs["axes"]
    return int(axis)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    x, numbers = node.inputs
    name, output, axis = node.name, b.own(node.outputs[0]), _axis(node.attrs)
    entries = last(b, name, b.fixed(x), axis)
    found = b.derived(name, "/place")
    places(b, found, entries, numbers, 1, found)
    (shape,) = reduce_sum.shape(node.attrs, [b.tensor(b.fixed(x)).shape])
    b.emit(name, "reshape", (found,), output, shape=shape)
    return (Emitted(output, raw=False),)


LAYER = Layer(
    shape=_shape,
    value=_value,
    interval=_interval,
    bounds=_bounds,
    entries=Entries.PLACE,
    constants=(1,),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=Head("ArgMax", _axis),
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
