"""protocol.md, section 12: that hidden records are among those of committed data.

Three equations a hidden record, between points of the proof, rows of the data and generators, fold
into one multi-scalar multiplication.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.reference import ristretto
from zkinfer.reference.conversation import Combination, Conversation
from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER


@dataclass
class Hidden:
    """The data: the rows of each record, in which each tensor has so many rows."""

    records: Sequence[Sequence[bytes]]
    tensors: Sequence[int]

    @property
    def digits(self) -> int:
        """Digits of a record's number to the base 8, at least one."""
        return max(1, -(-(len(self.records) - 1).bit_length() // 3))

    def slots(self, rows: Sequence[Combination]) -> list[list[Combination]]:
        """By hidden record its rows, which lie tensor by tensor."""
        count = len(rows) // sum(self.tensors)
        slots: list[list[Combination]] = [[] for _ in range(count)]
        start = 0
        for own in self.tensors:
            for slot in slots:
                slot += rows[start : start + own]
                start += own
        return slots


def check(run: Conversation, hidden: Hidden, rows: Sequence[Combination]) -> None:
    """Reads what the body says of hidden records, whose fresh rows these are.

    Raises FormatError unless each is a record of the data.
    """
    d, slots = hidden.digits, hidden.slots(rows)
    gamma = run.draw_one("membership/gamma")
    points = run.receive("membership/points", len(slots) * (4 + d))
    x = run.draw_one("membership/challenge")
    responses = [run.reader.scalars(7 * d + 3) for _ in slots]
    encoded = b"".join(z.to_bytes(32, "little") for slot in responses for z in slot)
    run.absorb("membership/responses", encoded)
    fold = run.draw("membership/fold", 3 * len(slots))
    generators = run.take_points([*ristretto.generators("G", 8 * d)])
    (blinding,) = run.take_points(ristretto.generators("H", 1))
    records = [run.add_points(record) for record in hidden.records]

    parts: list[tuple[int, Combination]] = []
    weights = [0] * len(records)
    for s, (slot, z) in enumerate(zip(slots, responses, strict=True)):
        A, B, C, D, *G = points[s * (4 + d) : (s + 1) * (4 + d)]
        first, second, third = fold[3 * s : 3 * s + 3]
        f = [_digit(z[7 * k : 7 * k + 7], x) for k in range(d)]
        z_A, z_C, z_last = z[7 * d :]
        parts += [(first, A), (first * x, B), (second, D), (second * x, C)]
        for f_kj, generator in zip((f_kj for f_k in f for f_kj in f_k), generators, strict=True):
            parts.append((-f_kj * (first + second * (x - f_kj)), generator))
        parts.append((-first * z_A - second * z_C - third * z_last, blinding))
        parts += [
            (third * pow(x, d, ORDER) * pow(gamma, j, ORDER), row) for j, row in enumerate(slot)
        ]
        parts += [(-third * pow(x, k, ORDER), G_k) for k, G_k in enumerate(G)]
        for i in range(8**d):  # the last record stands for all numbers from its own on
            p = math.prod(f_k[i >> 3 * k & 7] for k, f_k in enumerate(f))
            weights[min(i, len(records) - 1)] -= third * p
    for weight, record in zip(weights, records, strict=True):
        parts += [(weight * pow(gamma, j, ORDER), row) for j, row in enumerate(record)]
    demand(run.vanishes(parts), "a hidden record is none of the data")


def _digit(others: Sequence[int], x: int) -> tuple[int, ...]:
    """What belongs to a digit of 0 to 7: that of 0 makes the sum x."""
    return (x - sum(others)) % ORDER, *others
