"""Ensembles of decision trees as one table of splits, as the float operator `trees` reads it.

Every split of the table asks whether x <= t. What asks otherwise is rewritten: x < t is x <= the
number before t, x >= t and x > t are the opposites of these, and x = t, or x in a set, takes one
split more than there are numbers, in a balanced tree.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.onnx_import.node import Refusal

Floats = npt.NDArray[np.float64]

MOST_SPLITS = 1 << 20

ORDERED = {
    "BRANCH_LEQ": (False, False),
    "BRANCH_LT": (True, False),
    "BRANCH_GTE": (True, True),
    "BRANCH_GT": (False, True),
}
"""Whether a threshold is the number before the given one, and whether the sides are swapped."""

UNORDERED = {"BRANCH_EQ": False, "BRANCH_NEQ": True, "BRANCH_MEMBER": False}
"""Whether the sides are swapped."""


class Node(NamedTuple):
    """A node that is no leaf: x[feature] compared with its numbers, and where it leads to."""

    feature: int
    mode: str
    numbers: tuple[float, ...]
    true: int
    false: int


@dataclass(frozen=True)
class Forest:
    """nodes: those that are no leaves; leaves: their values; by number. roots: of the trees."""

    nodes: Mapping[int, Node]
    leaves: Mapping[int, Floats]
    roots: Sequence[int]


@dataclass(frozen=True)
class Table:
    """The constants of the float operator `trees`, and its attributes."""

    features: Floats
    thresholds: Floats
    children: Floats
    values: Floats
    trees: int
    depth: int


@dataclass
class _Split:
    """x[feature] <= threshold leads to the first side: a split, or a leaf's number below zero."""

    feature: int
    threshold: float
    sides: tuple["_Split | int", "_Split | int"]
    depth: int
    row: int = -1


@dataclass
class _Splits:
    forest: Forest
    made: dict[int, "_Split | int"] = field(default_factory=dict)
    all: list[_Split] = field(default_factory=list)

    def split(self, feature: int, threshold: float, *sides: "_Split | int") -> _Split:
        """A new one."""
        if len(self.all) == MOST_SPLITS:
            raise Refusal(f"expected at most {MOST_SPLITS} splits, got more")
        depth = 1 + max(side.depth if isinstance(side, _Split) else 0 for side in sides)
        self.all.append(_Split(feature, threshold, (sides[0], sides[1]), depth))
        return self.all[-1]

    def of_tree(self, root: int) -> "_Split | int":
        """What a node is, once all below it are made."""
        open_: set[int] = set()
        stack = [root]
        while stack:
            number = stack[-1]
            if number in self.made:
                stack.pop()
            elif number in self.forest.leaves:
                self.made[number] = ~number
            elif number not in self.forest.nodes:
                raise Refusal(f"expected nodes that exist, got a branch to {number}")
            else:
                node = self.forest.nodes[number]
                waiting = [side for side in (node.true, node.false) if side not in self.made]
                if not waiting:
                    self.made[number] = self._split(node)
                elif number in open_:
                    raise Refusal("expected trees, got branches that lead in a circle")
                open_.add(number)
                stack.extend(waiting)
        return self.made[root]

    def _split(self, node: Node) -> "_Split | int":
        sides = self.made[node.true], self.made[node.false]
        if node.mode in ORDERED:
            before, swapped = ORDERED[node.mode]
            (number,) = node.numbers
            threshold = _before(number) if before else number
            return self.split(node.feature, threshold, *(sides[::-1] if swapped else sides))
        inside, outside = sides[::-1] if UNORDERED[node.mode] else sides
        return self._member(node.feature, sorted(set(node.numbers)), inside, outside)

    def _member(
        self,
        feature: int,
        numbers: Sequence[float],
        inside: "_Split | int",
        outside: "_Split | int",
    ) -> "_Split | int":
        if not numbers:
            return outside
        half = len(numbers) // 2
        if not half:
            above = self.split(feature, _before(numbers[0]), outside, inside)
            return self.split(feature, numbers[0], above, outside)
        sides = (
            self._member(feature, part, inside, outside)
            for part in (numbers[:half], numbers[half:])
        )
        return self.split(feature, _before(numbers[half]), *sides)


def table(forest: Forest) -> Table:
    """The splits as rows, those of the roots first. Raises Refusal for what are no trees."""
    splits = _Splits(forest)
    roots: list[_Split] = []
    for root in forest.roots:
        made = splits.of_tree(root)
        if isinstance(made, int):
            made = splits.split(0, 0.0, made, made)
        elif made.row >= 0:  # the root of another tree too
            made = splits.split(made.feature, made.threshold, *made.sides)
        made.row = len(roots)
        roots.append(made)
    rows = [*roots, *(split for split in splits.all if split.row < 0)]
    for number, split in enumerate(rows):
        split.row = number
    return _laid_out(forest, rows, len(roots))


def _laid_out(forest: Forest, rows: Sequence[_Split], trees: int) -> Table:
    """Along two axes of about one size; rows that nothing leads to fill the last ones up."""
    inner = 1 << (len(rows) - 1).bit_length() // 2
    count = math.ceil(len(rows) / inner) * inner
    values = len(next(iter(forest.leaves.values())))
    features, thresholds = np.zeros(count), np.zeros(count)
    children, leaves = np.zeros((count, 2)), np.zeros((count, 2, values))
    for split in rows:
        features[split.row], thresholds[split.row] = split.feature, split.threshold
        for number, side in enumerate(split.sides):
            if isinstance(side, _Split):
                children[split.row, number] = side.row
            else:
                children[split.row, number] = split.row
                leaves[split.row, number] = forest.leaves[~side]
    shape = (count // inner, inner)
    return Table(
        features.reshape(shape),
        thresholds.reshape(shape),
        children.reshape(*shape, 2),
        leaves.reshape(*shape, 2, values),
        trees,
        max(split.depth for split in rows[:trees]),
    )


def _before(number: float) -> float:
    """The number before another one."""
    return float(np.nextafter(number, -math.inf))


def numbers(values: Sequence[float]) -> Iterator[float]:
    """Thresholds as finite numbers. Raises Refusal for NaN, which nothing is compared with."""
    largest = float(np.finfo(np.float64).max)
    for value in map(float, values):
        if math.isnan(value):
            raise Refusal("expected thresholds that are numbers, got NaN")
        yield min(max(value, -largest), largest)
