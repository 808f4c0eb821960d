"""Circuits as ordinary sparse R1CS, for arguments that know nothing of tensors.

A circuit without challenges says (A z)(B z) = C z, modulo a prime, row by row over one vector z:
the constant one, the entries of its public tensors, those of the weights, and all others; each bit
has a row x (x - 1) = 0. pairs.py and simplify.py say the same in fewer rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.circuit import Circuit, Defines
from zkinfer.circuit.expand import Place, term_entries, term_reads
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.sparse import Entries, Row, Sparse, narrowed, product
from zkinfer.circuit.term import Term
from zkinfer.circuit.value import Integers

ONE = 0


@dataclass(slots=True)
class Product:
    """One row, (a z)(b z) = c z. path: of the block, or of the bits, that it comes from."""

    path: str
    a: Row
    b: Row
    c: Row


class Replaced(NamedTuple):
    """An entry that is gone: it is a b + c."""

    entry: int
    a: Row
    b: Row
    c: Row


@dataclass(frozen=True, eq=False)
class Products:
    """Products of combinations of entries, of which none is empty."""

    left: Sparse
    right: Sparse

    def __len__(self) -> int:
        return len(self.left)

    def of(self, z: Entries) -> Entries:
        """One each, exact."""
        return product(self.left.times(z), self.right.times(z))


@dataclass(frozen=True, eq=False)
class Absorbed:
    """What weights take in: sums, a row for each of them, over products of weights."""

    weights: Integers
    sums: Sparse
    products: Products


NO_PRODUCTS = Products(Sparse.of([]), Sparse.of([]))
NOTHING = Absorbed(np.zeros(0, np.int64), Sparse.of([]), NO_PRODUCTS)


@dataclass(frozen=True, eq=False)
class RankOne:
    """Rows over entries: one, the public ones, the weights and the others, in this order.

    paths: of each row, that of the block, or of the bits, that it comes from. sides: A, B and C.
    entries: how many a circuit has. made: the products that are further entries, behind those.
    absorbed: what is added to weights before they are entries of these rows. replaced: what
    entries are in terms of others, in the order in which they went.
    """

    paths: npt.NDArray[np.object_]
    sides: tuple[Sparse, Sparse, Sparse]
    public: int
    weights: int
    entries: int
    modulus: int
    made: Products = NO_PRODUCTS
    absorbed: Absorbed = NOTHING
    replaced: tuple[Replaced, ...] = ()

    @property
    def named(self) -> int:
        """How many entries come first that keep their places: one, the public, the weights."""
        return 1 + self.public + self.weights

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Product]:
        return map(self.row, range(len(self)))

    def row(self, number: int) -> Product:
        """One row."""
        a, b, c = (side.row(number) for side in self.sides)
        return Product(self.paths[number], a, b, c)

    @cached_property
    def readers(self) -> Sparse:
        """By entry the rows that read it, ascending, in the place of entries."""
        rows = np.concatenate([side.rows for side in self.sides])
        entries = np.concatenate([side.entries for side in self.sides])
        order, ones = np.argsort(rows, kind="stable"), np.ones(len(rows), np.int64)
        total = self.entries + len(self.made)
        return Sparse.summed(total, entries[order], rows[order], ones, self.modulus)

    def extended(self, z: Integers) -> Entries:
        """All entries, from those of a circuit, int64."""
        first = self.absorbing(z[: self.named])
        return np.concatenate([first, z[self.named :], self.made.of(z)])

    def absorbing(self, first: Integers) -> Entries:
        """The entries that keep their places, with what weights take in of the others."""
        weights = self.absorbed.weights
        taken = self.absorbed.sums.times(self.absorbed.products.of(first))
        known = narrowed(first[weights].astype(object) + taken)
        filled: Entries = narrowed(first) if known.dtype == np.int64 else first.astype(object)
        filled[weights] = known
        return filled

    def unsatisfied(self, z: Sequence[int]) -> Iterator[str]:
        """The paths of the rows that do not hold."""
        for row in self:
            a, b, c = (dot(side, z) for side in (row.a, row.b, row.c))
            if (a * b - c) % self.modulus:
                yield row.path


def dot(row: Row, z: Sequence[int]) -> int:
    """A combination of values, by entry."""
    return sum(k * z[entry] for entry, k in row.items())


_ORDER = (
    Segment.PUBLIC,
    Segment.WEIGHTS,
    Segment.INPUT,
    Segment.BITS,
    Segment.TRACE,
    Segment.SKETCH,
)


def places(circuit: Circuit) -> tuple[list[Place], dict[Segment, int]]:
    """Where each tensor's entries lie, row-major, and how many entries each segment has."""
    found: dict[int, Place] = {}
    sizes: dict[Segment, int] = {}
    start = 0
    for segment in _ORDER:
        first = start
        for number, tensor in enumerate(circuit.tensors):
            if tensor.segment == segment:
                steps = [math.prod(tensor.extents[i + 1 :]) for i in range(len(tensor.extents))]
                found[number] = Place(start, tuple(steps))
                start += math.prod(tensor.extents)
        sizes[segment] = start - first
    return [found[number] for number in range(len(circuit.tensors))], sizes


