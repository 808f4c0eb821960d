"""Keys of the pairing backend: weights committed to in the first point of a Groth16 key.

The circuit of a verifying key is its setup: one byte of flags (1: made on one machine, 2: nothing
keeps hidden weights small), and the setup's verifying key, with a point for each weight. `rows` is
the commitment D to the weights, and the certificate of hidden ones a proof of knowledge of its
opening: without that, D = -(IC_0 + sum_j x_j IC_j) would prove any outputs x_j. (docs/formats.md,
"Pairing proofs".) Public weights have the blinding 0, so that whoever accepts the key commits to
them again.

That a setup is one of the graph's circuit cannot be told from a verifying key: one made on one
machine proves nothing to whoever does not trust that, and one of a ceremony is checked against the
circuit by `snarkjs zkey verify`.
"""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.backends import groth16
from zkinfer.backends.contract import Stated
from zkinfer.backends.transparent import Data, Hidden, Opened
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.target import PAIRING, Ranges, Target
from zkinfer.errors import FormatError, UnsupportedModelError, UsageError, VerificationError
from zkinfer.fixed import FixedGraph, refusing
from zkinfer.pairing.costs import check_size, pairing_costs
from zkinfer.pairing.curve import G1_SIZE, G2_SIZE, R
from zkinfer.pairing.groth16 import context_element
from zkinfer.pairing.r1cs import elements
from zkinfer.pairing.wiring import Wiring, as_they_are

Integers = npt.NDArray[np.int64]

NAME = groth16.NAME
_INSECURE, _UNCHECKED = 1, 2
_FIXED = G1_SIZE + 3 * G2_SIZE
"""The bytes of a setup's key before the points for signals."""


@dataclass(frozen=True)
class Setup:
    """What a verifying key says of its setup.

    insecure: whether it was made on one machine. ranges: what keeps hidden weights small.
    verifying_key: its own, with all points.
    """

    insecure: bool
    ranges: Ranges
    verifying_key: bytes

    def to_bytes(self) -> bytes:
        """The section of a key."""
        flags = self.insecure * _INSECURE + (self.ranges is Ranges.UNCHECKED) * _UNCHECKED
        return bytes([flags]) + self.verifying_key

    @classmethod
    def from_bytes(cls, data: bytes) -> "Setup":
        """Reads the section. Raises FormatError."""
        if not data or data[0] > _INSECURE + _UNCHECKED:
            raise FormatError("this verifying key has no setup")
        ranges = Ranges.UNCHECKED if data[0] & _UNCHECKED else Ranges.CHECKED
        return cls(bool(data[0] & _INSECURE), ranges, data[1:])


def choose_ranges(graph: FixedGraph, word: str | None) -> Ranges:
    """What keeps hidden weights small: as a word says, or rows where these at most double the
    circuit. Raises UsageError.
    """
    if graph.weights_mode == "public":
        if word is not None:
            raise UsageError("public weights are what they are; leave --weight-ranges out")
        return Ranges.CHECKED
    words = {ranges.value: ranges for ranges in PAIRING}
    if word is not None:
        if word not in words:
            raise UsageError(f"unknown weight ranges {word!r}; choose one of {', '.join(words)}")
        return words[word]
    rows = pairing_costs(graph, Ranges.UNCHECKED).counts["rows"]
    tensors = [graph.tensors[name] for name in graph.weights]
    bits = sum(math.prod(t.shape) * (t.high - t.low).bit_length() for t in tensors)
    if bits > rows:
        raise UsageError(
            f"showing that weights are small takes {bits} rows, and all else about {rows}; choose "
            "--weight-ranges checked, or --weight-ranges unchecked, with which committed weights "
            "may be any elements of a field; or --backend transparent, where it costs nothing"
        )
    return Ranges.CHECKED


def check_supported(graph: FixedGraph) -> None:
    """Raises UnsupportedModelError for what pairing proofs cannot be about."""
    if graph.input_mode == "committed" or graph.output_mode == "committed":
        raise UnsupportedModelError(
            "proofs of the backend groth16 are not about committed data; use --backend transparent"
        )
    if not graph.weights:
        raise UnsupportedModelError(
            "this model has no weights to commit to, and the backend groth16 needs some; use "
            "--backend transparent"
        )


