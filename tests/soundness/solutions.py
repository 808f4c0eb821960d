"""Every solution of a small circuit over the field, by exhaustion of its bits.

Bits are 0 or 1 by the argument's own check, and both values of each are tried. Under the bits tried
so far, a row with a factor that is constant is a linear equation in the others, and such equations
are solved modulo l, whatever the sizes of the numbers. Only two things cut a branch short:
equations that contradict each other, or that make a bit neither 0 nor 1. Both refute every
assignment with the same bits so far, so no solution is missed. Inputs, trace, sketch and public
entries are unknowns of the field, and nothing but rows binds them: the declared bounds of public
tensors do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, compress

import numpy as np

from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.expand import Row, addresses, expand, random_challenges
from zkinfer.circuit.layout import Segment, strides
from zkinfer.circuit.term import MODULUS
from zkinfer.circuit.value import Integers

Product = tuple[Row, Row, Row]
"""A row a * b = c, with the terms on the one."""

Solved = Mapping[int, Row]
"""What unknowns are in terms of others, which are not solved: linear equations in echelon form."""

Solution = dict[str, tuple[int | None, ...]]
"""The entries of every tensor by its path; None where the rows allow every element of the field."""

ONE = -1
"""The address of the constant one in equations: no entry's."""


def solutions(circuit: Circuit, weights: Sequence[Integers]) -> Iterator[Solution]:
    """All solutions for given weights, as the circuit holds them, and for random challenges.

    Raises ValueError if a row remains a product of two unknowns when every bit is known.
    """
    starts, _ = addresses(circuit)
    entries = [
        [
            start + int(np.dot(index, strides(tensor.extents)))
            for index in np.ndindex(tensor.extents)
        ]
        for start, tensor in zip(starts, circuit.tensors, strict=True)
    ]
    segments = [tensor.segment for tensor in circuit.tensors]
    bits, fixed = (
        [*chain(*compress(entries, (segment == wanted for segment in segments)))]
        for wanted in (Segment.BITS, Segment.WEIGHTS)
    )
    numbers = chain(*(array.flat for array in weights))
    known = {address: _constant(int(n)) for address, n in zip(fixed, numbers, strict=True)}
    known[entries[0][0]] = _constant(1)
    sparse = expand(circuit, random_challenges(circuit))
    rows = [*zip(sparse.a, sparse.b, sparse.c, strict=True)]
    for found in _search(known, rows, bits):
        values = {address: _meaning(address, found) for address in chain(*entries)}
        yield {
            tensor.path: tuple(values[address] for address in members)
            for tensor, members in zip(circuit.tensors, entries, strict=True)
        }


def _search(solved: Solved, rows: Sequence[Product], bits: Sequence[int]) -> Iterator[Solved]:
    """Depth first: what the bits so far imply, then both values of one that they leave open."""
    state = _propagated(solved, rows)
    if state is None:
        return
    solved, rows = state
    unknown = []
    for bit in bits:
        value = _meaning(bit, solved)
        if value is None:
            unknown.append(bit)
        elif value not in (0, 1):
            return
    if unknown:
        for value in (0, 1):
            chosen = _with(solved, {unknown[0]: 1} | _constant(-value))
            if chosen is not None:
                yield from _search(chosen, rows, unknown)
    elif rows:
        raise ValueError(f"{len(rows)} rows are products of two unknowns when every bit is known")
    else:
        yield solved


def _propagated(solved: Solved, rows: Sequence[Product]) -> tuple[Solved, list[Product]] | None:
    """Takes up linear rows until there is none; returns the rest. None: a contradiction."""
    while True:
        rest: list[Product] = []
        for a, b, c in rows:
            left, right = _reduced(a, solved), _reduced(b, solved)
            if _value(left) is None:
                left, right = right, left
            factor = _value(left)
            if factor is None:
                rest.append((left, right, c))
                continue
            extended = _with(solved, _sum((factor, right), (-1, c)))
            if extended is None:
                return None
            solved = extended
        if len(rest) == len(rows):
            return solved, rest
        rows = rest


def _with(solved: Solved, equation: Row) -> Solved | None:
    """The equations and one more, that a row is zero; None if it contradicts them."""
    equation = _reduced(equation, solved)
    pivot = max(equation, default=ONE)
    if pivot == ONE:
        return None if equation else solved
    inverse = pow(-equation[pivot], -1, MODULUS)
    meaning = {a: k * inverse % MODULUS for a, k in equation.items() if a != pivot}
    only = {pivot: meaning}
    return {a: _reduced(row, only) if pivot in row else row for a, row in solved.items()} | only


def _reduced(row: Row, solved: Solved) -> Row:
    """A row in terms of unknowns that are not solved."""
    return _sum(*((k, solved.get(address, {address: 1})) for address, k in row.items()))


def _sum(*parts: tuple[int, Row]) -> Row:
    total: Row = {}
    for factor, row in parts:
        for address, k in row.items():
            total[address] = (total.get(address, 0) + factor * k) % MODULUS
    return {address: k for address, k in total.items() if k}


def _meaning(address: int, solved: Solved) -> int | None:
    """The number that an entry is, if it is solved as one."""
    return _value(solved.get(address, {address: 1}))


def _constant(value: int) -> Row:
    return {ONE: value % MODULUS} if value % MODULUS else {}


def _value(row: Row) -> int | None:
    """The number that a row is, if it is one."""
    return row.get(ONE, 0) if row.keys() <= {ONE} else None
