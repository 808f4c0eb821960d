"""gather(table, index): rows of a table [rows, length] by their numbers, [index..., length].

The index counts from 0. No attributes.
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
    Refusal,
    Shape,
)
from zkinfer.layers.emitting import rounding
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    table, index = shapes
    if len(table) != 2:
        raise Refusal(f"expected a table of rows, got the shape {table}")
    return ((*index, table[1]),)


def _gather(attrs: Attrs, table: Floats, index: Floats) -> Floats:
    """Places outside of the table, which rounding may lead to, count as its ends."""
    return table[np.clip(index, 0, len(table) - 1).astype(np.int64)]


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    table, index = operands
    low, high = table.low.min(axis=0), table.high.max(axis=0)
    shape = (*index.low.shape, len(low))
    return (Interval(np.broadcast_to(low, shape), np.broadcast_to(high, shape)),)


def _within(attrs: Attrs, shapes: Sequence[Shape]) -> dict[int, Bounds]:
    return {1: (0.0, shapes[0][0] - 1.0)}


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The index is rounded to whole numbers and kept within the table, where it may leave it."""
    name, (table, index), output = node.name, node.inputs, b.raw(node.outputs[0])
    scale = b.scale(node.outputs[0])
    rows = b.constant(table, scale) if b.is_constant(table) else b.fixed(table)
    place = b.fixed(index)
    known, last = b.tensor(place), b.tensor(rows).shape[0] - 1
    if known.scale or known.low < 0 or known.high > last:
        kept = b.derived(name, "/index")
        leaves = (known.low < 0, known.high > last)
        rounding(b, kept, place, kept, shift=known.scale, bounds=(0, last), saturates=leaves)
        place = kept
    b.emit(name, "gather", (rows, place), output)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.gathered, _gather),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
    within=_within,
)
