"""Products of two values, and the negative part.

a b = y                              one row, one number
x = bits in two's complement, with sign bit s;  s x = -n         n = max(-x, 0): two rows
"""

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Lazy, Value


def multiply(b: Builder, path: str, x: Value, y: Value) -> Value:
    """The elementwise product, not stored: its definition is the block `path`."""
    x, y = b.aligned(path, x, y)
    numbers = Lazy(lambda: x.array * y.array) if b.solving else None
    ends = [p * q for p in (x.low, x.high) for q in (y.low, y.high)]
    return Value(x.factors, (), min(ends), max(ends), numbers, lambda z: b.product(path, x, y, z))


def negative_part(b: Builder, path: str, x: Value) -> Value:
    """max(-x, 0), stored. Blocks: `path/sign`, `path/part`."""
    if x.low >= 0:
        return views.constant(0, x)
    magnitude = max((-x.low - 1).bit_length(), x.high.bit_length() if x.high > 0 else 0)
    bits = b.bits(f"{path}/bits", x, magnitude + 1, x.array if b.solving else None)
    sign = bits.bit(magnitude)
    low_part = bits.field(0, magnitude)
    b.equal(f"{path}/sign", x, views.add(low_part, views.scale(sign, -1 << magnitude)))
    numbers = np.maximum(-x.array, 0) if b.solving else None
    stored = b.advice(path, Segment.TRACE, x.shape, 0, -x.low, numbers)
    part = views.matched(stored, x.factors)
    b.product(f"{path}/part", sign, x, views.scale(part, -1))
    return part
