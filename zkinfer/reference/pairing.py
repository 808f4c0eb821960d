"""Keys of the backend groth16, and what a proof under one establishes (docs/pairing.md).

Needs py_ecc, as groth16.py does. It does not check that the setup is one of the graph's circuit,
nor, of public weights, that they are those that are committed to.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from zkinfer.reference import groth16
from zkinfer.reference.errors import FormatError, VerificationError, demand
from zkinfer.reference.formats import MIB, Proof, container, sha3
from zkinfer.reference.graph import Graph, parse_graph
from zkinfer.reference.tensors import tensors

INSECURE, UNCHECKED = 1, 2


@dataclass
class PairingKey:
    """A verifying key whose opening was checked, of hidden weights. setup: its section."""

    graph: Graph
    setup: bytes
    commitment: bytes
    digest: bytes
    not_checked: list[str] = field(default_factory=list)

    @property
    def public(self) -> int:
        """How many public signals a proof has."""
        return 1 + sum(math.prod(self.graph.shape(name)) for name in self.graph.public)

    @cached_property
    def model(self) -> groth16.Key:
        """The key of the model."""
        return groth16.model_key(groth16.read_key(self.setup[1:]), self.public, self.commitment)


def read_pairing_key(data: bytes) -> PairingKey:
    """Reads a key and checks that its commitment can be opened. Raises FormatError."""
    limits = (16, 2 * MIB, 4 * MIB, 64 * MIB, 2048 * MIB, 64 * MIB)
    sections, ends = container(data, "the verifying key", b"zkinf.vk", 2, limits)
    _, graph_bytes, setup, commitment, public_weights, opening = sections
    graph = parse_graph(graph_bytes)
    hidden = graph.modes["weights_mode"] == "hidden"
    demand(len(setup) > 0 and setup[0] <= INSECURE + UNCHECKED, "the key has no setup")
    fits = not graph.commits and graph.modes["input_mode"] != "committed"
    demand(fits, "a pairing proof is not about committed data")
    demand(hidden == bool(opening) == (not public_weights), "the key has no opening, or needs none")
    key = PairingKey(graph, setup, commitment, sha3(data[: ends[4]]))
    known = groth16.read_key(setup[1:])
    demand(len(known.ic) > key.public + 1, "the setup has fewer points than the graph wants")
    if hidden:
        try:
            groth16.check_opening(known, key.public, commitment, key.digest, opening)
        except VerificationError as error:
            raise FormatError(f"the key's opening is not valid: {error}") from error
    key.not_checked = ["the setup is one of the circuit that follows from the key's graph"]
    key.not_checked += [] if hidden else ["its public weights are those committed"]
    key.not_checked += ["nobody knows the setup's secrets"] if setup[0] & INSECURE else []
    return key


def verify_pairing(key: PairingKey, proof: Proof, context: bytes) -> dict[str, Any]:
    """What a valid proof establishes. Raises VerificationError."""
    try:
        demand(proof.key_digest == key.digest, "the proof is for another key")
        demand(proof.context == context, "the proof is bound to another context")
        bare = not (proof.numbers or proof.hidden or proof.outputs or proof.digests)
        demand(bare, "a pairing proof is not about committed data")
        shapes = [shape for shape, _ in proof.public]
        fits = shapes == [key.graph.shape(name) for name in key.graph.public]
        demand(fits, "the proof has other public tensors than the graph")
        values = [value % groth16.R for _, values in proof.public for value in values]
        element = groth16.context_element(key.digest, context)
        groth16.verify(key.model, [element, *values], proof.body)
    except FormatError as error:
        raise VerificationError(str(error)) from error
    graph, public = key.graph, dict(zip(key.graph.public, proof.public, strict=True))
    verdict: dict[str, Any] = {"valid": True, **tensors(graph, public, "outputs", graph.outputs)}
    verdict |= {"context": context, "key_digest": key.digest.hex()}
    verdict["model_commitment"] = sha3(b"zkinfer/v1/model/" + key.commitment).hex()
    verdict["circuit_digest"] = sha3(key.setup).hex()
    if graph.modes["input_mode"] == "public":
        verdict |= tensors(graph, public, "inputs", graph.inputs)
    return verdict | {"not_checked": key.not_checked}
