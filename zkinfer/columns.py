"""Inputs by column: a scale and a domain for each position of one axis.

An integer v in column j stands for v / 2^scales[j] and lies in [lows[j], lows[j] + 2^bits - 1]. The
network has a scale for all of them, so that its operators see the same integers as numbers of one
size; what a column's own scale differs by is folded into the constants that they meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.ops.tensor import FixedTensor, Integers

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
    """How the numbers of an input are integers: v stands for v / 2^scale, within low to high.

    int64 arrays that broadcast to the input's shape.
    """

    scale: Integers
    low: Integers
    high: Integers

    @classmethod
    def of(cls, tensor: FixedTensor, columns: Columns | None) -> "Encoding":
        """That of an input, of an output, or of anything else of one scale."""
        if columns is None:
            return cls(*(np.array(n, np.int64) for n in (tensor.scale, tensor.low, tensor.high)))
        shape = [1] * len(tensor.shape)
        shape[columns.axis] = -1
        lows = _along(shape, columns.lows)
        return cls(_along(shape, columns.scales), lows, lows + ((1 << columns.bits) - 1))

    def numbers(self, integers: Integers) -> npt.NDArray[np.float64]:
        """What integers stand for."""
        return np.ldexp(integers.astype(np.float64), -self.scale)


def _along(shape: Sequence[int], numbers: Sequence[int]) -> Integers:
    return np.array(numbers, np.int64).reshape(shape)
