"""What an artifact holds, without its secrets: the content of `zkinfer inspect`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zkinfer import container
from zkinfer.backends import transparent
from zkinfer.data import DataCommitment, DataOpening, RevealedRecord
from zkinfer.drafts import Draft
from zkinfer.encoding import Encoding, Quantization
from zkinfer.errors import FormatError
from zkinfer.files import StrPath, load_file
from zkinfer.fixed import FixedGraph
from zkinfer.keys import ProvingKey, VerifyingKey
from zkinfer.proof import DIGEST_SIZE, Proof, RecordNames
from zkinfer.soundness import soundness
from zkinfer.visibility import who_sees_what

_LARGEST = max(kind.limit for kind in container.KINDS)


def describe_file(path: StrPath) -> dict[str, Any]:
    """The description of any of zkinfer's files. Raises UsageError or FormatError."""
    return load_file(path, _LARGEST, "zkinfer file", describe)


def describe(data: bytes) -> dict[str, Any]:
    """The description of a file's content. Raises FormatError."""
    kind = container.identify(data)
    if kind is container.VERIFYING_KEY:
        return describe_key("verifying key", len(data), VerifyingKey.from_bytes(data))
    if kind is container.PROVING_KEY:
        key = ProvingKey.from_bytes(data).verifying_key
        return describe_key("proving key (secret)", len(data), key)
    if kind is container.DRAFT:
        return _describe_draft(len(data), Draft.from_bytes(data))
    if kind is container.PROOF:
        return _describe_proof(len(data), Proof.from_bytes(data))
    if kind is container.DATA_COMMITMENT:
        return _describe_data("data commitment", len(data), DataCommitment.from_bytes(data))
    if kind is container.DATA_OPENING:
        commitment = DataOpening.from_bytes(data).commitment
        return _describe_data("data opening (secret)", len(data), commitment)
    if kind is container.REVEALED_RECORD:
        return _describe_record(len(data), RevealedRecord.from_bytes(data))
    raise FormatError("this is no zkinfer file: neither a key, nor a proof, nor about data")


def describe_key(kind: str, size: int, key: VerifyingKey) -> dict[str, Any]:
    """What a key of some kind says, which takes `size` bytes. As JSON has it."""
    graph = key.graph
    return {
        "kind": kind,
        "backend": key.backend,
        "bytes": size,
        "key_digest": key.digest,
        "circuit_digest": key.circuit_digest,
        "model_commitment": key.model_commitment,
        "who_sees_what": {row["what"]: row["status"] for row in who_sees_what(graph)},
        "batch": graph.batch,
        "inputs": _tensors(graph, graph.inputs),
        "outputs": _tensors(graph, graph.outputs),
        **({} if graph.target is None else {"target": _tensor(Encoding.of(graph.target))}),
        "weights": {
            "tensors": len(graph.weights),
            "numbers": sum(math.prod(graph.tensors[name].shape) for name in graph.weights),
            "commitment_bytes": len(key.rows),
        },
        "circuit": key.system.sizes(key),
        "soundness": soundness(graph) if key.backend == transparent.NAME else None,
    }


def _tensors(graph: FixedGraph, names: Sequence[str]) -> dict[str, Any]:
    """Shape, scale and range, as integers and as the numbers that they stand for.

    Of an input by column lists of scales and ranges, and their axis; of a quantized input the scale
    and the zero point of its QuantizeLinear.
    """
    described: dict[str, Any] = {}
    for name in names:
        columns, quantized = graph.columns.get(name), graph.quantized.get(name)
        described[name] = {
            "shape": list(graph.tensors[name].shape),
            **({} if columns is None else {"columns_axis": columns.axis}),
            **_tensor(graph.encoding(name)),
            **({} if quantized is None else {"quantize_linear": _quantization(quantized)}),
            **({"classes": list(graph.classes[name])} if name in graph.classes else {}),
        }
    return described


def _describe_draft(size: int, draft: Draft) -> dict[str, Any]:
    return {
        "kind": "draft (secret)",
        "bytes": size,
        "who_sees_what": {row["what"]: row["status"] for row in who_sees_what(draft.graph)},
        "inputs": _tensors(draft.graph, draft.graph.inputs),
        "outputs": _tensors(draft.graph, draft.graph.outputs),
        "weight_ranges": draft.ranges.value,
    }


def _quantization(quantization: Quantization) -> dict[str, float]:
    return {"scale": float(quantization.scale), "zero_point": quantization.zero_point}


def _tensor(encoding: Encoding) -> dict[str, Any]:
    """Scales and ranges."""
    ends = (encoding.low, encoding.high)
    return {
        "scale": encoding.scale.squeeze().tolist(),
        "range_fixed": np.stack(ends, axis=-1).squeeze().tolist(),
        "range": np.stack([encoding.numbers(end) for end in ends], axis=-1).squeeze().tolist(),
    }


def _describe_proof(size: int, proof: Proof) -> dict[str, Any]:
    return {
        "kind": "proof",
        "bytes": size,
        "key_digest": proof.key_digest.hex(),
        "context": proof.context.decode(errors="backslashreplace"),
        "public_shapes": [list(value.shape) for value in proof.public_values],
        "claimed_and_not_verified": [value.tolist() for value in proof.public_values],
        "body_bytes": len(proof.body),
        **({"rows_of_outputs": len(proof.outputs) // DIGEST_SIZE} if proof.outputs else {}),
        **(
            {}
            if proof.records is None
            else {
                **_records(proof.records),
                "data_digest": proof.records.digest.hex(),
                **({"labels_digest": proof.records.labels.hex()} if proof.records.labels else {}),
            }
        ),
    }


def _records(names: RecordNames) -> dict[str, Any]:
    """The records that a proof names, or how many it does not name."""
    if names.hidden:
        return {"hidden_records": names.hidden}
    return {"records": list(names.numbers)}


def _describe_data(kind: str, size: int, data: DataCommitment) -> dict[str, Any]:
    """What a file about data says, which takes `size` bytes."""
    tensors = {}
    for tensor in data.description.tensors:
        ends = (tensor.encoding.low, tensor.encoding.high)
        tensors[tensor.name] = {
            "shape": list(tensor.shape),
            **({} if tensor.axis is None else {"columns_axis": tensor.axis}),
            "scale": tensor.encoding.scale.squeeze().tolist(),
            "range": np.stack([tensor.encoding.numbers(end) for end in ends], axis=-1)
            .squeeze()
            .tolist(),
        }
    columns = data.description.columns
    return {
        "kind": kind,
        "bytes": size,
        "data_digest": data.digest,
        "records": len(data),
        "rows_of_a_record": data.rows_each,
        "tensors": tensors,
        **({"columns": list(columns)} if columns else {}),
    }


def _describe_record(size: int, revealed: RevealedRecord) -> dict[str, Any]:
    return {
        "kind": "revealed record",
        "bytes": size,
        "data_digest": revealed.digest.hex(),
        "record": revealed.number,
    }
