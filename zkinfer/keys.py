"""Verifying and proving keys: byte formats, strict loading and acceptance.

Verifying key (public), sections: the name of the backend; the fixed-point graph as canonical JSON;
the circuit's bytes; the commitments to the weights' rows (32 bytes each); the weights if they are
public, else empty; if there are hidden ones the weights certificate: the length of its circuit
(u32), the circuit, the rows of its projections, 32 bytes each, and the proof's body. The key's
digest is SHA3-256 over the container up to, and without, the certificate section. The model
commitment is SHA3-256 over b"zkinfer/v1/model/" and the row commitments.

Proving key (secret), sections: the verifying key's bytes; the weights; the rows' blindings
(32 bytes each). Weights and blindings are empty when the weights are public: the verifying key
has them.

Weights are the graph's constant tensors in order, row-major, little-endian, each tensor in the
fewest of 1, 2, 4 or 8 bytes an entry that its declared range fits.
"""

import hashlib
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer import container
from zkinfer.backends import transparent
from zkinfer.certificate import (
    Seeds,
    certificate_circuit,
    combine,
    project,
    weight_matrix,
)
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.errors import FormatError, VerificationError
from zkinfer.files import SECRET_MODE, NewFile, StrPath, check_free, load_file, write_files
from zkinfer.fixed import FixedGraph, FixedTensor
from zkinfer.lower import lower, weight_arrays
from zkinfer.plan import Plan, make_plan

Integers = npt.NDArray[np.int64]

POINT_SIZE = 32
_LENGTH = struct.Struct("<I")
_MODEL_LABEL = b"zkinfer/v1/model/"

T = TypeVar("T")
_INTEGER_TYPES = tuple(np.dtype(name) for name in ("<i1", "<i2", "<i4", "<i8"))


