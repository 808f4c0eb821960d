"""How the numbers of a tensor are integers: by one scale, or an input's by a scale in each column.

An integer v of scale s stands for v / 2^s. Of an input by column, an integer v in column j stands
for v / 2^scales[j] and lies in [lows[j], lows[j] + 2^bits - 1]. The network has one scale for all
of them, so that its operators see the same integers as numbers of one size; what a column's own
scale differs by is folded into the constants that they meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.ops.tensor import FixedTensor, Integers

LIMIT = 2**62
"""Bounds that every integer of a network must keep, so that int64 arithmetic is exact."""

MAX_BITS = 61
MAX_COLUMNS = 1 << 14


@dataclass(frozen=True)
class Columns:
    """axis: of the input. scales, lows: one integer for each position along it."""

    axis: int
    scales: tuple[int, ...]
    lows: tuple[int, ...]
    bits: int

    def tensor(self, shape: tuple[int, ...], scale: int) -> FixedTensor:
        """The input as the network's operators see it, at their scale."""
        return FixedTensor(shape, scale, min(self.lows), max(self.lows) + (1 << self.bits) - 1)


@dataclass(frozen=True)
class Encoding:
    """Scales and ranges of a tensor's entries: int64 arrays that broadcast to its shape."""

    scale: Integers
    low: Integers
    high: Integers

    @classmethod
    def of(cls, tensor: FixedTensor, columns: Columns | None) -> "Encoding":
        """That of an input by column, or of a tensor of one scale."""
        if columns is None:
            return cls(*(np.array(n, np.int64) for n in (tensor.scale, tensor.low, tensor.high)))
        shape = [1] * len(tensor.shape)
        shape[columns.axis] = -1
        lows = _along(shape, columns.lows)
        return cls(_along(shape, columns.scales), lows, lows + ((1 << columns.bits) - 1))

    def numbers(self, integers: Integers) -> npt.NDArray[np.float64]:
        """What integers stand for."""
        return np.ldexp(integers.astype(np.float64), -self.scale)

    def outside(self, integers: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Which integers leave the range."""
        return (integers < self.low) | (integers > self.high)

    def integers(self, name: str, shape: tuple[int, ...], x: npt.NDArray[np.generic]) -> Integers:
        """An input, rounded half to even.

        Raises UsageError for a wrong shape or dtype, NaN or infinity, and a value outside of its
        range, naming its index.
        """
        x = np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise UsageError(f"input {name} has dtype {x.dtype}; expected numbers")
        if x.shape != shape:
            raise UsageError(f"input {name} has shape {x.shape}; the model takes {shape}")
        values = x.astype(np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            index = first(~finite)
            raise UsageError(f"input {name} at index {index} is {values[index]}; expected a number")
        rounded = np.rint(np.ldexp(values, self.scale))
        outside = np.abs(rounded) >= LIMIT
        integers = np.where(outside, 0, rounded).astype(np.int64)
        outside |= self.outside(integers)
        if outside.any():
            index = first(outside)
            ends = (np.broadcast_to(self.numbers(end), shape) for end in (self.low, self.high))
            low, high = (float(end[index]) for end in ends)
            where = "of this column " if self.scale.ndim else ""
            raise UsageError(
                f"input {name} at index {index} is {values[index]:g}, outside of the model's "
                f"domain {where}{low:g} to {high:g}; compile with calibration data or an input "
                "range that covers it"
            )
        return integers


def first(mask: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """The index of the first entry of a mask that is set."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _along(shape: Sequence[int], numbers: Sequence[int]) -> Integers:
    return np.array(numbers, np.int64).reshape(shape)
