"""The meaning of a circuit, spelled out: challenge vectors, entries of terms, ordinary sparse rows.

Slow and plain; for tests, for the checker, and for whoever wants R1CS that any other tool can read.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.layout import next_power, place, strides, used_entries
from zkinfer.circuit.sparse import Row
from zkinfer.circuit.term import (
    MODULUS,
    Axis,
    Challenge,
    Constants,
    Powers,
    Projection,
    Term,
)

Objects = npt.NDArray[np.object_]
Tables = Sequence[Sequence[int]]


@dataclass(frozen=True)
class SparseRows:
    """R1CS: row i says (a[i] . z) * (b[i] . z) = c[i] . z modulo l.

    a, b, c: per row a map from address to coefficient; paths: the block of each row; length: N,
    the length of z. Rows of the padding, which are empty, are left out.
    """

    a: list[Row]
    b: list[Row]
    c: list[Row]
    paths: list[str]
    length: int


def random_challenges(circuit: Circuit) -> list[list[int]]:
    """Uniform coordinates theta for every challenge vector."""
    return [[secrets.randbelow(MODULUS) for _ in range(count)] for count in circuit.challenges]


def challenge_tables(challenges: Sequence[Sequence[int]]) -> list[list[int]]:
    """eq(theta, i) for every challenge vector and every i; coordinate k is bit k of i."""
    tables = []
    for theta in challenges:
        table = [1]
        for coordinate in theta:
            table = [t * (1 - coordinate) % MODULUS for t in table] + [
                t * coordinate % MODULUS for t in table
            ]
        tables.append(table)
    return tables


def addresses(circuit: Circuit) -> tuple[list[int], int]:
    """The address of each tensor's first entry in z, and N."""
    sizes = {
        segment: max(circuit.columns, next_power(count))
        for segment, count in used_entries(circuit.tensors).items()
    }
    starts, cursor = {}, 0
    for segment in sorted(sizes, key=lambda segment: -sizes[segment]):
        starts[segment] = cursor
        cursor += sizes[segment]
    result = [0] * len(circuit.tensors)
    for segment in sizes:
        members = [i for i, t in enumerate(circuit.tensors) if t.segment == segment]
        offsets, _ = place(circuit.tensors[i].extents for i in members)
        for i, offset in zip(members, offsets, strict=True):
            result[i] = starts[segment] + offset
    return result, next_power(cursor)


def axis_weights(axis: Axis, tables: Tables) -> list[int] | None:
    """The weight at every position, or None when all are one."""
    match axis.weight:
        case None:
            return None
        case Powers():
            return [1 << i for i in range(axis.extent)]
        case Challenge(vector):
            return list(tables[vector][: axis.extent])
        case Constants(values):
            return list(values)
        case Projection(vector, count, _):
            signs = axis.weight.signs(axis.extent).astype(object)
            return list(np.array(tables[vector][:count], dtype=object) @ signs % MODULUS)


def term_grid(
    term: Term, extents: Sequence[int], tables: Tables, modulus: int = MODULUS
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.bool_], Objects]:
    """At every index of (rows, sums): the index read on each tensor axis, whether it lies inside
    the tensor, and the coefficient, the integer of least absolute value modulo a prime.
    """
    axes = term.rows + term.sums
    steps = tuple((axis.extent, axis.strides) for axis in axes)
    indices, inside = _places(term.bases, steps, tuple(extents))
    coefficient = np.full((1,) * len(axes), term.coefficient, dtype=object)
    for position, axis in enumerate(axes):
        weights = axis_weights(axis, tables)
        if weights is not None:
            factor = _along(position, len(axes), np.array(weights, dtype=object))
            coefficient = coefficient * factor % modulus
    half = modulus // 2
    coefficient = (coefficient + half) % modulus - half
    return indices, inside, np.broadcast_to(coefficient, inside.shape)


@lru_cache(maxsize=256)
def _places(
    bases: tuple[int, ...], steps: tuple[tuple[int, tuple[int, ...]], ...], extents: tuple[int, ...]
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.bool_]]:
    """The index read on each tensor axis, and whether it lies inside; steps: extent and strides of
    each axis of the term.
    """
    shape = tuple(count for count, _ in steps)
    indices = []
    inside = np.ones(shape, dtype=bool)
    for q, (base, extent) in enumerate(zip(bases, extents, strict=True)):
        index = np.full((1,) * len(steps), base, dtype=np.int64)
        for position, (count, moves) in enumerate(steps):
            index = index + _along(position, len(steps), np.arange(count) * moves[q])
        inside &= (index >= 0) & (index < extent)
        indices.append(np.broadcast_to(index, shape))
    return indices, inside


def _along(position: int, rank: int, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values along one of so many axes."""
    return values.reshape([-1 if p == position else 1 for p in range(rank)])


def expand(circuit: Circuit, challenges: Sequence[Sequence[int]]) -> SparseRows:
    """Every row of a circuit for given challenges."""
    tables = challenge_tables(challenges)
    starts, length = addresses(circuit)
    places = [
        Place(start, tuple(strides(tensor.extents)))
        for start, tensor in zip(starts, circuit.tensors, strict=True)
    ]
    rows = SparseRows([], [], [], [], length)
    for block in circuit.blocks:
        for matrix, terms in ((rows.a, block.a), (rows.b, block.b), (rows.c, block.c)):
            matrix.extend(block_rows(circuit, block, terms, places, tables))
        rows.paths.extend([block.path] * math.prod(block.extents))
    return rows


class Place(NamedTuple):
    """Where the entries of a tensor lie: the first, and how far those along each axis are apart."""

    start: int
    strides: tuple[int, ...]


def block_rows(
    circuit: Circuit, block: Block, terms: Sequence[Term], places: Sequence[Place], tables: Tables
) -> list[Row]:
    """One side of the rows of a block. places: of each tensor."""
    rows: list[Row] = [{} for _ in range(math.prod(block.extents))]
    for term in terms:
        found = term_entries(circuit, term, places, tables)
        for row, entry, coefficient in zip(*(part.tolist() for part in found), strict=True):
            rows[row][entry] = (rows[row].get(entry, 0) + coefficient) % MODULUS
    return rows


def term_entries(
    circuit: Circuit,
    term: Term,
    places: Sequence[Place],
    tables: Tables = (),
    modulus: int = MODULUS,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Objects]:
    """By entry that a term reads: the row of its block, the address, and the coefficient."""
    addresses, inside, coefficients = term_reads(circuit, term, places, tables, modulus)
    rows = np.arange(math.prod(axis.extent for axis in term.rows))
    rows = rows.reshape([axis.extent for axis in term.rows] + [1] * len(term.sums))
    return np.broadcast_to(rows, inside.shape)[inside], addresses[inside], coefficients[inside]


def term_reads(
    circuit: Circuit,
    term: Term,
    places: Sequence[Place],
    tables: Tables = (),
    modulus: int = MODULUS,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Objects]:
    """At every index of (rows, sums): the address read, whether there is one, the coefficient."""
    extents, lies = circuit.tensors[term.tensor].extents, places[term.tensor]
    indices, inside, coefficients = term_grid(term, extents, tables, modulus)
    addresses = np.full(inside.shape, lies.start, dtype=np.int64)
    for index, stride in zip(indices, lies.strides, strict=True):
        addresses = addresses + index * stride
    return addresses, inside, coefficients
