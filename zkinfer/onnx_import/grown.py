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

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import import forest
from zkinfer.onnx_import.builder import Builder
from zkinfer.onnx_import.decisions import (
    COMBINED,
    Place,
    Split,
    Tree,
    UnknownError,
    asked,
    forest_of,
    leaves,
    rows_of,
    side,
)
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape

MOST_ENTRIES = 1 << 14
"""Of a tensor whose entries are followed."""

MOST_CONSTANTS = 1 << 20

MOST_STEPS = 1 << 21
"""Questions and leaves that are looked at, in all."""

MOST_QUESTIONS = 200
"""On the way to a leaf."""

Entries_ = npt.NDArray[Any]


def grown(
    nodes: Sequence[Node], inputs: Collection[str], outputs: Sequence[str], builder: Builder
) -> list[Node]:
    """The nodes, where trees are spelt out with those that make their leaves, in their places.

    Nodes that nobody reads any more stay. New constants are added to the builder's weights.
    """
    if not any(_chooses(node, builder) for node in nodes):
        return list(nodes)
    garden = _Garden(builder, inputs, MOST_STEPS)
    for node in nodes:
        garden.follow(node)
    if garden.left < 0:
        return list(nodes)
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
    """inputs: of the graph. left: how many steps may still be taken. known: tensors by entries.
    chosen: those that hidden constants choose.
    """

    builder: Builder
    inputs: Collection[str]
    left: int
    known: dict[str, Entries_] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)

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
        trees = rows_of(self.known[node.outputs[0]])
        sources = {ask.about.source for tree in trees for ask in asked(tree)}
        if len(sources) != 1 or any(isinstance(leaf, Place) for t in trees for leaf in leaves(t)):
            return [node]
        try:
            return self._planted(node, sources.pop(), forest.table(forest_of(trees)))
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
        ends = step("trees", x, *columns, trees=table.trees, depth=table.depth)
        (output,) = node.outputs
        builder.kinds[output] = Real()
        attrs = {"shape": builder.shape(output)}
        return [*made, Node(node.name, "reshape", (ends,), node.outputs, attrs)]

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
        if node.op in _MAPPED:
            (entries,) = (self._entries(name) for name in node.inputs)
            function = partial(_mapped, node.op, tuple(sorted(node.attrs.items())))
            made = (self._combined(function, entry, 0.0) for entry in entries.flat)
            return _filled(entries.shape, made), False
        if node.op not in COMBINED:
            raise UnknownError
        pairs = np.broadcast(*(self._entries(name) for name in node.inputs))
        made = (self._combined(COMBINED[node.op], a, b) for a, b in pairs)
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
            self._combined(function, side(a, yes), side(b, yes), depth + 1) for yes in (True, False)
        )
        return Split(ask, *sides)


def _filled(shape: Shape, entries: Iterable[Tree]) -> Entries_:
    """An array of entries in row-major order."""
    made = np.empty(prod(shape), object)
    for place, entry in enumerate(entries):
        made[place] = entry
    return made.reshape(shape)


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
    """The entries [entries, n] that each row of a matrix picks, zero where it holds nothing."""
    if not _picks(matrix) or entries.ndim != 2:
        raise UnknownError
    if not all(isinstance(entry, Place) for entry in entries.flat):
        raise UnknownError
    picked: Entries_ = np.where(
        (matrix.sum(axis=1) > 0)[:, None], entries[matrix.argmax(axis=1)], 0.0
    )
    return picked


_MAPPED = ("neg", "relu", "round")
"""Functions of one number, which indices go through."""


@lru_cache(1 << 14)
def _mapped(op: str, attrs: tuple[tuple[str, Any], ...], leaf: Tree, _: Tree) -> Tree:
    """A function of a number."""
    if not isinstance(leaf, float):
        raise UnknownError
    (made,) = LAYERS[op].value(dict(attrs), [(np.array([[leaf]]), True)])
    return float(made.item())
