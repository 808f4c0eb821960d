"""Decision trees without look-ups: every split of trees that are all of one depth is decided.

A `trees` node follows hidden paths through a hidden table, which is cheap where rows of it can be
looked up and nowhere else. The same integers, for the same weights, are those of

    d = t - S x      of each split, S the rows of 0 and 1 that take the numbers to compare
    s = [d < 0]      1 where the second side is taken
    y = a + s (b - a)    level by level from the leaves, which are weights

for trees of 2^depth leaves each, where splits that end in leaves repeat below them. It shows how
many trees there are, how deep the deepest is, and no shape of any. Rows: for each split about as
many as columns and as d has bits, and one a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import FormatError, UnsupportedModelError
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor

Integers = npt.NDArray[np.int64]

MOST_SPLITS = 1 << 16


def spelt_out(
    graph: FixedGraph, weights: Mapping[str, Integers]
) -> tuple[FixedGraph, dict[str, Integers]]:
    """The graph and its weights with trees spelt out; the outputs are the same for every input.

    Raises UnsupportedModelError, naming the node, when that takes too many splits.
    """
    if all(node.op != "trees" for node in graph.nodes):
        return graph, dict(weights)
    work = _Work(graph, dict(weights))
    for node in graph.nodes:
        if node.op == "trees":
            work.tree(node)
        else:
            work.nodes.append(node)
    read = {name for node in work.nodes for name in node.inputs} | set(graph.outputs)
    names = tuple(name for name in work.weights if name in read)
    kept = (*graph.inputs, *names)
    try:
        spelt = replace(
            graph,
            weights=names,
            nodes=tuple(work.nodes),
            declared={name: tensor for name, tensor in work.declared.items() if name in kept},
        )
    except FormatError as error:
        raise UnsupportedModelError(f"trees cannot be spelt out: {error}") from error
    return spelt, {name: work.weights[name] for name in names}


@dataclass
class _Work:
    """A graph in which nodes are replaced."""

    graph: FixedGraph
    weights: dict[str, Integers]
    nodes: list[FixedNode] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.declared = dict(self.graph.declared)
        self._taken = {*self.graph.tensors, *(node.name for node in self.graph.nodes)}

    def tree(self, node: FixedNode) -> None:
        """Replaces a node."""
        if not set(node.inputs[1:]) <= self.weights.keys():
            raise UnsupportedModelError(f"node {node.name} (trees): its splits are no weights")
        x, *columns = (self.graph.tensors[name] for name in node.inputs)
        features, thresholds, children, values = (self.weights[name] for name in node.inputs[1:])
        trees, depth = node.attrs["trees"], node.attrs["depth"]
        if trees << depth > MOST_SPLITS:
            raise UnsupportedModelError(
                f"node {node.name} (trees): {trees} trees of depth {depth} have {trees << depth} "
                f"splits when all are as deep; at most {MOST_SPLITS} are supported without "
                "look-ups, so use --backend transparent, or limit the depth when training"
            )
        length, (samples, width) = values.shape[-1], x.shape
        rows = _levels(children.reshape(-1, 2), trees, depth)
        splits = np.concatenate([level.ravel() for level in rows])
        chosen = -(features.ravel()[splits] == np.arange(width)[:, None]).astype(np.int64)
        d = self._node(
            node,
            "below",
            "matmul",
            node.inputs[0],
            self._weight(node, "columns", chosen, FixedTensor(chosen.shape, 0, -1, 0)),
            self._like(node, "thresholds", thresholds.ravel()[splits], columns[1]),
        )
        side = self._node(node, "second", "is_negative", d)
        leaves = values.reshape(-1, 2, length)[rows[-1]].reshape(1, -1, length)
        y, start = self._like(node, "leaves", leaves, columns[3]), len(splits)
        for level in reversed(range(depth)):
            count = trees << level
            start -= count
            first, second = (
                self._sliced(node, f"{level}/{name}", y, 1, k, count << 1, 2)
                for k, name in enumerate(("first", "second"))
            )
            taken = self._sliced(node, f"{level}/taken", side, 1, start, start + count, 1)
            shape = (samples, count, 1)
            taken = self._node(node, f"{level}/sides", "reshape", taken, shape=shape)
            none = {"shift_a": 0, "shift_b": 0}
            more = self._node(node, f"{level}/more", "sub", second, first, **none)
            part = self._node(node, f"{level}/part", "mul", taken, more)
            y = self._node(node, f"{level}/values", "add", first, part, **none)
        self._node(node, "", "reshape", y, shape=(samples, trees, length))

    def _node(self, node: FixedNode, suffix: str, op: str, *inputs: str, **attrs: Any) -> str:
        name = node.name if not suffix else self._unused(f"{node.name}/{suffix}")
        output = name if suffix else node.outputs[0]
        self.nodes.append(FixedNode(name, op, inputs, (output,), attrs))
        return output

    def _sliced(
        self, node: FixedNode, suffix: str, x: str, axis: int, start: int, stop: int, step: int
    ) -> str:
        attrs = {"starts": (start,), "stops": (stop,), "axes": (axis,), "steps": (step,)}
        return self._node(node, suffix, "slice", x, **attrs)

    def _like(self, node: FixedNode, suffix: str, array: Integers, like: FixedTensor) -> str:
        return self._weight(node, suffix, array, replace(like, shape=array.shape))

    def _weight(self, node: FixedNode, suffix: str, array: Integers, tensor: FixedTensor) -> str:
        name = self._unused(f"{node.name}/{suffix}")
        self.declared[name], self.weights[name] = tensor, array
        return name

    def _unused(self, name: str) -> str:
        while name in self._taken:
            name += "'"
        self._taken.add(name)
        return name


def _levels(children: Integers, trees: int, depth: int) -> list[Integers]:
    """By level, the row of the table that each split of each tree is, [trees, 2^level]."""
    rows = [np.arange(trees)[:, None]]
    for _ in range(depth - 1):
        rows.append(children[rows[-1]].reshape(trees, -1))
    return rows
