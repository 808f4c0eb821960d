"""R1CS in fewer rows: what it says of the public entries and the weights stays the same.

A linear row, one without a product, is solved for one of the entries that are neither public nor
weights, which is then replaced where it is read: row and entry are gone. Rows with the same factors
are shared: their products are equal. An entry that one row alone reads, and of which there is one
whatever the others are, says nothing, and neither does the row.

All is done in the order of numbers: whoever lowers a network again has the rows of its setup.
"""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.rank_one import ONE, Product, RankOne, Replaced
from zkinfer.circuit.sparse import Row, Sparse

Hashes = npt.NDArray[np.uint64]

MAX_FILL = 1 << 14
"""The most entries that replacing one may add to the rows; what adds more stays as it is."""


def simplified(system: RankOne) -> RankOne:
    """What the rows say, in fewer rows over the same entries."""
    work = _Work(system)
    work.solve_linear()
    while work.share_products():
        work.solve_linear()
    work.drop_unread()
    return work.result()


class _Readers(dict[int, set[int]]):
    """By entry the rows that read it, as arrays have them until it is looked at."""

    def __init__(self, system: RankOne) -> None:
        super().__init__()
        self._system = system

    def __missing__(self, entry: int) -> set[int]:
        # The order of a set, in which rows are rewritten, depends on that in which it is filled.
        self[entry] = set(self._system.readers.read(entry))
        return self[entry]


