"""Rescaling by a public ratio, with saturation: o = clip(floor((m x + c) / d), low, high).

m, c and d are public: one each, or one for each index of an axis. Rounding to nearest is c = d / 2.
Let H be the span of the digits from f on, k its bits, and q the quotient minus f. All advice bits:
r in as many as d - 1 takes, u in w >= k bits (u' without its low k bits), and two flags p (over)
and n (under):

    m x + c = d (f + q) + r,   q = u + (H + 1) p - 2^w n           rounding
    (1 - p - n) (u' + p + n) = 0                                   saturation
    (1 - p - n) (u mod 2^k) = (o - f) - H p                        output
    H - (o - f) in k bits, unless it is sure                       range

The last of the b bits of r counts d - 2^(b-1), so that r takes every value from 0 to d - 1 and no
other. Both flags at once fail the saturation row, as u' + 2 > 0. No flag: u' = 0, so o - f = u = q,
and H - u is not negative: by a row, or as H = 2^k - 1, or as no x has a greater quotient by its
certain bounds; as low <= f and f + H <= high, the clip changes nothing. Over: f + H = high,
so q = H + 1 + u is above the range, and o = high. Under: f = low, q = u - 2^w is negative, and
o = low. The cases exclude each other, so each x has at most one o, the right one, whatever
x is: nothing wraps, by its certain bounds. That there is one rests on the bounds of an honest
witness: w covers their worst case, and a side that they exclude has no flag. A result that no x
changes, by its certain bounds, is a constant; m x + c that needs no division and no clip is itself.
If x is a product that is not stored, the rounding equation is the product's own (`Value.parts`).

Halves that go to even: odd quotients may begin later by a skew e, |e| <= d / 3, or earlier by -e.
With t the last bit of f + u, and one more bit g,

    m x + c = d (f + q) + e t + r + 2 |e| g                        rounding
    g t = 0, or g (1 - t) = 0 where e < 0                          parity

r takes the values below d - |e|. So r + 2 |e| g takes those below d - |e|, which the quotients of
the shorter steps have, and below d + |e| for the longer ones: the steps follow one another without
a gap, upwards from every even u. Over counts from an even number, H + 1 or else H, where the first
u says high still; 2^w is even too.

Rows: 2 a number, 1 more to read a stored x, and 1 more with skews. Bits: b + w + 2, and 1 more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zkinfer.circuit import arrange, linear
from zkinfer.circuit import value as views
from zkinfer.circuit.bits import Bits
from zkinfer.circuit.builder import Builder, check_exact
from zkinfer.circuit.gadgets.ranges import nonnegative
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Value

MAX_PACKED = 62


@dataclass(frozen=True)
class Ratio:
    """The numbers of (m x + c) / d, and the skews: one each, or one for each index of an axis.

    m and d are positive, and d - |e| - 1 has as many bits at all indices. behind: how many axes
    there are behind that axis.
    """

    multipliers: tuple[int, ...]
    divisors: tuple[int, ...]
    offsets: tuple[int, ...]
    skews: tuple[int, ...] = (0,)
    behind: int = 0

    @classmethod
    def rounding(cls, shift: int) -> "Ratio":
        """x / 2^shift to the nearest integer, half up."""
        return cls((1,), (1 << shift,), (1 << shift >> 1,))

    @property
    def skewed(self) -> bool:
        """Whether odd quotients begin elsewhere."""
        return any(self.skews)

    @property
    def spans(self) -> tuple[int, ...]:
        """How many remainders all quotients have."""
        return tuple(d - abs(e) for d, e in zip(self.divisors, self.skews, strict=True))

    @property
    def width(self) -> int:
        """The bits of a remainder."""
        return (self.spans[0] - 1).bit_length()

    def dividends(self, low: int, high: int) -> tuple[int, int]:
        """The least and the greatest m x + c of an x within bounds."""
        pairs = tuple(zip(self.multipliers, self.offsets, strict=True))
        return min(m * low + c for m, c in pairs), max(m * high + c for m, c in pairs)

    def quotients(self, low: int, high: int) -> tuple[int, int]:
        """The least and the greatest quotient of an x within bounds."""
        lines = (self.multipliers, self.offsets, self.divisors, self.skews)
        parts = tuple(zip(*lines, strict=True))

        def quotient(dividend: int, d: int, e: int) -> int:
            pairs, rest = divmod(dividend, 2 * d)
            return 2 * pairs + (rest >= d + e)

        return min(quotient(m * low + c, d, e) for m, c, d, e in parts), max(
            quotient(m * high + c, d, e) for m, c, d, e in parts
        )

    def along(self, series: Sequence[int]) -> Integers:
        """Some of the numbers, broadcasting to what is divided."""
        if len(series) == 1:
            return np.array(series[0], np.int64)
        return np.array(series, np.int64).reshape(-1, *(1,) * self.behind)

    def divided(self, x: Integers) -> tuple[Integers, Integers]:
        """The quotients and the remainders."""
        dividend = x * self.along(self.multipliers) + self.along(self.offsets)
        divisor = self.divisors[0]
        if len(self.divisors) == 1 and divisor & (divisor - 1) == 0 and not self.skewed:
            return dividend >> self.width, dividend & (divisor - 1)
        by = self.along(self.divisors)
        if self.skewed:
            later = by + self.along(self.skews)
            pairs = dividend // (2 * by)
            rest = dividend - pairs * (2 * by)
            odd = rest >= later
            return 2 * pairs + odd, rest - odd * later
        quotient = dividend // by
        return quotient, dividend - quotient * by


@dataclass(frozen=True)
class Digits:
    """How a quotient is written: the numbers of the module's docstring."""

    first: int
    span: int
    wide: int
    above: bool
    below: bool
    skewed: bool

    @property
    def width(self) -> int:
        """The bits of the span."""
        return self.span.bit_length()

    @property
    def beyond(self) -> int:
        """What over counts."""
        return self.span + 1 - (self.skewed and self.span % 2 == 0)

    @property
    def count(self) -> int:
        """The bits of u, p, n and g."""
        return self.wide + self.above + self.below + self.skewed

    @classmethod
    def fitting(cls, least: int, most: int, low: int, high: int, *, skewed: bool) -> "Digits":
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
        digits = cls(first, span, 0, above, below, skewed)
        over = most - first - digits.beyond if above else 0
        under = first - least - 1 if below else 0
        return replace(digits, wide=max(span, over, under).bit_length())