def public_signals(graph: FixedGraph) -> int:
    """How many a verifier is given: the context's element, and the public integers."""
    return 1 + sum(math.prod(tensor.shape) for _, tensor in graph.shown)


def points(verifying_key: bytes) -> int:
    """How many points a setup's key has for signals, the constant one included."""
    return max(len(verifying_key) - _FIXED, 0) // G1_SIZE


def accept(key: Stated) -> None:
    """Raises FormatError unless the setup's points are good, as many as the graph wants, and the
    commitment is to the public weights, or shown to be to some.
    """
    setup, graph = Setup.from_bytes(key.circuit), key.graph
    with refusing():
        check_supported(graph)
        public = public_signals(graph)
        weights = sum(math.prod(graph.tensors[name].shape) for name in graph.weights)
    found = points(setup.verifying_key)
    if found != 2 + public + weights:
        raise FormatError(
            f"this key's setup has {found} points, {2 + public + weights} expected for "
            f"{public} public signals and {weights} weights"
        )
    known = groth16.read_key(setup.verifying_key)
    if graph.weights_mode == "hidden":
        groth16.check_opening(known, public, key.rows, key.key_digest, key.certificate)
        return
    if key.certificate:
        raise FormatError("this verifying key has a certificate of public weights")
    if key.weights is None:
        raise FormatError("this verifying key does not list its public weights")
    if setup.ranges is Ranges.UNCHECKED:
        raise FormatError("this verifying key says that its public weights may be anything")
    scalars = as_they_are(graph, key.weights).tobytes() + bytes(32)
    if key.rows != groth16.commit(known, public, scalars):
        raise FormatError("this verifying key's commitment is not to its public weights")


def target(key: Stated) -> Target:
    """What the key's rows are for."""
    return PAIRING[Setup.from_bytes(key.circuit).ranges]


@lru_cache(maxsize=4)
def _wiring(graph_json: bytes, ranges: Ranges) -> Wiring:
    graph = FixedGraph.from_json(graph_json)
    check_size(pairing_costs(graph, ranges))
    return Wiring.of(graph, ranges)


def wiring(graph: FixedGraph, ranges: Ranges) -> Wiring:
    """The rows of a graph; the last ones asked for are kept.

    Raises UnsupportedModelError, also for more of them than are made.
    """
    return _wiring(graph.to_json(), ranges)


@dataclass(frozen=True)
class Verifier:
    """Checks proofs. model: as the native module holds its key. digest: that of zkinfer's key."""

    model: groth16.Groth16Verifier
    digest: bytes

    def verify(
        self,
        context: bytes,
        public: Sequence[Integers],
        body: bytes,
        *,
        data: bytes = b"",
        rows: Mapping[Segment, bytes] | None = None,
        among: Data | None = None,
    ) -> None:
        """See the contract; a proof is never about data."""
        if data or rows or among:
            raise VerificationError("a pairing proof is not about committed data")
        groth16.verify(self.model, signals(self.digest, context, public), body)


def signals(key_digest: bytes, context: bytes, public: Sequence[Integers]) -> bytes:
    """The public signals that a verifier is given, 32 bytes each, little-endian.

    public: the arrays of public tensors.
    """
    element = context_element(key_digest, context)
    flat = [elements(array.ravel()).tobytes() for array in public]
    return b"".join([element.to_bytes(32, "little"), *flat])


