"""slice(x): x[start:stop:step] on each of some axes, as Python reads it.

Attributes: axes, starts, stops, steps, of one length. Axes are not negative.
"""

from collections.abc import Sequence

from zkinfer.layers import emitting, rules
from zkinfer.layers.contract import Attrs, Entries, Floats, Layer, Shape
from zkinfer.ops import lift


def _slices(attrs: Attrs) -> dict[int, slice]:
    """For each sliced axis, what is kept of it."""
    bounds = zip(attrs["starts"], attrs["stops"], attrs["steps"], strict=True)
    return dict(zip(attrs["axes"], (slice(*each) for each in bounds), strict=True))


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    shape = list(shapes[0])
    for axis, kept in _slices(attrs).items():
        shape[axis] = len(range(shape[axis])[kept])
    return (tuple(shape),)


def _slice(attrs: Attrs, x: Floats) -> Floats:
    kept = _slices(attrs)
    return x[tuple(kept.get(axis, slice(None)) for axis in range(x.ndim))]


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.along_axes, _slice),
    interval=rules.increasing(_slice),
    bounds=rules.unbounded,
    entries=Entries.MOVED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=emitting.keeping("slice"),
    fold=rules.moving(rules.lifted(lift.along_axes, _slice)),
)
