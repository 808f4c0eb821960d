"""A key, a proof and a context: what the proof establishes."""

import math
from fractions import Fraction
from typing import Any

from zkinfer.reference.argument import Argument
from zkinfer.reference.circuit import COMMITTED, Circuit
from zkinfer.reference.data import DataCommitment, output_rows, outputs_data, record_rows
from zkinfer.reference.errors import FormatError, VerificationError, demand
from zkinfer.reference.formats import Proof, VerifyingKey, parse_key, sha3
from zkinfer.reference.matrix import check_steps
from zkinfer.reference.membership import Hidden
from zkinfer.reference.reader import Reader
from zkinfer.reference.tensors import nested, tensors

NOT_CHECKED = (
    "the key's circuits and output types follow from its nodes",
    "its public weights are those committed",
)


def read_key(data: bytes) -> VerifyingKey:
    """Reads a key and checks its certificate (protocol.md, section 6). Raises FormatError."""
    key = parse_key(data)
    if not key.certificate:
        return key
    reader = Reader(key.certificate, "the certificate")
    circuit = Circuit(reader.take(reader.uint(4)))
    check_steps(circuit)
    committed = circuit.bound(COMMITTED)
    demand(len(committed) == 2, "the certificate is not about weights and projections")
    weights, projections = committed
    same = weights.rows == len(key.rows) and circuit.columns_log2 == key.circuit.columns_log2
    demand(same, "the certificate is about other rows than the weights'")
    demand(len(circuit.public) == 1, "the certificate has public values")
    rows = [reader.take(32) for _ in range(projections.rows)]
    given = (key.digest, key.digest, key.digest + b"".join(rows))
    seeds = {
        sha3(b"zkinfer/v2/projections/" + b + d)
        for b, d in zip((b"a", b"b", b"d"), given, strict=True)
    }
    terms = [term for block in circuit.blocks for side in block.terms for term in side]
    used = {weight.seed for term in terms for weight in term.weights} - {b""}
    demand(used == seeds, "the certificate's signs do not follow from what they test")
    argument = Argument(circuit, [key.rows, rows], key.digest, b"", [])
    argument.kind = b"certificate"
    argument.run(key.certificate[reader.position :])
    return key


def verify(
    key: VerifyingKey,
    proof: Proof,
    context: bytes = b"",
    data: DataCommitment | None = None,
    labels: DataCommitment | None = None,
    outputs: DataCommitment | None = None,
) -> dict[str, Any]:
    """What a valid proof establishes. Raises VerificationError.

    data: what a proof's records must be of; without it they may be of any, unless they are hidden.
    labels: of the records, or targets, which a proof that compares needs, and no other. outputs:
    what committed outputs must be committed to by; without it that may be any. The members are
    those of `zkinfer verify --json` and `not_checked`; the context stays bytes.
    """
    try:
        committed = _outputs(key, proof, outputs)
        _check(key, proof, context, data, labels, committed)
    except FormatError as error:
        raise VerificationError(str(error)) from error
    shown = [] if key.graph.counts or key.graph.commits else key.graph.outputs
    public = dict(zip(key.graph.public, proof.public, strict=True))
    verdict: dict[str, Any] = {"valid": True, **tensors(key.graph, public, "outputs", shown)}
    verdict |= {"context": context, "key_digest": key.digest.hex()}
    verdict["model_commitment"] = sha3(b"zkinfer/v1/model/" + b"".join(key.rows)).hex()
    verdict["circuit_digest"] = key.circuit.digest.hex()
    if key.graph.modes["input_mode"] == "public":
        verdict |= tensors(key.graph, public, "inputs", key.graph.inputs)
    if proof.numbers or proof.hidden:
        hidden = proof.hidden
        verdict |= {"hidden_records": hidden} if hidden else {"records": list(proof.numbers)}
        verdict["data_digest"] = proof.digests[0].hex()
        verdict["data_checked"] = data is not None
    if key.graph.counts:
        pairs = zip(proof.numbers, proof.public[0][1], strict=False)
        left_out = [number for number, counts in pairs if not counts]
        verdict |= {"left_out": left_out} if left_out else {}
    if key.graph.compares:
        verdict["labels_digest"] = proof.digests[1].hex()
    if key.graph.sums:
        verdict |= _summary(key, proof)
    elif key.graph.counts:
        shape, counted = proof.public[1]
        verdict["right"] = sum(counted[:: key.graph.classes + 1])
        if shape:
            verdict["confusion"] = nested(shape, iter(counted))
    if committed is not None:
        verdict["outputs_digest"] = committed.digest.hex()
    count = 2 if key.graph.modes["weights_mode"] == "public" else 1
    return verdict | {"not_checked": list(NOT_CHECKED[:count])}


