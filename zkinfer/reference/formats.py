"""formats.md: containers, verifying keys and proofs; data.py has commitments to data."""

import hashlib
import math
from dataclasses import dataclass

from zkinfer.reference.circuit import COMMITTED, Circuit, Extents
from zkinfer.reference.errors import demand
from zkinfer.reference.graph import Graph, parse_graph
from zkinfer.reference.matrix import check_steps
from zkinfer.reference.reader import Reader

MIB = 2**20
GIVEN = ("record", "output")  # segments whose rows come with each statement
Sections = tuple[list[bytes], list[int]]


def sha3(data: bytes) -> bytes:
    """SHA3-256."""
    return hashlib.sha3_256(data).digest()


@dataclass
class VerifyingKey:
    """A verifying key; rows are the commitments to the weights."""

    graph: Graph
    circuit: Circuit
    rows: list[bytes]
    digest: bytes
    certificate: bytes


@dataclass
class Proof:
    """A proof; public has shape and values of each public tensor but tensor 0.

    Of a proof about records: numbers are theirs, digests those of the data and of the labels that
    it names, rows are the records', where they do not count. hidden: how many records it does not
    name; their rows are fresh ones. Of one whose outputs are committed: outputs are their rows.
    """

    key_digest: bytes
    context: bytes
    public: list[tuple[Extents, tuple[int, ...]]]
    body: bytes
    numbers: tuple[int, ...] = ()
    digests: tuple[bytes, ...] = ()
    rows: tuple[bytes, ...] = ()
    hidden: int = 0
    outputs: bytes = b""

    @property
    def named(self) -> bytes:
        """What the statement says besides the rows."""
        return b"".join((*self.digests, *(number.to_bytes(8, "little") for number in self.numbers)))


def is_pairing(data: bytes) -> bool:
    """Whether a verifying key says that it is of the backend groth16, which pairing.py reads."""
    return data[:8] == b"zkinf.vk" and data[11:26] == b"\x07" + bytes(7) + b"groth16"


def parse_key(data: bytes) -> VerifyingKey:
    """Reads a verifying key. Raises FormatError."""
    limits = (16, 2 * MIB, 4 * MIB, 64 * MIB, 2048 * MIB, 64 * MIB)
    sections, ends = container(data, "the verifying key", b"zkinf.vk", 2, limits)
    backend, graph_bytes, circuit_bytes, row_bytes, public_weights, certificate = sections
    demand(backend == b"transparent", "the key is for another backend")
    graph, circuit = parse_graph(graph_bytes), Circuit(circuit_bytes)
    check_steps(circuit)
    rows = [row_bytes[at : at + 32] for at in range(0, len(row_bytes), 32)]
    names = [segment.name for segment in circuit.bound(COMMITTED)]
    given = ["record"] * (graph.modes["input_mode"] == "committed") + ["output"] * graph.commits
    demand([n for n in names if n in GIVEN] == given, "the circuit has other rows")
    committed = [s.rows for s in circuit.bound(COMMITTED) if s.name not in GIVEN]
    fits = [len(row) for row in rows] == [32] * sum(committed) and len(committed) < 2
    demand(fits, "the key has another number of rows than its circuit")
    shown = circuit.public[1:]
    if graph.public[1:] == ["confusion"] and len(shown) == 2:
        (graph.classes,) = shown[1].shape[:1] or (0,)
    shapes = [graph.shape(name) for name in graph.public]
    fits = [tensor.shape for tensor in shown] == shapes
    demand(fits, "the circuit does not fit the graph")
    known = graph.modes["weights_mode"] == "public"
    demand(known or not public_weights, "the key shows weights that are hidden")
    needed = bool(rows) and not known
    demand(bool(certificate) == needed, "the key has no certificate, or needs none")
    return VerifyingKey(graph, circuit, rows, sha3(data[: ends[4]]), certificate)


def read_proof(data: bytes) -> Proof:
    """Reads a proof. Raises FormatError."""
    limits = (32, 2**16, 64 * MIB, 64 * MIB, 64 * MIB, 64 * MIB)
    sections, _ = container(data, "the proof", b"zkinf.pf", 2, limits, optional=2)
    key_digest, context, public, body, named, outputs = sections
    demand(len(key_digest) == 32, "the proof's key digest has not 32 bytes")
    reader = Reader(public, "the proof's list of public values")
    count = reader.uint(4)
    demand(count <= 1024, "the proof has more than 1024 public tensors")
    tensors = []
    for _ in range(count):
        shape = tuple(reader.uint(4) for _ in range(reader.uint(1)))
        demand(len(shape) <= 8 and all(shape), "a public tensor has over 8 axes, or an empty one")
        tensors.append((shape, reader.int64s(math.prod(shape))))
    reader.end()
    if not named:
        return Proof(key_digest, context, tensors, body, outputs=outputs)
    reader = Reader(named, "the proof's list of records")
    count, said = reader.uint(4), reader.uint(1)
    demand(1 <= count <= 2**14 and said <= 3, "the proof names no records, or too many")
    labelled, hidden = said == 1, count if said == 2 else 0
    digests = tuple(reader.take(32) for _ in range(1 + labelled))
    numbers = tuple(reader.uint(8) for _ in range(count - hidden))
    rest = len(named) - reader.position
    rows = tuple(reader.take(32) for _ in range(rest // 32))
    reader.end()
    demand(bool(rows) == (said in (0, 2)), "the proof has no rows of its records, or needs none")
    return Proof(key_digest, context, tensors, body, numbers, digests, rows, hidden, outputs)


def container(
    data: bytes, name: str, magic: bytes, version: int, limits: Extents, optional: int = 0
) -> Sections:
    """The sections of a container, and where each ends; the last ones may be missing, and empty."""
    demand(data[:8] == magic, f"{name} has another magic: it is no such file")
    demand(sha3(data[:-32]) == data[-32:], f"{name} is damaged: its checksum does not fit")
    reader = Reader(data[:-32], name)
    reader.take(8)
    demand(reader.uint(2) == version, f"{name} has another version than {version}")
    sections, ends = [], []
    for tag, limit in enumerate(limits, start=1):
        needed = tag <= len(limits) - optional
        at = reader.position
        if not needed and (at == len(data) - 32 or data[at] != tag):
            sections.append(b"")
            continue
        demand(reader.uint(1) == tag, f"section {tag} of {name} is missing or out of order")
        size = reader.uint(8)
        demand(size <= limit, f"section {tag} of {name} is longer than {limit} bytes")
        demand(needed or size > 0, f"section {tag} of {name} is there, and empty")
        sections.append(reader.take(size))
        ends.append(reader.position)
    reader.end()
    return sections, ends
