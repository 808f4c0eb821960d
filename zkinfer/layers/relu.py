"""relu(x): max(x, 0). No attributes."""

import math

import numpy as np

from zkinfer.layers import emitting, rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Layer
from zkinfer.ops import lift


def _relu(attrs: Attrs, x: Floats) -> Floats:
    return np.maximum(x, 0)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, math.inf),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _relu),
    interval=rules.increasing(_relu),
    bounds=_bounds,
    entries=Entries.CLAMPED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=emitting.clamping,
    fold=rules.kept,
)
