"""Keys and proofs of the small networks, and their containers taken apart and put together."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import zkinfer
from zkinfer import FormatError, certified_keys, container, fixed
from zkinfer.backends import transparent
from zkinfer.circuit.layout import Segment
from zkinfer.committed_output import commit_outputs
from zkinfer.data import DataCommitment, DataOpening, commit_records
from zkinfer.description import DataTensor, Description
from zkinfer.fixed import FixedGraph
from zkinfer.keys import ProvingKey, VerifyingKey
from zkinfer.lower import solve, weight_arrays
from zkinfer.proof import RecordNames
from zkinfer.records import RecordGrid

Integers = npt.NDArray[np.int64]


def prove(key: ProvingKey, inputs: Mapping[str, Integers], context: bytes = b"") -> zkinfer.Proof:
    """A proof for inputs that are integers already."""
    witness = solve(key.graph, key.weights, inputs, target=key.verifying_key.target)
    body = key.prover.prove(context, witness.segments)
    digest = key.verifying_key.key_digest
    return zkinfer.Proof(digest, context, tuple(witness.segments[Segment.PUBLIC]), body)


def key_openings(key: ProvingKey) -> dict[Segment, transparent.Opened]:
    """What opens the commitments of a key."""
    return certified_keys.opened(key.verifying_key, key.weights, key.blinds)


def native_prover(key: ProvingKey) -> transparent.Prover:
    """The native prover of a transparent key."""
    circuit, digest = key.verifying_key.native_circuit, key.verifying_key.key_digest
    return transparent.make_prover(circuit, key_openings(key), digest)


def committed(graph: FixedGraph, records: Sequence[Mapping[str, Integers]]) -> DataOpening:
    """A commitment to records of integers, at the scales of a graph's inputs."""
    tensors, arrays = [], []
    for name in graph.inputs:
        columns, array = graph.columns.get(name), np.stack([record[name] for record in records])
        scales = (graph.tensors[name].scale,) if columns is None else columns.scales
        signed = (bool(array.min() < 0),) * len(scales)
        bits = max(1, *(int(end).bit_length() for end in (array.max(), array.min()))) + signed[0]
        axis = None if columns is None else columns.axis
        tensors.append(DataTensor(name, array.shape[1:], axis, scales, signed, bits))
        arrays.append(array.astype(tensors[-1].kind))
    grids = [RecordGrid.of(tensor.shape) for tensor in tensors]
    rows, blinds = commit_records(grids, arrays)
    commitment = DataCommitment(Description(len(records), tuple(tensors)), rows)
    return DataOpening(commitment, tuple(arrays), blinds)


def prove_record(
    key: ProvingKey, data: DataOpening, number: int, context: bytes = b""
) -> zkinfer.Proof:
    """A proof about a record of data."""
    return zkinfer.prove(key, data=data, record=number, context=context, allow_saturation=True)


def forged_record(
    key: ProvingKey,
    inputs: Mapping[str, Integers],
    name: RecordNames,
    opened: transparent.Opened,
    hidden: transparent.Hidden | None = None,
) -> zkinfer.Proof:
    """What a prover sends who checks nothing, and says that the input is this record, or that it is
    a hidden one.
    """
    witness = solve(key.graph, key.weights, inputs)
    circuit, digest = key.verifying_key.native_circuit, key.verifying_key.key_digest
    held = transparent.native_openings(key_openings(key))
    prover = transparent.Prover.unchecked(circuit, held, digest)
    given = {Segment.RECORD: opened}
    body = transparent.prove(
        prover, b"", witness.segments, data=name.stated, committed=given, hidden=hidden
    )
    return zkinfer.Proof(digest, b"", tuple(witness.segments[Segment.PUBLIC]), body, name)


def prove_outputs(
    key: ProvingKey, inputs: Mapping[str, Integers], context: bytes = b""
) -> tuple[zkinfer.Proof, DataOpening]:
    """A proof for inputs that are integers already, whose outputs are committed to."""
    opening = commit_outputs(key.graph, solve(key.graph, key.weights, inputs).outputs)
    return _about_outputs(key, native_prover(key), inputs, opening, context), opening


def forged_outputs(
    key: ProvingKey,
    inputs: Mapping[str, Integers],
    opening: DataOpening,
    opened: transparent.Opened | None = None,
) -> zkinfer.Proof:
    """What a prover sends who checks nothing, and says that these are the outputs.

    opened: what the rows are opened with, if that is not the opening.
    """
    held = transparent.native_openings(key_openings(key))
    circuit, digest = key.verifying_key.native_circuit, key.verifying_key.key_digest
    prover = transparent.Prover.unchecked(circuit, held, digest)
    return _about_outputs(key, prover, inputs, opening, b"", opened)


def _about_outputs(
    key: ProvingKey,
    prover: transparent.Prover,
    inputs: Mapping[str, Integers],
    opening: DataOpening,
    context: bytes,
    opened: transparent.Opened | None = None,
) -> zkinfer.Proof:
    witness, commitment = solve(key.graph, key.weights, inputs), opening.commitment
    columns = key.verifying_key.native_circuit.columns
    given = {Segment.OUTPUT: opened or opening.opened(range(key.graph.batch), columns)}
    named = commitment.digest_bytes
    body = transparent.prove(prover, context, witness.segments, data=named, committed=given)
    shown = tuple(witness.segments[Segment.PUBLIC])
    digest = key.verifying_key.key_digest
    return zkinfer.Proof(digest, context, shown, body, outputs=commitment.rows)


def dishonest(
    key: VerifyingKey,
    weights: Mapping[str, Integers],
    blinds: bytes,
    inputs: Mapping[str, Integers],
) -> zkinfer.Proof:
    """What a prover sends who checks nothing: weights and blindings need not open the rows."""
    witness = solve(key.graph, weights, inputs)
    opened = transparent.Opened(weight_arrays(key.graph, weights), key.rows, blinds)
    committed = transparent.native_openings({Segment.WEIGHTS: opened} if key.rows else {})
    prover = transparent.Prover.unchecked(key.native_circuit, committed, key.key_digest)
    body = transparent.prove(prover, b"", witness.segments)
    return zkinfer.Proof(key.key_digest, b"", tuple(witness.segments[Segment.PUBLIC]), body)


def reseal(data: bytes) -> bytes:
    """The data with the checksum of its present content."""
    return data[:-32] + hashlib.sha3_256(data[:-32]).digest()


def sections(kind: container.Kind, data: bytes) -> dict[str, bytes]:
    """The sections of a container by name."""
    names = (section.name for section in kind.sections)
    return dict(zip(names, container.read(kind, data), strict=True))


def declared(document: Any) -> Any:
    """A graph's document with its outputs as its operators make them, as far as they do."""
    try:
        graph = fixed._graph(document)
    except FormatError:
        return document
    return document | {"outputs": json.loads(graph.to_json())["outputs"]}
