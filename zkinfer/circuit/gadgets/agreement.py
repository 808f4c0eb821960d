"""How many of some numbers equal others, of those that count.

With d = x - y and public c of 0 and 1:

    [d < 0] = s, [-d < 0] = t                     sign bits: `path/below/sign`, `path/above/sign`
    c (1 - s - t) = h                             `path/hits`
    sum h = right                                 `path/right`, public

s and t have one solution each, and 1 - s - t is 1 where d = 0, else 0. Rows: 3 a number and 1;
bits: those of d and -d, a number.
"""

import math

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.nonlinear import sign_bit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Interval, Value


def count_equal(b: Builder, path: str, x: Value, y: Value, counts: Value) -> None:
    """Publishes how many of the numbers that count are equal.

    x, y, counts: of one shape, without parts.
    """
    shape = x.shape
    x, y, counts = b.aligned(path, x, y, counts)
    difference = linear.add(x, linear.scale(y, -1))
    below = sign_bit(b, f"{path}/below", difference)
    above = sign_bit(b, f"{path}/above", linear.scale(difference, -1))
    signs = linear.add(linear.scale(below, -1), linear.scale(above, -1))
    equal = linear.shifted(signs, 1).bounded(0, 1)
    array = counts.array * equal.array if b.solving else None
    certain = Interval(-1, 1)
    stored = b.advice(f"{path}/hits", Segment.TRACE, shape, 0, 1, array, certain=certain)
    b.product(f"{path}/hits", *b.aligned(path, counts, equal, stored))
    axes = range(len(shape))
    total = views.drop(linear.sum_over(stored, axes), axes)
    right = b.public(f"{path}/right", (), 0, math.prod(shape), total.array if b.solving else None)
    b.equal(f"{path}/right", total, right)