def rank_one(circuit: Circuit, modulus: int) -> RankOne:
    """All rows of a circuit without challenges, block by block, and then those of the bits."""
    lies, sizes = places(circuit)
    paths: list[str] = []
    parts: list[tuple[Sparse, ...]] = []
    for block in circuit.blocks:
        count = math.prod(block.extents)
        paths += [block.path] * count
        sides = (block.a, block.b, block.c)
        parts.append(tuple(_side(circuit, terms, lies, count, modulus) for terms in sides))
    for place, tensor in zip(lies, circuit.tensors, strict=True):
        if tensor.segment == Segment.BITS:
            count = math.prod(tensor.extents)
            paths += [f"{tensor.path}/boolean"] * count
            parts.append(_booleans(place.start + np.arange(count)))
    a, b, c = (Sparse.stacked(side) for side in zip(*parts, strict=True))
    public, weights = sizes[Segment.PUBLIC] - 1, sizes[Segment.WEIGHTS]
    total = sum(sizes.values())
    return RankOne(np.array(paths, object), (a, b, c), public, weights, total, modulus)


def _side(
    circuit: Circuit, terms: Sequence[Term], lies: Sequence[Place], count: int, modulus: int
) -> Sparse:
    """One side of the rows of a block."""
    if not terms:
        return Sparse.empty(count)
    found = [term_entries(circuit, term, lies, (), modulus) for term in terms]
    rows, read, factors = (np.concatenate(part) for part in zip(*found, strict=True))
    return Sparse.summed(count, rows, read, factors, modulus)


def _booleans(bits: Integers) -> tuple[Sparse, ...]:
    """The rows x (x - 1) = 0."""
    ones, count = np.ones_like(bits), len(bits)
    less = np.stack([bits, np.full_like(bits, ONE)], axis=1).ravel()
    signs = np.stack([ones, -ones], axis=1).ravel()
    b = Sparse(2 * np.arange(count + 1), less, signs)
    return Sparse.reading(bits), b, Sparse.empty(count)


def entries(circuit: Circuit, witness: Mapping[Segment, Sequence[Integers]]) -> Integers:
    """The integers of all entries, int64, for a witness as `lower.solve` makes it.

    Products are those of the integers of their factors.
    """
    lies, sizes = places(circuit)
    z = np.zeros(sum(sizes.values()), np.int64)
    z[ONE] = 1
    arrays = {segment: iter(list(given)) for segment, given in witness.items()}
    for place, tensor in zip(lies[1:], circuit.tensors[1:], strict=True):
        if tensor.segment == Segment.SKETCH:
            continue
        array = np.asarray(next(arrays[tensor.segment]))
        if tensor.segment == Segment.BITS and array.ndim < len(tensor.extents):
            array = array[..., None] >> np.arange(tensor.extents[-1]) & 1
        z[place.start : place.start + array.size] = array.ravel()
    for block in circuit.blocks:
        if block.defines == Defines.PRODUCT:
            (stored,) = block.c
            left, right = (_read(circuit, terms, lies, z) for terms in (block.a, block.b))
            z[_addresses(circuit, stored, lies)[0]] = left * right
    return z


def _addresses(
    circuit: Circuit, term: Term, lies: Sequence[Place]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Integers]:
    """By row and sum what a term reads, whether it does, and with which coefficient."""
    addresses, inside, coefficients = term_reads(circuit, term, lies)
    return np.where(inside, addresses, ONE), inside, coefficients.astype(np.int64)


def _read(circuit: Circuit, terms: Sequence[Term], lies: Sequence[Place], z: Integers) -> Integers:
    """The sum of terms at every row of a block."""
    total: Integers | int = 0
    for term in terms:
        address, inside, coefficients = _addresses(circuit, term, lies)
        read = np.where(inside, z[address] * coefficients, 0)
        total = total + read.sum(axis=tuple(range(len(term.rows), read.ndim)))
    return np.asarray(total)
