"""What the fuzzers run: the readers of hostile files, on any bytes.

A target returns or raises. It raises what a reader raises that is no documented error, and
AssertionError if a proof verifies that is not the honest one. A checksum that does not fit is made
anew, as an attacker would. Every call of a reader goes through `call`, where a fuzzer measures it.
"""

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

import zkinfer
from tests.artifacts import reseal
from zkinfer import container
from zkinfer.backends import transparent
from zkinfer.certificate import Seeds, certificate_circuit
from zkinfer.certified_keys import POINT_SIZE, commit_weights
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Binding, Segment
from zkinfer.describe import describe, describe_key
from zkinfer.errors import FormatError, ZkinferError
from zkinfer.fixed import FixedGraph
from zkinfer.keys import key_digest, pack_weights, unpack_weights
from zkinfer.lower import lower
from zkinfer.onnx_import import load
from zkinfer.onnx_import.constants import SPARE_ENTRIES
from zkinfer.soundness import logarithms

T = TypeVar("T")

MAX_SIZE = 1 << 17
"""The largest file in bytes for which the bars hold."""
READING = 16 << 20
"""Bytes of memory that a call may take besides ten times the file."""
IMPORTING = READING + 32 * SPARE_ENTRIES
"""The same for one that imports a model, which may make so many entries of constants."""
LOWERING = 32 << 20
"""The same for one that lowers a graph."""
VERIFYING = 1 << 30
"""What verifying may take on top of that, in the native module."""

VECTOR = Path(__file__).parents[1] / "vectors" / "public_input.json"
OPENING = Path(__file__).parent / "corpus" / "data" / "opening"


class Call(Protocol):
    """Runs a reader on bytes; None if it refuses them. python, native: bytes it may take."""

    def __call__(
        self, reader: Callable[[bytes], T], data: bytes, *, python: int, native: int = 0
    ) -> T | None: ...


def plain(
    reader: Callable[[bytes], T], data: bytes, *, python: int = 0, native: int = 0
) -> T | None:
    """A call that measures nothing."""
    try:
        return reader(data)
    except ZkinferError:
        return None


def key(data: bytes, call: Call = plain) -> None:
    """Reads a verifying key as it is, then with the circuit that follows from its graph."""
    data = _sealed(data)
    files = [data]
    rebuilt = _rebuilt(data)
    if rebuilt is not None and rebuilt != data and len(rebuilt) <= MAX_SIZE:
        files.append(rebuilt)
    for file in files:
        _read_key(file, call)


def _read_key(data: bytes, call: Call) -> None:
    """Reads a key; one that is accepted is described and made ready to verify with."""
    read = call(zkinfer.VerifyingKey.from_bytes, data, python=LOWERING, native=VERIFYING)
    if read is not None:
        accepted = read
        assert accepted.to_bytes() == data, "a key has one encoding"
        call(lambda _: describe_key("key", len(data), accepted), data, python=LOWERING)
        call(lambda _: accepted.verifier, data, python=READING, native=VERIFYING)


def proof(data: bytes, call: Call = plain) -> None:
    """Reads a proof and verifies it as one of the honest statement's key and context."""
    read = call(zkinfer.Proof.from_bytes, _sealed(data), python=READING)
    if read is None:
        return
    honest = _honest()
    labelled = replace(read, key_digest=honest.proof.key_digest, context=honest.proof.context)
    for one in (read, labelled):
        verified = call(partial(_verified, honest, one), data, python=READING)
        assert verified is None or one == honest.proof, "only the honest proof verifies"


def _verified(honest: "Honest", proof: zkinfer.Proof, _: bytes) -> zkinfer.Verified:
    return zkinfer.verify(honest.key, proof, context=honest.proof.context)


def data(data: bytes, call: Call = plain) -> None:
    """Reads a file about data: a commitment, an opening, or a record revealed of the honest one."""
    data = _sealed(data)
    commitment = call(zkinfer.DataCommitment.from_bytes, data, python=READING)
    opening = call(zkinfer.DataOpening.from_bytes, data, python=READING)
    revealed = call(zkinfer.RevealedRecord.from_bytes, data, python=READING)
    for read in (commitment, opening, revealed):
        if read is not None:
            assert read.to_bytes() == data, "a file about data has one encoding"
    if commitment is not None or opening is not None or revealed is not None:
        call(describe, data, python=READING)
    if opening is not None:
        owned = opening
        call(lambda _: owned.record(0), data, python=READING)
    if revealed is not None:
        shown, honest = revealed, _honest_data()
        numbers = call(lambda _: honest.commitment.verify(shown), data, python=READING)
        assert numbers is None or shown == honest.reveal(shown.number), "no other record verifies"


