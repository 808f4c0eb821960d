"""Where generators take their choices from, and how the cases that they draw can end."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Rejected(Exception):  # noqa: N818
    """What is drawn is no case, because nobody promises anything of it."""


class Finding(Exception):  # noqa: N818
    """A property does not hold of a case. kind: in what way, for counting."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Choices:
    """A source of whole numbers, and choices made of them; the simplest choice is always 0.

    integer: of a number within two bounds. recorded: all numbers so far, from which `replayed`
    makes the same choices again.
    """

    def __init__(self, integer: Callable[[int, int], int]) -> None:
        self._integer = integer
        self.recorded: list[int] = []

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        if low == high:
            return low
        value = self._integer(low, high)
        self.recorded.append(value - low)
        return value

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.integer(0, 99) >= 100 - percent

    def one(self, items: Sequence[T]) -> T:
        """One of the items, the simplest first."""
        return items[self.integer(0, len(items) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in any order."""
        left = list(items)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in items]

    def numbers(self) -> np.random.Generator:
        """A generator of many numbers at once."""
        return np.random.default_rng(self.integer(0, 2**32 - 1))


def seeded(*seed: int) -> Choices:
    """Choices that follow from a seed."""
    return Choices(random.Random(repr(seed)).randint)  # noqa: S311


def replayed(numbers: Sequence[int]) -> Choices:
    """Choices made before, as far as they fit; then the simplest."""
    left = iter(numbers)
    return Choices(lambda low, high: min(low + next(left, 0), high))


def shrunk(numbers: Sequence[int], fails: Callable[[list[int]], bool], most: int) -> list[int]:
    """Fewer and smaller numbers for which something still fails, in at most so many trials."""
    best, trials = list(numbers), 0
    progress = True
    while progress:
        progress = False
        for size in (64, 32, 16, 8, 4, 2, 1):
            start = 0
            while start < len(best):
                window = best[start : start + size]
                shorter = best[:start] + best[start + size :]
                zeroed = best[:start] + [0] * len(window) + best[start + size :]
                for candidate in (shorter, zeroed):
                    if candidate == best or trials >= most:
                        continue
                    trials += 1
                    if fails(candidate):
                        best, progress = candidate, True
                        break
                else:
                    start += size
    return best
