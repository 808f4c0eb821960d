"""Decision trees that are spelt out in tensors, made the layer `trees`.

Each entry of some tensors is followed as a decision tree: a number, an entry of an input, or a
question x <= t or x < t about one and what follows from either answer. Constants are numbers, moves
move entries, a comparison of an entry with a number asks, and sums, products and constant tables
at decided places are taken leaf by leaf, as

    next = where(x[features[at]] <= thresholds[at], lefts[at], rights[at])

A tensor is made by trees where hidden constants choose what is asked: a product with rows that hold
a single one picks entries of an input, or a table is read at a decided place. What reads it, and is
no such step itself, then reads leaves.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import import forest
from zkinfer.onnx_import.builder import Builder
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape

MOST_ENTRIES = 1 << 14
"""Of a tensor whose entries are followed."""

MOST_CONSTANTS = 1 << 20

MOST_STEPS = 1 << 22
"""Questions and leaves that are looked at, in all."""

MOST_QUESTIONS = 200
"""On the way to a leaf."""

Entries_ = npt.NDArray[Any]


class Place(NamedTuple):
    """An entry of an input, in row-major order."""

    source: str
    place: int


class Ask(NamedTuple):
    """A question: whether a place's number is at most (or below) a number."""

    about: Place
    mode: str
    number: float


@dataclass(frozen=True, eq=False)
class Split:
    """A question, and what follows where the answer is yes, or no."""

    ask: Ask
    true: "Tree"
    false: "Tree"


Tree = Split | Place | float | tuple[float, ...]


class UnknownError(Exception):
    """Entries that are no decision trees, or too large ones."""


def grown(
    nodes: Sequence[Node], inputs: Collection[str], outputs: Sequence[str], builder: Builder
) -> list[Node]:
    """The nodes, where trees are spelt out with those that make their leaves, in their places.

    Nodes that nobody reads any more stay. New constants are added to the builder's weights.
    """
    if not any(_chooses(node, builder) for node in nodes):
        return list(nodes)
    garden = _Garden(builder, inputs)
    for node in nodes:
        garden.follow(node)
    read = {name for node in nodes if node.outputs[0] not in garden.known for name in node.inputs}
    wanted = garden.chosen.intersection(read.union(outputs))
    return list(chain.from_iterable(garden.replaced(node, wanted) for node in nodes))


def _chooses(node: Node, builder: Builder) -> bool:
    """Whether constants may choose what a node makes."""
    first, second = (builder.weights.get(name) for name in (*node.inputs, "")[:2])
    if node.op == "gather":
        return first is not None
    if node.op != "matmul":
        return False
    return _picks(first) if first is not None else second is not None and _picks(second.T)


def _picks(matrix: npt.NDArray[np.float64]) -> bool:
    """Whether each row of a matrix holds a single one, or nothing."""
    if matrix.ndim != 2 or not ((matrix == 0) | (matrix == 1)).all():
        return False
    return bool((matrix.sum(axis=1) <= 1).all())


