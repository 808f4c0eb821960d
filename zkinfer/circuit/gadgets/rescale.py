"""Rescaling with rounding and saturation: o = clip(floor((x + 2^(s-1)) / 2^s), low, high).

Let H = high - low, k its bits, and q the quotient minus low. With r in s bits, u in w >= k bits
(u' without its low k bits) and two flags p (over) and n (under), all advice bits:

    x + 2^(s-1) = 2^s (low + q) + r,   q = u + (H + 1) p - 2^w n     rounding
    (1 - p - n) (u' + p + n) = 0                                     saturation
    (1 - p - n) (u mod 2^k) = (o - low) - H p                        output
    H - (o - low) in k bits, unless H = 2^k - 1                      range

Both flags at once fail the saturation row, as u' + 2 > 0. No flag: u' = 0, o - low = u = q, and H - u
is not negative. Over: q = H + 1 + u is above the range and o = high. Under: q = u - 2^w is negative
and o = low. The cases exclude each other, w covers the worst case of x and nothing wraps, so each x
has one solution. Where the bounds of x exclude a side, its flag is absent; where they exclude both,
o has as many bits as the quotient needs and that is all. Without the flag for over, no q exceeds
H, and H may as well be the next 2^k - 1. If x is a product that is not stored, the
rounding equation is the product's own (`Value.define`).

Rows: 2 a number and 1 more to read a stored x. Bits: s + w + 2.
"""

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.ranges import nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Value


def rescale(b: Builder, path: str, x: Value, shift: int, low: int, high: int) -> Value:
    """The rescaled value, stored. Blocks: `path/` rounding, saturation, output, range."""
    half = 1 << shift >> 1
    least, most = (x.low + half) >> shift, (x.high + half) >> shift
    if max(least, low) >= min(most, high):
        return views.constant(min(max(least, low), high), x)
    quotient = remainder = output = None
    if b.solving:
        numbers = x.array + half
        quotient, remainder = numbers >> shift, numbers & ((1 << shift) - 1)
        output = np.clip(quotient, low, high)
    inside = low <= least and most <= high
    if inside and not shift:
        return b.settle(f"{path}/output", x)
    low, high = (least, most) if inside else (low, high)
    stored = b.advice(f"{path}/output", Segment.TRACE, x.shape, low, high, output)
    o = b.matched(stored, x.factors)
    if inside:
        nonnegative(b, f"{path}/range", views.shifted(o, -low), (high - low).bit_length())
        q = o
    else:
        q = _saturated(b, path, o, quotient, (least, most))
    total = views.shifted(views.scale(q, 1 << shift), -half)
    if shift:
        r, _ = b.bits(f"{path}/remainder", o, shift, remainder)
        total = views.add(total, r)
    b.equal(f"{path}/rounding", x, total)
    return stored


def _saturated(
    b: Builder, path: str, o: Value, quotient: Integers | None, ends: tuple[int, int]
) -> Value:
    """The quotient, bound to the output o. ends: the least and the most that it can be."""
    (least, most), low, high = ends, o.low, o.high
    below, above = max(low - least, 0), max(most - high, 0)
    span = high - low if above else (1 << (most - low).bit_length()) - 1
    width = span.bit_length()
    wide = max(width, (below - 1).bit_length() if below else 0, (above - 1).bit_length())
    over = under = u = None
    if quotient is not None:
        q = quotient - low
        over, under = (q > span).astype(np.int64), (q < 0).astype(np.int64)
        u = q - (span + 1) * over + (under << wide)
    digits, _ = b.bits(f"{path}/quotient", o, width, u & ((1 << width) - 1) if u is not None else u)
    value = views.shifted(digits, low)
    flags, excess = views.constant(0, o), views.constant(0, o)
    if wide > width:
        excess, _ = b.bits(f"{path}/excess", o, wide - width, u >> width if u is not None else u)
        value = views.add(value, views.scale(excess, 1 << width))
    offset = views.shifted(o, -low)
    if above:
        flag, _ = b.bits(f"{path}/over", o, 1, over)
        flags = views.add(flags, flag)
        value = views.add(value, views.scale(flag, span + 1))
        offset = views.add(offset, views.scale(flag, -span))
    if below:
        flag, _ = b.bits(f"{path}/under", o, 1, under)
        flags = views.add(flags, flag)
        value = views.add(value, views.scale(flag, -1 << wide))
    normal = views.shifted(views.scale(flags, -1), 1)
    if wide > width or (above and below):
        b.product(f"{path}/saturation", normal, views.add(excess, flags), views.constant(0, o))
    b.product(f"{path}/output", normal, digits, offset)
    if span != (1 << width) - 1:
        nonnegative(b, f"{path}/range", views.shifted(views.scale(o, -1), high), width)
    return value
