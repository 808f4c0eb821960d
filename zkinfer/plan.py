"""What is decided about a fixed-point graph before it is lowered, by what its operators say.

A rewrite makes another graph with the same outputs, whatever weights and inputs are:

    batched         each tensor is those of all inputs of a batch (batch.py)
    maxima_first    what keeps the order of numbers comes after maxima, not before

A schedule says of tensors, whose integers stay the same, how the circuit holds them:

    open            a product is not stored if its only reader takes it so: its equation says what
                    the product equals; every other product becomes a tensor of the trace
    short           what takes many terms to read is stored, so that each reader reads one
    kernels         a weight that is read as a kernel is laid out as one, with less padding
    repeats         what is computed again and again, step by step, is stated once for all steps
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zkinfer.batch import batched
from zkinfer.circuit.builder import physical_order
from zkinfer.circuit.value import Value
from zkinfer.fixed import FixedGraph, FixedNode
from zkinfer.ops import OPS
from zkinfer.ops.contract import Open
from zkinfer.repeats import Repeat, find_repeats

MAX_TERMS = 64
MAX_SUMS = 4
MAX_ROWS = 5
"""A value of more terms, of more summation axes in one, or of more axes than these and than its
shape has, is stored before it is read.
"""


@dataclass(frozen=True)
class Plan:
    """A graph to lower, and how.

    graph: rewritten, of all inputs at once. batch: how many these are. open: by tensor, what its
    reader takes open; NOTHING for those not named. kernels: by weight, the number of groups it is
    laid out in. repeats: in the order of the nodes.
    """

    graph: FixedGraph
    batch: int
    open: Mapping[str, Open]
    kernels: Mapping[str, int]
    repeats: tuple[Repeat, ...]

    def stores(self, name: str, value: Value) -> bool:
        """Whether what a node makes becomes a tensor of the trace."""
        sums = max((len(term.sums) for term in value.terms), default=0)
        rows = max(MAX_ROWS, len(physical_order(value.shape)))
        if len(value.terms) > MAX_TERMS or sums > MAX_SUMS or len(value.rows) > rows:
            return True
        taken = self.open.get(name, Open.NOTHING)
        if taken is Open.SUMMANDS:
            return not all(part.joins for _, part in value.parts)
        return bool(value.parts) and taken is Open.NOTHING


def make_plan(graph: FixedGraph) -> Plan:
    """A pure function of the graph."""
    batch = graph.batch
    graph = maxima_first(batched(graph))
    repeats = find_repeats(graph)
    return Plan(graph, batch, open_tensors(graph, repeats), kernels(graph), repeats)


def maxima_first(graph: FixedGraph) -> FixedGraph:
    """The graph with an operator that keeps the order of numbers after one that takes maxima.

    The order of these two does not matter to the result, and fewer numbers are computed. Only
    where nothing else reads what lies between.
    """
    readers = _only_readers(graph)
    nodes = {node.outputs: node for node in graph.nodes}
    for first in graph.nodes:
        second = readers.get(first.outputs[0])
        operand = graph.tensors[first.inputs[0]]
        if second is None or not OPS[first.op].keeps_order(first.attrs, operand):
            continue
        alone = first.inputs[0] in readers
        between = graph.tensors[first.outputs[0]]
        if alone and OPS[second.op].takes_maxima(second.attrs, between):
            nodes[first.outputs] = replace(second, inputs=first.inputs, outputs=first.outputs)
            nodes[second.outputs] = replace(first, inputs=second.inputs, outputs=second.outputs)
    ordered = tuple(nodes.values())
    return graph if ordered == graph.nodes else replace(graph, nodes=ordered)


def open_tensors(graph: FixedGraph, repeats: Sequence[Repeat]) -> dict[str, Open]:
    """What the only reader of a tensor takes open of it, by tensor.

    Copies that are stated together take what copies of one node make together, and all make.
    """
    readers = _only_readers(graph)
    groups = {
        node.name: nodes
        for repeat in repeats
        for position in range(repeat.period)
        if repeat.together[position] is not None
        for nodes in [repeat.copies(graph, position)]
        for node in nodes
    }
    makers = {name: node for node in graph.nodes for name in node.outputs}
    found = {}
    for name, reader in readers.items():
        made = groups.get(makers[name].name) if name in makers else None
        if groups.get(reader.name) != (made and _readers_of(made, readers)):
            continue
        outputs = tuple(graph.tensors[output] for output in reader.outputs)
        found[name] = OPS[reader.op].takes_open(reader.attrs, graph.tensors[name], outputs)
    return found


def kernels(graph: FixedGraph) -> dict[str, int]:
    """The weights that are read as kernels, all in the same number of groups."""
    found: dict[str, set[int]] = {}
    weights = set(graph.weights)
    for node in graph.nodes:
        for position, groups in OPS[node.op].kernels(node.attrs).items():
            if node.inputs[position] in weights:
                found.setdefault(node.inputs[position], set()).add(groups)
    return {name: groups.pop() for name, groups in found.items() if len(groups) == 1}


def _readers_of(
    nodes: Sequence[FixedNode], readers: Mapping[str, FixedNode]
) -> tuple[FixedNode | None, ...]:
    return tuple(readers.get(node.outputs[0]) for node in nodes)


def _only_readers(graph: FixedGraph) -> dict[str, FixedNode]:
    """The node that reads a tensor, for tensors that nothing else reads."""
    counts = Counter(name for node in graph.nodes for name in node.inputs)
    counts.update(graph.outputs)
    return {name: node for node in graph.nodes for name in node.inputs if counts[name] == 1}
