"""Circuits as ordinary sparse R1CS, for arguments that know nothing of tensors.

A circuit without challenges says (A z)(B z) = C z, modulo a prime, row by row over one vector z:
the constant one, the entries of its public tensors, those of the weights, and all others; each bit
has a row x (x - 1) = 0. pairs.py and simplify.py say the same in fewer rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.circuit import Circuit, Defines
from zkinfer.circuit.expand import Place, block_rows, term_grid
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import Term
from zkinfer.circuit.value import Integers

Entries = npt.NDArray[np.int64] | npt.NDArray[np.object_]

Row = dict[int, int]
"""A linear combination: by entry, its coefficient, which is not zero."""

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


class Absorbed(NamedTuple):
    """A product of two combinations of weights, times a factor."""

    factor: int
    a: Row
    b: Row


@dataclass(frozen=True)
class RankOne:
    """Rows over entries: one, the public ones, the weights and the others, in this order.

    entries: how many a circuit has. made: the products that are further entries, behind those.
    absorbed: by weight, what is added to it before it is an entry of these rows. replaced: what
    entries are in terms of others, in the order in which they went.
    """

    rows: list[Product]
    public: int
    weights: int
    entries: int
    modulus: int
    made: tuple[tuple[Row, Row], ...] = ()
    absorbed: Mapping[int, tuple[Absorbed, ...]] = field(default_factory=dict)
    replaced: tuple[Replaced, ...] = ()

    @property
    def named(self) -> int:
        """How many entries come first that keep their places: one, the public, the weights."""
        return 1 + self.public + self.weights

    def extended(self, z: Integers) -> Entries:
        """All entries, from those of a circuit: int64, or integers of any size where that is too
        small for one.
        """
        weights: Entries = z[: self.named].copy()
        for weight, (factors, products) in self._absorbing.items():
            total = int(weights[weight]) + int(factors.astype(object) @ products.of(z))
            if abs(total) >= 2**63:
                weights = weights.astype(object)
            weights[weight] = total
        return np.concatenate([weights, z[self.named :], self._making.of(z)])

    @cached_property
    def _making(self) -> "_Products":
        return _Products(self.made)

    @cached_property
    def _absorbing(self) -> dict[int, tuple[Integers, "_Products"]]:
        return {
            weight: (
                np.array([p.factor for p in products], np.int64),
                _Products([(p.a, p.b) for p in products]),
            )
            for weight, products in self.absorbed.items()
        }

    def unsatisfied(self, z: Sequence[int]) -> Iterator[str]:
        """The paths of the rows that do not hold."""
        for row in self.rows:
            a, b, c = (_dot(side, z) for side in (row.a, row.b, row.c))
            if (a * b - c) % self.modulus:
                yield row.path


class _Products:
    """Products of combinations of entries, of which none is empty."""

    def __init__(self, pairs: Sequence[tuple[Row, Row]]) -> None:
        self._sides = [_combinations([pair[side] for pair in pairs]) for side in (0, 1)]

    def of(self, z: Integers) -> Entries:
        """One product each; of Python's integers if one may leave int64."""
        sides = []
        for entries, factors, starts in self._sides:
            read = z[entries]
            large = _large(np.abs(read.astype(np.float64)) * np.abs(factors), starts)
            summands = read.astype(object) * factors if large else read * factors
            sides.append(np.add.reduceat(summands, starts) if len(starts) else starts)
        left, right = sides
        if _large(np.abs(left.astype(np.float64)) * np.abs(right.astype(np.float64))):
            left = left.astype(object)
        return np.asarray(left * right)


def _large(sizes: npt.NDArray[np.float64], starts: Integers | None = None) -> bool:
    """Whether one of these, or of sums of them, may leave int64."""
    if starts is not None and len(starts):
        sizes = np.add.reduceat(sizes, starts)
    return bool((sizes >= 2.0**62).any())


def _combinations(rows: Sequence[Row]) -> tuple[Integers, Integers, Integers]:
    """All entries, their coefficients, and where those of each row start."""
    entries = np.array([entry for row in rows for entry in row], np.int64)
    factors = np.array([k for row in rows for k in row.values()], np.int64)
    lengths = np.array([len(row) for row in rows], np.int64)
    return entries, factors, np.cumsum(lengths) - lengths


def _dot(row: Row, z: Sequence[int]) -> int:
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
    rows = []
    for block in circuit.blocks:
        sides = [
            block_rows(circuit, block, terms, lies, modulus=modulus)
            for terms in (block.a, block.b, block.c)
        ]
        rows += [Product(block.path, *row) for row in zip(*sides, strict=True)]
    for place, tensor in zip(lies, circuit.tensors, strict=True):
        if tensor.segment == Segment.BITS:
            for entry in range(place.start, place.start + math.prod(tensor.extents)):
                path = f"{tensor.path}/boolean"
                rows.append(Product(path, {entry: 1}, {entry: 1, ONE: -1}, {}))
    public = sizes[Segment.PUBLIC] - 1
    return RankOne(rows, public, sizes[Segment.WEIGHTS], sum(sizes.values()), modulus)


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
    extents, place = circuit.tensors[term.tensor].extents, lies[term.tensor]
    indices, inside, coefficients = term_grid(term, extents, (), 1 << 62)
    address = np.full(inside.shape, place.start, dtype=np.int64)
    for index, step in zip(indices, place.strides, strict=True):
        address = address + index * step
    return np.where(inside, address, ONE), inside, coefficients.astype(np.int64)


def _read(circuit: Circuit, terms: Sequence[Term], lies: Sequence[Place], z: Integers) -> Integers:
    """The sum of terms at every row of a block."""
    total: Integers | int = 0
    for term in terms:
        address, inside, coefficients = _addresses(circuit, term, lies)
        read = np.where(inside, z[address] * coefficients, 0)
        total = total + read.sum(axis=tuple(range(len(term.rows), read.ndim)))
    return np.asarray(total)
