"""transpose(x): the axes in another order, the output's axis i being x's axis perm[i].

Attributes: perm.
"""

from collections.abc import Sequence

from zkinfer.layers import emitting, rules
from zkinfer.layers.contract import Attrs, Entries, Floats, Layer, Shape
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    (x,) = shapes
    return (tuple(x[axis] for axis in attrs["perm"]),)


def _transpose(attrs: Attrs, x: Floats) -> Floats:
    return x.transpose(attrs["perm"])


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.permuted, _transpose),
    interval=rules.increasing(_transpose),
    bounds=rules.unbounded,
    entries=Entries.MOVED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=emitting.keeping("transpose"),
    fold=rules.moving(rules.lifted(lift.permuted, _transpose)),
)
