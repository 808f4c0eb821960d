"""Keys and proofs of the small networks, and their containers taken apart and put together."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import zkinfer
from zkinfer import FormatError, container, fixed
from zkinfer.backends import transparent
from zkinfer.circuit.layout import Segment
from zkinfer.keys import ProvingKey, VerifyingKey
from zkinfer.lower import solve, weight_arrays

Integers = npt.NDArray[np.int64]


def prove(key: ProvingKey, inputs: Mapping[str, Integers], context: bytes = b"") -> zkinfer.Proof:
    """A proof for inputs that are integers already."""
    witness = solve(key.graph, key.weights, inputs)
    body = transparent.prove(key.prover, context, witness.segments)
    digest = key.verifying_key.key_digest
    return zkinfer.Proof(digest, context, tuple(witness.segments[Segment.PUBLIC]), body)


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
