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

Rows: n + N + 1; sketch: n + N; trace: N. All uses of one table are taken together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MODULUS, Axis, Challenge, Term
from zkinfer.circuit.value import Integers, Interval, Value, factors_of


@dataclass
class Table:
    """A table of public integers, and what looks its rows up.

    path: its name. columns: of equal lengths. counts: while solving, how often each row is found.
    """

    b: Builder
    path: str
    columns: tuple[tuple[int, ...], ...]
    counts: Integers
    totals: list[Term] = field(default_factory=list)

    def finish(self) -> None:
        """The blocks `entries` and `total`."""
        rows = len(self.counts)
        any_number = Interval(-(MODULUS // 2), MODULUS // 2)
        counts = self.b.advice(
            f"{self.path}/counts",
            Segment.TRACE,
            (rows,),
            0,
            2**62,
            self.counts if self.b.solving else None,
            certain=any_number,
        )
        if self.b.solving:
            return
        columns = [_constants(series) for series in self.columns]
        a = _folded(self.b, counts.rows, columns)
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
    """States that the values, one a column, are a row of a table at every index.

    columns: the table, all of one length. values: of one shape. places: while solving, the rows
    that they are, int64 of any shape.
    """
    key = tuple(columns)
    rows = len(key[0])
    table = b.shared(key, lambda: Table(b, f"{path}/table", key, np.zeros(rows, np.int64)))
    if not isinstance(table, Table):
        raise TypeError(f"{path}: its table is known as something else")
    if places is not None:
        table.counts += np.bincount(places.ravel(), minlength=rows)
        return
    aligned = b.aligned(path, *values)
    one = linear.constant(1, aligned[0])
    a = _folded(b, one.rows, aligned)
    table.totals.extend(b.quotients(f"{path}/look_up", one.rows, a, one.terms))


def _constants(series: Sequence[int]) -> Value:
    """Public integers along an axis."""
    nothing = Value(factors_of((len(series),)), (), 0, 0, Interval(0, 0))
    weighted = linear.weight(linear.constant(1, nothing), 0, series)
    if weighted is None:
        raise ValueError("a constant without axes of several factors takes weights")
    return weighted


def _folded(b: Builder, rows: tuple[int, ...], columns: Sequence[Value]) -> list[Term]:
    """alpha - sum_c w_c column_c, at every row."""
    alpha, *others = b.challenges([2] * (1 + len(columns)))
    one = Term(0, 1, (), tuple(Axis(extent, None, ()) for extent in rows))
    terms = [_times(one, alpha)]
    for column, challenge in zip(columns, others, strict=True):
        terms += [_times(term, challenge) for term in linear.scale(column, -1).terms]
    return terms


def _times(term: Term, challenge: Challenge) -> Term:
    """The term times the first weight of a challenge vector."""
    return replace(term, sums=(Axis(1, challenge, (0,) * len(term.bases)), *term.sums))
