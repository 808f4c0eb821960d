"""A prover of docs/protocol.md, section 12, in Python, which proves what it is told to.

It follows the equations of the section with no thought of speed: the records of a number beyond the
data are the last one, and the digits, which should say 1 at one place of eight, are any numbers.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.reference import ristretto
from zkinfer.reference.conversation import Combination, Conversation, combine
from zkinfer.reference.field import ORDER
from zkinfer.reference.membership import Hidden, check
from zkinfer.reference.reader import Reader
from zkinfer.reference.ristretto import Point


class Bare(Conversation):
    """A run of the verifier over nothing but hidden records, which draws what a test says."""

    def __init__(self, programmed: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.programmed = programmed

    def draw(self, label: str, count: int) -> tuple[int, ...]:
        drawn = super().draw(label, count)
        return self.programmed.get(label, drawn)


@dataclass
class Claim:
    """What is said of one hidden record: its fresh rows, by how much more of H than the record's
    each has, and its digits, the lowest first, eight numbers each.
    """

    rows: list[Point]
    deltas: list[int]
    digits: list[list[int]]


def digits_of(number: int, count: int) -> list[list[int]]:
    """1 at the place of each digit."""
    return [[int(number >> 3 * k & 7 == j) for j in range(8)] for k in range(count)]


def blinded(rows: Sequence[bytes], number: int, count: int) -> Claim:
    """A claim about these rows, blinded afresh, as record `number`, which has so many digits."""
    deltas = [secrets.randbelow(ORDER) for _ in rows]
    points = map(ristretto.decode, rows)
    fresh = [
        ristretto.add(point, row([], delta)) for point, delta in zip(points, deltas, strict=True)
    ]
    return Claim(fresh, deltas, digits_of(number, count))


def row(entries: Sequence[int], blinding: int) -> Point:
    """sum_j entries_j G_j + blinding H."""
    generators = ristretto.generators("G", max(1, len(entries)))[: len(entries)]
    return ristretto.multiply([*entries, blinding], [*generators, *ristretto.generators("H", 1)])


def proved(
    hidden: Hidden, claims: Sequence[Claim], programmed: dict[str, tuple[int, ...]] | None = None
) -> tuple[bytes, list[bytes]]:
    """The argument's bytes, and the fresh rows, tensor by tensor."""
    fresh, start = [], 0
    for own in hidden.tensors:
        for claim in claims:
            fresh += [ristretto.encode(point) for point in claim.rows[start : start + own]]
        start += own
    transcript = Bare(programmed or {})
    transcript.absorb("rows", b"".join(fresh))
    gamma = transcript.draw_one("membership/gamma")
    records = [_combined(gamma, map(ristretto.decode, record)) for record in hidden.records]
    secret = [_Secret(claim, gamma, records) for claim in claims]
    points = b"".join(ristretto.encode(point) for each in secret for point in each.points())
    transcript.absorb("membership/points", points)
    x = transcript.draw_one("membership/challenge")
    scalars = (z for each in secret for z in each.scalars(x))
    return points + b"".join((z % ORDER).to_bytes(32, "little") for z in scalars), fresh


def verified(
    hidden: Hidden,
    argument: bytes,
    fresh: list[bytes],
    programmed: dict[str, tuple[int, ...]] | None = None,
) -> None:
    """Raises FormatError unless the argument holds."""
    run = Bare(programmed or {})
    run.absorb("rows", b"".join(fresh))
    run.reader = Reader(argument, "the argument")
    check(run, hidden, run.add_points(fresh))
    run.reader.end()


def _combined(gamma: int, points) -> Point:
    points = list(points)
    return ristretto.multiply([pow(gamma, j, ORDER) for j in range(len(points))], points)


class _Secret:
    def __init__(self, claim: Claim, gamma: int, records: list[Point]) -> None:
        self.claim = claim
        self.records = records
        self.total = _combined(gamma, claim.rows)
        self.delta = sum(pow(gamma, j, ORDER) * delta for j, delta in enumerate(claim.deltas))
        self.count = len(claim.digits)
        self.masks = []
        for _ in range(self.count):
            others = [secrets.randbelow(ORDER) for _ in range(7)]
            self.masks.append([-sum(others) % ORDER, *others])
        self.blindings = [secrets.randbelow(ORDER) for _ in range(4)]
        self.rhos = [secrets.randbelow(ORDER) for _ in range(self.count)]

    def points(self) -> list[Point]:
        pairs = [
            (a, s)
            for masks, digit in zip(self.masks, self.claim.digits, strict=True)
            for a, s in zip(masks, digit, strict=True)
        ]
        committed = (
            [a for a, _ in pairs],
            [s for _, s in pairs],
            [a * (1 - 2 * s) for a, s in pairs],
            [-a * a for a, _ in pairs],
        )
        sent = [row(entries, b) for entries, b in zip(committed, self.blindings, strict=True)]
        weights: list[Combination] = [{} for _ in range(self.count)]
        for i in range(8**self.count):
            places = [i >> 3 * k & 7 for k in range(self.count)]
            factors = [(self.masks[k][j], self.claim.digits[k][j]) for k, j in enumerate(places)]
            for power, coefficient in enumerate(_product(factors)[: self.count]):
                record = {min(i, len(self.records) - 1): -1, len(self.records): 1}
                weights[power] = combine((1, weights[power]), (coefficient, record))
        known = [*self.records, self.total, *ristretto.generators("H", 1)]
        for weight, rho in zip(weights, self.rhos, strict=True):
            scalars = [weight.get(i, 0) for i in range(len(known) - 1)]
            sent.append(ristretto.multiply([*scalars, rho], known))
        return sent

    def scalars(self, x: int) -> list[int]:
        made = []
        for masks, digit in zip(self.masks, self.claim.digits, strict=True):
            made += [s * x + a for a, s in zip(masks[1:], digit[1:], strict=True)]
        a, b, c, d = self.blindings
        masked = sum(rho * pow(x, k, ORDER) for k, rho in enumerate(self.rhos))
        return [*made, b * x + a, c * x + d, self.delta * pow(x, self.count, ORDER) - masked]


def _product(factors: Sequence[tuple[int, int]]) -> list[int]:
    """The coefficients of the product of a + s X, the lowest first."""
    product = [1]
    for a, s in factors:
        low, high = ([factor * value % ORDER for value in product] for factor in (a, s))
        product = [x + y for x, y in zip([*low, 0], [0, *high], strict=True)]
    return product
