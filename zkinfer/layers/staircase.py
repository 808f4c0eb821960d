"""Staircases: functions of integers that rise by single steps, as the floor of a line.

A staircase is known by its thresholds: t_y is the least integer X at which it is y or more. It is
floor((m X + c) / d) just where

    m t_y + c >= d y   and   m (t_y - 1) + c < d y      for all y,

that is where no d y - m t_y exceeds another by m or more. For two steps that lie k apart in y and
D apart in X this says k / (D + 1) < m / d < k / (D - 1): the slopes of a staircase are those of
an interval, of which the fraction with the least denominator is taken, about as large as there are
integers X from the first step to the last. Where the interval is empty there is no line.

Halves that go to even have none where they are met again and again: odd steps are late, or early. A
skewed line has them d y + e; its slopes are those that both the odd steps and the even ones have.
Then there is always an e, as m - 1 is the most that either's d y - m t differ by.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from zkinfer.ops.rescale import SERIES
from zkinfer.ops.tensor import Integers

Function = Callable[[Integers], Integers]
"""Integers of integers, entry by entry, that never decreases."""

MARGIN = 2
"""How many steps beyond the bounds of X keep a line from making others there."""

WIDE = 60
"""The most bits of a product in machine integers."""

MOST_EXPANDED = 8
"""By how much a fraction is expanded for a skew."""

FARTHEST = 1 << 60
"""No step is looked for beyond."""


class Line(NamedTuple):
    """floor((multiplier X + offset) / divisor), but that odd numbers begin later by the skew."""

    multiplier: int
    divisor: int
    offset: int
    skew: int = 0

    def raised(self, count: int) -> "Line":
        """The line plus a number."""
        m, d, c, e = self
        return Line(m, d, c + count * d - e, -e) if count % 2 else Line(m, d, c + count * d, e)


def thresholds(function: Function, steps: Integers, low: int, high: int) -> Integers:
    """For each of the steps y the least integer from low on with a value of y or more.

    It is high + 1 where there is none up to high.
    """
    least, most = np.full(steps.shape, low), np.full(steps.shape, high + 1)
    for _ in range(int(high + 1 - low).bit_length()):
        middle = least + (most - least) // 2
        reached = function(np.minimum(middle, high)) >= steps
        most = np.where(reached, np.minimum(middle, most), most)
        least = np.minimum(np.where(reached, least, middle + 1), most)
    return most


def around(function: Function, steps: Integers, low: int, high: int) -> tuple[Integers, Integers]:
    """The steps that bounds hold, and MARGIN more on either side, with their thresholds."""
    reach = high - low + 1
    while True:
        least, most = max(low - reach, -FARTHEST), min(high + reach, FARTHEST)
        at = thresholds(function, steps, least, most)
        known = (least < at) & (at <= most)
        before, after = np.flatnonzero(known & (at <= low)), np.flatnonzero(known & (at > high))
        enough = len(before) >= MARGIN or at[0] > least or least == -FARTHEST
        if enough and (len(after) >= MARGIN or at[-1] <= most or most == FARTHEST):
            break
        reach *= 16
    chosen = known & (low < at) & (at <= high)
    chosen[[*before[-MARGIN:], *after[:MARGIN]]] = True
    return steps[chosen], at[chosen]


def line(steps: Integers, at: Integers, *, skewed: bool = False) -> Line | None:
    """The line of the least divisor with these steps at these thresholds; None if there is none.

    steps: one at least, rising. The least fraction of an interval that holds all slopes is tried;
    the two steps that it fails at narrow the interval.
    """
    below, above = Fraction(0), None
    groups = [np.flatnonzero(steps % 2 == odd) for odd in (0, 1)] if skewed else [slice(None)]
    while True:
        slope = simplest(below, above)
        m, d = slope.numerator, slope.denominator
        wide = d.bit_length() + int(steps[-1]).bit_length() > WIDE
        wide = wide or m.bit_length() + int(np.abs(at).max()).bit_length() > WIDE
        rest = d * (steps.astype(object) if wide else steps) - m * at
        fits, ends = True, []
        for group in groups:
            if not len(steps[group]):
                continue
            i, j = int(rest[group].argmax()), int(rest[group].argmin())
            ends.append((int(rest[group][j]), int(rest[group][i])))
            if ends[-1][1] - ends[-1][0] < m:
                continue
            fits = False
            apart = int(steps[group][i] - steps[group][j])
            distance = int(at[group][i] - at[group][j])
            if apart > 0:
                below = max(below, Fraction(apart, distance + 1))
            else:
                end = Fraction(-apart, -distance - 1)
                above = end if above is None else min(above, end)
        if fits and len(ends) < 2:
            return Line(m, d, ends[0][1])
        if fits:
            return _skewed(m, d, *ends)
        if above is not None and above <= below:
            return None


def _skewed(m: int, d: int, even: tuple[int, int], odd: tuple[int, int]) -> Line | None:
    """The line of the least skew, by the ends of d y - m t for even and for odd steps. The fraction
    is expanded until the skew is at most a third of its divisor; None if that takes too much.
    """
    below, above = even[1] - odd[0] - m, even[0] - odd[1] + m
    for by in range(1, MOST_EXPANDED + 1):
        skew = min(max(by * below + 1, 0), by * above - 1)
        if 3 * abs(skew) <= by * d:
            return Line(by * m, by * d, max(by * even[1], by * odd[1] + skew), skew)
    return None


def simplest(below: Fraction, above: Fraction | None) -> Fraction:
    """The fraction with the least denominator between two, neither of them; None is infinity."""
    whole = below.numerator // below.denominator
    if above is None or whole + 1 < above:
        return Fraction(whole + 1)
    inner = simplest(1 / (above - whole), 1 / (below - whole) if below > whole else None)
    return whole + 1 / inner


def ratio(lines: Sequence[Line], behind: int, scale: int = 0) -> dict[str, Any]:
    """The attributes of a `rescale` by lines, all but its bounds: those of one if all are alike.

    Fractions are expanded until their divisors, less the skews, have one width.
    """
    if len(set(lines)) == 1:
        lines, behind = lines[:1], 0
    spans = [line.divisor - abs(line.skew) for line in lines]
    width = max((span - 1).bit_length() for span in spans)
    factors = [(1 << width) // span for span in spans]
    wide = [tuple(by * number for number in line) for by, line in zip(factors, lines, strict=True)]
    series = dict(zip(SERIES, zip(*wide, strict=True), strict=True))
    return {**series, "behind": behind, "scale": scale}
