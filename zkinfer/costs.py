"""What proofs of a circuit cost: sizes by the formats, times and memory by what is counted.

A proof's body has a point for each committed row that it sends, and with C columns, 2^r constraint
rows and 2^z entries of the witness, all padded, C + 21 + 2 r + 2 z + 4 log2(C) more elements of 32
bytes. Times are sums of counts, each times what one costs; an argument works on segments that are
padded to powers of two. The coefficients are fitted to the models of bench/run.py on two cores of a
common server; `zkinfer.speed` says how another machine compares, and bench/results.md how close
they are.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from zkinfer.certificate import Seeds, certificate_circuit
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Binding, Segment
from zkinfer.fixed import FixedGraph

ELEMENT = 32
HIDDEN = 39
"""Elements of a proof about a record that is hidden among thousands: 8 for each of four digits of
its number to the base 8, and 7.
"""
FRAME = 115
"""Bytes of a container, of names and digests, about."""

PROVING = {
    "padded": 1.35e-8,
    "bits": 3.3e-8,
    "integers": 1.1e-7,
    "sketch": 1.9e-6,
    "nodes": 3.6e-5,
    "blocks": 4.1e-4,
}
"""Seconds of a prove call with the key loaded."""

VERIFYING = {
    "calls": 1.1e-3,
    "sent rows": 1.8e-6,
    "rows of weights": 8.5e-7,
    "columns": 2.9e-6,
    "rows": 6.0e-9,
    "sketch": 6.9e-8,
}
"""Seconds of a verify call with the key loaded."""

MEMORY = {"calls": 4.3e7, "bits": 15.0, "weights": 24.0, "sketch": 600.0}
"""Bytes at the peak of a process that proves."""


@dataclass(frozen=True)
class Layer:
    """What one node of a fixed-point graph takes; copies that are stated together are the first's.

    bits, integers, sketch: entries of the witness. rows: constraint rows.
    share: of the time that all nodes take, from 0 to 1.
    """

    node: str
    op: str
    bits: int
    integers: int
    sketch: int
    rows: int
    share: float


@dataclass(frozen=True)
class Costs:
    """Of proofs of one circuit.

    counts: what times follow from. prove, verify: seconds of a call on the machine that
    coefficients are fitted to. memory: bytes at the peak of a process that proves. proof,
    verifying_key: bytes. layers: the most expensive first.
    """

    counts: Mapping[str, int]
    prove: float
    verify: float
    memory: int
    proof: int
    verifying_key: int
    layers: tuple[Layer, ...]


def costs(graph: FixedGraph, circuit: Circuit) -> Costs:
    """The costs of a graph, of which this is the circuit."""
    rows_of_weights = circuit.committed_rows(Segment.WEIGHTS)
    counts = {
        "calls": 1,
        "public": sum(math.prod(t.extents) for t in circuit.segment(Segment.PUBLIC)[1:]),
        "weights": circuit.entries(Segment.WEIGHTS),
        "rows of weights": rows_of_weights,
        "bits": circuit.entries(Segment.BITS),
        "integers": circuit.entries(Segment.INPUT) + circuit.entries(Segment.TRACE),
        "sketch": circuit.entries(Segment.SKETCH),
        "rows": circuit.rows,
        "columns": circuit.columns,
        "sent rows": _sent(circuit),
        "padded": sum(_padded(circuit)),
        "nodes": len(graph.nodes),
        "blocks": len(circuit.blocks),
    }
    key = len(graph.to_json()) + len(circuit.to_bytes()) + ELEMENT * rows_of_weights + FRAME
    if graph.weights_mode == "public":
        key += sum(_packed(graph, name) for name in graph.weights)
    elif graph.weights:
        certified = certificate_circuit(graph, circuit, Seeds.of(b"", b""))
        projected = ELEMENT * certified.committed_rows(Segment.PROJECTIONS)
        key += len(certified.to_bytes()) + projected + _body(certified)
    return Costs(
        counts=counts,
        prove=_sum(PROVING, counts),
        verify=_sum(VERIFYING, counts),
        memory=round(_sum(MEMORY, counts)),
        proof=_body(circuit) + 8 * counts["public"] + FRAME + _data(graph, circuit),
        verifying_key=key,
        layers=_layers(graph, circuit),
    )


def _data(graph: FixedGraph, circuit: Circuit) -> int:
    """Bytes in which a proof names its records: a section with digests, numbers and rows; and in
    which it lists the rows of its outputs.
    """
    size = 0
    if graph.output_mode == "committed":
        size += 9 + ELEMENT * circuit.committed_rows(Segment.OUTPUT)
    if graph.input_mode == "committed":
        elements = 1 + graph.compares
        elements += 0 if graph.counts else circuit.committed_rows(Segment.RECORD)
        named = ELEMENT * HIDDEN if graph.record_mode == "hidden" else 8
        size += 14 + ELEMENT * elements + named * graph.batch
    return size


def _sum(coefficients: Mapping[str, float], counts: Mapping[str, int]) -> float:
    return sum(each * counts[name] for name, each in coefficients.items())


def _sent(circuit: Circuit) -> int:
    """The committed rows that a proof sends."""
    sent = (Binding.SENT, Binding.BITS, Binding.SKETCH)
    return sum(circuit.committed_rows(s) for s in circuit.segments if s.binding in sent)


def _body(circuit: Circuit) -> int:
    """The bytes of a proof's body."""
    columns = circuit.columns
    sizes = (_power(circuit.rows), _power(sum(_padded(circuit))), columns, columns)
    logarithms = sum(size.bit_length() - 1 for size in sizes)
    return ELEMENT * (_sent(circuit) + columns + 21 + 2 * logarithms)


