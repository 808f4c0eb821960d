"""The sum, the sum of squares, the lowest and the highest of some numbers, of those that count.

With public c of 0 and 1, and numbers x of which those that do not count repeat some that do:

    c x = m,    sum m = sum                        `path/counting`, `path/sum`
    sum m x = d_0 + 2^62 d_1                       `path/squares/products`, `path/squares/total`
    L = max -x,  -L = lowest                       `path/lowest/...`, `path/lowest/shown`
    H = max x,   H = highest                       `path/highest/...`, `path/highest/shown`

As c is 0 or 1, m x is c x^2. Sum, digits, lowest and highest are public; digits are 0 to 2^62 - 1
by their bounds, so each sum of squares has just one pair of them. The squares are a product of
hidden matrices (contraction.py), so that they need not fit int64, and the maxima are maximum.py's,
with a selector each for the number that attains them. Rows: 6 a number and 6; bits: twice those of
the numbers' span and 2, a number.
"""

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.contraction import contract
from zkinfer.circuit.gadgets.maximum import maximum
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Value

DIGIT = 2**62
"""The base of the digits of the sum of squares."""


def summarize(b: Builder, path: str, x: Value, counts: Value) -> None:
    """Publishes the sum, the digits of the sum of squares, the lowest and the highest.

    x: numbers [n], without parts. counts: which of them count, of the same shape.
    """
    count, low, high = x.shape[0], min(x.low, 0), max(x.high, 0)
    x, counts = b.aligned(path, x, counts)
    numbers = b.integers(path, x)
    array = None if numbers is None else counts.array * numbers
    certain = x.certain.or_zero()
    stored = b.advice(f"{path}/counting", Segment.TRACE, x.shape, low, high, array, certain=certain)
    m = views.matched(stored, x.factors)
    b.product(f"{path}/counting", counts, x, m)
    total = views.drop(linear.sum_over(m, (0,)), (0,))
    _show(b, f"{path}/sum", total, count * low, count * high)
    _squares(b, f"{path}/squares", m, x)
    lowest = linear.scale(maximum(b, f"{path}/lowest", linear.scale(x, -1)), -1)
    _show(b, f"{path}/lowest/shown", lowest, x.low, x.high)
    highest = maximum(b, f"{path}/highest", x)
    _show(b, f"{path}/highest/shown", highest, x.low, x.high)


def _show(b: Builder, path: str, x: Value, low: int, high: int) -> None:
    """Publishes a number."""
    array = b.integers(path, x)
    array = None if array is None else np.asarray(array)
    b.equal(path, x, b.public(path, (), low, high, array))


def _squares(b: Builder, path: str, m: Value, x: Value) -> None:
    """Publishes the two digits of sum m x."""
    digits = None
    if b.solving:
        pairs = zip(m.array.tolist(), x.array.tolist(), strict=True)
        digits = np.array(divmod(sum(p * q for p, q in pairs), DIGIT)[::-1])
    product = contract(b, path, m, "s", x, "s", (), None, None)
    shown = b.public(path, (2,), 0, DIGIT - 1, digits)
    weighed = linear.weight(shown, 0, (1, DIGIT))
    if weighed is None:
        raise ValueError(f"{path}: digits lie on one axis")
    b.equal(path, product, views.drop(linear.sum_over(weighed, (0,)), (0,)))
