"""Terms: strided, weighted reads of one tensor.

At row index r a term is `coefficient * sum_t prod(weights) * z[tensor][base + strides.(r, t)]` over
its summation indices t. An index outside the tensor's true extents contributes zero.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

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


Weight = Powers | Challenge | Constants
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
        """The length of the encoding in bytes, but for challenges, which take 4 more each."""
        axes = self.rows + self.sums
        weights = sum(_constants(axis) for axis in axes)
        fixed = 38 + 4 * len(self.sums) + len(axes)
        return fixed + 32 * weights + 8 * len(self.bases) * (1 + len(axes))

    def to_bytes(self) -> bytes:
        """The encoding inside a circuit's bytes; the block states the extents of the rows."""
        axes = self.rows + self.sums
        parts = [
            struct.pack("<I", self.tensor),
            scalar_bytes(self.coefficient),
            struct.pack(f"<B{len(self.sums)}I", len(self.sums), *(a.extent for a in self.sums)),
        ]
        parts.extend(_weight_bytes(axis.weight) for axis in axes)
        parts.append(struct.pack("<B", len(self.bases)))
        for position, base in enumerate(self.bases):
            parts.append(
                struct.pack(f"<{len(axes) + 1}q", base, *(a.strides[position] for a in axes))
            )
        return b"".join(parts)


def reduced(coefficient: int) -> int:
    """The coefficient as it is if it is small, else a smaller one that is the same modulo l."""
    return coefficient if abs(coefficient) < MODULUS else coefficient % MODULUS


def scalar_bytes(value: int) -> bytes:
    """The canonical 32 bytes of an integer modulo l."""
    return (value % MODULUS).to_bytes(32, "little")


def _constants(axis: Axis) -> int:
    return len(axis.weight.values) if isinstance(axis.weight, Constants) else 0


def _weight_bytes(weight: Weight | None) -> bytes:
    if weight is None:
        return b"\x00"
    if isinstance(weight, Powers):
        return b"\x01"
    if isinstance(weight, Challenge):
        return struct.pack("<BI", 2, weight.vector)
    return b"\x03" + b"".join(scalar_bytes(value) for value in weight.values)


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