def _padded(circuit: Circuit) -> list[int]:
    """The entries of each segment, with those that fill it up."""
    return [max(_power(circuit.entries(s)), circuit.columns) for s in circuit.segments]


def _power(count: int) -> int:
    """The least power of two that is not below."""
    return 1 << max(count - 1, 0).bit_length()


def _packed(graph: FixedGraph, name: str) -> int:
    """The bytes of a weight that a key lists."""
    tensor = graph.tensors[name]
    bits = max(tensor.high, -tensor.low - 1).bit_length() + 1
    return math.prod(tensor.shape) * next(size for size in (1, 2, 4, 8) if bits <= 8 * size)


def nodes_and_inputs(graph: FixedGraph) -> frozenset[str]:
    """What paths of a circuit may belong to."""
    nodes = (node.name for node in graph.nodes)
    return frozenset(nodes).union(graph.inputs, graph.weights)


def node_of(known: frozenset[str], path: str) -> str:
    """The node, the input or the weight that a path of a circuit belongs to."""
    name = path
    while name not in known and "/" in name:
        name = name.rpartition("/")[0]
    return name


def _layers(graph: FixedGraph, circuit: Circuit) -> tuple[Layer, ...]:
    """What belongs to each node by its path; what belongs to none are the inputs' checks."""
    ops = {node.name: node.op for node in graph.nodes}
    found: dict[str, Counter[str]] = {}

    known = nodes_and_inputs(graph)

    def of(path: str) -> Counter[str]:
        return found.setdefault(node_of(known, path), Counter())

    names = {
        Segment.BITS: "bits",
        Segment.INPUT: "integers",
        Segment.TRACE: "integers",
        Segment.SKETCH: "sketch",
    }
    for tensor in circuit.tensors:
        if tensor.segment in names:
            entries = math.prod(tensor.extents)
            of(tensor.path).update({names[tensor.segment]: entries, "padded": entries})
    for block in circuit.blocks:
        of(block.path).update({"rows": math.prod(block.extents), "blocks": 1})
    times = {name: _sum(PROVING, counter) for name, counter in found.items()}
    total = sum(times.values())
    return tuple(
        Layer(
            node=name,
            op=ops.get(name, "output" if name in graph.outputs else "input"),
            bits=found[name]["bits"],
            integers=found[name]["integers"],
            sketch=found[name]["sketch"],
            rows=found[name]["rows"],
            share=times[name] / total,
        )
        for name in sorted(found, key=lambda name: -times[name])
    )
