"""A function by a table of its values, with straight lines between them.

The nodes lie 2^s apart, from `low` on: y_j is the value at node j, and d_j = y_{j+1} - y_j. With
r < 2^s in s advice bits, and advice v and d,

    (x - low - r, v, d) is a row (2^s j, y_j, d_j)           a look-up
    y = 2^s v + d r                                          `path/product`

As r < 2^s and the first column holds multiples of 2^s from 0, x has one node and one r at most, and
none if it lies outside of the table. y is not stored: what reads it says what it equals. With s = 0
the table is the function, and y = v.

Rows: 1 a number, and those of the look-up; bits: s; trace: 2.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.look_up import look_up
from zkinfer.circuit.gadgets.nonlinear import multiply
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Value, wrapped


def interpolate(
    b: Builder, path: str, x: Value, low: int, shift: int, values: tuple[int, ...]
) -> Value:
    """The interpolated values, times 2^shift, at every entry of a stored x, not stored.

    values: at the nodes low, low + 2^shift, ..., the last of them behind all x.
    """
    offset = linear.shifted(x, -low)
    numbers = b.integers(path, offset)
    places = None if numbers is None else np.clip(numbers >> shift, 0, len(values) - 2)
    nodes, heights, slopes = _columns(shift, values)
    v = _entry(b, f"{path}/value", x, heights, places)
    if not shift:
        look_up(b, path, (nodes, heights), (offset, v), places)
        return v
    remainder = None if numbers is None else numbers & wrapped((1 << shift) - 1)
    r = b.bits(f"{path}/remainder", x, shift, remainder).field(0, shift)
    d = _entry(b, f"{path}/slope", x, slopes, places)
    node = linear.add(offset, linear.scale(r, -1))
    look_up(b, path, (nodes, heights, slopes), (node, v, d), places)
    y = linear.add(linear.scale(v, 1 << shift), multiply(b, f"{path}/product", d, r))
    return y.within(Interval(min(values) << shift, max(values) << shift))


@lru_cache(maxsize=16)
def _columns(shift: int, values: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The table's: where its nodes are, the values there, and how much they rise to the next."""
    nodes = tuple(range(0, (len(values) - 1) << shift, 1 << shift))
    return nodes, values[:-1], tuple(np.diff(np.array(values, np.int64)).tolist())


def _entry(
    b: Builder, path: str, x: Value, column: Sequence[int], places: Integers | None
) -> Value:
    """The entry of a column at the row that is looked up, as advice with the factors of x."""
    ends = min(column), max(column)
    array = None if places is None else np.array(column, np.int64)[places]
    stored = b.advice(path, Segment.TRACE, x.shape, *ends, array, certain=Interval(*ends))
    return views.matched(stored, x.factors)
