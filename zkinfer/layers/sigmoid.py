"""sigmoid(x): 1 / (1 + exp(-x)).

No attributes. It is a head: only the order of its scores can be proved.
"""

import numpy as np

from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Head, Layer
from zkinfer.ops import lift


def _sigmoid(attrs: Attrs, x: Floats) -> Floats:
    """By the hyperbolic tangent, for which no x is too large."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, 1.0),)


def _axis(attrs: Attrs) -> None:
    return None


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _sigmoid),
    interval=rules.increasing(_sigmoid),
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=Head("Sigmoid", _axis),
    weighted=None,
    emit=None,
    fold=rules.whole,
)
