"""Division with rounding to nearest, half up: y = floor((2^(s+1) a + b) / (2 b)), for b >= 1.

y is stored; r and t are advice bits, in as many as 2 b - 1 takes, and u bits as the range of y:

    y = low + u                                                      `path/range`
    2 b - 1 - r = t                                                  `path/remainder`
    b 2y = 2^(s+1) a + b - r                                         `path/division`

The first two hold between integers, as their certain bounds are far below the field's size, so y is
one, and 2 b = 1 + r + t >= 1, that is b >= 1. The third does too: 2^(s+1) a + b = 2b y + r with
0 <= r < 2 b, which is division with remainder: one y and one r for each a and b, and t and u are
what they make of them. No operands but those with b >= 1 and y in its range have a solution; that
there is one for those of an honest witness rests on their bounds. Rows: 3 a number. Bits: two more
than twice those of b, and those of the range of y.
"""

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.ranges import nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Value


def rounded(a: Integers, b: Integers) -> Integers:
    """floor((2 a + b) / (2 b)), which is floor((a + floor(b / 2)) / b); a b below 1 counts as 1."""
    b = np.maximum(b, 1)
    return (a + (b >> 1)) // b


def divide(b: Builder, path: str, x: Value, by: Value, shift: int, low: int, high: int) -> Value:
    """x 2^shift / by, rounded and stored; the operands have the same factors.

    low, high: bounds of the result of an honest witness. Blocks: those of the module's docstring.
    """
    numerators, divisors = b.integers(path, linear.scale(x, 1 << shift)), b.integers(path, by)
    quotients = remainders = None
    if numerators is not None and divisors is not None:
        quotients = rounded(numerators, divisors)
        remainders = 2 * numerators + divisors - 2 * divisors * quotients
    width = (high - low).bit_length()
    certain = Interval(low, low + (1 << width) - 1)
    stored = b.advice(path, Segment.TRACE, x.shape, low, high, quotients, certain=certain)
    y = views.matched(stored, x.factors)
    nonnegative(b, f"{path}/range", linear.shifted(y, -low), width)
    digits = (2 * by.high - 1).bit_length()
    r = b.bits(f"{path}/bits", by, digits, remainders).field(0, digits)
    rest = linear.add(linear.shifted(linear.scale(by, 2), -1), linear.scale(r, -1))
    nonnegative(b, f"{path}/remainder", rest.bounded(0, 2 * by.high - 1), digits)
    total = linear.add(linear.scale(x, 2 << shift), by, linear.scale(r, -1))
    b.product(f"{path}/division", by, linear.scale(y, 2), total)
    return y
