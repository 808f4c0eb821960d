"""clip(x): min(max(x, low), high).

Attributes: low, high, floats that may be infinite, low at most high.
"""

import numpy as np

from zkinfer.layers import emitting, rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Layer
from zkinfer.ops import lift


def _clip(attrs: Attrs, x: Floats) -> Floats:
    return np.clip(x, attrs["low"], attrs["high"])


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((attrs["low"], attrs["high"]),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _clip),
    interval=rules.increasing(_clip),
    bounds=_bounds,
    entries=Entries.CLAMPED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=emitting.clamping,
    fold=rules.whole,
)
