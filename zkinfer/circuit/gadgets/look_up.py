"""Look-ups: that tuples of numbers are rows of a table.

f_i are the tuples, t_j the rows of the table, and m_j, advice, how many tuples are row j. With
challenges alpha and w_c, one a column, which are drawn after all these are committed, let
[t] = alpha - sum_c w_c t_c. The sketch holds h and q:

    [f_i] h_i = 1                                            `path/look_up`
    [t_j] q_j = m_j                                          `table/entries`
    sum_i h_i = sum_j q_j                                    `table/total`

Both sides of the last are then the same function of alpha (logarithmic derivatives: Haböck, eprint
2022/1530). Had a tuple a fold that no row has, the left one would have a pole that the right one
has not, as less than l tuples make no coefficient vanish. Folds of unequal tuples are unequal
polynomials. For n tuples and a table of N rows a false look-up passes with probability at most
(n + N) k / l, k the coordinates of the challenge vectors: each challenge is the first weight of
one, the product of its 1 - theta. Whatever the m_j are, nothing else follows from them.

A column may hold vectors: they are folded by a challenge vector of their own, so that a row of any
length costs one look-up. The table of `row` is any stored value, with the numbers n_j of its rows
as another column, advice that counts from 1:

    n_j - n_{j-1} = 1, with 0 before the first               `table/numbers`

That of `numbered` has its rows along one or two axes, so that public constants number them.

Rows: n + N + 1; sketch: n + N; trace: N. All uses of one table are taken together. Without
challenges each tuple has bits that say which row it is (selection.py).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.selection import Selection, grid_of, public_column
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import Axis, Challenge, Term
from zkinfer.circuit.value import Integers, Interval, Value


@dataclass
class Table:
    """A table, and what looks its rows up.

    path: its name. rows: their shape. columns: [rows], or [rows, length] of vectors. places: while
    solving, the rows that are found, numbered in row-major order.
    """

    b: Builder
    path: str
    rows: tuple[int, ...]
    columns: tuple[Value, ...]
    places: list[Integers] = field(default_factory=list)
    totals: list[Term] = field(default_factory=list)

    def take(self, path: str, values: Sequence[Value], places: Integers | None) -> None:
        """Takes in tuples: values with the same factors, but for a last axis of vectors."""
        if places is not None:
            self.places.append(places.ravel())
            return
        rows = values[0].rows
        a = _folded(self.b, rows, values)
        self.totals.extend(self.b.quotients(f"{path}/look_up", rows, a, [_one(rows)]))

    def finish(self) -> None:
        """The blocks `entries` and `total`."""
        array = None
        if self.b.solving:
            found = np.concatenate(self.places)
            array = np.bincount(found, minlength=prod(self.rows)).reshape(self.rows)
        any_number, path = self.b.target.elements, f"{self.path}/counts"
        counts = self.b.advice(path, Segment.TRACE, self.rows, 0, 2**62, array, certain=any_number)
        if self.b.solving:
            return
        a = _folded(self.b, counts.rows, self.columns)
        quotients = self.b.quotients(f"{self.path}/entries", counts.rows, a, counts.terms)
        less = [replace(term, coefficient=-1) for term in quotients]
        self.b.block(f"{self.path}/total", (), (), (), [*self.totals, *less])


def look_up(
    b: Builder,
    path: str,
    columns: Sequence[tuple[int, ...]],
    values: Sequence[Value],
    places: Integers | None,
) -> None:
    """States that the values, one a column, are a row of a public table at every index.

    columns: the table, all of one length. values: of one shape. places: while solving, the rows
    that they are, int64 of any shape.
    """
    key = tuple(columns)
    if not b.target.challenges:
        _select_public(b, path, key, b.aligned(path, *values), places)
        return
    table = _table(b, path, key, lambda: tuple(map(_constants, key)), (len(key[0]),))
    table.take(path, b.aligned(path, *values), places)


def _select_public(
    b: Builder,
    path: str,
    columns: tuple[tuple[int, ...], ...],
    values: Sequence[Value],
    places: Integers | None,
) -> None:
    """States that values are a row of a public table, by bits that say which."""
    grid = n, m = grid_of(len(columns[0]))
    found = Selection.of(b, f"{path}/row", values[0], grid, places)
    for number, (column, value) in enumerate(zip(columns, values, strict=True)):
        name = f"{path}/row/column{number}"
        padded = [*column, *[column[-1]] * (n * m - len(column))]
        highs, lows = padded[::m], [x - padded[0] for x in padded[:m]]
        if all(padded[h * m + x] == highs[h] + lows[x] for h in range(n) for x in range(m)):
            entry = found.affine(highs, lows)
        else:
            entry = found.column(name, public_column(b, f"{name}/table", grid, column))
        b.equal(name, *b.aligned(name, entry, value))


def row(b: Builder, path: str, table: Value, index: Value) -> Value:
    """The rows of a stored table [N, length] that a stored index of any shape names, stored."""
    if table.factors != views.factors_of(table.shape) or table.parts or table.is_weighted:
        table = b.store(f"{path}/copy", table)
    if index.factors != views.factors_of(index.shape):
        index = b.store(f"{path}/index", index)
    rows, length = table.shape
    places = b.integers(path, index)
    if places is not None:
        places = np.clip(places, 0, rows - 1)
    array = table.array[places] if places is not None else None
    shape = (*index.shape, length)
    ends, certain = (table.low, table.high), table.certain
    y = b.advice(f"{path}/rows", Segment.TRACE, shape, *ends, array, certain=certain)

    if not b.target.challenges:
        by_row = Selection.of(b, f"{path}/row", index, (rows, 1), places)
        b.equal(f"{path}/row/number", by_row.number(), index)
        grid = b.reshape(path, table, (rows, 1, length))
        b.equal(f"{path}/row/column", by_row.column(f"{path}/row/column", grid), y)
        return y

    def columns() -> tuple[Value, ...]:
        return _counted(b, f"{path}/table", rows), table

    known = _table(b, path, table.terms, columns, (rows,))
    known.take(path, (linear.shifted(index, 1), y), places)
    return y


def numbered(b: Builder, path: str, *columns: Value, axes: int) -> Table:
    """The table whose rows lie along the first axes of stored columns, behind their numbers from 1
    on in row-major order.
    """
    key = tuple(column.terms for column in columns)
    rows = columns[0].shape[:axes]
    return _table(b, path, key, lambda: (_numbers(columns[0], rows), *columns), rows)


def _numbers(like: Value, rows: tuple[int, ...]) -> Value:
    """The numbers of rows, public, with the factors of a column."""
    factors = like.factors[: len(rows)]
    nothing = Value(factors, (), 0, 0, Interval(0, 0), like.lazily(lambda x: np.zeros(rows, int)))
    parts = [linear.constant(1, nothing)]
    for axis, extent in enumerate(rows):
        step = prod(rows[axis + 1 :])
        part = linear.weight(parts[0], axis, range(0, extent * step, step)) if extent > 1 else None
        parts += [part] if part is not None else []
    return linear.add(*parts)


def _counted(b: Builder, path: str, rows: int) -> Value:
    """The numbers from 1 to `rows`."""
    array = np.arange(1, rows + 1) if b.solving else None
    ends = Interval(1, rows)
    path = f"{path}/numbers"
    n = b.advice(path, Segment.TRACE, (rows,), *ends, array, certain=ends)
    if rows > 1:
        (term,) = n.terms
        before = replace(term, coefficient=-1, bases=(-1,))
        b.block(path, n.rows, (), (), [*n.terms, before, *linear.constant(-1, n).terms])
    else:
        b.equal(path, n, linear.constant(1, n))
    return n


def _table(
    b: Builder,
    path: str,
    key: Hashable,
    columns: Callable[[], tuple[Value, ...]],
    rows: tuple[int, ...],
) -> Table:
    """The table that is known by a key."""

    def make() -> Table:
        return Table(b, f"{path}/table", rows, columns())

    table = b.shared(key, make)
    if not isinstance(table, Table):
        raise TypeError(f"{path}: its table is known as something else")
    return table


def _constants(series: Sequence[int]) -> Value:
    """Public integers along an axis."""
    nothing = Value(views.factors_of((len(series),)), (), 0, 0, Interval(0, 0))
    weighted = linear.weight(linear.constant(1, nothing), 0, series)
    if weighted is None:
        raise ValueError("a constant without axes of several factors takes weights")
    return weighted


def _folded(b: Builder, rows: tuple[int, ...], columns: Sequence[Value]) -> list[Term]:
    """alpha - sum_c w_c column_c, at every row; vectors are folded first."""
    lengths = [extent for column in columns for extent in column.rows[len(rows) :]]
    alpha, *others = b.challenges([2] * (1 + len(columns)) + lengths)
    terms = [_times(_one(rows), alpha)]
    scalars, vectors = others[: len(columns)], iter(others[len(columns) :])
    for column, challenge in zip(columns, scalars, strict=True):
        count = len(column.rows) - len(rows)
        inner = [next(vectors) for _ in range(count)]
        for term in linear.scale(column, -1).terms:
            outer, axes = term.rows[: len(rows)], term.rows[len(rows) :]
            sums = [axis._replace(weight=w) for axis, w in zip(axes, inner, strict=True)]
            flat = replace(term, rows=outer, sums=(*sums, *term.sums))
            terms.append(_times(flat, challenge))
    return terms


def _one(rows: tuple[int, ...]) -> Term:
    """One at every row."""
    return Term(0, 1, (), tuple(Axis(extent, None, ()) for extent in rows))


def _times(term: Term, challenge: Challenge) -> Term:
    """The term times the first weight of a challenge vector."""
    return replace(term, sums=(Axis(1, challenge, (0,) * len(term.bases)), *term.sums))
