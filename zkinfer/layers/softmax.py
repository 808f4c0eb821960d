"""softmax(x): exp(x) over its sum along an axis.

Attributes: axis, not negative. It is a head: only the order of its scores can be proved.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Head, Interval, Layer
from zkinfer.ops import lift


def _softmax(attrs: Attrs, x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=attrs["axis"], keepdims=True))
    y: Floats = powers / powers.sum(axis=attrs["axis"], keepdims=True)
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    shape = operands[0].low.shape
    return (Interval(np.zeros(shape), np.ones(shape)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, 1.0),)


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
    emit=None,
    fold=rules.whole,
)
