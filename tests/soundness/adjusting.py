"""Rank-one rows that some entries are adjusted to: what a prover computes who is free to choose.

From an assignment, entries that may move are moved until the rows hold: each step solves the rows
that fail, and those that read what moves, for the change to first order. Where entries are made
from others one after the other, as products are, that ends after as many steps.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property

import numpy as np

from zkinfer.circuit.rank_one import Product, Row, dot
from zkinfer.circuit.value import Integers

STEPS = 6
"""More are not tried."""

MOST = 3000
"""Rows that are solved at once; where there are more, nothing is tried."""


class Adjustable:
    """Rows modulo a prime."""

    def __init__(self, rows: Sequence[Product], modulus: int) -> None:
        self.rows, self.modulus = rows, modulus
        self.readers: dict[int, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            for entry in {*row.a, *row.b, *row.c}:
                self.readers[entry].append(number)

    @cached_property
    def _sides(self) -> list[tuple[Integers, Integers, Integers, Integers]]:
        sides = ([getattr(row, side) for row in self.rows] for side in "abc")
        return [_flat(rows, self.modulus) for rows in sides]

    def failing(self, z: Integers) -> list[int]:
        """The rows that do not hold for integers, modulo 2^64."""
        with np.errstate(over="ignore"):
            a, b, c = (
                np.add.reduceat(np.append(z[entries] * factors, 0), starts) * some
                for entries, factors, starts, some in self._sides
            )
            return [int(number) for number in np.flatnonzero(a * b - c)]

    def wrong(self, number: int, z: Sequence[int]) -> int:
        """By how much a row does not hold."""
        row = self.rows[number]
        return (dot(row.a, z) * dot(row.b, z) - dot(row.c, z)) % self.modulus

    def adjusted(
        self,
        z: list[int],
        failing: Iterable[int],
        removed: Collection[int],
        movable: Callable[[int], bool],
    ) -> list[int] | None:
        """An assignment for which all rows hold but those removed, if one is found.

        failing: all of the others that do not hold for z. movable: whether an entry may change.
        """
        z, wanted = list(z), [number for number in failing if number not in removed]
        for _ in range(STEPS):
            if not wanted:
                return z
            equations = self._equations(z, wanted, removed, movable)
            change = None if equations is None else _solved(equations, self.modulus)
            if change is None:
                return None
            for entry, delta in change.items():
                z[entry] = (z[entry] + delta) % self.modulus
            read = {number for entry in change for number in self.readers[entry]}
            wanted = [n for n in {*read, *wanted} - set(removed) if self.wrong(n, z)]
        return None

    def _equations(
        self,
        z: Sequence[int],
        wanted: Sequence[int],
        removed: Collection[int],
        movable: Callable[[int], bool],
    ) -> list[tuple[Row, int]] | None:
        """What each row asks of the change to first order: of rows that fail, and of all that read
        what these may move. None where one asks for what cannot be.
        """
        waiting, seen, equations = list(wanted), set(wanted), []
        while waiting:
            number = waiting.pop()
            row, wrong = self.rows[number], self.wrong(number, z)
            a, b = dot(row.a, z), dot(row.b, z)
            slopes: Row = {}
            for side, factor in ((row.a, b), (row.b, a), (row.c, -1)):
                for entry, k in side.items():
                    if movable(entry):
                        slopes[entry] = (slopes.get(entry, 0) + k * factor) % self.modulus
            slopes = {entry: k for entry, k in slopes.items() if k}
            if wrong and not slopes:
                return None
            equations.append((slopes, -wrong % self.modulus))
            more = {n for entry in slopes for n in self.readers[entry]} - seen - set(removed)
            seen |= more
            waiting.extend(more)
            if len(seen) > MOST:
                return None
        return equations


def _solved(equations: Iterable[tuple[Row, int]], modulus: int) -> Row | None:
    """A solution of linear equations, zero where any would do. None if there is none."""
    solved: dict[int, tuple[Row, int]] = {}
    for slopes, total in sorted(equations, key=lambda equation: len(equation[0])):
        left = dict(slopes)
        for entry in [e for e in left if e in solved]:
            k = left.pop(entry, 0)
            others, known = solved[entry]
            total -= k * known
            for other, factor in others.items():
                left[other] = (left.get(other, 0) - k * factor) % modulus
        left = {entry: k for entry, k in left.items() if k}
        if not left:
            if total % modulus:
                return None
            continue
        entry = next(iter(left))
        inverse = pow(left.pop(entry), -1, modulus)
        mine = {other: k * inverse % modulus for other, k in left.items()}
        known = total * inverse % modulus
        for earlier, (others, value) in solved.items():
            k = others.pop(entry, 0)
            if k:
                for other, factor in mine.items():
                    others[other] = (others.get(other, 0) - k * factor) % modulus
                solved[earlier] = others, (value - k * known) % modulus
        solved[entry] = mine, known
    return {entry: value for entry, (_, value) in solved.items() if value}


def _flat(rows: Sequence[Row], modulus: int) -> tuple[Integers, Integers, Integers, Integers]:
    """All entries, their coefficients, where those of each row start, and whether it has some."""
    half = modulus // 2
    entries = np.array([entry for row in rows for entry in row], np.int64)
    small = [(k + half) % modulus - half for row in rows for k in row.values()]
    factors, lengths = np.array(small, np.int64), np.array([len(row) for row in rows], np.int64)
    return entries, factors, np.cumsum(lengths) - lengths, (lengths > 0).astype(np.int64)
