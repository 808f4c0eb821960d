"""The rows of tamper.csv about accuracy, summaries and errors: what is changed in a part, in what
is given with it, and in the parts of an evaluation.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import zkinfer
from tests.soundness.edits import graph_edited, joined
from tests.soundness.labelled import TRUE, Labelled
from tests.soundness.summed import FINER, Summed, numbers_at
from tests.soundness.summed import TRUE as TARGETS
from tests.soundness.test_accuracy import forged
from zkinfer import container, reference
from zkinfer.committed_input import read_records
from zkinfer.data import DataCommitment
from zkinfer.keys import VerifyingKey

CONTEXT = b"context"
Runs = tuple[Callable[[], object], Callable[[], object] | None]

ONE = {"squares": np.array([1, 0])}
"""What is added to what is shown, where that is no number."""

NUMBERS = {
    "apart": (0, 1, 3),
    "five": (0, 1, 2, 3, 4),
    "one fewer": (0, 1, 2),
    "the next ones": (1, 2, 3, 4),
    "beyond": (7, 8, 9, 10),
}


def part(known: Labelled | Summed, field: str, mutation: str) -> Runs:
    """A part with something else in it."""
    proof, (data, labels) = known.parts[0], known.public
    assert proof.records is not None
    counted, *shown = proof.public_values
    listed = data.rows_of(range(4))
    flipped = bytes([proof.records.digest[0] ^ 1]) + proof.records.digest[1:]
    if field == "numbers":
        names = replace(proof.records, numbers=NUMBERS[mutation])
    else:
        names = {
            "data": replace(proof.records, digest=flipped),
            "labels": replace(proof.records, labels=flipped),
            "no labels": replace(proof.records, labels=b"", rows=listed),
            "rows": replace(proof.records, labels=b"", rows=listed),
        }.get(field, proof.records)
    if field == "counted":
        counted = counted * 0 if mutation == "none" else counted ^ np.array([0, 0, 0, 1])
    for place, (name, _) in enumerate(known.key.graph.shown[1:]):
        if name == field:
            shown[place] = shown[place] + ONE.get(field, 1)
    changed = replace(proof, records=names, public_values=(counted, *shown))
    return _verdicts(known.key.verifying_key, changed, data, labels)


def key(known: Labelled | Summed, field: str, mutation: str) -> Runs:
    """The key with another graph."""
    names = (section.name for section in container.VERIFYING_KEY.sections)
    data = known.key.verifying_key.to_bytes()
    parts = dict(zip(names, container.read(container.VERIFYING_KEY, data), strict=True))
    parts["graph"] = graph_edited(parts["graph"], field, mutation)
    made = joined(container.VERIFYING_KEY, parts)
    return lambda: VerifyingKey.from_bytes(made), lambda: reference.read_key(made)


def targets(known: Summed, spread: Summed, mutation: str) -> Runs:
    """Other targets beside an honest part, which says that it is about these. spread: without."""
    (data, mine), proof = known.public, known.parts[0]
    key: VerifyingKey = known.key.verifying_key
    given: DataCommitment | None = {
        "none": lambda: None,
        "another scale": lambda: numbers_at(FINER.scale + 1, TARGETS["finer"]).commitment,
        "one fewer": lambda: numbers_at(FINER.scale, TARGETS["finer"][:-1]).commitment,
        "for a summary": lambda: mine,
        "no data for a summary": lambda: None,
    }[mutation]()
    if "summary" in mutation:
        key, proof = spread.key.verifying_key, spread.parts[0]
    elif given is not None and proof.records is not None:
        proof = replace(proof, records=replace(proof.records, labels=given.digest_bytes))
    if mutation == "no data for a summary":
        return _verdicts(key, proof, None, None)
    return _verdicts(key, proof, data, given)


def given(known: Labelled, record: tuple[VerifyingKey, zkinfer.Proof], mutation: str) -> Runs:
    """Other data or labels beside an honest part. Relabelled: that says it is about these.

    record: a key that is not about labels, and a proof for it.
    """
    data, labels = known.public
    verifying_key, proof = known.key.verifying_key, known.parts[0]
    edit = mutation.removesuffix(", relabelled")
    told: tuple[DataCommitment | None, DataCommitment | None] = {
        "no labels": (data, None),
        "labels alone": (None, labels),
        "two numbers each": (data, zkinfer.commit(np.stack([TRUE, TRUE], axis=1))[0]),
        "one fewer": (data, zkinfer.commit(TRUE[:-1])[0]),
        "for another key": (data, labels),
    }[edit]
    if edit == "for another key":
        verifying_key, proof = record
    if edit != mutation and proof.records is not None and told[1] is not None:
        names = replace(proof.records, labels=told[1].digest_bytes)
        proof = replace(proof, records=names)
    package, ours = _verdicts(verifying_key, proof, *told)
    return package, None if told[0] is None else ours


def of_no_statistic(key: VerifyingKey, proof: zkinfer.Proof, data: DataCommitment) -> Runs:
    """A proof about records in place of parts."""

    def package() -> None:
        zkinfer.verify_evaluation(key, [proof], data=data, context=CONTEXT)

    return package, None


def leaving_one_out(known: Summed) -> Runs:
    """A part of a summary whose prover leaves a record out, bound to no context."""
    columns = known.key.verifying_key.native_circuit.columns
    told = read_records(known.key.graph, known.data, known.labels, range(4), columns, {2})
    proof, (data, _) = forged(known.key, told, {}, {}), known.public
    return lambda: zkinfer.verify_evaluation(known.key.verifying_key, [proof], data=data), None


def parts(known: Labelled, mutation: str) -> Runs:
    """Other parts of an evaluation."""
    first, second, last = known.parts
    chosen = {
        "the first left out": (second, last),
        "one left out": (first, last),
        "the last left out": (first, second),
        "one twice": (first, second, second, last),
    }[mutation]
    data, labels = known.public

    def package() -> None:
        zkinfer.verify_evaluation(
            known.key.verifying_key, chosen, data=data, labels=labels, context=CONTEXT
        )

    return package, None


def _verdicts(
    verifying_key: VerifyingKey,
    proof: zkinfer.Proof,
    data: DataCommitment | None,
    labels: DataCommitment | None,
) -> Runs:
    def package() -> None:
        read = zkinfer.Proof.from_bytes(proof.to_bytes())
        zkinfer.verify(verifying_key, read, context=CONTEXT, data=data, labels=labels)

    def ours() -> None:
        known: list[Any] = [
            each and reference.read_data(each.to_bytes()) for each in (data, labels)
        ]
        read = reference.read_proof(proof.to_bytes())
        reference.verify(reference.read_key(verifying_key.to_bytes()), read, CONTEXT, *known)

    return package, ours
