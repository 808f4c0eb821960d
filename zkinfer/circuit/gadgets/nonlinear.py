"""Products of two values, the sign and the negative part.

a b = y                                                          one row a number
x = bits in two's complement, with sign bit s                    s = 1 where x < 0: one row
s x = -n                                                         n = max(-x, 0): one row more

An x that its bits do not hold has no solution. One whose sign is certain needs no rows.
"""

from dataclasses import dataclass, replace

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Interval, Value


@dataclass(frozen=True)
class Product:
    """The elementwise product of two values with the same factors, not stored."""

    b: Builder
    path: str
    left: Value
    right: Value
    joins: bool = False

    def define(self, coefficient: int, y: Value) -> None:
        """States coefficient * left * right = y, in the block `path`. y comes without integers."""
        if y.parts:
            raise ValueError(f"{self.path}: a product that is not stored is read alone")
        left = linear.scale(self.left, coefficient)
        known = multiply(self.b, self.path, left, self.right)
        y = replace(y, low=known.low, high=known.high, numbers=known.numbers)
        self.b.product(self.path, *self.b.aligned(self.path, left, self.right, y))


def multiply(b: Builder, path: str, x: Value, y: Value) -> Value:
    """The elementwise product of values with the same factors, not stored."""
    numbers = b.lazily(lambda: x.array * y.array)
    ends = [p * q for p in (x.low, x.high) for q in (y.low, y.high)]
    certain, part = x.certain.times(*y.certain), Product(b, path, x, y)
    return Value(x.factors, (), min(ends), max(ends), certain, numbers, ((1, part),))


def sign_bit(b: Builder, path: str, x: Value) -> Value:
    """1 where x < 0, else 0: a bit, or a constant. Block: `path/sign`."""
    if x.certain.low >= 0 or x.certain.high < 0:
        return linear.constant(int(x.certain.high < 0), x)
    sign, _ = _signed(b, path, x)
    return sign


def negative_part(b: Builder, path: str, x: Value) -> Value:
    """max(-x, 0), stored. Blocks: `path/sign`, `path/part`."""
    if x.certain.low >= 0:
        return linear.constant(0, x)
    sign, magnitude = _signed(b, path, x)
    numbers = b.integers(path, x)
    negative = None if numbers is None else np.maximum(-numbers, 0)
    certain = Interval(0, 1 << magnitude)
    stored = b.advice(path, Segment.TRACE, x.shape, 0, max(-x.low, 0), negative, certain=certain)
    part = views.matched(stored, x.factors)
    b.product(f"{path}/part", sign, x, linear.scale(part, -1))
    return part


def _signed(b: Builder, path: str, x: Value) -> tuple[Value, int]:
    """The sign bit of x in two's complement, and how many bits there are below it."""
    magnitude = max((-x.low - 1).bit_length() if x.low < 0 else 0, max(x.high, 0).bit_length(), 1)
    bits = b.bits(f"{path}/bits", x, magnitude + 1, b.integers(path, x))
    sign = bits.bit(magnitude)
    b.equal(
        f"{path}/sign",
        x,
        linear.add(bits.field(0, magnitude), linear.scale(sign, -1 << magnitude)),
    )
    return sign, magnitude
