"""The verb of whoever is to believe: what a valid proof establishes, or that it does not verify."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.layout import Segment
from zkinfer.committed_input import Data, named_records
from zkinfer.committed_output import committed_outputs
from zkinfer.counted_records import left_out
from zkinfer.data import DataCommitment
from zkinfer.errors import UsageError, VerificationError
from zkinfer.fixed import CONFUSION, COUNTED, RIGHT, FixedGraph
from zkinfer.keys import VerifyingKey
from zkinfer.proof import Proof, check_context
from zkinfer.summary import Summary

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class VerifiedRecords:
    """The records that a valid proof is about.

    numbers: from 0, in the order of the inputs; none where they are hidden. hidden: how many are,
    each one of the data, and perhaps the same. data_digest: that of the data commitment, in hex.
    labels_digest: likewise of the labels' or targets', or None. checked: whether the commitment was
    given and has these very rows; else all are the prover's words. left_out: those of the numbers
    that do not count, by the prover's choice, in what is said of them all.
    """

    numbers: tuple[int, ...]
    hidden: int
    data_digest: str
    labels_digest: str | None
    checked: bool
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Verified:
    """The statement that a valid proof establishes.

    outputs: output name to float64 array, the fixed-point values as numbers. For a network
    compiled with output="label" it has one entry, the index of the largest score as an int64 array
    of shape (). With a batch arrays have a first axis of the inputs.
    outputs_fixed: the same as the integers that the network computed; a value is its integer
    times 2**-scale, with the scale in the verifying key.
    inputs, inputs_fixed: likewise, for a network compiled with input="public", else None.
    records: which records of which data it is about, for one compiled with input="committed", else
    None.
    commitment: that to the outputs, a record for each input, for one compiled with
    output="committed", which shows no outputs; else None.
    right: how many of these records get the label that their commitment says, for one compiled with
    output="accuracy" or "confusion", which show no outputs; else None. confusion: for the latter
    how many have the label of a row and get that of a column, int64 [classes, classes]; else None.
    summary: for one compiled with output="summary" or "error" how the outputs for these records are
    spread, or the outputs less the targets that their commitment says; else None.
    classes: by output name, what the classes are called that its numbers stand for, where the model
    has names for them.
    caveats: what the backend's proofs do not show, in words, one sentence each.
    context: the bytes that the proof is bound to. model_commitment, circuit_digest, key_digest:
    hex strings that name the committed weights, the circuit and the verifying key.
    """

    outputs: Mapping[str, npt.NDArray[Any]]
    outputs_fixed: Mapping[str, Integers]
    classes: Mapping[str, npt.NDArray[np.str_]]
    inputs: Mapping[str, npt.NDArray[Any]] | None
    inputs_fixed: Mapping[str, Integers] | None
    records: VerifiedRecords | None
    commitment: DataCommitment | None
    right: int | None
    confusion: Integers | None
    summary: Summary | None
    caveats: tuple[str, ...]
    context: bytes
    model_commitment: str
    circuit_digest: str
    key_digest: str


def verify(
    verifying_key: VerifyingKey,
    proof: Proof,
    *,
    context: bytes = b"",
    data: DataCommitment | None = None,
    labels: DataCommitment | None = None,
    outputs: DataCommitment | None = None,
    any_data: bool = False,
    allow_left_out: bool = False,
    insecure_setup: bool = False,
) -> Verified:
    """Returns what the proof establishes or raises VerificationError. It never returns a verdict.

    context: the bytes that the proof must be bound to, none by default. data: for a network
    compiled with input="committed", the commitment that the records must be of. labels: for one
    compiled with output="accuracy", "confusion" or "error", the commitment to their labels or
    targets. outputs: for one compiled with output="committed", what the commitment to the outputs
    must be; without it, it may be any. any_data: whether records of no matter which data will do.
    allow_left_out: whether a summary or errors will do of records that the prover chose, where that
    leaves some out. insecure_setup: whether a key will do whose maker can prove anything. Raises
    UsageError for arguments of the wrong type, and where it must be told which data, or that such a
    key or statistic will do.
    """
    if not isinstance(verifying_key, VerifyingKey) or not isinstance(proof, Proof):
        raise UsageError(
            "verify needs a VerifyingKey and a Proof, got "
            f"{type(verifying_key).__name__} and {type(proof).__name__}"
        )
    check_context(context)
    if verifying_key.system.insecure(verifying_key) and not insecure_setup:
        raise UsageError(
            "this key's setup was made on one machine, for development: whoever made it can prove "
            "anything; use one with the setup of a ceremony, or say --insecure-setup (in Python "
            "insecure_setup=True)"
        )
    if proof.key_digest != verifying_key.key_digest:
        raise VerificationError(
            f"the proof is for the key {proof.key_digest.hex()}, not for {verifying_key.digest}"
        )
    if proof.context != context:
        raise VerificationError(
            f"the proof is bound to {_shown(proof.context)}, expected {_shown(context)}"
        )
    graph = verifying_key.graph
    if data is None and labels is not None:
        raise UsageError("labels are those of data; give both")
    wanted = None if data is None else Data(data, labels)
    counts = _public_values(graph, proof.public_values)[COUNTED] if graph.counts else None
    named = named_records(graph, proof, counts, wanted, any_data=any_data)
    commitment = committed_outputs(graph, proof, outputs)
    public = _public_values(graph, proof.public_values)
    names = None if named is None else named.names
    stated, given = (
        (b"", {}) if named is None else (named.names.stated, {Segment.RECORD: named.rows})
    )
    if commitment is not None:
        stated += commitment.digest_bytes
        given[Segment.OUTPUT] = commitment.rows_of(range(graph.batch))
    verifying_key.verifier.verify(
        proof.context,
        proof.public_values,
        proof.body,
        data=stated,
        rows=given,
        among=None if named is None else named.among,
    )
    missing = () if counts is None or names is None else left_out(counts, names.numbers)
    if missing and not graph.counts_labels and not allow_left_out:
        raise UsageError(
            f"the statistic leaves out {len(missing)} records, the first of them {missing[0]}, and "
            "nothing shows that they are outside of the model's domain, as the prover says; say "
            "--allow-left-out (in Python allow_left_out=True) to take it as that of the others"
        )
    hides = graph.counts or commitment is not None
    shown = {} if hides else {name: public[name] for name in graph.outputs}
    inputs = {name: public[name] for name in graph.inputs if name in public and not graph.counts}
    return Verified(
        outputs=_numbers(graph, shown),
        outputs_fixed=shown,
        classes={
            name: np.array(graph.classes[name])[array]
            for name, array in shown.items()
            if name in graph.classes
        },
        inputs=_numbers(graph, inputs) if inputs else None,
        inputs_fixed=inputs or None,
        records=None
        if names is None
        else VerifiedRecords(
            names.numbers,
            names.hidden,
            names.digest.hex(),
            names.labels.hex() or None,
            checked=data is not None,
            left_out=missing,
        ),
        commitment=commitment,
        right=right(public) if graph.counts else None,
        confusion=public.get(CONFUSION) if graph.counts else None,
        summary=summary(graph, public),
        caveats=verifying_key.caveats,
        context=proof.context,
        model_commitment=verifying_key.model_commitment,
        circuit_digest=verifying_key.circuit_digest,
        key_digest=verifying_key.digest,
    )


def right(public: Mapping[str, Integers]) -> int | None:
    """How many records are labelled right, by what a proof of it shows; None of others."""
    if RIGHT in public:
        return int(public[RIGHT])
    return int(public[CONFUSION].trace()) if CONFUSION in public else None


def summary(graph: FixedGraph, public: Mapping[str, Integers]) -> Summary | None:
    """How numbers of records are spread, by what a proof of it shows; None of others."""
    if not graph.counts or graph.counts_labels:
        return None
    of = "outputs" if graph.target is None else "errors"
    return Summary.shown(of, int(public[COUNTED].sum()), graph.summed.scale, public)


def statement(verified: Verified) -> dict[str, Any]:
    """What a proof establishes, as JSON has it."""

    def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
        return {name: array.tolist() for name, array in arrays.items()}

    said: dict[str, Any] = {
        "valid": True,
        "outputs": nested(verified.outputs),
        "outputs_fixed": nested(verified.outputs_fixed),
        **({"classes": nested(verified.classes)} if verified.classes else {}),
        "context": os.fsdecode(verified.context),
        "key_digest": verified.key_digest,
        "model_commitment": verified.model_commitment,
        "circuit_digest": verified.circuit_digest,
        **({"caveats": list(verified.caveats)} if verified.caveats else {}),
    }
    if verified.inputs is not None and verified.inputs_fixed is not None:
        said["inputs"] = nested(verified.inputs)
        said["inputs_fixed"] = nested(verified.inputs_fixed)
    if verified.records is not None:
        hidden = verified.records.hidden
        said |= {"hidden_records": hidden} if hidden else {"records": [*verified.records.numbers]}
        said["data_digest"] = verified.records.data_digest
        said["data_checked"] = verified.records.checked
        if verified.records.left_out:
            said["left_out"] = [*verified.records.left_out]
        if verified.records.labels_digest is not None:
            said["labels_digest"] = verified.records.labels_digest
        if verified.right is not None:
            said["right"] = verified.right
        if verified.summary is not None:
            said |= verified.summary.document()
        if verified.confusion is not None:
            said["confusion"] = verified.confusion.tolist()
    if verified.commitment is not None:
        said["outputs_digest"] = verified.commitment.digest
    return said


def _shown(context: bytes) -> str:
    """A context for messages."""
    return f"the context {context.decode(errors='backslashreplace')!r}" if context else "no context"


def _public_values(graph: FixedGraph, values: tuple[Integers, ...]) -> dict[str, Integers]:
    """The proof's public values by name.

    Raises VerificationError unless they have the count, shapes and ranges that the graph declares.
    """
    shown = graph.shown
    if len(values) != len(shown):
        raise VerificationError(f"the proof has {len(values)} public values, expected {len(shown)}")
    for (name, tensor), value in zip(shown, values, strict=True):
        if value.shape != tensor.shape or value.dtype != np.int64:
            raise VerificationError(
                f"public value {name} has shape {value.shape} and type {value.dtype}, "
                f"expected {tensor.shape} and int64"
            )
        if value.min() < tensor.low or value.max() > tensor.high:
            raise VerificationError(
                f"public value {name} leaves its range {tensor.low} to {tensor.high}"
            )
    return {name: value for (name, _), value in zip(shown, values, strict=True)}


def _numbers(graph: FixedGraph, values: Mapping[str, Integers]) -> dict[str, npt.NDArray[Any]]:
    """What fixed-point integers stand for: labels as they are, all others as float64 arrays."""
    numbers: dict[str, npt.NDArray[Any]] = {}
    for name, value in values.items():
        tensor = graph.tensors[name]
        numbers[name] = value if tensor.kind == "label" else graph.encoding(name).numbers(value)
    return numbers
