"""max_pool(x): the largest entry of each window of x [N, C, spatial...]; padding never wins.

Attributes: kernel, strides, dilations, one number for each spatial axis; pads: the begins, then the
ends. Every window has an entry of x in it.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.layers import emitting, rules, shapes
from zkinfer.layers.contract import Attrs, Entries, Floats, Layer, Shape
from zkinfer.ops import lift, windows

PADDING = int(np.iinfo(np.int64).min)
"""Below every number that a network can have."""


def _shape(attrs: Attrs, operands: Sequence[Shape]) -> tuple[Shape, ...]:
    (x,) = operands
    return ((*x[:2], *shapes.windows(x[2:], attrs["kernel"], attrs, attrs["pads"])),)


def _max_pool(attrs: Attrs, x: Floats) -> Floats:
    window = (attrs["kernel"], attrs["strides"], attrs["pads"], attrs["dilations"])
    return windows.reduced(np.maximum, x, *window, PADDING)


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.windowed, _max_pool),
    interval=rules.increasing(_max_pool),
    bounds=rules.unbounded,
    entries=Entries.LARGEST,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=emitting.keeping("max_pool"),
    fold=rules.whole,
)
