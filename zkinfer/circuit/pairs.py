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

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.rank_one import ONE, Absorbed, Products, RankOne
from zkinfer.circuit.sparse import Entries, Integers, Sparse, changes, numbered

_RIGHT = 2
"""The kind of candidates that are products of right factors."""


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of products that a row without a product adds up, times one coefficient.

    totals: the row that adds up, ascending in each group. terms: where it does, two terms of C a
    pair. rows: those of the products, two a pair. factors: the coefficients. groups: numbers from
    zero on, ascending, one for each path of the products' rows.
    """

    totals: Integers
    terms: Integers
    rows: Integers
    factors: Entries
    groups: Integers

    @classmethod
    def of(cls, system: RankOne) -> "_Pairs":
        """All pairs of products that nothing else reads."""
        a, b, c = system.sides
        both, neither = (a.counts > 0) & (b.counts > 0), (a.counts == 0) & (b.counts == 0)
        making = np.flatnonzero(both & (c.counts == 1))
        made, once = c.entries[c.starts[making]], c.factors[c.starts[making]] == 1
        once &= (made >= system.named) & (system.readers.counts[made] == 2)
        makers = np.full(system.entries, -1)
        makers[made[once]] = making[once]

        terms = np.flatnonzero(neither[c.rows] & (makers[c.entries] >= 0))
        rows = makers[c.entries[terms]]
        known = {path: number for number, path in enumerate(dict.fromkeys(system.paths))}
        paths = np.array([known[path] for path in system.paths[rows]], np.int64)
        columns = c.rows[terms], paths, numbered(c.factors[terms])
        order = np.lexsort((c.entries[terms], *reversed(columns)))
        begins = changes(*(column[order] for column in columns))
        places = np.arange(len(order)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
        second = np.flatnonzero(places % 2)
        pairs = np.stack([order[second - 1], order[second]])
        pairs = pairs[:, np.lexsort((c.entries[terms[pairs[1]]], c.rows[terms[pairs[1]]]))]
        _, first, groups = np.unique(paths[pairs[1]], return_index=True, return_inverse=True)
        groups = np.argsort(np.argsort(first))[groups]
        order = np.argsort(groups, kind="stable")
        terms, rows = terms[pairs[:, order]], rows[pairs[:, order]]
        return cls(c.rows[terms[0]], terms, rows, c.factors[terms[0]], groups[order])

    @property
    def parts(self) -> list[slice]:
        """Where the pairs of each group are."""
        ends = [*np.flatnonzero(changes(self.groups)), len(self.groups)]
        return [slice(begin, end) for begin, end in pairwise(ends)]


@dataclass(frozen=True, eq=False)
class _Candidates:
    """What may take the place of pairs: products of sums, of left factors, of right factors.

    left, right: their factors, those of all pairs for each kind. products: numbers (pairs, 3), the
    same for the same product.
    """

    left: Sparse
    right: Sparse
    products: Integers

    @classmethod
    def of(cls, system: RankOne, pairs: _Pairs) -> "_Candidates":
        """Those of all pairs."""
        (a, c), (b, d) = ([side.take(rows) for rows in pairs.rows] for side in system.sides[:2])
        left = Sparse.stacked([a.plus(d, system.modulus), a, b])
        right = Sparse.stacked([c.plus(b, system.modulus), c, d])
        factors = np.sort(Sparse.stacked([left, right]).alike().reshape(2, -1), axis=0)
        return cls(left, right, numbered(*factors).reshape(3, -1).T)

    def take(self, pairs: Integers, kinds: Integers) -> Products:
        """Some of them."""
        numbers = kinds * len(self.products) + pairs
        return Products(self.left.take(numbers), self.right.take(numbers))


def paired(system: RankOne, *, absorb: bool) -> RankOne:
    """The rows with products in pairs where that makes them fewer.

    absorb: whether hidden weights may be any elements of the field.
    """
    pairs = _Pairs.of(system)
    candidates = _Candidates.of(system, pairs)
    both = (candidates.left.counts > 0) & (candidates.right.counts > 0)
    wanted = both.reshape(3, -1).T
    takers = _takers(system, pairs, candidates) if absorb else np.zeros(len(wanted), np.int64)
    wanted[:, _RIGHT] &= takers == 0
    for part in pairs.parts:
        fewer = np.unique(candidates.products[part][wanted[part]])
        if len(fewer) >= 2 * (part.stop - part.start):
            wanted[part], takers[part] = False, 0
    absorbed = _absorbed(system, pairs, candidates, takers)
    return _rewritten(replace(system, absorbed=absorbed), pairs, candidates, wanted)


def _takers(system: RankOne, pairs: _Pairs, candidates: _Candidates) -> Integers:
    """By pair the weight that can take in its product of right factors; 0 for none."""
    count = len(pairs.totals)
    products = candidates.take(np.arange(count), np.full(count, _RIGHT))
    hidden = _of_weights(system, products.left) & _of_weights(system, products.right)
    listed = np.stack([candidates.products[:, _RIGHT], numbered(pairs.factors)])
    sums, readers = system.sides[2], system.readers.counts
    columns = sums.transposed(system.entries)
    takers = np.zeros(count, np.int64)
    for group in pairs.parts:
        begins = group.start + np.flatnonzero(changes(pairs.totals[group]))
        parts = {
            int(pairs.totals[begin]): slice(begin, end)
            for begin, end in pairwise([*begins, group.stop])
            if hidden[begin:end].all()
        }
        own = {total: listed[:, part].tobytes() for total, part in parts.items()}
        found = sums.take(np.array(list(own), np.int64))
        fit = (found.entries > system.public) & (found.entries < system.named)
        fit &= np.abs(found.factors) == 1
        alike = []
        for entry in np.unique(found.entries[fit]):
            column = columns.row(entry)
            states = {(own.get(row), factor) for row, factor in column.items()}
            if len(states) == 1 and len(column) == readers[entry]:
                alike.append(entry)
        fit &= np.isin(found.entries, alike)
        rows, first = np.unique(found.rows[fit], return_index=True)
        of = list(parts.values())
        for row, taker in zip(rows.tolist(), found.entries[fit][first].tolist(), strict=True):
            takers[of[row]] = taker
    return takers


def _of_weights(system: RankOne, side: Sparse) -> npt.NDArray[np.bool_]:
    """Which rows, of which none is empty, read weights and the constant one alone."""
    weights = (side.entries > system.public) & (side.entries < system.named)
    return np.logical_and.reduceat(weights | (side.entries == ONE), side.starts[:-1])


def _absorbed(
    system: RankOne, pairs: _Pairs, candidates: _Candidates, takers: Integers
) -> Absorbed:
    """What weights take in, of one of the sums of each group that they take in the same of."""
    taken = np.flatnonzero(takers)
    same = numbered(pairs.groups[taken], takers[taken])
    _, first, same = np.unique(same, return_index=True, return_inverse=True)
    totals = pairs.totals[taken]
    taken = taken[totals == totals[first][same]]
    columns = system.sides[2].transposed(system.entries)
    signs = columns.factors[columns.starts[takers[taken]]]
    weights, rows = np.unique(takers[taken], return_inverse=True)
    products = candidates.take(taken, np.full(len(taken), _RIGHT))
    factors = -signs * pairs.factors[taken]
    number = np.arange(len(taken))
    sums = Sparse.summed(len(weights), rows, number, factors, system.modulus)
    return Absorbed(weights, sums, products)


def _rewritten(
    system: RankOne, pairs: _Pairs, candidates: _Candidates, wanted: npt.NDArray[np.bool_]
) -> RankOne:
    """Puts candidates in place of the products of their pairs. wanted: which, (pairs, 3)."""
    used, (pair, kind) = wanted.any(axis=1), np.nonzero(wanted)
    _, first, same = np.unique(candidates.products[wanted], return_index=True, return_inverse=True)
    first, same = np.sort(first), np.argsort(np.argsort(first))[same]
    made = candidates.take(pair[first], kind[first])
    entries = system.entries + np.arange(len(made))

    *factors, sums = system.sides
    kept = np.delete(np.arange(len(sums.entries)), pairs.terms[:, used])
    sums = Sparse.summed(
        len(system),
        np.concatenate([sums.rows[kept], pairs.totals[pair]]),
        np.concatenate([sums.entries[kept], entries[same]]),
        np.concatenate([sums.factors[kept], np.where(kind, -1, 1) * pairs.factors[pair]]),
        system.modulus,
    )
    rows = np.delete(np.arange(len(system)), pairs.rows[:, used])
    before, after = (*factors, sums), (made.left, made.right, Sparse.reading(entries))
    a, b, c = (Sparse.stacked([s.take(rows), m]) for s, m in zip(before, after, strict=True))
    paths = np.concatenate([system.paths[rows], system.paths[pairs.rows[0, pair[first]]]])
    return replace(system, paths=paths, sides=(a, b, c), made=made)