def model(data: bytes, call: Call = plain) -> None:
    """Imports an ONNX model."""
    call(load, data, python=IMPORTING)


TARGETS: dict[str, Callable[[bytes, Call], None]] = {
    "key": key,
    "proof": proof,
    "data": data,
    "model": model,
}


@dataclass(frozen=True)
class Honest:
    """A key and a proof that verifies."""

    key: zkinfer.VerifyingKey
    proof: zkinfer.Proof


@cache
def _honest() -> Honest:
    vector = json.loads(VECTOR.read_text(encoding="ascii"))
    return Honest(
        zkinfer.VerifyingKey.from_bytes(bytes.fromhex(vector["key"])),
        zkinfer.Proof.from_bytes(bytes.fromhex(vector["proof"])),
    )


@cache
def _honest_data() -> zkinfer.DataOpening:
    return zkinfer.DataOpening.from_bytes(OPENING.read_bytes())


def _sealed(data: bytes) -> bytes:
    return reseal(data) if len(data) > container.CHECKSUM_SIZE else data


def _rebuilt(data: bytes) -> bytes | None:
    """A transparent key with what follows from its graph put in: circuit, as many rows as it needs,
    public weights and the commitments to them, the certificate's circuit, the length of the rest.

    None if its graph has no circuit.
    """
    try:
        parts = container.read(container.VERIFYING_KEY, data)
        backend, graph_json, _, rows, weights, certificate = parts
        if backend != transparent.NAME.encode():
            return data
        graph = FixedGraph.from_json(graph_json)
        circuit = lower(graph)
        encoded = circuit.to_bytes()
        if graph.weights_mode == "public":
            weights, rows = _public_weights(graph, encoded, weights)
        else:
            needed = circuit.committed_rows(Segment.WEIGHTS)
            rows = _sized(rows, POINT_SIZE * needed)
            if graph.weights:
                digest = key_digest(graph, encoded, rows, None)
                certificate = _certificate(graph, circuit, digest, certificate)
        parts = (backend, graph_json, encoded, rows, weights, certificate)
        return container.write(container.VERIFYING_KEY, parts)
    except Exception:  # whatever it is, reading the key meets it too
        return None


def _public_weights(graph: FixedGraph, circuit: bytes, packed: bytes) -> tuple[bytes, bytes]:
    """Weights, the key's own where they fit, and the rows that commit to them."""
    tensors = {name: graph.tensors[name] for name in graph.weights}
    if sum(math.prod(tensor.shape) for tensor in tensors.values()) > MAX_SIZE:
        return packed, b""
    try:
        weights = unpack_weights(graph, packed)
    except FormatError:
        weights = {n: np.full(t.shape, t.low, dtype=np.int64) for n, t in tensors.items()}
    rows, _ = commit_weights(graph, transparent.parse_circuit(circuit), weights)
    return pack_weights(graph, weights), rows


def _certificate(
    graph: FixedGraph, circuit: Circuit, key_digest: bytes, certificate: bytes
) -> bytes:
    """The circuit that the key's certificate must have, with its signs, and the rows of projections
    and the body in the lengths that they must.
    """
    (length,) = struct.unpack("<I", _sized(certificate[:4], 4))
    rest = certificate[4 + length :]
    draft = certificate_circuit(graph, circuit, Seeds.of(key_digest, b""))
    mu, beta, nu, columns = logarithms(draft)
    segments = {s: -(-draft.entries(s) >> columns) for s in draft.segments}
    committed = POINT_SIZE * segments[Segment.PROJECTIONS]
    rows = sum(count for s, count in segments.items() if s.binding > Binding.COMMITTED)
    elements = rows + 2 * (mu + beta + nu) + draft.columns + 19
    projections = _sized(rest[:committed], committed)
    body = _sized(rest[committed:], POINT_SIZE * elements)
    signed = certificate_circuit(graph, circuit, Seeds.of(key_digest, projections)).to_bytes()
    return struct.pack("<I", len(signed)) + signed + projections + body


def _sized(data: bytes, size: int) -> bytes:
    """The data, cut or with zeros after it."""
    if size > MAX_SIZE:
        return b""
    return data[:size].ljust(size, b"\0")
