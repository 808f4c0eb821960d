"""A key, a proof and a context: what the proof establishes."""

import math
from collections.abc import Iterator
from typing import Any

from zkinfer.reference import argument
from zkinfer.reference.errors import check
from zkinfer.reference.formats import Proof, VerifyingKey, sha3


def verify(key: VerifyingKey, proof: Proof, context: bytes = b"") -> dict[str, Any]:
    """What a valid proof establishes. Raises VerificationError.

    The members are those of `zkinfer verify --json`, but the context stays bytes.
    """
    check(proof.key_digest == key.digest, "the proof is for another key")
    check(proof.context == context, "the proof is bound to another context")
    tensors = key.circuit.public
    check(len(proof.public) == len(tensors), "the proof has another number of public tensors")
    for tensor, (shape, values) in zip(tensors, proof.public, strict=True):
        low, high = tensor.bounds
        check(shape == tensor.shape, "a public tensor of the proof has another shape")
        check(all(low <= v <= high for v in values), "a public value is out of its bounds")
    public = [values for _, values in proof.public]
    statement = argument.Statement(
        key.circuit, key.circuit_digest, key.digest, context, key.rows, public
    )
    argument.verify(statement, proof.body)
    graph = key.graph
    verdict: dict[str, Any] = {
        "valid": True,
        "outputs": _tensors(key, proof, graph.outputs, numbers=True),
        "outputs_fixed": _tensors(key, proof, graph.outputs, numbers=False),
        "context": context,
        "model_commitment": sha3(b"zkinfer/v1/model/" + b"".join(key.rows)).hex(),
        "circuit_digest": key.circuit_digest.hex(),
    }
    if graph.modes["input_mode"] == "public":
        verdict["inputs"] = _tensors(key, proof, graph.inputs, numbers=True)
        verdict["inputs_fixed"] = _tensors(key, proof, graph.inputs, numbers=False)
    return verdict


def _tensors(key: VerifyingKey, proof: Proof, names: list[str], *, numbers: bool) -> dict[str, Any]:
    """Tensors as nested lists, of integers or of numbers: v of scale s stands for v / 2^s."""
    public = dict(zip(key.graph.public, proof.public, strict=True))
    tensors: dict[str, Any] = {}
    for name in names:
        shape, values = public[name]
        scale = key.graph.scales[name]
        scaled = numbers and name not in key.graph.labels
        tensors[name] = _nested(
            shape, (math.ldexp(float(v), -scale) if scaled else v for v in values)
        )
    return tensors


def _nested(shape: tuple[int, ...], values: Iterator[Any]) -> Any:
    """Values in row-major order as nested lists; the bare value where there are no axes."""
    if not shape:
        return next(values)
    return [_nested(shape[1:], values) for _ in range(shape[0])]
