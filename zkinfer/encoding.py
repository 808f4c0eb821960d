"""How the numbers of a tensor are integers: by one scale, or an input's by a scale in each column,
or as QuantizeLinear makes them.

An integer v of scale s stands for v / 2^s. Of an input by column, an integer v in column j stands
for v / 2^scales[j] and lies in [lows[j], lows[j] + 2^bits - 1]. The network has one scale for all
of them, so that its operators see the same integers as numbers of one size; what a column's own
scale differs by is folded into the constants that they meet.

Of a quantized input, the integers are those that the model's own QuantizeLinear makes of it, in
float32, and the network begins behind that: v stands for (v - zero point) scale, and every number
has an integer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.ops.tensor import FixedTensor, Integers

Floats = npt.NDArray[np.float64]

LIMIT = 2**62
"""Bounds that every integer of a network must keep, so that int64 arithmetic is exact."""

MAX_BITS = 61
MAX_COLUMNS = 1 << 14
MANTISSA_BITS = 24
EXPONENTS = range(-104, 173)
"""Of float32: the largest number's, and the least one's."""
MAX_QUANTIZED = 1 << 16
"""What the zero point and the bounds of a quantized input lie within."""


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


def held(x: Floats, scale: Floats | float, dtype: type[np.floating[Any]] = np.float32) -> Floats:
    """x scale, computed in a type."""
    y: Floats = (x.astype(dtype) * np.asarray(scale, dtype)).astype(np.float64)
    return y


def rounded(
    x: Floats, scale: Floats | float, dtype: type[np.floating[Any]] = np.float32, *, divides: bool
) -> Floats:
    """round(x scale) or round(x / scale), computed in a type, half to even."""
    with np.errstate(over="ignore"):  # what is beyond float32 is beyond all bounds
        narrow, by = x.astype(dtype), np.asarray(scale, dtype)
        y: Floats = np.rint(narrow / by if divides else narrow * by).astype(np.float64)
    return y


@dataclass(frozen=True)
class Quantization:
    """Of a quantized input: its scale, a number of float32, is mantissa / 2^exponent, with a
    mantissa of MANTISSA_BITS.
    """

    mantissa: int
    exponent: int
    zero_point: int

    @classmethod
    def of(cls, scale: float, zero_point: int) -> "Quantization":
        """By a scale that is a number of float32."""
        part, power = math.frexp(float(np.float32(scale)))
        return cls(int(math.ldexp(part, MANTISSA_BITS)), MANTISSA_BITS - power, zero_point)

    @property
    def scale(self) -> np.float32:
        """The number."""
        return np.float32(math.ldexp(self.mantissa, -self.exponent))

    def integers(
        self, values: npt.NDArray[np.float64], low: Integers | int, high: Integers | int
    ) -> Integers:
        """Those of finite numbers, as QuantizeLinear makes them: rounded to float32 and again,
        half to even, and kept within bounds.
        """
        steps = rounded(values, float(self.scale), divides=True)
        return np.clip(steps + self.zero_point, low, high).astype(np.int64)

    def numbers(self, integers: Integers) -> npt.NDArray[np.float64]:
        """What they stand for."""
        whole = (integers - self.zero_point).astype(np.float64) * self.mantissa
        return np.ldexp(whole, -self.exponent)


@dataclass(frozen=True)
class Encoding:
    """Scales and ranges of a tensor's entries: int64 arrays that broadcast to its shape."""

    scale: Integers
    low: Integers
    high: Integers
    quantization: Quantization | None = None

    @classmethod
    def of(
        cls,
        tensor: FixedTensor,
        columns: Columns | None = None,
        quantization: Quantization | None = None,
    ) -> "Encoding":
        """That of an input by column, of a quantized input, or of a tensor of one scale."""
        if columns is None:
            numbers = (tensor.scale, tensor.low, tensor.high)
            scale, low, high = (np.array(number, np.int64) for number in numbers)
            return cls(scale, low, high, quantization)
        shape = [1] * len(tensor.shape)
        shape[columns.axis] = -1
        lows = _along(shape, columns.lows)
        return cls(_along(shape, columns.scales), lows, lows + ((1 << columns.bits) - 1))

    def numbers(self, integers: Integers) -> npt.NDArray[np.float64]:
        """What integers stand for."""
        if self.quantization is not None:
            return self.quantization.numbers(integers)
        return np.ldexp(integers.astype(np.float64), -self.scale)

    def outside(self, integers: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Which integers leave the range."""
        return (integers < self.low) | (integers > self.high)

    def integers(self, name: str, shape: tuple[int, ...], x: npt.NDArray[np.generic]) -> Integers:
        """An input, rounded half to even; a quantized one by its QuantizeLinear.

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
        if self.quantization is not None:
            return self.quantization.integers(values, self.low, self.high)
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
