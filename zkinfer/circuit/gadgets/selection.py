"""Rows of a table by one bit for each of its rows, for arguments without challenges.

The rows lie on a grid [n, m]. For each tuple there are bits u_h and v_l, with

    sum_h u_h = 1,  sum_l v_l = 1                          `path/high/choice`, `path/low/choice`
    sum_h u_h sum_l v_l t[h, l] = f                        a column each: `path/column*`

so that exactly one u_h and one v_l are 1, and f is the entry t[h, l] of every column. A column
t[h, l] = a_h + b_l, as the numbers of the rows are, takes no products. Rows: n + m a tuple, and
n m + n a column, but n for a public one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.contraction import contract
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Lazy, Value


@dataclass(frozen=True)
class Selection:
    """Bits that say which row each tuple is.

    high, low: [..., n] and [..., m]. places: while solving, the row of each tuple, int64.
    """

    b: Builder
    path: str
    high: Value
    low: Value
    places: Integers | None

    @classmethod
    def of(
        cls, b: Builder, path: str, like: Value, grid: tuple[int, int], places: Integers | None
    ) -> "Selection":
        """For tuples of the shape of a value, of which one may be any of n m rows."""
        if places is not None:
            places = places.reshape(like.shape)

        def one_of(name: str, extent: int, step: int) -> Value:
            wide, array = views.widened(like, (extent,)), None
            if places is not None:
                array = (places[..., None] // step % extent == range(extent)).astype(np.int64)
            bits = b.bits(f"{path}/{name}/bits", wide, 1, array).bit(0)
            last = len(bits.factors) - 1
            total = views.drop(linear.sum_over(bits, (last,)), (last,))
            b.equal(f"{path}/{name}/choice", total, linear.constant(1, total))
            return bits

        n, m = grid
        return cls(b, path, one_of("high", n, m), one_of("low", m, 1), places)

    def number(self) -> Value:
        """The number of the row, from 0 in row-major order."""
        return self.affine(range(0, self.high.shape[-1] * self.low.shape[-1], self.low.shape[-1]))

    def affine(self, highs: Sequence[int], lows: Sequence[int] | None = None) -> Value:
        """a_h + b_l; b_l is l by default."""
        lows = range(self.low.shape[-1]) if lows is None else lows
        sides = []
        for bits, series in ((self.high, highs), (self.low, lows)):
            last = len(bits.factors) - 1
            weighted = linear.weight(bits, last, series)
            if weighted is None:
                raise ValueError(f"{self.path}: bits lie on one axis")
            sides.append(views.drop(linear.sum_over(weighted, (last,)), (last,)))
        total = linear.add(*self.b.aligned(self.path, *sides))
        ends = Interval(min(highs) + min(lows), max(highs) + max(lows))
        return total.within(ends)

    def column(self, path: str, column: Value) -> Value:
        """The entries of a column [n, m], or vectors of [n, m, length], at the rows; not stored."""
        tuples = [f"t{axis}" for axis in range(len(self.low.factors) - 1)]
        vectors = [f"v{axis}" for axis in range(len(column.factors) - 2)]
        kept = [*((label,) for label in tuples), ("h",), *((label,) for label in vectors)]
        partial = contract(
            self.b,
            f"{path}/low",
            self.low,
            (*tuples, "l"),
            column,
            ("h", "l", *vectors),
            kept,
            None,
            self._numbers(column, high=False),
        )
        ends = Interval(min(column.low, 0), max(column.high, 0))
        partial = self.b.settle(f"{path}/low/sums", partial.bounded(*ends))
        partial = self.b.reshape(f"{path}/low/sums", partial, partial.shape)
        found = contract(
            self.b,
            f"{path}/high",
            self.high,
            (*tuples, "h"),
            partial,
            (*tuples, "h", *vectors),
            [labels for labels in kept if labels != ("h",)],
            None,
            self._numbers(column, high=True),
        )
        return found.within(column.certain).bounded(*ends)

    def _numbers(self, column: Value, *, high: bool) -> Lazy | None:
        places = self.places
        if places is None:
            return None
        m = column.shape[1]

        def compute() -> Integers:
            if high:
                return column.array[places // m, places % m]
            return np.moveaxis(column.array[:, places % m], 0, places.ndim)

        return Lazy(compute)


def grid_of(rows: int) -> tuple[int, int]:
    """A grid with about as many rows as columns, for at least so many rows."""
    low = 1 << (isqrt(max(rows - 1, 0)).bit_length())
    return -(-rows // low), low


def public_column(b: Builder, path: str, grid: tuple[int, int], series: Sequence[int]) -> Value:
    """Integers as a stored column [n, m]; the last repeats."""
    n, m = grid
    values = [*series, *[series[-1]] * (n * m - len(series))]
    ends = Interval(min(values), max(values))
    array = np.array(values, np.int64) if b.solving else None
    stored = b.advice(path, Segment.TRACE, (n * m,), *ends, array, certain=ends)
    one = linear.constant(1, stored)
    known = linear.weight(one, 0, values)
    if known is None:
        raise ValueError(f"{path}: a column lies on one axis")
    b.equal(path, stored, known)
    return b.reshape(path, stored, grid)
