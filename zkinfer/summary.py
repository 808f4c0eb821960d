"""Sums that say how some numbers are spread, kept as integers, and what follows from them exactly.

The integers v_1, v_2, ... stand for v / 2^scale. A proof shows of those that count, and of how many
there are the verifier knows,

    sum = sum v,    squares = sum v^2 = d_0 + 2^62 d_1,    lowest = min v,    highest = max v

with two digits d_0 and d_1 for what int64 does not hold. Sums of several such summaries add up, and
their lowest and highest are those of all numbers: nothing is rounded before a verdict shows floats.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from zkinfer.circuit.gadgets.summary import DIGIT
from zkinfer.ops.tensor import FixedTensor, Integers

SUM, SQUARES, LOWEST, HIGHEST = "sum", "squares", "lowest", "highest"


@dataclass(frozen=True)
class Summary:
    """Of `count` numbers, at least 1: what they are, and the sums of their integers.

    of: "outputs", or "errors", outputs less their targets. variance: the mean square distance to
    the mean of just these numbers. largest: the largest absolute value.
    """

    of: str
    count: int
    scale: int
    sum: int
    squares: int
    lowest: int
    highest: int

    @classmethod
    def shown(cls, of: str, count: int, scale: int, public: Mapping[str, Integers]) -> "Summary":
        """By what a proof shows."""
        first, second = (int(digit) for digit in public[SQUARES])
        ends = (int(public[name]) for name in (SUM, LOWEST, HIGHEST))
        total, lowest, highest = ends
        return cls(of, count, scale, total, first + DIGIT * second, lowest, highest)

    @classmethod
    def joined(cls, parts: Iterable["Summary"]) -> "Summary":
        """Of all numbers of several summaries of one scale, at least one."""
        found = list(parts)
        return replace(
            found[0],
            count=sum(part.count for part in found),
            sum=sum(part.sum for part in found),
            squares=sum(part.squares for part in found),
            lowest=min(part.lowest for part in found),
            highest=max(part.highest for part in found),
        )

    @property
    def mean(self) -> Fraction:
        """Of the numbers, exactly."""
        return self._number(self.sum, self.count)

    @property
    def mean_square(self) -> Fraction:
        """Of the numbers, exactly."""
        return self._number(self.squares, self.count) * self._number(1)

    @property
    def variance(self) -> Fraction:
        """Of the numbers, exactly: their mean square less the square of their mean."""
        return self.mean_square - self.mean**2

    @property
    def largest(self) -> Fraction:
        """The largest absolute value, exactly."""
        return self._number(max(-self.lowest, self.highest))

    def statistics(self) -> dict[str, float]:
        """The statistics as the nearest floats, by name."""
        exact = {
            "mean": self.mean,
            "variance": self.variance,
            "mean_square": self.mean_square,
            "lowest": self._number(self.lowest),
            "highest": self._number(self.highest),
            "largest": self.largest,
        }
        root = math.sqrt(self.mean_square)
        return {**{name: float(each) for name, each in exact.items()}, "root_mean_square": root}

    def document(self) -> dict[str, Any]:
        """As JSON has it: `summary`, numbers, and `summary_fixed`, the integers behind them."""
        names = ("scale", SUM, SQUARES, LOWEST, HIGHEST)
        return {
            "summary": {"of": self.of, **self.statistics()},
            "summary_fixed": {name: getattr(self, name) for name in names},
        }

    def _number(self, integer: int, parts: int = 1) -> Fraction:
        """What an integer, or a part of it, stands for."""
        return Fraction(integer, parts) / Fraction(2) ** self.scale


def to_one_scale(y: FixedTensor, target: FixedTensor) -> tuple[int, int]:
    """The powers of two that bring integers of both to the finer scale of the two, exactly."""
    scale = max(y.scale, target.scale)
    return 1 << scale - y.scale, 1 << scale - target.scale


def difference(y: FixedTensor, target: FixedTensor) -> FixedTensor:
    """The number y - target, at the finer scale of the two."""
    mine, its = to_one_scale(y, target)
    low, high = mine * y.low - its * target.high, mine * y.high - its * target.low
    return FixedTensor((), max(y.scale, target.scale), low, high)


def shown(number: FixedTensor, count: int) -> tuple[tuple[str, FixedTensor], ...]:
    """What a proof shows of up to so many numbers, by name: in which ranges, and in this order."""
    low, high = min(number.low, 0), max(number.high, 0)
    end = FixedTensor((), number.scale, number.low, number.high)
    return (
        (SUM, FixedTensor((), number.scale, count * low, count * high)),
        (SQUARES, FixedTensor((2,), 0, 0, DIGIT - 1)),
        (LOWEST, end),
        (HIGHEST, end),
    )
