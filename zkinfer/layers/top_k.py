"""top_k(x, numbers): the places of the largest entries along the last axis, the largest first.

Attributes: count, of them. Equal entries keep their order. The numbers are the places, from 0 on.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
    Operand,
    Shape,
)
from zkinfer.layers.ranking import places


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    x, _ = shapes
    return ((*x[:-1], int(attrs["count"])),)


def _value(attrs: Attrs, operands: Sequence[Operand]) -> tuple[Floats, ...]:
    x, _ = operands[0]
    ranked = np.argsort(-x, axis=-1, kind="stable")
    return (ranked[..., : attrs["count"]].astype(np.float64),)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    x = operands[0].low.shape
    shape = (*x[:-1], attrs["count"])
    return (Interval(np.zeros(shape), np.full(shape, x[-1] - 1.0)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, np.inf),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    x, numbers = node.inputs
    output = b.own(node.outputs[0])
    places(b, node.name, b.fixed(x), numbers, node.attrs["count"], output)
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
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
