"""table(x): the value that is listed for each integer, by a look-up.

Attributes: first, the integer that the first value is for; values, integers. Integers before the
first, or after the last, have the value of that.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
)
from zkinfer.layers.emitting import EXACT, rounding
from zkinfer.ops import lift


def _table(attrs: Attrs, x: Floats) -> Floats:
    values = np.array(attrs["values"], np.float64)
    places = np.clip(np.rint(x) - attrs["first"], 0, len(values) - 1)
    return np.where(np.isnan(x), np.nan, values[np.nan_to_num(places).astype(np.int64)])


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    ((low, high),) = _bounds(attrs)
    (x,) = operands
    return (Interval(np.full(x.low.shape, low), np.full(x.low.shape, high)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((min(attrs["values"]), max(attrs["values"])),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """A table of straight lines, at whose nodes all integers are."""
    x, output = b.as_it_is(node.inputs[0]), b.own(node.outputs[0])
    first, values = node.attrs["first"], node.attrs["values"]
    kept, last = b.derived(node.name, "/kept"), first + len(values) - 1
    tensor = b.tensor(x)
    if tensor.scale or tensor.low < first or tensor.high > last:
        shift = max(tensor.scale, 0)
        rounding(b, kept, x, kept, shift=shift, bounds=(first, last), saturates=EXACT)
        x = kept
    listed = (*values, values[-1])
    b.emit(node.name, "interpolate", (x,), output, first=first, shift=0, scale=0, values=listed)
    return (Emitted(output, raw=False),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _table),
    interval=_interval,
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
