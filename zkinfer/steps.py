"""What a circuit says of a graph's nodes: of one after the other, and of copies in repeats at once.

The copies of a node that are stated together read stacks of their operands. A stack of which a part
is computed later, by copies of later nodes, is committed first, and equated with what is computed
last: its integers are those that the copies have one after the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.stack import stack, unstack
from zkinfer.circuit.value import Integers, Interval, Value
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedNode
from zkinfer.ops import OPS
from zkinfer.plan import Plan
from zkinfer.repeats import Repeat

Times = npt.NDArray[np.float64]
Names = tuple[str, ...]


@dataclass
class Steps:
    """Goes through the nodes of a plan.

    values: by tensor, at first inputs and weights. saturated: by node, for the values that
    saturate, how many times their range.
    """

    b: Builder
    plan: Plan
    values: dict[str, Value]
    saturated: dict[str, Times] = field(default_factory=dict)

    def run(self) -> None:
        """All nodes. Raises UnsupportedModelError, naming the node."""
        nodes, done = self.plan.graph.nodes, 0
        for repeat in self.plan.repeats:
            self._single(nodes[done : repeat.start])
            _Repeated(self, repeat).run()
            done = repeat.stop
        self._single(nodes[done:])

    def _single(self, nodes: Sequence[FixedNode]) -> None:
        for node in nodes:
            operands = [self.values[name] for name in node.inputs]
            self.values.update(zip(node.outputs, self.made([node], operands), strict=True))
            self.note([node], operands[0])

    def made(self, nodes: Sequence[FixedNode], operands: Sequence[Value]) -> list[Value]:
        """The outputs of a node, or of copies of it on stacks, stored where the plan says so."""
        node, made = nodes[0], []
        try:
            results = OPS[node.op].constrain(self.b, node.name, node.attrs, *operands)
            for number, result in enumerate(results):
                value = result.bounded(*self.bounds([copy.outputs[number] for copy in nodes]))
                self.b.count(node.name, value.terms)
                if any(self.plan.stores(copy.outputs[number], value) for copy in nodes):
                    place = f"/{number}" if len(results) > 1 else ""
                    value = self.b.store(f"{node.name}/output{place}", value)
                made.append(value)
        except UnsupportedModelError as error:
            raise UnsupportedModelError(f"node {node.name} ({node.op}): {error}") from error
        return made

    def bounds(self, names: Sequence[str]) -> Interval:
        """What holds all numbers of some tensors."""
        tensors = [self.plan.graph.tensors[name] for name in names]
        return Interval(min(t.low for t in tensors), max(t.high for t in tensors))

    def note(self, nodes: Sequence[FixedNode], operand: Value) -> None:
        """Keeps which values of a node, or of copies of it on a stack, saturate."""
        excess = OPS[nodes[0].op].excess
        if not self.b.solving or excess is None:
            return
        arrays = [operand.array] if len(nodes) == 1 else operand.array
        for node, array in zip(nodes, arrays, strict=True):
            times = excess(node.attrs, array)
            if (times > 1).any():
                self.saturated[node.name] = times[times > 1]


class _Repeated:
    """One repeat."""

    def __init__(self, steps: Steps, repeat: Repeat) -> None:
        self._steps, self._repeat = steps, repeat
        self._b, self._graph = steps.b, steps.plan.graph
        self._stacks: dict[Names, Value] = {}
        self._due: list[tuple[str, Names, Value]] = []
        self._arrays: dict[str, Integers] = {}
        self._handed_on = repeat.handed_on(self._graph)

    def run(self) -> None:
        """Every node of a copy, for all copies; then what was committed before it was computed."""
        for position, together in enumerate(self._repeat.together):
            nodes = self._repeat.copies(self._graph, position)
            if together is None:
                self._apart(nodes)
            else:
                self._together(nodes, together)
        for path, names, promised in self._due:
            self._keep(path, names, promised)

    def _together(self, nodes: Sequence[FixedNode], stacked: Sequence[bool]) -> None:
        """All copies of a node at once, on stacks of some operands."""
        rank = len(self._graph.tensors[nodes[0].outputs[0]].shape)
        operands = []
        for number, names in enumerate(_columns(nodes)):
            if stacked[number]:
                operands.append(_of_rank(self._operand(nodes[0], number, names), rank))
            else:
                operands.append(self._steps.values[names[0]])
        (made,) = self._steps.made(nodes, operands)
        self._steps.note(nodes, operands[0])
        names = tuple(node.outputs[0] for node in nodes)
        self._stacks[names] = made
        if not made.parts:
            pieces = unstack(self._b, f"{nodes[0].name}/copies", made)
            for name, piece in zip(names, pieces, strict=True):
                self._steps.values[name] = piece.bounded(*self._steps.bounds([name]))

    def _apart(self, nodes: Sequence[FixedNode]) -> None:
        """One copy after the other, such as views; only what is not computed yet is in stacks."""
        values = self._steps.values
        columns = []
        for number, names in enumerate(_columns(nodes)):
            if all(name in values for name in names):
                columns.append([values[name] for name in names])
            else:
                promised = self._operand(nodes[0], number, names)
                columns.append(unstack(self._b, f"{nodes[0].name}/copies{number}", promised))
        for node, operands in zip(nodes, zip(*columns, strict=True), strict=True):
            values.update(zip(node.outputs, self._steps.made([node], operands), strict=True))
            self._steps.note([node], operands[0])

    def _operand(self, node: FixedNode, number: int, names: Names) -> Value:
        """A stack of tensors."""
        if names not in self._stacks:
            path, values = f"{node.name}/operand{number}", self._steps.values
            if all(name in values for name in names):
                made = stack(self._b, path, [values[name] for name in names])
                self._stacks[names] = self._b.unweighted(path, made)
            else:
                self._stacks[names] = self._promised(path, names)
        return self._stacks[names]

    def _promised(self, path: str, names: Names) -> Value:
        """A stack of tensors of which some are computed later."""
        shape = (len(names), *self._graph.tensors[names[0]].shape)
        array = None
        if self._b.solving:
            known = self._integers()
            array = np.stack([known[name] for name in names])
        ends, certain = self._steps.bounds(names), Interval.hull(*self._certain(names))
        promised = self._b.advice(path, Segment.TRACE, shape, *ends, array, certain=certain)
        self._due.append((path, names, promised))
        return promised

    def _certain(self, names: Names) -> Iterator[int]:
        """Ends of what tensors certainly are, computed or not."""
        for name in names:
            if name in self._steps.values:
                yield from self._steps.values[name].certain
            else:
                maker = self._handed_on[name]
                certain = OPS[maker.op].certain
                if certain is None:
                    raise ValueError(f"{maker.name} is handed on without certain bounds")
                yield from certain(maker.attrs)

    def _integers(self) -> Mapping[str, Integers]:
        """The integers of what the copies read and make, one copy after the other."""
        known = self._arrays
        if known:
            return known
        for names, stacked in self._stacks.items():
            known.update(zip(names, stacked.array, strict=True))
        for node in self._graph.nodes[self._repeat.start : self._repeat.stop]:
            for name in node.inputs:
                if name not in known:
                    known[name] = self._steps.values[name].array
            if any(name not in known for name in node.outputs):
                made = OPS[node.op].forward(node.attrs, *(known[name] for name in node.inputs))
                known.update(zip(node.outputs, made, strict=True))
        return known

    def _keep(self, path: str, names: Names, promised: Value) -> None:
        """States that a promised stack is what has been computed, and thereby within its bounds."""
        made = stack(self._b, path, [self._steps.values[name] for name in names])
        if made.certain.low < promised.certain.low or made.certain.high > promised.certain.high:
            raise ValueError(f"{path}: what is computed may be beyond the bounds of its promise")
        self._b.equal(path, promised, made)


def _columns(nodes: Sequence[FixedNode]) -> list[Names]:
    """By number of the operand, what each copy reads."""
    return list(zip(*(node.inputs for node in nodes), strict=True))


def _of_rank(value: Value, rank: int) -> Value:
    """A stack of tensors that have this rank, with axes of extent 1 after the first."""
    first, *rest = value.factors
    factors = (first, *((),) * (rank + 1 - len(value.factors)), *rest)
    return views.regrouped(value, factors)
