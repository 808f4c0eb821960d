"""sigmoid(x): 1 / (1 + exp(-x)), by a table.

No attributes. It is a head: where a label is proved, only the order of its scores is.
"""

from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Head, Layer
from zkinfer.layers.functions import sigmoid
from zkinfer.layers.tabulated import tabulated
from zkinfer.ops import lift


def _sigmoid(attrs: Attrs, x: Floats) -> Floats:
    return sigmoid(x)


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
    emit=tabulated(lambda node: sigmoid),
    fold=rules.whole,
)
