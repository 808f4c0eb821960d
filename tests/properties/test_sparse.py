"""Sparse rows as arrays do what the same rows do as dictionaries."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zkinfer.circuit.sparse import Row, Sparse
from zkinfer.circuit.target import BN254_ORDER as R

ENTRIES = st.integers(0, 5)
FACTORS = st.integers(-3, 3) | st.sampled_from([2**62, 2**63 - 1, -(2**63), 2**63, R // 2, -R, R])
ROWS = st.lists(st.dictionaries(ENTRIES, FACTORS.filter(bool), max_size=4), max_size=6)


def least(value: int) -> int:
    """The integer of least absolute value that is the same modulo r."""
    return (value + R // 2) % R - R // 2


@given(st.lists(st.tuples(st.integers(0, 3), ENTRIES, FACTORS), max_size=12))
def test_terms_add_up_in_the_order_in_which_entries_come(
    terms: list[tuple[int, int, int]],
) -> None:
    sums: list[Counter[int]] = [Counter() for _ in range(4)]
    for row, entry, factor in terms:
        sums[row][entry] += factor
    rows, entries = (np.array([term[i] for term in terms], np.int64) for i in (0, 1))
    factors = np.array([factor for *_, factor in terms], object)
    found = Sparse.summed(4, rows, entries, factors, R)
    expected = [{e: least(k) for e, k in row.items()} for row in sums]
    assert [list(row.items()) for row in found] == [list(row.items()) for row in expected]
    assert list(found.nonzero()) == [{e: k for e, k in row.items() if k} for row in expected]


@given(ROWS, ROWS, st.data())
def test_rows_are_stacked_taken_and_turned(
    one: list[Row], two: list[Row], data: st.DataObject
) -> None:
    rows = [*one, *two]
    sparse = Sparse.stacked([Sparse.of(one), Sparse.of(two)])
    assert list(sparse) == rows
    places = st.lists(st.integers(0, len(rows) - 1)) if rows else st.just([])
    numbers = data.draw(places)
    assert list(sparse.take(np.array(numbers, np.int64))) == [rows[n] for n in numbers]
    columns = [{i: row[e] for i, row in enumerate(rows) if e in row} for e in range(6)]
    assert list(sparse.transposed(6)) == columns


@given(ROWS)
def test_rows_of_the_same_terms_have_the_same_number(rows: list[Row]) -> None:
    backwards = [dict(reversed(row.items())) for row in rows]
    found = Sparse.of([*rows, *backwards]).alike().tolist()
    for number, row in zip(found, [*rows, *rows], strict=True):
        assert [n == number for n in found] == [other == row for other in [*rows, *rows]]


@given(ROWS, st.lists(FACTORS, min_size=6, max_size=6))
def test_values_are_exact(rows: list[Row], values: list[int]) -> None:
    rows = [row for row in rows if row]
    found = Sparse.of(rows).times(np.array(values, object))
    assert found.tolist() == [sum(k * values[e] for e, k in row.items()) for row in rows]
