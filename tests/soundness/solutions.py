"""Every solution of a small circuit over the field, by exhaustion of its bits.

Bits are 0 or 1 by the argument's own check, and both values of each are tried. Under the bits tried
so far, a row with a factor that is constant is a linear equation in the others, and such equations
are solved modulo l, whatever the sizes of the numbers. Only two things cut a branch short:
equations that contradict each other, or that make a bit neither 0 nor 1. Both refute every
assignment with the same bits so far, so no solution is missed. Inputs, trace, sketch and public
entries are unknowns of the field, and nothing but rows binds them: the declared bounds of public
tensors do not.

Of look-ups what their argument proves is taken: that each tuple is a row of the table, column by
column, and that each count is that of its row. All rows of the table are tried for each tuple. A
table of which a block is missing binds nothing, and none of its blocks is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress

import numpy as np

from zkinfer.circuit.circuit import Block, Circuit, Defines
from zkinfer.circuit.expand import Row, addresses, expand, random_challenges
from zkinfer.circuit.layout import Segment, strides
from zkinfer.circuit.term import MODULUS, Challenge, Term
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
    circuit, tables = _tables(circuit)
    sparse = expand(circuit, random_challenges(circuit))
    rows = [*zip(sparse.a, sparse.b, sparse.c, strict=True)]
    starts_of = dict(enumerate(entries))
    looked_up = [_Table.of(circuit, *blocks, starts_of) for blocks in tables]
    choices = [(table, use) for table in looked_up for use in table.uses]
    for found in _chosen(known, rows, bits, choices, looked_up, ()):
        values = {address: _meaning(address, found) for address in chain(*entries)}
        yield {
            tensor.path: tuple(values[address] for address in members)
            for tensor, members in zip(circuit.tensors, entries, strict=True)
        }


@dataclass(frozen=True)
class _Table:
    """A table of look-ups. rows, uses: its rows and the tuples, an expression a column. counts: the
    addresses of what says how often each row is found.
    """

    rows: list[list[Row]]
    uses: list[list[Row]]
    counts: list[int]

    @classmethod
    def of(
        cls,
        circuit: Circuit,
        entries: Block,
        look_ups: Sequence[Block],
        addresses_of: Mapping[int, list[int]],
    ) -> "_Table":
        """What the blocks of a table say."""
        (counts,) = {term.tensor for term in entries.c}
        uses = [line for use in look_ups for line in _columns(circuit, use)]
        return cls(_columns(circuit, entries), uses, addresses_of[counts])


def _columns(circuit: Circuit, block: Block) -> list[list[Row]]:
    """The summands of a fold but alpha, without their challenges, by row and column."""
    vectors = sorted({_vector(term) for term in block.a})[1:]
    parts = []
    for vector in vectors:
        terms = tuple(replace(t, sums=t.sums[1:]) for t in block.a if _vector(t) == vector)
        alone = replace(block, a=(), b=(), c=terms, defines=Defines.NOTHING)
        sparse = expand(replace(circuit, blocks=(alone,)), random_challenges(circuit))
        count = int(np.prod(block.extents))
        inside = [int(np.dot(index, strides(block.extents))) for index in np.ndindex(block.extents)]
        assert len(inside) == count
        parts.append([sparse.c[row] for row in inside])
    return [list(line) for line in zip(*parts, strict=True)]


def _vector(term: Term) -> int:
    weight = term.sums[0].weight
    assert isinstance(weight, Challenge)
    return weight.vector


def _tables(circuit: Circuit) -> tuple[Circuit, list[tuple[Block, list[Block]]]]:
    """The tables of which every block is there, as their entries and what looks them up; and the
    circuit without the blocks of others.
    """
    quotients = [block for block in circuit.blocks if block.defines == Defines.QUOTIENT]
    totals = {block.path.removesuffix("/total"): block for block in circuit.blocks}
    whole, kept = [], set[str]()
    for entries in quotients:
        name, _, tail = entries.path.rpartition("/")
        if tail != "entries" or name not in totals:
            continue
        read = {term.tensor for term in totals[name].c}
        made = {b.defined.tensor: b for b in quotients if b.defined is not None}
        if read <= made.keys():
            uses = [made[tensor] for tensor in sorted(read) if made[tensor] is not entries]
            whole.append((entries, uses))
            kept.update(block.path for block in (entries, *uses, totals[name]))
    ends = ("/look_up", "/entries", "/table/total")
    blocks = tuple(b for b in circuit.blocks if b.path in kept or not b.path.endswith(ends))
    return replace(circuit, blocks=blocks), whole


def _chosen(
    solved: Solved,
    rows: Sequence[Product],
    bits: Sequence[int],
    choices: Sequence[tuple[_Table, list[Row]]],
    tables: Sequence[_Table],
    found: tuple[int, ...],
) -> Iterator[Solved]:
    """All rows of the table for each tuple that is looked up, and then all bits."""
    if choices:
        (table, use), rest = choices[0], choices[1:]
        for place, line in enumerate(table.rows):
            state: Solved | None = solved
            for expression, other in zip(use, line, strict=True):
                if state is not None:
                    state = _with(state, _sum((1, expression), (-1, other)))
            if state is not None:
                yield from _chosen(state, rows, bits, rest, tables, (*found, place))
        return
    for table in tables:
        mine, found = found[: len(table.uses)], found[len(table.uses) :]
        for place, address in enumerate(table.counts):
            count = _constant(mine.count(place))
            counted = _with(solved, _sum((1, {address: 1}), (-1, count)))
            if counted is None:
                return
            solved = counted
    yield from _search(solved, rows, bits)


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
