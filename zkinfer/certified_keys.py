"""Keys of the transparent backend: weights committed to by rows, and certified to be small.

The circuit of a verifying key is the bytes of the graph's, and its rows commit to the rows of the
weights, 32 bytes each. The certificate of hidden weights: the length of its circuit (u32), the
circuit, the rows of its projections, 32 bytes each, and the proof's body.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.backends import transparent
from zkinfer.backends.contract import Stated
from zkinfer.backends.transparent import Data, Hidden, Opened
from zkinfer.certificate import (
    Seeds,
    certificate_circuit,
    combine,
    project,
    weight_matrix,
)
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.target import TRANSPARENT, Target
from zkinfer.errors import FormatError, VerificationError
from zkinfer.fixed import FixedGraph, refusing
from zkinfer.lower import lower, weight_arrays

Integers = npt.NDArray[np.int64]

NAME = transparent.NAME
POINT_SIZE = 32
_LENGTH = struct.Struct("<I")

T = TypeVar("T")


def accept(key: Stated) -> None:
    """Raises FormatError unless the circuit is the one that follows from the graph, and the
    certificate is valid or the rows commit to the public weights.
    """
    circuit = accept_circuit(key.graph, key.circuit, key.rows)
    native = key.native_circuit  # within the native module's limits too
    if key.graph.weights_mode == "hidden":
        accept_certificate(key, circuit)
        return
    if key.certificate:
        raise FormatError("this verifying key has a certificate of public weights")
    shown = key.weights
    if shown is None or key.rows != commit_weights(key.graph, native, shown)[0]:
        raise FormatError("this verifying key's commitments are not to its public weights")


def target(key: Stated) -> Target:
    """What the key's rows are for."""
    return TRANSPARENT


@dataclass(frozen=True)
class Verifier:
    """Checks proofs. native: made once, then ready for any number of proofs."""

    native: transparent.Verifier

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
        """See the contract."""
        transparent.verify(self.native, context, public, body, data=data, rows=rows, among=among)


@dataclass(frozen=True)
class Prover:
    """Makes proofs. native: made once, then ready for any number of inputs."""

    native: transparent.Prover

    def prove(
        self,
        context: bytes,
        witness: Mapping[Segment, Sequence[Integers]],
        *,
        data: bytes = b"",
        committed: Mapping[Segment, Opened] | None = None,
        hidden: Hidden | None = None,
    ) -> bytes:
        """See the contract."""
        return transparent.prove(
            self.native, context, witness, data=data, committed=committed, hidden=hidden
        )


def verifier(key: Stated) -> Verifier:
    """With an accepted key."""
    rows = _by_segment(key.graph, key.rows)
    return Verifier(transparent.make_verifier(key.native_circuit, rows, key.key_digest))


def prover(
    key: Stated, weights: Mapping[str, Integers], blinds: bytes, setup: bytes | memoryview
) -> Prover:
    """blinds: of the rows, 32 bytes each. Raises FormatError when they and the weights do not open
    the rows, and for a setup, of which there is none.
    """
    if setup:
        raise FormatError("a proving key of the transparent backend has no setup")
    if len(blinds) != len(key.rows):
        raise FormatError(
            f"this proving key has {len(blinds)} bytes of blindings, {len(key.rows)} expected"
        )
    known = opened(key, weights, blinds)
    return Prover(transparent.make_prover(key.native_circuit, known, key.key_digest))


def opened(
    key: Stated, weights: Mapping[str, Integers], blinds: bytes
) -> dict[Segment, transparent.Opened]:
    """What opens the key's commitments."""
    arrays = weight_arrays(key.graph, weights)
    return _by_segment(key.graph, transparent.Opened(arrays, key.rows, blinds))


def sizes(key: Stated) -> dict[str, Any]:
    """As JSON has it."""
    circuit = key.native_circuit
    return {
        "bytes": len(key.circuit),
        "constraints": circuit.constraints,
        "entries": circuit.entries,
        "rows": circuit.rows,
        "columns": circuit.columns,
    }


def insecure(key: Stated) -> bool:
    """Never."""
    return False


def caveats(key: Stated) -> tuple[str, ...]:
    """None."""
    return ()


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


def accept_circuit(graph: FixedGraph, encoded: bytes, rows: bytes) -> Circuit:
    """The circuit of a graph, if its bytes are the key's and the rows are as many.

    Raises FormatError.
    """
    with refusing():
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


def accept_certificate(key: Stated, circuit: Circuit) -> None:
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
