"""Rescaling with rounding and saturation: o = clip(floor((x + 2^(s-1)) / 2^s), low, high).

Let H = high - low, k its bits, and q the quotient minus low. All advice bits: r in s bits, u in
w >= k bits (u' without its low k bits), and two flags p (over) and n (under):

    x + 2^(s-1) = 2^s (low + q) + r,   q = u + (H + 1) p - 2^w n     rounding
    (1 - p - n) (u' + p + n) = 0                                     saturation
    (1 - p - n) (u mod 2^k) = (o - low) - H p                        output
    H - (o - low) in k bits, unless H = 2^k - 1                      range

Both flags at once fail the saturation row, as u' + 2 > 0. No flag: u' = 0, so o - low = u = q, and
H - u is not negative. Over: q = H + 1 + u is above the range, and o = high. Under: q = u - 2^w is
negative, and o = low. The cases exclude each other, w covers the worst case of x and nothing wraps,
so each x has one solution. Where the bounds of x exclude a side, its flag is absent; without the
flag for over no q exceeds H, and H may as well be the next 2^k - 1. If x is a product that is not
stored, the rounding equation is the product's own (`Value.parts`).

Rows: 2 a number, and 1 more to read a stored x. Bits: s + w + 2.
"""

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.bits import Bits
from zkinfer.circuit.builder import Builder, check_exact
from zkinfer.circuit.gadgets.ranges import nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Value

MAX_PACKED = 62


def rescale(b: Builder, path: str, x: Value, shift: int, low: int, high: int) -> Value:
    """The rescaled value, stored. Blocks: `path/` rounding, saturation, output, range."""
    half = 1 << shift >> 1
    least, most = (x.low + half) >> shift, (x.high + half) >> shift
    if max(least, low) >= min(most, high):
        return linear.constant(min(max(least, low), high), x)
    if not shift and low <= least and most <= high:
        return b.settle(f"{path}/output", x)
    low, above, below = max(least, low), most > high, least < low
    high = min(most, high)
    span = high - low if above else (1 << (high - low).bit_length()) - 1
    width = span.bit_length()
    wide = max(width, (most - high - 1).bit_length(), (low - least - 1).bit_length())
    check_exact(path, x.low + half, x.high + half)
    numbers = x.array + half if b.solving else None
    output = None if numbers is None else np.clip(numbers >> shift, low, high)
    stored = b.advice(f"{path}/output", Segment.TRACE, x.shape, low, high, output)
    o = views.matched(stored, x.factors)

    bits, remainder = _digits(b, path, o, numbers, (shift, wide, span), (above, below))
    start = 0 if remainder is not None else shift
    flags, position = linear.constant(0, o), start + wide
    total = bits.field(0, start + wide)
    if remainder is not None:
        total = linear.add(linear.scale(total, 1 << shift), remainder)
    total = linear.shifted(total, (low << shift) - half)
    offset = linear.shifted(o, -low)
    if above:
        over, position = bits.bit(position), position + 1
        flags = linear.add(flags, over)
        total = linear.add(total, linear.scale(over, (span + 1) << shift))
        offset = linear.add(offset, linear.scale(over, -span))
    if below:
        under = bits.bit(position)
        flags = linear.add(flags, under)
        total = linear.add(total, linear.scale(under, -1 << (shift + wide)))
    b.equal(f"{path}/rounding", x, total)
    digits = bits.field(start, width)
    if not above and not below:
        b.equal(f"{path}/output", offset, digits)
        return stored
    normal = linear.shifted(linear.scale(flags, -1), 1)
    if wide > width or (above and below):
        excess = linear.add(bits.field(start + width, wide - width), flags)
        b.product(f"{path}/saturation", normal, excess, linear.constant(0, o))
    b.product(f"{path}/output", normal, digits, offset)
    if span != (1 << width) - 1:
        nonnegative(b, f"{path}/range", linear.shifted(linear.scale(o, -1), high), width)
    return stored


def _digits(
    b: Builder,
    path: str,
    o: Value,
    numbers: Integers | None,
    sizes: tuple[int, int, int],
    flags: tuple[bool, bool],
) -> tuple[Bits, Value | None]:
    """The bits of r, u, p and n, from the lowest; r apart, as second result, if all are too many.

    numbers: x + 2^(s-1) while solving; sizes: s, w, H; flags: whether p and n are there.
    """
    (shift, wide, span), (above, below) = sizes, flags
    remainder = None
    count = wide + above + below
    if shift and shift + count > MAX_PACKED:
        low_bits = numbers & ((1 << shift) - 1) if numbers is not None else None
        remainder = b.bits(f"{path}/remainder", o, shift, low_bits).field(0, shift)
        numbers = numbers >> shift if numbers is not None else None
        shift = 0
    packed = None
    if numbers is not None:
        packed = numbers - (o.low << shift)
        top = 1 << (shift + wide)
        if above:
            over = packed >= (span + 1) << shift
            packed = packed + over * (top - ((span + 1) << shift))
        if below:
            packed = packed + (packed < 0) * views.wrapped(top + (top << above))
    return b.bits(f"{path}/digits", o, shift + count, packed), remainder
