"""Where a graph of integers computes the same again and again, as recurrent networks do.

A repeat is a run of nodes that consists of copies of its first few, on other operands. What the
copies of one node compute can be stated as one computation on operands with a new first axis, one
position a copy: a product of matrices is then one product, and a table is read in one place. This
is decided by the graph alone, and changes neither a tensor nor its integers.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.fixed import FixedGraph, FixedNode
from zkinfer.ops import OPS

FEWEST = 4
"""Copies that make a repeat."""
MAX_RANK = 5
"""Of a tensor that takes another axis."""
UNBOUNDED = 2.0**80
"""The cost of numbers that nothing keeps within bounds, in bits."""


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
    """Repeats that do not overlap, in order; those of the most nodes are taken first.

    A run is left out where it is one of a part of its period, so that those that are looked at
    have in all not many more nodes than the graph.
    """
    numbers = _signatures(graph)
    runs = sorted(_runs(numbers), key=lambda run: (run.period - (run.stop - run.first), run))
    readers = _readers(graph)
    taken = np.zeros(len(numbers), bool)
    seen: list[_Run] = []
    found = []
    for run in runs:
        if any(run.is_of(other) for other in seen):
            continue
        seen.append(run)
        if not taken[run.first : run.stop].any():
            repeat = _repeat(graph, run, readers)
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
        shapes = tuple(graph.tensors[name].shape for name in node.inputs)
        made = tuple(graph.tensors[name].shape for name in node.outputs)
        signature: tuple[Any, ...] = (node.op, shapes, made)
        ranks, differ = [len(shape) for shape in shapes], [True] * len(shapes)
        if OPS[node.op].stacked(ranks, differ) is not None:
            attrs = tuple((name, number(node.attrs[name])) for name in sorted(node.attrs))
            shared = tuple(name if name in weights else "" for name in node.inputs)
            signature += (attrs, shared)
        numbers.append(known.setdefault(signature, len(known)))
    return np.array(numbers, np.int64)


class _Run(NamedTuple):
    """Nodes from `first` on, up to `stop`, of which each is as the one `period` later."""

    period: int
    first: int
    stop: int

    def is_of(self, other: "_Run") -> bool:
        """Whether it is a part of another one, of a multiple of its period."""
        inside = other.first <= self.first and self.stop <= other.stop
        return inside and self.period % other.period == 0


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


def _repeat(graph: FixedGraph, run: _Run, readers: Sequence[Sequence[int]]) -> Repeat | None:
    """The repeat of a run: a copy begins where it takes over the least from the one before.

    None if it takes over numbers that nothing keeps within bounds: how large they can get is known
    copy by copy only.
    """
    costs = _handed_on(graph, run, readers)
    turn = int(np.argmin(costs[: run.stop - run.first - FEWEST * run.period + 1]))
    start = run.first + turn
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


def _readers(graph: FixedGraph) -> list[list[int]]:
    """For each node the numbers of those that read what it makes, in order."""
    numbers = {name: number for number, node in enumerate(graph.nodes) for name in node.outputs}
    found: list[list[int]] = [[] for _ in graph.nodes]
    for number, node in enumerate(graph.nodes):
        for name in node.inputs:
            if name in numbers:
                found[numbers[name]].append(number)
    return found


def _handed_on(
    graph: FixedGraph, run: _Run, readers: Sequence[Sequence[int]]
) -> npt.NDArray[np.float64]:
    """The bits that a copy takes over, by how many nodes after the run's first copies begin."""
    period = run.period
    change = np.zeros(2 * period + 1)
    for place in range(period):
        number = run.first + period + place
        node, reading = graph.nodes[number], readers[number]
        inside = bisect_left(reading, run.stop)
        read = reading[inside - 1] if inside else number
        tensor = graph.tensors[node.outputs[0]]
        bits = prod(tensor.shape) * (tensor.high - tensor.low).bit_length()
        weight = bits if OPS[node.op].certain is not None else UNBOUNDED
        # A copy that begins behind the node, but not behind its last reader, takes it over.
        change[place + 1] += weight
        change[place + 1 + min(read - number, period)] -= weight
    costs = np.cumsum(change)
    return costs[:period] + costs[period : 2 * period]
