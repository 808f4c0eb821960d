"""arg_max(x): the place of the largest entry along an axis, of equal ones the first.

Attributes: axes, one that is not negative; keepdims: whether it stays, with extent 1. It is a head:
a label can be proved in its place.
"""

import math
from collections.abc import Sequence

import numpy as np

from zkinfer.layers import reduce_sum, rules
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Head, Interval, Layer
from zkinfer.ops import lift


def _arg_max(attrs: Attrs, x: Floats) -> Floats:
    return x.argmax(axis=_axis(attrs), keepdims=attrs["keepdims"]).astype(np.float64)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    x = operands[0].low.shape
    (shape,) = reduce_sum.shape(attrs, [x])
    return (Interval(np.zeros(shape), np.full(shape, x[_axis(attrs)] - 1.0)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, math.inf),)


def _axis(attrs: Attrs) -> int:
    (axis,) = attrs["axes"]
    return int(axis)


LAYER = Layer(
    shape=reduce_sum.shape,
    value=rules.lifted(lift.along_axes, _arg_max),
    interval=_interval,
    bounds=_bounds,
    entries=Entries.PLACE,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=Head("ArgMax", _axis),
    weighted=None,
    emit=None,
    fold=rules.whole,
)
