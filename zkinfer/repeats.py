"""Where a graph of integers computes the same again and again, as recurrent networks do.

A repeat is a run of nodes that consists of copies of its first few, on other operands. What the
copies of one node compute can be stated as one computation on operands with a new first axis, one
position a copy: a product of matrices is then one product, and a table is read in one place. This
is decided by the graph alone, and changes neither a tensor nor its integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.fixed import FixedGraph, FixedNode
from zkinfer.ops import OPS

FEWEST = 4
"""Copies that make a repeat."""
MAX_RANK = 5
"""Of a tensor that takes another axis."""


@dataclass(frozen=True)
class Repeat:
    """count copies of `period` nodes, one after the other, from the node number `start`.

    together: by position in a copy, whether all copies of that node are stated as one; then which
    of its operands are stacks of those of all copies.
    """

    start: int
    period: int
    count: int
    together: tuple[tuple[bool, ...] | None, ...]

    @property
    def stop(self) -> int:
        """The number of the first node after it."""
        return self.start + self.period * self.count

    def copies(self, graph: FixedGraph, position: int) -> tuple[FixedNode, ...]:
        """The copies of one node."""
        return graph.nodes[self.start + position : self.stop : self.period]

    def handed_on(self, graph: FixedGraph) -> dict[str, FixedNode]:
        """What a copy reads of nodes that come later in a copy, by name the node that makes it."""
        nodes = graph.nodes[self.start : self.stop]
        places = {name: place for place, node in enumerate(nodes) for name in node.outputs}
        return {
            name: nodes[places[name]]
            for place, node in enumerate(nodes)
            for name in node.inputs
            if name in places and places[name] % self.period >= place % self.period
        }


def find_repeats(graph: FixedGraph) -> tuple[Repeat, ...]:
    """Repeats that do not overlap, in order; those of the most nodes are taken first."""
    numbers = _signatures(graph)
    runs = sorted(_runs(numbers), key=lambda run: (run.period - (run.stop - run.first), run))
    taken = np.zeros(len(numbers), bool)
    found = []
    for run in runs:
        if not taken[run.first : run.stop].any():
            repeat = _repeat(graph, run)
            if repeat is not None and any(repeat.together):
                taken[run.first : run.stop] = True
                found.append(repeat)
    return tuple(sorted(found, key=lambda repeat: repeat.start))


def _signatures(graph: FixedGraph) -> npt.NDArray[np.int64]:
    """A number for each node; those that may be copies of one another have the same."""
    known: dict[Any, int] = {}
    tables: dict[Any, int] = {}
    by_identity: dict[int, int] = {}

    def number(value: Any) -> Any:
        """The attribute, or for a long one a number that stands for it."""
        if not isinstance(value, tuple) or len(value) < 16:
            return value
        if id(value) not in by_identity:
            by_identity[id(value)] = tables.setdefault(value, len(tables))
        return by_identity[id(value)]

    weights = set(graph.weights)
    numbers = []
    for node in graph.nodes:
        made = tuple(graph.tensors[name].shape for name in node.outputs)
        signature: tuple[Any, ...] = (node.op, len(node.inputs), made)
        shapes = tuple(graph.tensors[name].shape for name in node.inputs)
        ranks, differ = [len(shape) for shape in shapes], [True] * len(shapes)
        if OPS[node.op].stacked(ranks, differ) is not None:
            attrs = tuple((name, number(node.attrs[name])) for name in sorted(node.attrs))
            shared = tuple(name if name in weights else "" for name in node.inputs)
            signature += (attrs, shapes, shared)
        numbers.append(known.setdefault(signature, len(known)))
    return np.array(numbers, np.int64)


class _Run(NamedTuple):
    """Nodes from `first` on, up to `stop`, of which each is as the one `period` later."""

    period: int
    first: int
    stop: int


def _runs(numbers: npt.NDArray[np.int64]) -> Iterator[_Run]:
    """The longest of each period that hold enough copies."""
    for period in range(1, len(numbers) // FEWEST + 1):
        same = numbers[period:] == numbers[:-period]
        if np.count_nonzero(same) < period * (FEWEST - 1):
            continue
        edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
        for first, last in edges.reshape(-1, 2).tolist():
            if last - first >= period * (FEWEST - 1):
                yield _Run(period, first, last + period)


def _repeat(graph: FixedGraph, run: _Run) -> Repeat | None:
    """The repeat of a run: a copy begins where it takes over the least from the one before.

    None if it takes over numbers that nothing keeps within bounds: how large they can get is known
    copy by copy only.
    """
    starts = range(run.first, min(run.first + run.period, run.stop - FEWEST * run.period + 1))
    start = min(starts, key=lambda first: (_handed_on(graph, first, run.period), first))
    repeat = Repeat(start, run.period, (run.stop - start) // run.period, ())
    if any(OPS[maker.op].certain is None for maker in repeat.handed_on(graph).values()):
        return None
    return replace(repeat, together=tuple(_together(graph, repeat)))


def _together(graph: FixedGraph, repeat: Repeat) -> Iterator[tuple[bool, ...] | None]:
    for position in range(repeat.period):
        nodes = repeat.copies(graph, position)
        ranks = [len(graph.tensors[name].shape) for name in nodes[0].inputs]
        differ = [len(set(names)) > 1 for names in zip(*(n.inputs for n in nodes), strict=True)]
        fits = max(ranks) <= MAX_RANK and len(nodes[0].outputs) == 1
        yield OPS[nodes[0].op].stacked(ranks, differ) if fits else None


def _handed_on(graph: FixedGraph, start: int, period: int) -> float:
    """The bits that the second of two copies takes over; infinite for numbers without bounds."""
    bits = 0.0
    for name, maker in Repeat(start, period, 2, ()).handed_on(graph).items():
        tensor, known = graph.tensors[name], OPS[maker.op].certain is not None
        bits += prod(tensor.shape) * (tensor.high - tensor.low).bit_length() if known else inf
    return bits
