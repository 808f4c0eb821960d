"""Square roots, rounded down: y = floor(sqrt(2^s x)), for x >= 0.

y is stored; r and t are advice bits, in as many as 2 y takes:

    2 y - r = t                                                      `path/remainder`
    2y 2y = 4 (2^s x - r)                                            `path/square`

r + t is an integer, so the second row holds between integers, as their certain bounds are far below
the field's size: a multiple of 4 is the square of an even number, so y is an integer. It is not
negative, and y^2 <= 2^s x = y^2 + r <= y^2 + 2 y < (y + 1)^2: one y and one r for each x, and t is
what they make of it. No x below 0 has a solution; that there is one for those of an honest witness
rests on their bounds. Rows: 2 a number. Bits: two more than twice those of y.
"""

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.ranges import nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Value


def roots(x: Integers) -> Integers:
    """floor(sqrt(x)) of integers up to 2^62; those below 0 count as 0."""
    x = np.maximum(x, 0)
    y = np.sqrt(x.astype(np.float64)).astype(np.int64)
    y -= y * y > x
    y += (y + 1) * (y + 1) <= x
    return y


def square_root(b: Builder, path: str, x: Value, shift: int, low: int, high: int) -> Value:
    """The root of x 2^shift, rounded down and stored. low, high: its bounds in an honest witness.

    Blocks: `path/remainder`, `path/square`.
    """
    scaled = linear.scale(x, 1 << shift)
    numbers = b.integers(path, scaled)
    found = None if numbers is None else roots(numbers)
    width = max(2 * high, 1).bit_length()
    certain = Interval(0, (1 << width) - 1)
    stored = b.advice(path, Segment.TRACE, x.shape, low, high, found, certain=certain)
    y = views.matched(stored, x.factors)
    rest = None if numbers is None or found is None else numbers - found * found
    r = b.bits(f"{path}/bits", x, width, rest).field(0, width)
    twice = linear.scale(y, 2)
    more = linear.add(twice, linear.scale(r, -1))
    nonnegative(b, f"{path}/remainder", more.bounded(0, 2 * high), width)
    square = linear.scale(linear.add(scaled, linear.scale(r, -1)), 4)
    b.product(f"{path}/square", twice, twice, square)
    return y
