"""Terms: strided, weighted reads of one tensor.

At row index r a term is `coefficient * sum_t prod(weights) * z[tensor][base + strides.(r, t)]` over
its summation indices t. An index outside the tensor's true extents contributes zero.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UnsupportedModelError

MODULUS = 2**252 + 27742317777372353535851937790883648493
"""The prime order l of ristretto255: witness entries and coefficients are integers modulo it."""


@dataclass(frozen=True, slots=True)
class Powers:
    """The weight `2**i` at position i: reads a number from its bits."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The weight `eq(theta, i)` at position i, theta being the challenge vector `vector`."""

    vector: int


MAX_CONSTANTS = 1 << 14


@dataclass(frozen=True, slots=True)
class Constants:
    """Public constant weights, one integer a position."""

    values: tuple[int, ...]

    @classmethod
    def of(cls, extent: int, values: Iterable[int]) -> "Constants":
        """The weights of an axis. Raises UnsupportedModelError before it makes too many."""
        if extent > MAX_CONSTANTS:
            raise UnsupportedModelError(
                f"an axis of {extent} entries needs public weights; at most {MAX_CONSTANTS} are "
                "supported"
            )
        return cls(tuple(values))

    @classmethod
    def placed(
        cls, start: int, count: int, extent: int, values: Sequence[int] | None = None
    ) -> "Constants":
        """The values, ones by default, from position `start` of an axis; 0 elsewhere."""
        known = repeat(1, count) if values is None else values
        return cls.of(extent, chain(repeat(0, start), known, repeat(0, extent - start - count)))


@dataclass(frozen=True, slots=True)
class Projection:
    """The weight `sum_h eq(theta, h) sign(h, i)` at position i, for h below `count`.

    theta: the challenge vector `vector`; the signs, 0, 0, 1 and -1, are those of `signs`. Four rows
    h take a byte, so count is a multiple of 4.
    """

    vector: int
    count: int
    seed: bytes

    def signs(self, extent: int) -> npt.NDArray[np.int8]:
        """The matrix [count, extent] of public random signs: pairs of bits of SHAKE128 of the seed,
        position by position, the lowest of a byte first; 2 stands for 1 and 3 for -1.
        """
        stream = hashlib.shake_128(self.seed).digest(extent * self.count // 4)
        signs = _SIGNS[np.frombuffer(stream, np.uint8)].view(np.int8)
        return signs.reshape(extent, self.count).T


_SIGNS = np.ravel(
    np.array([0, 0, 1, -1], np.int8)[np.arange(256)[:, None] >> np.arange(0, 8, 2) & 3].view(
        np.int32
    )
)
"""The four signs of each byte, side by side."""

Weight = Powers | Challenge | Constants | Projection
POWERS = Powers()


class Axis(NamedTuple):
    """One axis of a term: how many positions, their weights (None: all one), and the stride in
    each axis of the tensor.
    """

    extent: int
    weight: Weight | None
    strides: tuple[int, ...]

    @property
    def is_constant(self) -> bool:
        """Whether every position reads the same entry with the same weight."""
        return self.weight is None and not any(self.strides)


@dataclass(frozen=True, slots=True)
class Term:
    """A strided read. rows: one axis per axis of the block (or of the value); sums: the axes that
    are summed over; bases: the index read at position 0, one per axis of the tensor.
    """

    tensor: int
    coefficient: int
    bases: tuple[int, ...]
    rows: tuple[Axis, ...]
    sums: tuple[Axis, ...] = ()

    @property
    def size(self) -> int:
        """About as many bytes as it takes in memory; the encoding is shorter."""
        axes = self.rows + self.sums
        weights = sum(_constants(axis) for axis in axes)
        fixed = 38 + 4 * len(self.sums) + len(axes)
        return fixed + 8 * weights + 8 * len(self.bases) * (1 + len(axes))

    def to_bytes(self) -> bytes:
        """The encoding inside a circuit's bytes; the block states the extents of the rows."""
        axes = self.rows + self.sums
        parts = [
            number(self.tensor),
            scalar(self.coefficient),
            numbers([axis.extent for axis in self.sums]),
            *(_weight_bytes(axis.weight) for axis in axes),
            number(len(self.bases)),
        ]
        for position, base in enumerate(self.bases):
            parts.extend(map(integer, (base, *(axis.strides[position] for axis in axes))))
        return b"".join(parts)


def reduced(coefficient: int) -> int:
    """The coefficient as it is if it is small, else a smaller one that is the same modulo l."""
    return coefficient if abs(coefficient) < MODULUS else coefficient % MODULUS


@cache
def number(value: int) -> bytes:
    """A number as bytes: seven bits each, the lowest first, as few as it takes."""
    groups = []
    while value >= 128:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def numbers(values: Sequence[int]) -> bytes:
    """How many, and each."""
    return b"".join(map(number, (len(values), *values)))


def integer(value: int) -> bytes:
    """An integer n as the number 2 n, or -2 n - 1 if it is negative."""
    return number(2 * value if value >= 0 else -2 * value - 1)


def scalar(value: int) -> bytes:
    """The integer of least absolute value that is the same modulo l."""
    half = MODULUS // 2
    return integer((value + half) % MODULUS - half)


def _constants(axis: Axis) -> int:
    return len(axis.weight.values) if isinstance(axis.weight, Constants) else 0


def _weight_bytes(weight: Weight | None) -> bytes:
    match weight:
        case None:
            return b"\0"
        case Powers():
            return b"\1"
        case Challenge(vector):
            return b"\2" + number(vector)
        case Constants(values):
            return b"\3" + b"".join(map(scalar, values))
        case Projection(vector, count, seed):
            return b"\4" + number(count) + number(vector) + seed


def simplify_sums(sums: Sequence[Axis]) -> tuple[Axis, ...]:
    """The same sum with fewer axes: neighbours that step through the tensor as one are joined."""
    joined: list[Axis] = []
    for axis in sums:
        last = joined[-1] if joined else None
        if last is not None and can_join(last, axis):
            joined[-1] = Axis(last.extent * axis.extent, None, axis.strides)
        else:
            joined.append(axis)
    return tuple(joined)


def can_join(outer: Axis, inner: Axis) -> bool:
    """Whether two neighbouring axes are one: no weights, and the outer steps over the inner."""
    return (
        outer.weight is None
        and inner.weight is None
        and all(o == i * inner.extent for o, i in zip(outer.strides, inner.strides, strict=True))
    )
