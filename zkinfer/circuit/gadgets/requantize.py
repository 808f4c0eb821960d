"""Rescaling with rounding and saturation: o = clip(floor((x + 2^(s-1)) / 2^s), low, high).

    x + 2^(s-1) = 2^s (o + e) + r                    rounding
    o - low in k bits [and high - o in k bits]       range
    e (high - o - t (high - low)) = 0                saturation

r has s bits; e, the excess over the range, is in two's complement and t is its sign bit. If e < 0
then t = 1 and o = low; if e > 0 then t = 0 and o = high; if e = 0 then o is the quotient. The
widths cover the worst case of x, nothing wraps, so each x has one solution. Where the bounds of x
exclude one side, t is a constant; where they exclude both, e is absent and o has as many bits as
the quotient needs. If x is a product that is not stored, the rounding equation is the product's own
(`Value.define`). Rows: 3 a number, 2 without storing x. Source: protocol.md, section 2.
"""

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.ranges import in_range, nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Value


def requantize(b: Builder, path: str, x: Value, shift: int, low: int, high: int) -> Value:
    """The rescaled value, stored. Blocks: `path/` rounding, range, range/upper, saturation."""
    half = 1 << (shift - 1) if shift else 0
    least, most = (x.low + half) >> shift, (x.high + half) >> shift
    output = excess = remainder = None
    if b.solving:
        numbers = x.array + half
        quotient = numbers >> shift
        output = np.clip(quotient, low, high)
        excess = quotient - output
        remainder = numbers & ((1 << shift) - 1)
    saturates = least < low or most > high
    if not shift and not saturates:
        return b.settle(f"{path}/output", x)
    low_o, high_o = (low, high) if saturates else (least, most)
    stored = b.advice(f"{path}/output", Segment.TRACE, x.shape, low_o, high_o, output)
    o = b.matched(stored, x.factors)
    if saturates:
        in_range(b, f"{path}/range", o, low, high)
        e = _saturation(b, path, o, excess, (least, low), (most, high))
    else:
        width = max((most - least).bit_length(), 1)
        nonnegative(b, f"{path}/range", views.add(o, views.constant(-least, o)), width)
        e = views.constant(0, o)
    total = views.add(views.scale(views.add(o, e), 1 << shift), views.constant(-half, o))
    if shift:
        r, _ = b.bits(f"{path}/remainder", o, shift, remainder)
        total = views.add(total, r)
    b.equal(f"{path}/rounding", x, total)
    return stored


def _saturation(
    b: Builder,
    path: str,
    o: Value,
    excess: Integers | None,
    lower: tuple[int, int],
    upper: tuple[int, int],
) -> Value:
    """The excess e over the range, bound by the saturation block.

    lower: the least quotient and the range's low end; upper: the most and the high end.
    """
    (least, low), (most, high) = lower, upper
    below, above = max(low - least, 0), max(most - high, 0)
    name = f"{path}/excess"
    to_high = views.add(views.constant(high, o), views.scale(o, -1))
    if not below:
        e, _ = b.bits(name, o, above.bit_length(), excess)
        b.product(f"{path}/saturation", e, to_high, views.constant(0, o))
    elif not above:
        negated = -excess if excess is not None else None
        magnitude, _ = b.bits(name, o, below.bit_length(), negated)
        e = views.scale(magnitude, -1)
        to_low = views.add(o, views.constant(-low, o))
        b.product(f"{path}/saturation", magnitude, to_low, views.constant(0, o))
    else:
        width = 1 + max((below - 1).bit_length(), above.bit_length())
        e, sign = b.bits(name, o, width, excess, signed=True)
        to_end = views.add(to_high, views.scale(sign, low - high))
        b.product(f"{path}/saturation", e, to_end, views.constant(0, o))
    return e