def rescale(b: Builder, path: str, x: Value, ratio: Ratio, low: int, high: int) -> Value:
    """The rescaled value, stored. Blocks: `path/` rounding, saturation, output, range, parity.

    A ratio of more numbers than one takes no x with parts.
    """
    sure = Interval(*ratio.quotients(*x.certain))
    if max(sure.low, low) >= min(sure.high, high):
        return linear.constant(min(max(sure.low, low), high), x)
    if not ratio.width and low <= sure.low and sure.high <= high:
        return b.settle(f"{path}/output", _moved(b, path, x, ratio))
    least, most = ratio.quotients(x.low, x.high)
    d = Digits.fitting(least, most, low, high, skewed=ratio.skewed)
    check_exact(path, *ratio.dividends(x.low, x.high))
    quotient, remainder = ratio.divided(x.array) if b.solving else (None, None)
    x = _multiplied(b, path, x, ratio)
    output = None if quotient is None else np.clip(quotient, low, high)
    least, most = (min(max(end, low), high) for end in (least, most))
    certain = Interval(d.first, d.first + d.span)
    stored = b.advice(
        f"{path}/output", Segment.TRACE, x.shape, least, most, output, certain=certain
    )
    o = views.matched(stored, x.factors)
    bits, start, total = _digits(b, path, o, quotient, remainder, ratio, d)
    flags, position, offset = linear.constant(0, o), start + d.wide, linear.shifted(o, -d.first)
    if d.above:
        over, position = bits.bit(position), position + 1
        flags = linear.add(flags, over)
        total = linear.add(total, _times(over, ratio, [d.beyond * n for n in ratio.divisors]))
        offset = linear.add(offset, linear.scale(over, -d.span))
    if d.below:
        under, position = bits.bit(position), position + 1
        flags = linear.add(flags, under)
        total = linear.add(total, _times(under, ratio, [-n << d.wide for n in ratio.divisors]))
    if d.skewed:
        total = linear.add(total, _parity(b, path, bits.bit(start), bits.bit(position), ratio, d))
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


