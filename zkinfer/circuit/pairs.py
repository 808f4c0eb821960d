"""Inner products in half as many rows.

Two of the products that a row sums up are one product of sums, if those of their left factors and
of their right ones are known (Winograd, IEEE Transactions on Computers C-17, 1968):

    a b + c d = (a + d)(c + b) - a c - b d

In a product of matrices X W every row of X has its own sum of a c, which all columns of W read, and
every column its own of b d: where X is [n, k] and W [k, m], n m k rows are (n m + n + m) k / 2. A
sum of b d over weights alone takes none where a weight that may be any element takes it in, one
that nothing else reads: what is committed to in place of a bias is the bias less that sum. Whatever
is committed to, there is the bias that it makes up.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from zkinfer.circuit.rank_one import ONE, Absorbed, Product, RankOne, Row

Frozen = frozenset[tuple[int, int]]
Factors = frozenset[Frozen]


class Pair(NamedTuple):
    """Two products that a row without a product adds up, times one coefficient.

    total: the number of that row. entries: the products. rows: the numbers of theirs.
    """

    total: int
    entries: tuple[int, int]
    rows: tuple[int, int]
    coefficient: int


def paired(system: RankOne, *, absorb: bool) -> RankOne:
    """The rows with products in pairs where that makes them fewer.

    absorb: whether hidden weights may be any elements of the field.
    """
    work = _Pairs(system)
    for path, pairs in work.groups().items():
        taken = work.absorbing(pairs) if absorb else {}
        if work.pays(pairs, taken):
            work.rewrite(path, pairs, taken)
    return work.result()


class _Pairs:
    """Rows that are being rewritten."""

    def __init__(self, system: RankOne) -> None:
        self._system = system
        self._rows: list[Product | None] = list(system.rows)
        self._made: list[tuple[Row, Row]] = []
        self._known: dict[Factors, int] = {}
        self._absorbed: dict[int, tuple[Absorbed, ...]] = {}
        self._readers: dict[int, set[int]] = defaultdict(set)
        for number, row in enumerate(system.rows):
            for side in (row.a, row.b, row.c):
                for entry in side:
                    self._readers[entry].add(number)

    def groups(self) -> Mapping[str, list[Pair]]:
        """The pairs, by the block that makes their products."""
        makers = {}
        for number, row in enumerate(self._system.rows):
            if row.a and row.b and list(row.c.values()) == [1]:
                (entry,) = row.c
                if entry >= self._system.named and len(self._readers[entry]) == 2:
                    makers[entry] = number
        groups: dict[str, list[Pair]] = defaultdict(list)
        for number, row in enumerate(self._system.rows):
            if row.a or row.b:
                continue
            waiting: dict[tuple[str, int], int] = {}
            for entry in sorted(row.c.keys() & makers.keys()):
                key = self._row(makers[entry]).path, row.c[entry]
                first = waiting.pop(key, None)
                if first is None:
                    waiting[key] = entry
                else:
                    rows = makers[first], makers[entry]
                    groups[key[0]].append(Pair(number, (first, entry), rows, key[1]))
        return groups

    def absorbing(self, pairs: Sequence[Pair]) -> dict[int, int]:
        """By row that adds up, the weight that can take in its products of right factors."""
        weights = range(1 + self._system.public, self._system.named)
        products: dict[int, list[tuple[int, Factors]]] = defaultdict(list)
        for pair in pairs:
            b, d = (self._row(number).b for number in pair.rows)
            products[pair.total].append((pair.coefficient, _factors(b, d)))
        found = {}
        for total, own in products.items():
            if not all(e in weights or e == ONE for _, fs in own for f in fs for e, _ in f):
                continue
            for entry, k in self._row(total).c.items():
                readers = self._readers[entry]
                alike = all(
                    products.get(reader) == own and self._row(reader).c[entry] == k
                    for reader in readers
                )
                if entry in weights and abs(k) == 1 and alike:
                    found[total] = entry
                    break
        return found

    def pays(self, pairs: Sequence[Pair], taken: Mapping[int, int]) -> bool:
        """Whether there are fewer rows in pairs. taken: as `absorbing` gives it."""
        before, after = 0, set[Factors]()
        for pair in pairs:
            (a, b), (c, d) = self._sides(pair)
            before += bool(a) + bool(c)
            made = [(_sum(a, d), _sum(c, b)), (a, c)]
            made += [(b, d)] if pair.total not in taken else []
            after |= {_factors(*sides) for sides in made if all(sides)}
        return len(after) < before

    def rewrite(self, path: str, pairs: Sequence[Pair], taken: Mapping[int, int]) -> None:
        """Puts pairs in place of their products. path: of the products' block."""
        absorbed: dict[int, dict[int, list[Absorbed]]] = defaultdict(lambda: defaultdict(list))
        for number in {pair.total for pair in pairs}:
            row = self._row(number)
            self._rows[number] = Product(row.path, {}, {}, dict(row.c))
        for pair in pairs:
            (a, b), (c, d) = self._sides(pair)
            total, k = self._row(pair.total).c, pair.coefficient
            for entry in pair.entries:
                del total[entry]
            self._add(total, k, path, _sum(a, d), _sum(c, b))
            self._add(total, -k, path, a, c)
            if pair.total in taken:
                weight = taken[pair.total]
                if b and d:
                    absorbed[weight][pair.total].append(Absorbed(-k * total[weight], b, d))
            else:
                self._add(total, -k, path, b, d)
            for number in pair.rows:
                self._rows[number] = None
        for weight, by_total in absorbed.items():
            known = self._absorbed.get(weight, ())  # of other products in the same sums
            self._absorbed[weight] = (*known, *next(iter(by_total.values())))

    def result(self) -> RankOne:
        """The rows."""
        return replace(
            self._system,
            rows=[row for row in self._rows if row is not None],
            made=tuple(self._made),
            absorbed=self._absorbed,
        )

    def _row(self, number: int) -> Product:
        row = self._rows[number]
        if row is None:
            raise RuntimeError("a row that is gone was read")
        return row

    def _sides(self, pair: Pair) -> tuple[tuple[Row, Row], ...]:
        return tuple((self._row(n).a, self._row(n).b) for n in pair.rows)

    def _add(self, total: Row, k: int, path: str, a: Row, b: Row) -> None:
        """Adds a multiple of a product, whose entry is made when it is first asked for."""
        if not a or not b:
            return
        key = _factors(a, b)
        if key not in self._known:
            entry = self._known[key] = self._system.entries + len(self._made)
            self._made.append((a, b))
            self._rows.append(Product(path, a, b, {entry: 1}))
        entry = self._known[key]
        total[entry] = total.get(entry, 0) + k


def _factors(a: Row, b: Row) -> Factors:
    return frozenset((frozenset(a.items()), frozenset(b.items())))


def _sum(a: Row, b: Row) -> Row:
    total = dict(a)
    for entry, k in b.items():
        total[entry] = total.get(entry, 0) + k
    return {entry: k for entry, k in total.items() if k}