def integers(
    graph: FixedGraph, key_digest: bytes, context: bytes, values: Sequence[int]
) -> tuple[Integers, ...]:
    """The arrays of public tensors that public signals stand for; the inverse of `signals`.

    Raises FormatError when they are bound to another key or context, or are as many as others.
    """
    if len(values) != public_signals(graph):
        raise FormatError(f"{len(values)} public signals, {public_signals(graph)} expected")
    if values[0] != context_element(key_digest, context):
        raise FormatError("the public signals are bound to another key, or another context")
    signed = [value if value <= R // 2 else value - R for value in values[1:]]
    if any(abs(value) >= 2**63 for value in signed):
        raise FormatError("a public signal stands for an integer beyond 64 bits")
    flat, arrays, start = np.array(signed, np.int64), [], 0
    for _, tensor in graph.shown:
        size = math.prod(tensor.shape)
        arrays.append(flat[start : start + size].reshape(tensor.shape))
        start += size
    return tuple(arrays)


@dataclass(frozen=True)
class Prover:
    """Makes proofs. setup: as the native module holds it. blinding: of the commitment."""

    setup: groth16.Groth16Setup
    wiring: Wiring
    weights: Mapping[str, Integers]
    blinding: int
    digest: bytes

    def prove(
        self,
        context: bytes,
        witness: Mapping[Segment, Sequence[Integers]],
        *,
        data: bytes = b"",
        committed: Mapping[Segment, Opened] | None = None,
        hidden: Hidden | None = None,
    ) -> bytes:
        """See the contract; a proof is never about data."""
        if data or committed or hidden:
            raise UnsupportedModelError("a pairing proof is not about committed data")
        return groth16.prove(self.setup, self.assignment(context, witness))

    def assignment(self, context: bytes, witness: Mapping[Segment, Sequence[Integers]]) -> bytes:
        """The values of all wires, 32 bytes each. Secret: it holds the weights and the input."""
        element = context_element(self.digest, context)
        return self.wiring.assignment(witness, self.weights, element, self.blinding)


def verifier(key: Stated) -> Verifier:
    """With an accepted key."""
    return Verifier(groth16.Groth16Verifier(model_key(key)), key.key_digest)


def model_key(key: Stated) -> groth16.Groth16Key:
    """What other verifiers take, of an accepted key."""
    setup = groth16.read_key(Setup.from_bytes(key.circuit).verifying_key)
    return groth16.model_key(setup, public_signals(key.graph), key.rows)


def prover(
    key: Stated, weights: Mapping[str, Integers], blinds: bytes, setup: bytes | memoryview
) -> Prover:
    """blinds: the blinding, 32 bytes. setup: the .zkey. Raises FormatError when the setup is not
    the key's, or what is given does not open the commitment.
    """
    stated = Setup.from_bytes(key.circuit)
    blinding = int.from_bytes(blinds, "little")
    if len(blinds) != 32 or blinding >= R:
        raise FormatError("the blinding of this proving key is no element of the field")
    wires = wiring(key.graph, stated.ranges)
    known = groth16.read_setup(setup, wires.r1cs)
    own = known.key
    if own.to_bytes() != stated.verifying_key:
        raise FormatError("the setup in this proving key is not that of its verifying key")
    scalars = wires.scalars(weights, blinding)
    if groth16.commit(own, wires.public, scalars) != key.rows:
        raise FormatError("the weights in this proving key do not open the key's commitment")
    return Prover(known, wires, weights, blinding, key.key_digest)


def random_blinding() -> int:
    """Uniform in the field."""
    return secrets.randbelow(R)


def sizes(key: Stated) -> dict[str, Any]:
    """As JSON has it."""
    setup = Setup.from_bytes(key.circuit)
    return {
        "bytes": len(key.circuit),
        "public_signals": public_signals(key.graph),
        "setup": "insecure" if setup.insecure else "ceremony",
        "weight_ranges": setup.ranges.value,
    }


def insecure(key: Stated) -> bool:
    """Whether the setup was made on one machine."""
    return Setup.from_bytes(key.circuit).insecure


def caveats(key: Stated) -> tuple[str, ...]:
    """What setups, and weights that nothing keeps small, leave open."""
    setup = Setup.from_bytes(key.circuit)
    made = (
        "the setup was made on one machine, whose owner can prove anything"
        if setup.insecure
        else "the setup is sound if one who contributed to it was honest, and if it is one of this "
        "circuit, which `snarkjs zkey verify` checks"
    )
    loose = (
        "weights are elements of a field, which need not be fixed-point numbers: each input has "
        "one output at most, computed modulo r with those that are committed to"
    )
    return (made, loose) if setup.ranges is Ranges.UNCHECKED else (made,)
