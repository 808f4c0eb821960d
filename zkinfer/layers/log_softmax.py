"""log_softmax(x): x less the logarithm of the sum of exp(x) along an axis.

Attributes: axis, not negative. It is a head: only the order of its scores can be proved.
"""

import math
from collections.abc import Sequence

import numpy as np

from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Head, Interval, Layer
from zkinfer.ops import lift


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
    emit=None,
    fold=rules.whole,
)
