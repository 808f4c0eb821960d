"""Verifying and proving keys: byte formats, strict loading and acceptance.

Verifying key (public), sections: the name of the backend; the fixed-point graph as canonical JSON;
how the backend knows the circuit; the commitment to the weights; the weights if they are public,
else empty; what shows of hidden ones what the backend needs to know (certified_keys.py,
pairing/keys.py). The key's digest is SHA3-256 over the container up to, and without, this last
section. The model commitment is SHA3-256 over b"zkinfer/v1/model/" and the commitment.

Proving key (secret), sections: the verifying key's bytes; the weights; the blindings of the
commitment; of a backend that has one the circuit's setup. Weights and blindings are empty when the
weights are public: the verifying key has them.

Weights are the graph's constant tensors in order, row-major, little-endian, each tensor in the
fewest of 1, 2, 4 or 8 bytes an entry that its declared range fits.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from mmap import mmap

import numpy as np
import numpy.typing as npt

from zkinfer import certified_keys, container
from zkinfer.backends import groth16, transparent
from zkinfer.backends.contract import Backend, Prover, Verifier
from zkinfer.certified_keys import certify, commit_weights
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.target import Ranges, Target
from zkinfer.errors import FormatError
from zkinfer.files import (
    SECRET_MODE,
    NewFile,
    StrPath,
    check_free,
    load_file,
    map_file,
    parsed,
    write_files,
)
from zkinfer.fixed import FixedGraph, FixedTensor, refusing
from zkinfer.lower import lower
from zkinfer.pairing import keys as pairing_keys
from zkinfer.plan import Plan, make_plan

Integers = npt.NDArray[np.int64]

BACKENDS: Mapping[str, Backend] = {
    backend.NAME: backend for backend in (certified_keys, pairing_keys)
}
_MODEL_LABEL = b"zkinfer/v1/model/"

_INTEGER_TYPES = tuple(np.dtype(name) for name in ("<i1", "<i2", "<i4", "<i8"))


@dataclass(frozen=True, eq=False, repr=False)
class VerifyingKey:
    """What a verifier needs: the network, its circuit and the commitment to its weights.

    graph: the fixed-point graph; circuit: how the backend knows its circuit; rows: the commitment;
    weights: name to int64 array if the weights are public, else None; certificate: of hidden
    weights, what the backend needs to know of them; backend: its name.

    There is no key that was not accepted: making one, by hand as by reading bytes, raises
    FormatError unless its backend accepts it.
    """

    graph: FixedGraph
    circuit: bytes
    rows: bytes
    weights: Mapping[str, Integers] | None
    certificate: bytes = b""
    backend: str = transparent.NAME

    def __post_init__(self) -> None:
        """Accepts the key."""
        if self.graph.weights_mode == "hidden" and self.weights is not None:
            raise FormatError("this verifying key lists weights although they are hidden")
        self.system.accept(self)

    @property
    def system(self) -> Backend:
        """The backend."""
        return BACKENDS[self.backend]

    @cached_property
    def native_circuit(self) -> transparent.Circuit:
        """The circuit as the native module holds it, of a transparent key."""
        return transparent.parse_circuit(self.circuit)

    @property
    def target(self) -> Target:
        """What the rows of the circuit are for."""
        return self.system.target(self)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What proofs of the backend do not show, one sentence each."""
        return self.system.caveats(self)

    @cached_property
    def verifier(self) -> Verifier:
        """Made once, then ready for any number of proofs."""
        return self.system.verifier(self)

    @cached_property
    def key_digest(self) -> bytes:
        """SHA3-256 of everything in the key but the certificate, 32 bytes."""
        stated = (self.graph, self.circuit, self.rows, self.weights)
        return key_digest(*stated, backend=self.backend)

    @property
    def digest(self) -> str:
        """The key's digest in hex."""
        return self.key_digest.hex()

    @cached_property
    def circuit_digest(self) -> str:
        """SHA3-256 in hex of what the backend knows the circuit by."""
        return hashlib.sha3_256(self.circuit).hexdigest()

    @cached_property
    def model_commitment(self) -> str:
        """SHA3-256 of the commitment to the weights in hex."""
        return hashlib.sha3_256(_MODEL_LABEL + self.rows).hexdigest()

    @cached_property
    def _parts(self) -> tuple[bytes, ...]:
        stated = _stated(self.graph, self.circuit, self.rows, self.weights, self.backend)
        return (*stated, self.certificate)

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
        name = backend.decode("ascii", "replace")
        if name not in BACKENDS:
            raise FormatError(
                f"this verifying key is for the backend {name!r}; known are {', '.join(BACKENDS)}"
            )
        graph = read_graph(graph_json)
        weights = unpack_weights(graph, packed) if graph.weights_mode == "public" else None
        if weights is None and packed:
            raise FormatError("this verifying key lists weights although they are hidden")
        return cls(graph, circuit, rows, weights, certificate, name)

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

    weights: name to int64 array; blinds: what opens the commitment besides, all zero for public
    weights; setup: that of the circuit, or nothing.
    """

    verifying_key: VerifyingKey
    weights: Mapping[str, Integers]
    blinds: bytes
    setup: bytes | memoryview = b""

    @property
    def graph(self) -> FixedGraph:
        """The fixed-point graph of the network."""
        return self.verifying_key.graph

    @cached_property
    def plan(self) -> Plan:
        """How the graph is lowered; made once, then ready for any number of inputs."""
        return make_plan(self.graph)

    @cached_property
    def prover(self) -> Prover:
        """Made once, then ready for any number of inputs.

        Raises FormatError when the weights and blindings do not open the key's commitment.
        """
        key = self.verifying_key
        return key.system.prover(key, self.weights, self.blinds, self.setup)

    def to_bytes(self) -> bytes:
        """The container. Whoever has it has the weights."""
        key = self.verifying_key
        secrets = (b"", b"")
        if key.weights is None:
            secrets = (pack_weights(key.graph, self.weights), self.blinds)
        return container.write(container.PROVING_KEY, (key.to_bytes(), *secrets, self.setup))

    @classmethod
    def from_bytes(cls, data: bytes | mmap) -> "ProvingKey":
        """Reads a key, and accepts the verifying key in it. Raises FormatError.

        The setup is a view of the data.
        """
        *parts, setup = container.views(container.PROVING_KEY, data)
        inner, packed, blinds = map(bytes, parts)
        key = VerifyingKey.from_bytes(inner)
        if key.weights is not None:
            if packed or blinds:
                raise FormatError("this proving key repeats weights that are public")
            return cls(key, key.weights, bytes(len(key.rows)), setup)
        return cls(key, unpack_weights(key.graph, packed), blinds, setup)

    @classmethod
    def load(cls, path: StrPath) -> "ProvingKey":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        data = map_file(path, container.PROVING_KEY.limit, "proving key")
        return parsed(path, data, cls.from_bytes)

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
    made already. Takes seconds for millions. Raises FormatError for a circuit beyond the limits of
    a key.
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


def make_pairing_keys(
    graph: FixedGraph, weights: Mapping[str, Integers], ranges: Ranges, zkey: bytes | None = None
) -> ProvingKey:
    """The keys of a network for the pairing backend: commits to its weights under a setup.

    weights: as `make_keys` takes them. ranges: what keeps hidden ones small. zkey: the circuit's
    setup; without it one is made on this machine, for development.
    """
    pairing_keys.check_supported(graph)
    wires = pairing_keys.wiring(graph, ranges)
    r1cs = wires.r1cs
    insecure = zkey is None
    zkey = groth16.setup(r1cs) if zkey is None else zkey
    known = groth16.read_setup(zkey, r1cs)
    if not insecure and not known.contributions:
        raise FormatError(
            "this setup records no contribution: it is one for development, or its ceremony was "
            "not finished (`snarkjs zkey contribute`)"
        )
    own = known.key
    setup = pairing_keys.Setup(insecure, ranges, own.to_bytes())
    hidden = graph.weights_mode == "hidden"
    blinding = pairing_keys.random_blinding() if hidden else 0
    scalars = wires.scalars(weights, blinding)
    commitment = groth16.commit(own, wires.public, scalars)
    stated = (graph, setup.to_bytes(), commitment, None if hidden else weights)
    opening = b""
    if hidden:
        seed = key_digest(*stated, backend=groth16.NAME)
        opening = groth16.open_commitment(own, wires.public, scalars, seed)
    key = VerifyingKey(*stated, opening, groth16.NAME)
    return ProvingKey(key, weights, blinding.to_bytes(32, "little"), zkey)


def key_digest(
    graph: FixedGraph,
    circuit: bytes,
    rows: bytes,
    weights: Mapping[str, Integers] | None,
    *,
    backend: str = transparent.NAME,
) -> bytes:
    """SHA3-256 of all sections of a verifying key but the certificate, which is about it."""
    sections = _stated(graph, circuit, rows, weights, backend)
    return hashlib.sha3_256(container.prefix(container.VERIFYING_KEY, sections)).digest()


def _stated(
    graph: FixedGraph,
    circuit: bytes,
    rows: bytes,
    weights: Mapping[str, Integers] | None,
    backend: str,
) -> tuple[bytes, ...]:
    packed = b"" if weights is None else pack_weights(graph, weights)
    return (backend.encode(), graph.to_json(), circuit, rows, packed)


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


def read_graph(data: bytes) -> FixedGraph:
    """The graph of a key. Raises FormatError."""
    with refusing():
        return FixedGraph.from_json(data)