def _multiplied(b: Builder, path: str, x: Value, ratio: Ratio) -> Value:
    """m x."""
    if len(ratio.multipliers) == 1:
        return linear.scale(x, ratio.multipliers[0])
    axis = len(x.factors) - 1 - ratio.behind
    return arrange.weighted(b, f"{path}/multiple", x, axis, ratio.multipliers)


def _moved(b: Builder, path: str, x: Value, ratio: Ratio) -> Value:
    """m x + c."""
    x = _multiplied(b, path, x, ratio)
    if len(ratio.offsets) == 1:
        return linear.shifted(x, ratio.offsets[0])
    return linear.add(x, _times(linear.constant(1, x), ratio, ratio.offsets))


def _digits(
    b: Builder,
    path: str,
    o: Value,
    quotient: Integers | None,
    remainder: Integers | None,
    ratio: Ratio,
    d: Digits,
) -> tuple[Bits, int, Value]:
    """The bits of r, u, p, n and g, from the lowest, where those of u start, and d (f + u) + r - c.

    The bits of r are apart if all are too many. quotient, remainder: while solving.
    """
    width, packed, rest = ratio.width, None, None
    if quotient is not None and remainder is not None:
        packed = quotient - views.wrapped(d.first)
        over, under = packed > d.span, packed < 0
        if d.above:
            packed = packed + over * ((1 << d.wide) - d.beyond)
        if d.below:
            packed = packed + under * views.wrapped((1 << d.wide) + (1 << d.wide + d.above))
        if d.skewed:
            longer = remainder >= ratio.along(ratio.spans)
            packed = packed + longer * views.wrapped(1 << d.count - 1)
            remainder = remainder - longer * 2 * np.abs(ratio.along(ratio.skews))
        if width:
            wrong = (1 << width) - ratio.along(ratio.spans)
            rest = np.where(remainder >> (width - 1), remainder + wrong, remainder)
    apart = bool(width) and width + d.count > MAX_PACKED
    start = 0 if apart else width
    if apart:
        low = b.bits(f"{path}/remainder", o, width, rest)
    elif rest is not None and packed is not None:
        packed = (packed << width) + rest
    bits = b.bits(f"{path}/digits", o, start + d.count, packed)
    constant = [n * d.first - c for n, c in zip(ratio.divisors, ratio.offsets, strict=True)]
    if not apart and ratio.spans == ratio.divisors == (1 << width,):
        return bits, start, linear.shifted(bits.field(0, width + d.wide), constant[0])
    total, read = _times(bits.field(start, d.wide), ratio, ratio.divisors), low if apart else bits
    if ratio.spans == (1 << width,):
        total = linear.add(total, read.field(0, width))
    elif width:
        half = 1 << width - 1
        last = _times(read.bit(width - 1), ratio, [n - half for n in ratio.spans])
        total = linear.add(total, read.field(0, width - 1), last)
    if len(constant) == 1:
        return bits, start, linear.shifted(total, constant[0])
    return bits, start, linear.add(total, _times(linear.constant(1, o), ratio, constant))


def _parity(b: Builder, path: str, last: Value, longer: Value, ratio: Ratio, d: Digits) -> Value:
    """e t + 2 |e| g, by the last bit of u and g, which the shorter steps have none of."""
    odd = linear.shifted(linear.scale(last, -1), 1) if d.first % 2 else last
    shorter = _times(odd, ratio, [-1 if e < 0 else 1 for e in ratio.skews])
    if min(ratio.skews) < 0:
        one = linear.constant(1, odd)
        shorter = linear.add(shorter, _times(one, ratio, [int(e < 0) for e in ratio.skews]))
    b.product(f"{path}/parity", longer, shorter.bounded(0, 1), linear.constant(0, odd))
    twice = _times(longer, ratio, [2 * abs(e) for e in ratio.skews])
    return linear.add(_times(odd, ratio, ratio.skews), twice)


def _times(value: Value, ratio: Ratio, series: Sequence[int]) -> Value:
    """A value times the numbers of a ratio."""
    found = linear.weight(value, len(value.factors) - 1 - ratio.behind, series)
    if found is None:
        raise ValueError("an axis of a ratio's numbers is whole")
    return found