@dataclass
class _Work:
    """Rows that are being rewritten. A row that says nothing is gone.

    system: the rows as arrays. rows: those that were looked at since, as they are now. readers: by
    entry that can go, the numbers of the rows that read it now.
    """

    system: RankOne
    rows: dict[int, Product] = field(default_factory=dict)
    linear: deque[int] = field(default_factory=deque)
    replaced: list[Replaced] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modulus, self.named = self.system.modulus, self.system.named
        a, b, c = (side.nonzero() for side in self.system.sides)
        self.system = replace(self.system, sides=(a, b, c))
        self.readers = _Readers(self.system)
        factors = (a, b)
        variable = [np.bincount(f.rows[f.entries != ONE], minlength=len(f)) for f in factors]
        linear = np.flatnonzero(np.minimum(*variable) == 0)
        for number in linear[sum(f.counts[linear] for f in factors) > 0].tolist():
            self._tidy(number)
        self.linear = deque(sorted(linear.tolist(), key=lambda n: len(self._row(n).c)))

    def solve_linear(self) -> None:
        """Solves rows without products until none is left that can be."""
        kept = []
        while self.linear:
            number = self.linear.popleft()
            row = self._row(number)
            if not row.a and row.c and not self._solve(number, row.c):
                kept.append(number)
        for number in kept:
            row = self._row(number)
            if row.c and not row.a:
                row.a, row.b, row.c = row.c, {ONE: 1}, {}

    def share_products(self) -> bool:
        """Equates the products of rows with the same factors; whether there are any."""
        self._settle()
        known: dict[frozenset[frozenset[tuple[int, int]]], tuple[int, int]] = {}
        found = False
        for number in self._similar():
            row = self._row(number)
            if row.b == {ONE: 1}:
                continue
            (a, s), (b, t) = self._monic(row.a), self._monic(row.b)
            other, scale = known.setdefault(frozenset((a, b)), (number, s * t))
            if other == number:
                continue
            # s t = u v w with the factors' product w, so that scale c = s t c', c' the other's
            difference = {entry: k * scale for entry, k in row.c.items()}
            for entry, k in self._row(other).c.items():
                difference[entry] = difference.get(entry, 0) - s * t * k
            self._forget(number)
            self.rows[number] = Product(row.path, {}, {}, self._small(difference))
            self._note(number)
            self.linear.append(number)
            found = True
        return found

    def _similar(self) -> list[int]:
        """The rows whose factors read the same entries as another's, and perhaps some more."""
        a, b, _ = self.system.sides
        hashes = _mixed(_hashes(a)) + _mixed(_hashes(b))
        _, same, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        found: list[int] = np.flatnonzero((counts[same] > 1) & (a.counts > 0)).tolist()
        return found

    def drop_unread(self) -> None:
        """Drops rows that can be satisfied by an entry which nothing else reads."""
        self._settle()
        once = np.flatnonzero(self.system.readers.counts == 1)
        waiting = deque(once[once >= self.named].tolist())
        while waiting:
            entry = waiting.popleft()
            rows = self.readers[entry]
            if len(rows) != 1:
                continue
            (number,) = rows
            row = self._row(number)
            free = entry in row.c and entry not in row.a and entry not in row.b
            bit = not row.c and set(row.a) == {entry} and set(row.b) == {entry, ONE}
            if not free and not bit:
                continue
            if free:
                self.replaced.append(self._freed(entry, row))
            read = sorted({*row.a, *row.b, *row.c})
            self._drop(number)
            waiting.extend(e for e in read if e >= self.named and len(self.readers[e]) == 1)

    def result(self) -> RankOne:
        """The rows that are left."""
        self._settle()
        left = np.flatnonzero(sum(side.counts for side in self.system.sides))
        a, b, c = (side.take(left) for side in self.system.sides)
        paths, replaced = self.system.paths[left], tuple(self.replaced)
        return replace(self.system, paths=paths, sides=(a, b, c), replaced=replaced)

    def _settle(self) -> None:
        """Puts rows back among the arrays."""
        where = np.arange(len(self.system))
        where[list(self.rows)] = len(where) + np.arange(len(self.rows))
        rows = [(row.a, row.b, row.c) for row in self.rows.values()]
        a, b, c = (
            Sparse.stacked([side, Sparse.of([row[number] for row in rows])]).take(where)
            for number, side in enumerate(self.system.sides)
        )
        self.system = replace(self.system, sides=(a, b, c))
        self.rows, self.readers = {}, _Readers(self.system)

    def _freed(self, entry: int, row: Product) -> Replaced:
        """What an entry is that a row without other readers of it makes."""
        inverse = pow(row.c[entry], -1, self.modulus)
        a = {e: self._reduced(k * inverse) for e, k in row.a.items()}
        rest = {e: self._reduced(-k * inverse) for e, k in row.c.items() if e != entry}
        return Replaced(entry, a, row.b, rest)

    # -- one row --------------------------------------------------------------------------------

    def _row(self, number: int) -> Product:
        if number not in self.rows:
            self.rows[number] = self.system.row(number)
        return self.rows[number]

    def _drop(self, number: int) -> None:
        self._forget(number)
        self.rows[number] = Product(self._row(number).path, {}, {}, {})

    def _solve(self, number: int, row: Row) -> bool:
        """Replaces an entry of a linear row everywhere else, if there is one that may go."""
        best: tuple[int, bool, int] | None = None
        for entry, k in row.items():
            if entry >= self.named:
                fill = (len(self.readers[entry]) - 1) * (len(row) - 2)
                choice = (fill, k not in (1, -1), entry)
                best = choice if best is None or choice < best else best
                if fill == 0 and k in (1, -1):
                    break
        if best is None or best[0] > MAX_FILL:
            return False
        entry = best[2]
        self._drop(number)
        k = row.pop(entry)
        factor = -k if k in (1, -1) else -pow(k, -1, self.modulus)
        value = {other: self._reduced(c * factor) for other, c in row.items()}
        self.replaced.append(Replaced(entry, {}, {}, value))
        readers, self.readers[entry] = self.readers[entry], set()
        for reader in sorted(readers):
            self._replace(reader, entry, value)
        return True

    def _replace(self, number: int, entry: int, value: Row) -> None:
        row = self._row(number)
        for side in (row.a, row.b, row.c):
            k = side.pop(entry, 0)
            if not k:
                continue
            for other, c in value.items():
                total = self._reduced(side.get(other, 0) + k * c)
                if total:
                    side[other] = total
                    self._read(other, number)
                else:
                    del side[other]
                    if not any(other in s for s in (row.a, row.b, row.c)):
                        self._unread(other, number)
        self._tidy(number)

    def _tidy(self, number: int) -> None:
        """A row with a factor that is a constant as one without a product."""
        row = self._row(number)
        for factor, other in ((row.a, row.b), (row.b, row.a)):
            if not factor.keys() - {ONE}:
                k = factor.get(ONE, 0)
                for entry, c in other.items() if k else ():
                    row.c[entry] = self._reduced(row.c.get(entry, 0) - k * c)
                self._forget(number)
                row.a, row.b, row.c = {}, {}, {e: c for e, c in row.c.items() if c}
                self._note(number)
                self.linear.append(number)
                return

    def _monic(self, side: Row) -> tuple[frozenset[tuple[int, int]], int]:
        """A factor up to a constant, and that constant."""
        k = side[min(side)]
        if k == 1:
            return frozenset(side.items()), 1
        inverse = pow(k, -1, self.modulus)
        return frozenset((e, self._reduced(c * inverse)) for e, c in side.items()), k

    def _note(self, number: int) -> None:
        row = self._row(number)
        for side in (row.a, row.b, row.c):
            for entry in side:
                self._read(entry, number)

    def _read(self, entry: int, number: int) -> None:
        if entry >= self.named:
            self.readers[entry].add(number)

    def _unread(self, entry: int, number: int) -> None:
        if entry >= self.named:
            self.readers[entry].discard(number)

    def _forget(self, number: int) -> None:
        row = self._row(number)
        for side in (row.a, row.b, row.c):
            for entry in side:
                self._unread(entry, number)

    def _small(self, side: Row) -> Row:
        reduced = ((entry, self._reduced(k)) for entry, k in side.items())
        return {entry: k for entry, k in reduced if k}

    def _reduced(self, k: int) -> int:
        """The integer of least absolute value that is the same modulo the prime."""
        if -self.modulus < 2 * k < self.modulus:
            return k
        k %= self.modulus
        return k if 2 * k < self.modulus else k - self.modulus


def _hashes(side: Sparse) -> Hashes:
    """Of each row, by the entries that it reads."""
    terms = _mixed(np.concatenate([[0], side.entries]).astype(np.uint64))
    return np.diff(np.cumsum(terms)[side.starts])


def _mixed(values: Hashes) -> Hashes:
    """A permutation of 64 bits in which sums of few differ (SplitMix64, Steele et al., 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))
