"""R1CS in fewer rows: what it says of the public entries and the weights stays the same.

A linear row, one without a product, is solved for one of the entries that are neither public nor
weights, which is then replaced where it is read: row and entry are gone. Rows with the same factors
are shared: their products are equal. An entry that one row alone reads, and of which there is one
whatever the others are, says nothing, and neither does the row.
"""

from collections import deque
from dataclasses import dataclass, field, replace

from zkinfer.circuit.rank_one import ONE, Product, RankOne, Replaced, Row

MAX_FILL = 1 << 14
"""The most entries that replacing one may add to the rows; what adds more stays as it is."""


def simplified(system: RankOne) -> RankOne:
    """What the rows say, in fewer rows over the same entries."""
    work = _Work(system)
    work.solve_linear()
    while work.share_products():
        work.solve_linear()
    work.drop_unread()
    rows = [row for row in work.rows if row is not None]
    return replace(system, rows=rows, replaced=tuple(work.replaced))


@dataclass
class _Work:
    """Rows that are being rewritten. readers: by entry that can go, the rows that read it."""

    system: RankOne
    rows: list[Product | None] = field(default_factory=list)
    readers: dict[int, set[int]] = field(default_factory=dict)
    linear: deque[int] = field(default_factory=deque)
    replaced: list[Replaced] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modulus, self.named = self.system.modulus, self.system.named
        for number, row in enumerate(self.system.rows):
            sides = (self._small(side) for side in (row.a, row.b, row.c))
            self.rows.append(Product(row.path, *sides))
            self._note(number)
            self._tidy(number)
        self.linear = deque(sorted(self.linear, key=lambda n: len(self._row(n).c)))

    def solve_linear(self) -> None:
        """Solves rows without products until none is left that can be."""
        kept = []
        while self.linear:
            number = self.linear.popleft()
            row = self.rows[number]
            if row is None or row.a:
                continue
            if not row.c:
                self.rows[number] = None
            elif not self._solve(number, row.c):
                kept.append(number)
        for number in kept:
            row = self._row(number)
            if row.c and not row.a:
                row.a, row.b, row.c = row.c, {ONE: 1}, {}

    def share_products(self) -> bool:
        """Equates the products of rows with the same factors; whether there are any."""
        known: dict[tuple[frozenset[tuple[int, int]], ...], tuple[int, int]] = {}
        found = False
        for number, row in enumerate(self.rows):
            if row is None or row.b == {ONE: 1}:
                continue
            (a, s), (b, t) = self._monic(row.a), self._monic(row.b)
            key = tuple(sorted((a, b), key=hash))
            other, scale = known.setdefault(key, (number, s * t))
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

    def drop_unread(self) -> None:
        """Drops rows that can be satisfied by an entry which nothing else reads."""
        waiting = deque(entry for entry, rows in self.readers.items() if len(rows) == 1)
        while waiting:
            entry = waiting.popleft()
            rows = self.readers.get(entry, set())
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
            read = {*row.a, *row.b, *row.c}
            self._forget(number)
            self.rows[number] = None
            waiting.extend(e for e in read if len(self.readers.get(e, ())) == 1)

    def _freed(self, entry: int, row: Product) -> Replaced:
        """What an entry is that a row without other readers of it makes."""
        inverse = pow(row.c[entry], -1, self.modulus)
        a = {e: self._reduced(k * inverse) for e, k in row.a.items()}
        rest = {e: self._reduced(-k * inverse) for e, k in row.c.items() if e != entry}
        return Replaced(entry, a, row.b, rest)

    # -- one row --------------------------------------------------------------------------------

    def _row(self, number: int) -> Product:
        row = self.rows[number]
        if row is None:
            raise RuntimeError("a row that is gone was read")
        return row

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
        self._forget(number)
        self.rows[number] = None
        k = row.pop(entry)
        factor = -k if k in (1, -1) else -pow(k, -1, self.modulus)
        value = {other: self._reduced(c * factor) for other, c in row.items()}
        self.replaced.append(Replaced(entry, {}, {}, value))
        for reader in self.readers.pop(entry):
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
                        self.readers.get(other, set()).discard(number)
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
            self.readers.setdefault(entry, set()).add(number)

    def _forget(self, number: int) -> None:
        row = self._row(number)
        for side in (row.a, row.b, row.c):
            for entry in side:
                if entry >= self.named:
                    self.readers.get(entry, set()).discard(number)

    def _small(self, side: Row) -> Row:
        reduced = ((entry, self._reduced(k)) for entry, k in side.items())
        return {entry: k for entry, k in reduced if k}

    def _reduced(self, k: int) -> int:
        """The integer of least absolute value that is the same modulo the prime."""
        if -self.modulus < 2 * k < self.modulus:
            return k
        k %= self.modulus
        return k if 2 * k < self.modulus else k - self.modulus
