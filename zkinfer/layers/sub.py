"""sub(a, b): the difference entry by entry, with numpy's broadcasting. No attributes."""

from collections.abc import Sequence

from zkinfer.layers import add, rules, shapes
from zkinfer.layers.contract import Attrs, Entries, Floats, Interval, Layer
from zkinfer.ops import lift


def _difference(attrs: Attrs, a: Floats, b: Floats) -> Floats:
    return a - b


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    a, b = operands
    return (Interval(a.low - b.high, a.high - b.low),)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _difference),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=add.emitting("sub"),
    fold=add.fold,
)
