"""conv(x, w, [bias]): convolution over the spatial axes of x [N, C, spatial...].

w [M, C/groups, kernel...] and bias [M] are constants. Attributes: strides, dilations, one number
for each spatial axis; pads: the begins, then the ends; groups.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from zkinfer.layers import contraction, rules
from zkinfer.layers.contract import (
    Attrs,
    Divided,
    Entries,
    Floats,
    Folded,
    Interval,
    Layer,
    Refusal,
    Shape,
)
from zkinfer.layers.shapes import windows
from zkinfer.ops import lift
from zkinfer.ops.windows import convolve


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    x, w, *biases = shapes
    groups = attrs["groups"]
    if x[1] != w[1] * groups or w[0] % groups:
        raise Refusal(
            f"expected weights [M, C/{groups}, ...] for an input of {x[1]} channels, got {w}"
        )
    for bias in biases:
        if bias != w[:1]:
            raise Refusal(f"expected a bias of shape {w[:1]}, got {bias}")
    return ((x[0], w[0], *windows(x[2:], w[2:], attrs, attrs["pads"])),)


def _conv(attrs: Attrs, x: Floats, w: Floats, bias: Floats | None = None) -> Floats:
    y = convolve(attrs, x, w)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * (x.ndim - 2))
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    x, w, *biases = operands
    y = contraction.ball(partial(_conv, attrs), x, w)
    for bias in biases:
        shift = bias.low.reshape(-1, *(1,) * (y.low.ndim - 2))
        y = Interval(y.low + shift, y.high + shift)
    return (y,)


def _fold(attrs: Attrs, operands: Sequence[Divided]) -> Folded | None:
    """The kernels take powers that vary from channel to channel alone."""
    w, powers = operands[1].constant, operands[0].exponents
    if w is None or powers.size != powers.shape[1]:
        return None
    spatial = (1,) * (w.ndim - 2)
    groups = attrs["groups"] if powers.size > 1 else 1
    grouped = w.reshape(groups, -1, *w.shape[1:])
    folded = np.ldexp(grouped, powers.reshape(groups, 1, -1, *spatial))
    return Folded({1: folded.reshape(w.shape)}, np.zeros(1, np.int64))


def _products(shapes: Sequence[Shape]) -> int:
    return math.prod(shapes[1][1:])


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.windowed, _conv),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(1, 2),
    factors=(0, 1),
    products=_products,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=contraction.emitting("conv"),
    fold=_fold,
)
