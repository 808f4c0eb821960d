"""Sparse rows of integers, as arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Entries = npt.NDArray[np.int64] | npt.NDArray[np.object_]
"""Integers, as Python's own where one does not fit 64 bits."""

Row = dict[int, int]
"""A linear combination: by entry, its coefficient."""


@dataclass(frozen=True, eq=False)
class Sparse:
    """Linear combinations: row i has the terms starts[i] ... starts[i + 1] - 1.

    starts: int64 (rows + 1,). entries: int64 (terms,), no two of a row alike. factors: of these,
    (terms,).
    """

    starts: Integers
    entries: Integers
    factors: Entries

    @classmethod
    def summed(
        cls, count: int, rows: Integers, entries: Integers, factors: Entries, modulus: int
    ) -> "Sparse":
        """The rows that terms add up to, in any order: each has its entries as they first come,
        those that cancel too.

        count: how many rows. rows, entries, factors: of the terms. modulus: a prime beyond 64 bits;
        sums are the integers of least absolute value that they are modulo it.
        """
        factors = narrowed(factors)
        order = np.lexsort((entries, rows))
        starts = np.flatnonzero(changes(rows[order], entries[order]))
        sums = narrowed(_reduced(added(factors[order], starts), modulus))
        first = order[starts]
        order = np.lexsort((first, rows[first]))
        first = first[order]
        return cls(_starts(np.bincount(rows[first], minlength=count)), entries[first], sums[order])

    @classmethod
    def stacked(cls, parts: Sequence["Sparse"]) -> "Sparse":
        """The rows of all parts, one after the other."""
        counts = np.concatenate([part.counts for part in parts])
        entries = np.concatenate([part.entries for part in parts])
        return cls(_starts(counts), entries, np.concatenate([part.factors for part in parts]))

    @classmethod
    def of(cls, rows: Sequence[Mapping[int, int]]) -> "Sparse":
        """The same rows."""
        starts = _starts(np.array([len(row) for row in rows], np.int64))
        entries = np.fromiter(chain.from_iterable(rows), np.int64)
        factors = np.array(list(chain.from_iterable(row.values() for row in rows)), object)
        return cls(starts, entries, narrowed(factors))

    @classmethod
    def empty(cls, count: int) -> "Sparse":
        """So many rows without terms."""
        return cls.of([{}] * count)

    @classmethod
    def reading(cls, entries: Integers) -> "Sparse":
        """A row for each entry, which reads it."""
        return cls(np.arange(len(entries) + 1), entries, np.ones(len(entries), np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[Row]:
        return map(self.row, range(len(self)))

    def row(self, number: int) -> Row:
        """One row."""
        starts, entries, factors = self._lists
        part = slice(starts[number], starts[number + 1])
        return dict(zip(entries[part], factors[part], strict=True))

    def read(self, number: int) -> list[int]:
        """The entries of one row."""
        starts, entries, _ = self._lists
        return entries[starts[number] : starts[number + 1]]

    @cached_property
    def _lists(self) -> tuple[list[int], list[int], list[int]]:
        return self.starts.tolist(), self.entries.tolist(), self.factors.tolist()

    @cached_property
    def counts(self) -> Integers:
        """How many terms each row has."""
        return np.diff(self.starts)

    @cached_property
    def rows(self) -> Integers:
        """The row of each term."""
        return np.repeat(np.arange(len(self)), self.counts)

    def take(self, numbers: Integers) -> "Sparse":
        """These rows, in this order."""
        counts = self.counts[numbers]
        starts = _starts(counts)
        terms = np.arange(starts[-1]) + np.repeat(self.starts[numbers] - starts[:-1], counts)
        return Sparse(starts, self.entries[terms], self.factors[terms])

    def transposed(self, count: int) -> "Sparse":
        """The columns: by entry, of so many, its rows in the place of entries."""
        order = np.argsort(self.entries, kind="stable")
        starts = _starts(np.bincount(self.entries, minlength=count))
        return Sparse(starts, self.rows[order], self.factors[order])

    def nonzero(self) -> "Sparse":
        """The same rows without terms that are zero."""
        kept = self.factors != 0
        counts = np.bincount(self.rows[kept], minlength=len(self))
        return Sparse(_starts(counts), self.entries[kept], self.factors[kept])

    def plus(self, other: "Sparse", modulus: int) -> "Sparse":
        """Row by row the sums, without terms that are zero."""
        pairs = ((self.rows, other.rows), (self.entries, other.entries))
        rows, entries = (np.concatenate(pair) for pair in pairs)
        factors = np.concatenate([self.factors, other.factors])
        return Sparse.summed(len(self), rows, entries, factors, modulus).nonzero()

    def times(self, z: Entries) -> Entries:
        """The combinations of values, by entry; no row is empty."""
        return added(product(z[self.entries], self.factors), self.starts[:-1])

    def alike(self) -> Integers:
        """A number for each row, the same for two of them if they have the same terms."""
        order = np.lexsort((self.entries, self.rows))
        terms = numbered(self.entries[order], self.factors[order])
        numbers, used = np.zeros(len(self), np.int64), 1
        for place in range(self.counts.max(initial=0)):
            longer = np.flatnonzero(self.counts > place)
            found = numbered(numbers[longer], terms[self.starts[longer] + place])
            numbers[longer] = used + found
            used += int(found.max()) + 1
        return numbers


def numbered(*columns: Entries) -> Integers:
    """A number for each tuple of columns, the same for the same."""
    order = np.lexsort(columns)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(changes(*(column[order] for column in columns))) - 1
    return numbers


def changes(*columns: Entries) -> npt.NDArray[np.bool_]:
    """Where tuples of columns differ from those before them; the first does."""
    found = np.ones(len(columns[0]), np.bool_)
    found[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return found


def narrowed(values: Entries) -> Entries:
    """The same integers, in 64 bits if all fit."""
    try:
        return values.astype(np.int64)
    except OverflowError:
        return values


def product(left: Entries, right: Entries) -> Entries:
    """One by one the products, exact."""
    sizes = np.abs(left.astype(np.float64)) * np.abs(right.astype(np.float64))
    return left.astype(object) * right if _large(sizes) else left * right


def added(values: Entries, starts: Integers) -> Entries:
    """The sums of what begins at each start, up to the next one; exact."""
    sizes = np.add.reduceat(np.abs(values.astype(np.float64)), starts)
    return np.asarray(np.add.reduceat(values.astype(object) if _large(sizes) else values, starts))


def _large(sizes: npt.NDArray[np.float64]) -> bool:
    """Whether one of these may not fit 64 bits."""
    return bool((sizes >= 2.0**62).any())


def _reduced(values: Entries, modulus: int) -> Entries:
    half = modulus // 2
    return (values + half) % modulus - half if values.dtype == object else values


def _starts(counts: Integers) -> Integers:
    return np.concatenate([[0], np.cumsum(counts)])
