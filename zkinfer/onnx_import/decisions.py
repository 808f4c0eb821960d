"""Numbers that are decided: trees that ask about entries of inputs, with numbers at their ends.

Two of them are combined where one ends and the other goes on, or both ask the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.onnx_import import forest


class Place(NamedTuple):
    """An entry of an input, in row-major order."""

    source: str
    place: int


class Ask(NamedTuple):
    """A question: whether a place's number is at most (or below) a number."""

    about: Place
    mode: str
    number: float


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """A question, and what follows where the answer is yes, or no."""

    ask: Ask
    true: "Tree"
    false: "Tree"


Tree = Split | Place | float | tuple[float, ...]


class UnknownError(Exception):
    """Entries that are no decision trees, or too large ones."""


def side(tree: Tree, yes: bool) -> Tree:
    """What follows an answer; a leaf itself."""
    if not isinstance(tree, Split):
        return tree
    return tree.true if yes else tree.false


def _less(a: Tree, b: Tree) -> Tree:
    if isinstance(a, float) and isinstance(b, float):
        return float(a < b)
    if isinstance(a, Place) and isinstance(b, float):
        return Split(Ask(a, "BRANCH_LT", b), 1.0, 0.0)
    if isinstance(a, float) and isinstance(b, Place):
        return Split(Ask(b, "BRANCH_LEQ", a), 0.0, 1.0)
    raise UnknownError


def _sum(a: Tree, b: Tree) -> Tree:
    if isinstance(a, float) and isinstance(b, float):
        return a + b
    return _unless(a, b, 0.0)


def _difference(a: Tree, b: Tree) -> Tree:
    if isinstance(a, float) and isinstance(b, float):
        return a - b
    if b == 0.0:
        return a
    raise UnknownError


def _product(a: Tree, b: Tree) -> Tree:
    if isinstance(a, float) and isinstance(b, float):
        return a * b
    if 0.0 in (a, b):
        return 0.0
    return _unless(a, b, 1.0)


def _unless(a: Tree, b: Tree, neutral: float) -> Tree:
    """The other one, where one of two leaves changes nothing. Raises UnknownError."""
    if a == neutral:
        return b
    if b == neutral:
        return a
    raise UnknownError


COMBINED: Mapping[str, Callable[[Tree, Tree], Tree]] = {
    "add": _sum,
    "less": _less,
    "mul": _product,
    "sub": _difference,
}
"""What layers make of two leaves."""


def rows_of(entries: npt.NDArray[Any]) -> list[Tree]:
    """A tree for each row along the last axis if all of a row ask the same, else for each entry."""
    if entries.ndim and entries.shape[-1] > 1:
        try:
            return [_joined(row) for row in entries.reshape(-1, entries.shape[-1]).tolist()]
        except UnknownError:
            pass
    return [_joined([entry]) for entry in entries.flat]


def _joined(trees: Sequence[Tree]) -> Tree:
    """One tree whose leaves are those of all. Raises UnknownError where they ask different things.

    A place stays what it is in a row of its own.
    """
    asks = {tree.ask if isinstance(tree, Split) else None for tree in trees}
    if len(asks) > 1:
        raise UnknownError
    (ask,) = asks
    if ask is not None:
        sides = ([side(tree, yes) for tree in trees] for yes in (True, False))
        return Split(ask, *map(_joined, sides))
    numbers = tuple(tree for tree in trees if isinstance(tree, float))
    if len(numbers) == len(trees):
        return numbers
    if len(trees) > 1:
        raise UnknownError
    return trees[0]


def asked(tree: Tree) -> Iterator[Ask]:
    """All questions."""
    if isinstance(tree, Split):
        yield tree.ask
        yield from asked(tree.true)
        yield from asked(tree.false)


def leaves(tree: Tree) -> Iterator[Tree]:
    """All that a tree ends with."""
    if isinstance(tree, Split):
        yield from leaves(tree.true)
        yield from leaves(tree.false)
    else:
        yield tree


def forest_of(trees: Sequence[Tree]) -> forest.Forest:
    """The trees by numbers, each node its own."""
    nodes: dict[int, forest.Node] = {}
    ends: dict[int, npt.NDArray[np.float64]] = {}

    def numbered(tree: Tree) -> int:
        if isinstance(tree, Split):
            sides = numbered(tree.true), numbered(tree.false)
            number = len(nodes) + len(ends)
            about, mode, threshold = tree.ask
            nodes[number] = forest.Node(about.place, mode, (threshold,), *sides)
            return number
        number = len(nodes) + len(ends)
        ends[number] = np.array(tree)
        return number

    roots = [numbered(tree) for tree in trees]
    return forest.Forest(nodes, ends, roots)