@dataclass
class _Garden:
    """inputs: of the graph. known: tensors by entries. chosen: those that hidden constants choose.
    left: how many steps may still be taken.
    """

    builder: Builder
    inputs: Collection[str]
    known: dict[str, Entries_] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)
    left: int = MOST_STEPS

    def follow(self, node: Node) -> None:
        """Finds out what a node makes, if it makes decision trees."""
        if len(node.outputs) > 1 or prod(self.builder.shape(node.outputs[0])) > MOST_ENTRIES:
            return
        try:
            made, chosen = self._made(node)
        except UnknownError:
            return
        self.known[node.outputs[0]] = made
        if chosen or self.chosen.intersection(node.inputs):
            self.chosen.add(node.outputs[0])

    def replaced(self, node: Node, wanted: set[str]) -> list[Node]:
        """The node, or what makes its output by trees, if that is wanted and possible."""
        if not wanted.intersection(node.outputs):
            return [node]
        trees = _rows(self.known[node.outputs[0]])
        sources = {ask.about.source for tree in trees for ask in _asked(tree)}
        if len(sources) != 1 or any(isinstance(leaf, Place) for t in trees for leaf in _leaves(t)):
            return [node]
        try:
            return self._planted(node, sources.pop(), forest.table(_forest(trees)))
        except Refusal:  # larger than what models may hold
            return [node]

    def _planted(self, node: Node, x: str, table: forest.Table) -> list[Node]:
        """The layer of trees that ask about x, before a reshape to the node's output."""
        builder, made = self.builder, list[Node]()

        def step(op: str, *inputs: str, **attrs: Any) -> str:
            output = builder.new_tensor(f"{node.name}/{op}")
            made.append(builder.node(output, op, inputs, (output,), **attrs))
            return output

        if len(builder.shape(x)) != 2 or builder.shape(x)[0] != 1:
            x = step("reshape", x, shape=(1, prod(builder.shape(x))))
        columns = [
            builder.new_weight(f"{node.name}.{column}", getattr(table, column))
            for column in ("features", "thresholds", "children", "values")
        ]
        leaves = step("trees", x, *columns, trees=table.trees, depth=table.depth)
        (output,) = node.outputs
        builder.kinds[output] = Real()
        attrs = {"shape": builder.shape(output)}
        return [*made, Node(node.name, "reshape", (leaves,), node.outputs, attrs)]

    def _entries(self, name: str) -> Entries_:
        """The entries of a tensor. Raises UnknownError."""
        builder = self.builder
        if name in builder.weights:
            array = builder.weights[name]
            if array.size > MOST_CONSTANTS or not np.isfinite(array).all():
                raise UnknownError
            return array.astype(object)
        if name not in self.known and name in self.inputs:
            kind, shape = builder.type_of(name).kind, builder.shape(name)
            if kind != Real() or prod(shape) > MOST_ENTRIES:
                raise UnknownError
            self.known[name] = _filled(shape, (Place(name, place) for place in range(prod(shape))))
        if name not in self.known:
            raise UnknownError
        return self.known[name]

    def _made(self, node: Node) -> tuple[Entries_, bool]:
        """The entries of a node's output, and whether it chooses them. Raises UnknownError."""
        if node.op == "gather":
            return self._gathered(node), True
        if node.op == "matmul":
            return self._picked(node), True
        if LAYERS[node.op].entries is Entries.MOVED:
            return _moved(node, [self._entries(name) for name in node.inputs]), False
        if node.op not in _COMBINED:
            raise UnknownError
        pairs = np.broadcast(*(self._entries(name) for name in node.inputs))
        made = (self._combined(_COMBINED[node.op], a, b) for a, b in pairs)
        return _filled(pairs.shape, made), False

    def _gathered(self, node: Node) -> Entries_:
        """Rows of a table at decided places."""
        places, *starts = (self._entries(name) for name in node.inputs[1:])
        table, last = self._entries(node.inputs[0]), node.attrs["extent"] - 1

        def entry(place: Tree, start_and_column: Tree) -> Tree:
            if not isinstance(place, float) or not isinstance(start_and_column, tuple):
                raise UnknownError
            start, column = start_and_column
            found: Tree = table[int(min(max(place, 0), last) + start), int(column)]
            return found

        start = np.broadcast_to(starts[0] if starts else 0.0, places.shape)
        columns = range(table.shape[1])
        made = (
            self._combined(entry, place, (first, float(column)))
            for place, first in zip(places.flat, start.flat, strict=True)
            for column in columns
        )
        return _filled((*places.shape, len(columns)), made)

    def _picked(self, node: Node) -> Entries_:
        """Entries of an input that a product with a constant matrix picks."""
        first, second, *bias = node.inputs
        if bias:
            raise UnknownError
        weights = self.builder.weights
        if first in weights:
            return _picked_rows(weights[first], self._entries(second))
        if second in weights:
            return _picked_rows(weights[second].T, self._entries(first).T).T
        raise UnknownError

    def _combined(
        self, function: Callable[[Tree, Tree], Tree], a: Tree, b: Tree, depth: int = 0
    ) -> Tree:
        """What a function of leaves makes of two trees, one of which goes on where the other ends.

        Raises UnknownError where they ask different things at one place, or too much.
        """
        self.left -= 1
        if self.left < 0 or depth > MOST_QUESTIONS:
            raise UnknownError
        one, other = (tree.ask if isinstance(tree, Split) else None for tree in (a, b))
        ask = one or other
        if ask is None:
            return function(a, b)
        if one and other and one != other:
            raise UnknownError
        sides = (
            self._combined(function, _side(a, yes), _side(b, yes), depth + 1)
            for yes in (True, False)
        )
        return Split(ask, *sides)