@dataclass(frozen=True, eq=False, repr=False)
class VerifyingKey:
    """What a verifier needs: the network, its circuit and the commitment to its weights.

    graph: the fixed-point graph; circuit: its circuit's bytes; rows: row commitments; weights:
    name to int64 array if the weights are public, else None; certificate: that hidden weights are
    small integers.

    There is no key that was not accepted: making one, by hand as by reading bytes, lowers the graph
    and raises FormatError unless the circuit is the one that follows, and the certificate is valid
    or the rows commit to the public weights.
    """

    graph: FixedGraph
    circuit: bytes
    rows: bytes
    weights: Mapping[str, Integers] | None
    certificate: bytes = b""

    def __post_init__(self) -> None:
        """Accepts the key."""
        circuit = accept_circuit(self.graph, self.circuit, self.rows)
        _ = self.native_circuit  # within the native module's limits too
        if self.graph.weights_mode == "hidden":
            if self.weights is not None:
                raise FormatError("this verifying key lists weights although they are hidden")
            accept_certificate(self, circuit)
            return
        if self.certificate:
            raise FormatError("this verifying key has a certificate of public weights")
        shown = self.weights
        if shown is None or self.rows != commit_weights(self.graph, self.native_circuit, shown)[0]:
            raise FormatError("this verifying key's commitments are not to its public weights")

    @cached_property
    def native_circuit(self) -> transparent.Circuit:
        """The circuit as the native module holds it."""
        return transparent.parse_circuit(self.circuit)

    @cached_property
    def verifier(self) -> transparent.Verifier:
        """The native verifier; made once, then ready for any number of proofs."""
        rows = _by_segment(self.graph, self.rows)
        return transparent.make_verifier(self.native_circuit, rows, self.key_digest)

    @cached_property
    def key_digest(self) -> bytes:
        """SHA3-256 of everything in the key but the certificate, 32 bytes."""
        return key_digest(self.graph, self.circuit, self.rows, self.weights)

    @property
    def digest(self) -> str:
        """The key's digest in hex."""
        return self.key_digest.hex()

    @property
    def circuit_digest(self) -> str:
        """SHA3-256 of the circuit's bytes in hex."""
        return self.native_circuit.digest.hex()

    @property
    def model_commitment(self) -> str:
        """SHA3-256 of the commitments to the weights in hex."""
        return hashlib.sha3_256(_MODEL_LABEL + self.rows).hexdigest()

    @cached_property
    def _parts(self) -> tuple[bytes, ...]:
        return (*_stated(self.graph, self.circuit, self.rows, self.weights), self.certificate)

    @cached_property
    def _encoded(self) -> bytes:
        return container.write(container.VERIFYING_KEY, self._parts)

    def to_bytes(self) -> bytes:
        """The container."""
        return self._encoded

    @classmethod
    def from_bytes(cls, data: bytes) -> "VerifyingKey":
        """Reads and accepts a key from untrusted bytes. Raises FormatError."""
        backend, graph_json, circuit, rows, packed, certificate = container.read(
            container.VERIFYING_KEY, data
        )
        if backend != transparent.NAME.encode():
            raise FormatError(
                f"this verifying key is for the backend {backend.decode('ascii', 'replace')!r}; "
                f"expected {transparent.NAME!r}"
            )
        graph = read_graph(graph_json)
        weights = unpack_weights(graph, packed) if graph.weights_mode == "public" else None
        if weights is None and packed:
            raise FormatError("this verifying key lists weights although they are hidden")
        return cls(graph, circuit, rows, weights, certificate)

    @classmethod
    def load(cls, path: StrPath) -> "VerifyingKey":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        limit = container.VERIFYING_KEY.limit
        return load_file(path, limit, "verifying key", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file. Raises UsageError if it exists, unless forced."""
        check_free(path, lambda _: force)
        write_files([NewFile(path, self.to_bytes())])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.key_digest)

    def __reduce__(self) -> tuple[Callable[[bytes], "VerifyingKey"], tuple[bytes]]:
        """Pickles as its bytes, so that unpickling accepts the key."""
        return VerifyingKey.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"<zkinfer verifying key {self.digest[:16]}…, {len(self.to_bytes())} bytes>"


@dataclass(frozen=True, eq=False, repr=False)
class ProvingKey:
    """The verifying key with the weights and the openings of their commitments. Secret.

    So is a pickled one: it holds the same bytes.

    weights: name to int64 array; blinds: 32 bytes a committed row (all zero for public weights).
    """

    verifying_key: VerifyingKey
    weights: Mapping[str, Integers]
    blinds: bytes

    @property
    def graph(self) -> FixedGraph:
        """The fixed-point graph of the network."""
        return self.verifying_key.graph

    @cached_property
    def plan(self) -> Plan:
        """How the graph is lowered; made once, then ready for any number of inputs."""
        return make_plan(self.graph)

    @cached_property
    def prover(self) -> transparent.Prover:
        """The native prover; made once, then ready for any number of inputs.

        Raises FormatError when the weights and blindings do not open the key's commitments.
        """
        key = self.verifying_key
        return transparent.make_prover(key.native_circuit, self.opened, key.key_digest)

    @property
    def opened(self) -> dict[Segment, transparent.Opened]:
        """What opens the key's commitments."""
        key = self.verifying_key
        arrays = weight_arrays(key.graph, self.weights)
        return _by_segment(key.graph, transparent.Opened(arrays, key.rows, self.blinds))

    def to_bytes(self) -> bytes:
        """The container. Whoever has it has the weights."""
        key = self.verifying_key
        secrets = (b"", b"")
        if key.weights is None:
            secrets = (pack_weights(key.graph, self.weights), self.blinds)
        return container.write(container.PROVING_KEY, (key.to_bytes(), *secrets))

    @classmethod
    def from_bytes(cls, data: bytes) -> "ProvingKey":
        """Reads a key, and accepts the verifying key in it. Raises FormatError."""
        inner, packed, blinds = container.read(container.PROVING_KEY, data)
        key = VerifyingKey.from_bytes(inner)
        if key.weights is not None:
            if packed or blinds:
                raise FormatError("this proving key repeats weights that are public")
            return cls(key, key.weights, bytes(len(key.rows)))
        if len(blinds) != len(key.rows):
            raise FormatError(
                f"this proving key has {len(blinds)} bytes of blindings, {len(key.rows)} expected"
            )
        return cls(key, unpack_weights(key.graph, packed), blinds)

    @classmethod
    def load(cls, path: StrPath) -> "ProvingKey":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        limit = container.PROVING_KEY.limit
        return load_file(path, limit, "proving key", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file that only its owner can read. Raises UsageError if it exists."""
        check_free(path, lambda _: force)
        write_files([NewFile(path, self.to_bytes(), SECRET_MODE)])

    def __reduce__(self) -> tuple[Callable[[bytes], "ProvingKey"], tuple[bytes]]:
        """Pickles as its bytes, so that unpickling accepts the key in it. The pickle is secret."""
        return ProvingKey.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"<zkinfer proving key for {self.verifying_key.digest[:16]}…, secret>"


def make_keys(
    graph: FixedGraph, weights: Mapping[str, Integers], circuit: Circuit | None = None
) -> ProvingKey:
    """The keys of a network: lowers it, commits to its weights and certifies hidden ones.

    weights: int64 arrays by name, each within its declared range. circuit: the graph's, if it is
    made already. Takes seconds for millions.
    """
    circuit = circuit or lower(graph)
    encoded = circuit.to_bytes()
    rows, blinds = commit_weights(graph, transparent.parse_circuit(encoded), weights)
    shown = weights if graph.weights_mode == "public" else None
    certificate = b""
    if shown is None and graph.weights:
        digest = key_digest(graph, encoded, rows, shown)
        certificate = certify(graph, circuit, weights, (rows, blinds), digest)
    key = VerifyingKey(graph, encoded, rows, shown, certificate)
    return ProvingKey(key, weights, blinds)


def certify(
    graph: FixedGraph,
    circuit: Circuit,
    weights: Mapping[str, Integers],
    opened: tuple[bytes, bytes],
    key_digest: bytes,
) -> bytes:
    """The certificate of hidden weights. opened: their rows and the rows' blindings."""
    matrix = weight_matrix(circuit, weight_arrays(graph, weights))
    seeds = Seeds.of(key_digest, b"")
    projections = project(graph, matrix, seeds)
    # The projections are committed before the signs that combine them are known.
    draft = transparent.parse_circuit(certificate_circuit(graph, circuit, seeds).to_bytes())
    rows, blinds = transparent.commit(draft, Segment.PROJECTIONS, projections, hidden=True)
    seeds = Seeds.of(key_digest, rows)
    encoded = certificate_circuit(graph, circuit, seeds).to_bytes()
    committed = {
        Segment.WEIGHTS: transparent.Opened([matrix], *opened),
        Segment.PROJECTIONS: transparent.Opened(projections, rows, blinds),
    }
    prover = transparent.make_prover(transparent.parse_circuit(encoded), committed, key_digest)
    witness = {Segment.BITS: combine(graph, projections, seeds)}
    body = transparent.prove(prover, b"", witness, certificate=True)
    return _LENGTH.pack(len(encoded)) + encoded + rows + body


def commit_weights(
    graph: FixedGraph, circuit: transparent.Circuit, weights: Mapping[str, Integers]
) -> tuple[bytes, bytes]:
    """Row commitments to the weights and their blindings, zero for public weights."""
    if not graph.weights:
        return b"", b""
    hidden = graph.weights_mode == "hidden"
    arrays = weight_arrays(graph, weights)
    return transparent.commit(circuit, Segment.WEIGHTS, arrays, hidden=hidden)


def _by_segment(graph: FixedGraph, committed: T) -> dict[Segment, T]:
    """What is known of the weights' rows, if there are any."""
    return {Segment.WEIGHTS: committed} if graph.weights else {}


def key_digest(
    graph: FixedGraph, circuit: bytes, rows: bytes, weights: Mapping[str, Integers] | None
) -> bytes:
    """SHA3-256 of all sections of a verifying key but the certificate, which is about it."""
    sections = _stated(graph, circuit, rows, weights)
    return hashlib.sha3_256(container.prefix(container.VERIFYING_KEY, sections)).digest()


def _stated(
    graph: FixedGraph, circuit: bytes, rows: bytes, weights: Mapping[str, Integers] | None
) -> tuple[bytes, ...]:
    packed = b"" if weights is None else pack_weights(graph, weights)
    return (transparent.NAME.encode(), graph.to_json(), circuit, rows, packed)


def pack_weights(graph: FixedGraph, weights: Mapping[str, Integers]) -> bytes:
    """The bytes of all weights in the graph's order."""
    return b"".join(
        weights[name].astype(_integer_type(graph.tensors[name])).tobytes() for name in graph.weights
    )


def unpack_weights(graph: FixedGraph, data: bytes) -> dict[str, Integers]:
    """The weights as read-only int64 arrays.

    Raises FormatError when the length is not the one that the graph fixes or a weight is out of
    its declared range.
    """
    sizes = {
        name: math.prod(graph.tensors[name].shape) * _integer_type(graph.tensors[name]).itemsize
        for name in graph.weights
    }
    expected = sum(sizes.values())
    if len(data) != expected:
        raise FormatError(f"this key has {len(data)} bytes of weights, {expected} expected")
    weights: dict[str, Integers] = {}
    position = 0
    for name in graph.weights:
        tensor = graph.tensors[name]
        piece = memoryview(data)[position : position + sizes[name]]
        position += sizes[name]
        values = np.frombuffer(piece, dtype=_integer_type(tensor)).astype(np.int64)
        if values.min() < tensor.low or values.max() > tensor.high:
            raise FormatError(
                f"weights {name} are not all within their range {tensor.low} to {tensor.high}"
            )
        values.setflags(write=False)
        weights[name] = values.reshape(tensor.shape)
    return weights


def _integer_type(tensor: FixedTensor) -> np.dtype[np.signedinteger]:
    """The smallest integer type that holds the tensor's declared range."""
    for kind in _INTEGER_TYPES:
        limits = np.iinfo(kind)
        if limits.min <= tensor.low and tensor.high <= limits.max:
            return kind
    raise FormatError(f"the range {tensor.low} to {tensor.high} does not fit 64 bits")


@contextmanager
def _whatever_breaks_refuses() -> Iterator[None]:
    """A hostile graph may break any step of reading and lowering: each ends in FormatError."""
    try:
        yield
    except (FormatError, MemoryError):
        raise
    except Exception as error:
        raise FormatError(f"this key's graph has no circuit: {error}") from error


def read_graph(data: bytes) -> FixedGraph:
    """The graph of a key. Raises FormatError."""
    with _whatever_breaks_refuses():
        return FixedGraph.from_json(data)


def accept_circuit(graph: FixedGraph, encoded: bytes, rows: bytes) -> Circuit:
    """The circuit of a graph, if its bytes are the key's and the rows are as many.

    Raises FormatError.
    """
    with _whatever_breaks_refuses():
        circuit = lower(graph)
        follows = circuit.to_bytes() == encoded
    if not follows:
        raise FormatError("this key's circuit does not follow from its graph")
    expected = POINT_SIZE * circuit.committed_rows(Segment.WEIGHTS)
    if len(rows) != expected:
        raise FormatError(
            f"this key has {len(rows)} bytes of weight commitments, {expected} expected"
        )
    return circuit


def accept_certificate(key: VerifyingKey, circuit: Circuit) -> None:
    """Raises FormatError unless the certificate proves that the weights, if any, are small."""
    if not key.graph.weights and not key.certificate:
        return
    draft = certificate_circuit(key.graph, circuit, Seeds.of(key.key_digest, b""))
    start = _LENGTH.size + len(draft.to_bytes())
    end = start + POINT_SIZE * draft.committed_rows(Segment.PROJECTIONS)
    rows, body = key.certificate[start:end], key.certificate[end:]
    seeds = Seeds.of(key.key_digest, rows)
    encoded = certificate_circuit(key.graph, circuit, seeds).to_bytes()
    if key.certificate[:start] != _LENGTH.pack(len(encoded)) + encoded:
        raise FormatError("this key's certificate is missing or not about its weights")
    committed = {Segment.WEIGHTS: key.rows, Segment.PROJECTIONS: rows}
    try:
        native = transparent.parse_circuit(encoded)
        verifier = transparent.make_verifier(native, committed, key.key_digest)
        transparent.verify(verifier, b"", [], body, certificate=True)
    except (FormatError, VerificationError) as error:
        raise FormatError(f"this key's certificate is not valid: {error}") from error
