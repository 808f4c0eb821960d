"""gather(table, index, starts): rows of a table [rows, length] by numbers, [index..., length].

The index counts from 0, or from starts, constant whole numbers that broadcast to it, if any.
Attributes: extent, of the rows from a start on from which an index chooses.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
    Operand,
    Refusal,
    Shape,
)
from zkinfer.layers.emitting import EXACT, refined, rounding, step
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    table, index = shapes[:2]
    if len(table) != 2:
        raise Refusal(f"expected a table of rows, got the shape {table}")
    return ((*index, table[1]),)


def _value(attrs: Attrs, operands: Sequence[Operand]) -> tuple[Floats, ...]:
    """Places outside of the extent, which rounding may lead to, count as its ends."""
    table, (index, sampled), *starts = operands
    index = np.clip(index, 0, attrs["extent"] - 1)
    for start, _ in starts:
        index = index + start
    return lift.gathered(_rows, attrs, (table, (index, sampled)))


def _rows(attrs: Attrs, table: Floats, index: Floats) -> tuple[Floats, ...]:
    """What is at no place, for want of a number, is no number either."""
    known = np.isfinite(index)
    rows = table[np.where(known, index, 0).astype(np.int64)]
    return (np.where(known[..., None], rows, np.nan),)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    table, index = operands[:2]
    low, high = table.low.min(axis=0), table.high.max(axis=0)
    shape = (*index.low.shape, len(low))
    return (Interval(np.broadcast_to(low, shape), np.broadcast_to(high, shape)),)


def _within(attrs: Attrs, shapes: Sequence[Shape]) -> dict[int, Bounds]:
    return {1: (0.0, attrs["extent"] - 1.0)}


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The index is rounded to whole numbers and kept within the extent, where it may leave it."""
    name, (table, index, *starts), output = node.name, node.inputs, b.raw(node.outputs[0])
    scale = b.scale(node.outputs[0])
    rows = b.constant(table, scale) if b.is_constant(table) else b.fixed(table)
    place = refined(b, b.derived(name, "/whole"), b.fixed(index), 0)
    known, last = b.tensor(place), node.attrs["extent"] - 1
    if known.scale or known.low < 0 or known.high > last:
        kept = b.derived(name, "/index")
        leaves = (known.low < 0, known.high > last)
        rounding(b, kept, place, kept, shift=known.scale, bounds=(0, last), saturates=leaves)
        place = kept
    for start in starts:
        more = b.multiple(start, 1, 0)
        moved = step(b, name, "/moved", "add", place, more, shift_a=0, shift_b=0)
        place = b.derived(name, "/place")
        bounds = (0, b.tensor(rows).shape[0] - 1)
        rounding(b, place, moved, place, shift=0, bounds=bounds, saturates=EXACT)
    b.emit(name, "gather", (rows, place), output)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=_shape,
    value=_value,
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(2,),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
    within=_within,
)