def _filled(shape: Shape, entries: Iterable[Tree]) -> Entries_:
    """An array of entries in row-major order."""
    made = np.empty(prod(shape), object)
    for place, entry in enumerate(entries):
        made[place] = entry
    return made.reshape(shape)


def _side(tree: Tree, yes: bool) -> Tree:
    if not isinstance(tree, Split):
        return tree
    return tree.true if yes else tree.false


def _moved(node: Node, operands: Sequence[Entries_]) -> Entries_:
    """Entries by where they come from. Raises UnknownError where some come from nowhere."""
    ends = np.cumsum([0, *(operand.size for operand in operands)])
    numbers = [
        np.arange(low, low + operand.size, dtype=np.float64).reshape(operand.shape)
        for low, operand in zip(ends, operands, strict=False)
    ]
    (found, other) = (
        LAYERS[node.op].value(node.attrs, [((array + more)[None], True) for array in numbers])[0][0]
        for more in (0, 1)
    )
    if (other != found + 1).any():
        raise UnknownError
    entries = np.concatenate([operand.ravel() for operand in operands])
    moved: Entries_ = entries[found.astype(np.int64)]
    return moved


def _picked_rows(matrix: npt.NDArray[np.float64], entries: Entries_) -> Entries_:
    if not _picks(matrix) or not all(isinstance(entry, Place) for entry in entries.flat):
        raise UnknownError
    picked: Entries_ = np.where(
        (matrix.sum(axis=1) > 0)[:, None], entries[matrix.argmax(axis=1)], 0.0
    )
    return picked


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


_COMBINED: Mapping[str, Callable[[Tree, Tree], Tree]] = {
    "add": _sum,
    "less": _less,
    "mul": _product,
    "sub": _difference,
}


def _rows(entries: Entries_) -> list[Tree]:
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
        sides = ([_side(tree, yes) for tree in trees] for yes in (True, False))
        return Split(ask, *map(_joined, sides))
    numbers = tuple(tree for tree in trees if isinstance(tree, float))
    if len(numbers) == len(trees):
        return numbers
    if len(trees) > 1:
        raise UnknownError
    return trees[0]


def _asked(tree: Tree) -> Iterator[Ask]:
    if isinstance(tree, Split):
        yield tree.ask
        yield from _asked(tree.true)
        yield from _asked(tree.false)


def _leaves(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, Split):
        yield from _leaves(tree.true)
        yield from _leaves(tree.false)
    else:
        yield tree


def _forest(trees: Sequence[Tree]) -> forest.Forest:
    """The trees by numbers, each node its own."""
    nodes: dict[int, forest.Node] = {}
    leaves: dict[int, npt.NDArray[np.float64]] = {}

    def numbered(tree: Tree) -> int:
        if isinstance(tree, Split):
            sides = numbered(tree.true), numbered(tree.false)
            number = len(nodes) + len(leaves)
            about, mode, threshold = tree.ask
            nodes[number] = forest.Node(about.place, mode, (threshold,), *sides)
            return number
        number = len(nodes) + len(leaves)
        leaves[number] = np.array(tree)
        return number

    roots = [numbered(tree) for tree in trees]
    return forest.Forest(nodes, leaves, roots)
