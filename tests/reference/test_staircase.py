"""Lines of staircases are equal to them everywhere, and have the least divisor."""

from fractions import Fraction

import numpy as np
import pytest

from zkinfer.circuit.gadgets.rescale import Ratio
from zkinfer.layers.staircase import Line, around, line, ratio, simplest, thresholds
from zkinfer.ops.rescale import SERIES

Integers = np.ndarray


def steps(multiplier: float, low: int, high: int, count: int) -> tuple[Integers, Integers]:
    """round(x multiplier), half up: its steps from 1 on, and their thresholds."""

    def function(x: Integers) -> Integers:
        return np.floor(x * multiplier + 0.5).astype(np.int64)

    return around(function, np.arange(1, count + 1), low, high)


@pytest.mark.parametrize("seed", range(20))
def test_a_line_is_equal_to_its_staircase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    multiplier, count = float(2.0 ** -rng.uniform(0.5, 8)), int(rng.integers(2, 256))
    low, high = -int(rng.integers(1, 5000)), int(rng.integers(1, 50000))
    found = line(*steps(multiplier, low, high, count))
    assert found is not None
    x = np.arange(low, high + 1)
    expected = np.clip(np.floor(x * multiplier + 0.5), 0, count)
    got = np.clip((found.multiplier * x + found.offset) // found.divisor, 0, count)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("seed", range(5))
def test_no_line_has_a_smaller_divisor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers, at = steps(float(2.0 ** -rng.uniform(1, 4)), -20, 200, 15)
    found = line(numbers, at)
    assert found is not None
    for d in range(1, found.divisor):
        for m in range(1, d + 1):
            low = max(d * int(y) - m * int(t) for y, t in zip(numbers, at, strict=True))
            high = min(d * int(y) - m * int(t) for y, t in zip(numbers, at, strict=True)) + m
            assert low >= high


def value(found: Line, x: Integers) -> Integers:
    """The definition: the greatest y that has begun."""
    y = np.arange(-1, 2) + ((found.multiplier * x + found.offset) // found.divisor)[:, None]
    begun = (found.multiplier * x + found.offset)[:, None] >= y * found.divisor + (
        y % 2 * found.skew
    )
    return np.where(begun, y, y.min()).max(axis=1)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("multiplier", [1 / 4, 3 / 8, 5 / 64])
def test_ties_to_even_have_a_skewed_line_only(multiplier: float, first: int) -> None:
    def function(x: Integers) -> Integers:
        return np.rint(x * multiplier + first).astype(np.int64)

    numbers, at = around(function, np.arange(1, 30), 0, 200)
    assert line(numbers, at) is None
    found = line(numbers, at, skewed=True)
    assert found is not None
    assert found.skew
    x = np.arange(-9, 400)
    expected = np.clip(np.rint(x * multiplier + first), 0, 29)
    assert np.array_equal(np.clip(value(found, x), 0, 29), expected)
    for count in (1, 2, -5):
        assert np.array_equal(value(found.raised(count), x), value(found, x) + count)


def test_steps_without_order_have_no_line() -> None:
    assert line(np.array([1, 2, 3, 4]), np.array([0, 1, 50, 400])) is None
    assert line(np.arange(1, 7), np.array([0, 1, 2, 50, 51, 400]), skewed=True) is None


def test_thresholds_beyond_the_bounds_are_one_past_them() -> None:
    at = thresholds(lambda x: x // 10, np.array([-5, 0, 3, 9]), -7, 40)
    assert at.tolist() == [-7, 0, 30, 41]


def test_the_simplest_fraction() -> None:
    def brute(below: Fraction, above: Fraction) -> Fraction:
        d = 1
        while True:
            n = below * d // 1 + 1
            if Fraction(n, d) < above:
                return Fraction(n, d)
            d += 1

    rng = np.random.default_rng(1)
    for _ in range(200):
        ends = sorted(Fraction(int(a), int(b)) for a, b in rng.integers(1, 60, (2, 2)))
        if ends[0] < ends[1]:
            found = simplest(*ends)
            assert ends[0] < found < ends[1]
            assert found.denominator == brute(*ends).denominator
    assert simplest(Fraction(7, 2), None) == 4


def test_fractions_are_expanded_to_one_width() -> None:
    lines = [Line(3, 5, 1), Line(1, 1000, 7), Line(1, 1, 0), Line(2, 3, 1, 1), Line(7, 9, 0, -3)]
    made = ratio(lines, 2)
    by = Ratio(*(made[name] for name in SERIES), behind=1)
    assert {(span - 1).bit_length() for span in by.spans} == {10}
    x = np.arange(-3000, 3000)
    wide, _ = by.divided(np.broadcast_to(x, (len(lines), len(x))))
    for place, narrow in enumerate(lines):
        assert np.array_equal(value(narrow, x), wide[place])
        for end in (-3000, 2999):
            alone = Ratio(*((made[name][place],) for name in SERIES))
            assert alone.quotients(end, end) == (wide[place][end + 3000],) * 2
    assert ratio([lines[0]] * 4, 2) == ratio(lines[:1], 0)
