"""Rescaling with rounding and saturation: o = clip(floor((x + 2^(s-1)) / 2^s), low, high).

Let H be the span of the digits from f on, k its bits, and q the quotient minus f. All advice bits:
r in s bits, u in w >= k bits (u' without its low k bits), and two flags p (over) and n (under):

    x + 2^(s-1) = 2^s (f + q) + r,   q = u + (H + 1) p - 2^w n     rounding
    (1 - p - n) (u' + p + n) = 0                                   saturation
    (1 - p - n) (u mod 2^k) = (o - f) - H p                        output
    H - (o - f) in k bits, unless it is sure                       range

Both flags at once fail the saturation row, as u' + 2 > 0. No flag: u' = 0, so o - f = u = q, and
H - u is not negative: by a row, or as H = 2^k - 1, or as no x has a greater quotient by its certain
bounds; as low <= f and f + H <= high, the clip changes nothing. Over: f + H = high,
so q = H + 1 + u is above the range, and o = high. Under: f = low, q = u - 2^w is negative, and
o = low. The cases exclude each other, so each x has at most one solution, the right one, whatever
x is: nothing wraps, by its certain bounds. That there is one rests on the bounds of an honest
witness: w covers their worst case, and a side that they exclude has no flag. A result that no x
changes, by its certain bounds, is a constant; an x that needs no change is itself. If x is a
product that is not stored, the rounding equation is the product's own (`Value.parts`).

Rows: 2 a number, and 1 more to read a stored x. Bits: s + w + 2.
"""

from dataclasses import dataclass

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.bits import Bits
from zkinfer.circuit.builder import Builder, check_exact
from zkinfer.circuit.gadgets.ranges import nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Value

MAX_PACKED = 62


@dataclass(frozen=True)
class Digits:
    """How a quotient is written: the numbers of the module's docstring."""

    shift: int
    first: int
    span: int
    wide: int
    above: bool
    below: bool

    @property
    def width(self) -> int:
        """The bits of the span."""
        return self.span.bit_length()

    @classmethod
    def fitting(cls, shift: int, least: int, most: int, low: int, high: int) -> "Digits":
        """For quotients from least to most, and a clip to low < high."""
        above, below = most > high, least < low
        first = low if below else min(max(least, low), high - 1)
        last = high if above else max(min(most, high), first + 1)
        span = (1 << (last - first).bit_length()) - 1
        if above:
            span = high - first
        elif first + span > high:
            first = max(high - span, low)
            span = min(span, high - first)
        over = most - first - span - 1 if above else 0
        under = first - least - 1 if below else 0
        wide = max(span, over, under).bit_length()
        return cls(shift, first, span, wide, above, below)


def rescale(b: Builder, path: str, x: Value, shift: int, low: int, high: int) -> Value:
    """The rescaled value, stored. Blocks: `path/` rounding, saturation, output, range."""
    half = 1 << shift >> 1
    sure = Interval(*((end + half) >> shift for end in x.certain))
    if max(sure.low, low) >= min(sure.high, high):
        return linear.constant(min(max(sure.low, low), high), x)
    if not shift and low <= sure.low and sure.high <= high:
        return b.settle(f"{path}/output", x)
    least, most = (x.low + half) >> shift, (x.high + half) >> shift
    d = Digits.fitting(shift, least, most, low, high)
    check_exact(path, x.low + half, x.high + half)
    numbers = x.array + half if b.solving else None
    output = None if numbers is None else np.clip(numbers >> shift, low, high)
    least, most = (min(max(end, low), high) for end in (least, most))
    certain = Interval(d.first, d.first + d.span)
    stored = b.advice(
        f"{path}/output", Segment.TRACE, x.shape, least, most, output, certain=certain
    )
    o = views.matched(stored, x.factors)

    bits, remainder = _digits(b, path, o, numbers, d)
    start = 0 if remainder is not None else shift
    flags, position = linear.constant(0, o), start + d.wide
    total = bits.field(0, start + d.wide)
    if remainder is not None:
        total = linear.add(linear.scale(total, 1 << shift), remainder)
    total = linear.shifted(total, (d.first << shift) - half)
    offset = linear.shifted(o, -d.first)
    if d.above:
        over, position = bits.bit(position), position + 1
        flags = linear.add(flags, over)
        total = linear.add(total, linear.scale(over, (d.span + 1) << shift))
        offset = linear.add(offset, linear.scale(over, -d.span))
    if d.below:
        under = bits.bit(position)
        flags = linear.add(flags, under)
        total = linear.add(total, linear.scale(under, -1 << (shift + d.wide)))
    b.equal(f"{path}/rounding", x, total)
    digits = bits.field(start, d.width)
    if not d.above and not d.below:
        b.equal(f"{path}/output", offset, digits)
    else:
        normal = linear.shifted(linear.scale(flags, -1), 1)
        if d.wide > d.width or (d.above and d.below):
            excess = linear.add(bits.field(start + d.width, d.wide - d.width), flags)
            b.product(f"{path}/saturation", normal, excess, linear.constant(0, o))
        b.product(f"{path}/output", normal, digits, offset)
    last = d.first + d.span
    if d.span != (1 << d.width) - 1 and (d.above or sure.high > last):
        nonnegative(b, f"{path}/range", linear.shifted(linear.scale(o, -1), last), d.width)
    return stored


def _digits(
    b: Builder, path: str, o: Value, numbers: Integers | None, d: Digits
) -> tuple[Bits, Value | None]:
    """The bits of r, u, p and n, from the lowest; r apart, as second result, if all are too many.

    numbers: x + 2^(s-1) while solving.
    """
    remainder = None
    shift, count = d.shift, d.wide + d.above + d.below
    if shift and shift + count > MAX_PACKED:
        low_bits = numbers & ((1 << shift) - 1) if numbers is not None else None
        remainder = b.bits(f"{path}/remainder", o, shift, low_bits).field(0, shift)
        numbers = numbers >> shift if numbers is not None else None
        shift = 0
    packed = None
    if numbers is not None:
        packed = numbers - views.wrapped(d.first << shift)
        top = 1 << (shift + d.wide)
        if d.above:
            over = packed >= (d.span + 1) << shift
            packed = packed + over * (top - ((d.span + 1) << shift))
        if d.below:
            packed = packed + (packed < 0) * views.wrapped(top + (top << d.above))
    return b.bits(f"{path}/digits", o, shift + count, packed), remainder
