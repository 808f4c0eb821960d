"""neg(x): -x. No attributes."""

from collections.abc import Sequence

from zkinfer.layers import emitting, rules, shapes
from zkinfer.layers.contract import Attrs, Entries, Floats, Interval, Layer
from zkinfer.ops import lift


def _negative(attrs: Attrs, x: Floats) -> Floats:
    return -x


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    (x,) = operands
    return (Interval(-x.high, -x.low),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _negative),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.NEGATED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=emitting.keeping("neg"),
    fold=rules.kept,
)