def _outputs(
    key: VerifyingKey, proof: Proof, expected: DataCommitment | None
) -> DataCommitment | None:
    """The commitment to the outputs, if the key is about one."""
    if not key.graph.commits:
        demand(not proof.outputs, "the proof commits to outputs, and its key does not")
        demand(expected is None, "the key does not commit to outputs")
        return None
    committed = outputs_data(key, proof)
    fits = expected is None or expected.digest == committed.digest
    demand(fits, "the outputs are committed to by another commitment")
    return committed


def _check(
    key: VerifyingKey,
    proof: Proof,
    context: bytes,
    data: DataCommitment | None,
    labels: DataCommitment | None,
    outputs: DataCommitment | None,
) -> None:
    demand(proof.key_digest == key.digest, "the proof is for another key")
    demand(proof.context == context, "the proof is bound to another context")
    tensors = key.circuit.public[1:]
    demand(len(proof.public) == len(tensors), "the proof has another number of public tensors")
    for tensor, (shape, values) in zip(tensors, proof.public, strict=True):
        low, high = tensor.bounds
        demand(shape == tensor.shape, "a public tensor of the proof has another shape")
        demand(all(low <= v <= high for v in values), "a public value is out of its bounds")
    recorded = key.graph.modes["input_mode"] == "committed"
    demand(recorded == bool(proof.numbers or proof.hidden), "the proof names records, or needs to")
    demand(recorded or data is None, "the key is not about data")
    if recorded:
        _check_names(key, proof)
    demand(key.graph.compares == (labels is not None), "labels are missing, or given")
    demand(data is not None or not key.graph.counts, "the data of records that count are missing")
    demand(data is not None or not key.graph.hides, "the data of hidden records are missing")
    opened = proof.rows if data is None else record_rows(key, proof, data, labels)
    segments = key.circuit.bound(COMMITTED)
    given = {"record": opened, "output": output_rows(outputs) if outputs else ()}
    committed = [given.get(segment.name, key.rows) for segment in segments]
    for segment, rows in zip(segments, committed, strict=True):
        demand(len(rows) == segment.rows, f"there are other rows of {segment.name}")
    public = [values for _, values in proof.public]
    named = proof.named + (outputs.digest if outputs else b"")
    argument = Argument(key.circuit, committed, key.digest, context, public, named)
    if data is not None and proof.hidden:
        argument.hidden = Hidden(data.records, [tensor.rows for tensor in data.tensors])
    argument.run(proof.body)


def _check_names(key: VerifyingKey, proof: Proof) -> None:
    """How many records a proof names, and which of a batch it counts."""
    count, batch = proof.hidden or len(proof.numbers), key.graph.batch
    fits = key.graph.hides == (proof.hidden > 0)
    demand(fits, "the proof hides which records it is about, or needs to")
    demand(len(proof.digests) == 1 + key.graph.compares, "the proof names labels, or needs to")
    fits = key.graph.counts != bool(proof.rows)
    demand(fits, "the proof lists rows of its records, or needs to")
    if not key.graph.counts:
        demand(count == batch, "the proof names another number of records than a batch")
        return
    first = proof.numbers[0]
    fits = count <= batch and proof.numbers == tuple(range(first, first + count))
    demand(fits, "the records do not follow one another, or are too many")
    counted = proof.public[0][1]
    fits = 1 in counted[:count] and not any(counted[count:])
    demand(fits, "the proof counts other records than it names")


def _summary(key: VerifyingKey, proof: Proof) -> dict[str, Any]:
    """What follows from the sums of the integers of m numbers, all of them v / 2^scale."""
    count, scale = sum(proof.public[0][1]), key.graph.summed_scale
    (total,), (first, second), (lowest,), (highest,) = (values for _, values in proof.public[1:])
    squares, unit = first + (second << 62), Fraction(1, 2) ** scale
    mean, mean_square = unit * total / count, unit**2 * squares / count
    exact = {"mean": mean, "variance": mean_square - mean**2, "mean_square": mean_square}
    exact |= {"lowest": unit * lowest, "highest": unit * highest}
    exact["largest"] = max(abs(exact["lowest"]), abs(exact["highest"]))
    numbers = {name: float(number) for name, number in exact.items()}
    root = {"root_mean_square": math.sqrt(numbers["mean_square"])}
    fixed = {"scale": scale, "sum": total, "squares": squares}
    fixed |= {"lowest": lowest, "highest": highest}
    of = {"of": "errors" if key.graph.compares else "outputs"}
    return {"summary": of | numbers | root, "summary_fixed": fixed}
