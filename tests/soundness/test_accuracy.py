"""Attacks on how often a network is said to be right; both verifiers refuse a part's, and the
verdict on parts refuses what no part shows.

The network is a matrix and a label; some of its labels are those of the data, some are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifacts import committed, key_openings

import zkinfer
from tests.soundness.labelled import (
    BATCH,
    CLASSES,
    GRAPH,
    INPUTS,
    MADE,
    OUTPUT,
    RECORDS,
    STARTS,
    TRUE,
    WEIGHTS,
    Labelled,
    labelled,
    network,
    right,
)
from tests.soundness.test_lies import added
from zkinfer import reference
from zkinfer.backends import transparent
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.committed_input import Records, read_records
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.lower import lower, solve, true_labels

pytestmark = pytest.mark.usefixtures("signs")

FORGED = "the closing equations do not hold"


@pytest.fixture(scope="module")
def known() -> Labelled:
    return labelled()


@pytest.fixture(scope="module")
def key(known: Labelled) -> ProvingKey:
    return known.key


@pytest.fixture(scope="module")
def data(known: Labelled) -> DataOpening:
    return known.data


@pytest.fixture(scope="module")
def labels(known: Labelled) -> DataOpening:
    return known.labels


@pytest.fixture(scope="module")
def parts(known: Labelled) -> list[zkinfer.Proof]:
    return list(known.parts)


def verified(
    key: ProvingKey, proof: zkinfer.Proof, data: DataCommitment, labels: DataCommitment
) -> tuple[int | None, int]:
    """By the package and the reference: how many are right."""
    found = zkinfer.verify(key.verifying_key, proof, data=data, labels=labels)
    ours = reference.verify(
        reference.read_key(key.verifying_key.to_bytes()),
        reference.read_proof(proof.to_bytes()),
        b"",
        reference.read_data(data.to_bytes()),
        reference.read_data(labels.to_bytes()),
    )
    assert found.records is not None
    assert ours["records"] == list(found.records.numbers)
    assert (ours["labels_digest"], ours["outputs"]) == (found.records.labels_digest, {})
    return found.right, ours["right"]


def refused(
    key: ProvingKey,
    proof: zkinfer.Proof,
    data: DataCommitment,
    labels: DataCommitment,
    *messages: str,
) -> None:
    """By both verifiers: with the first message, and the last one."""
    with pytest.raises(zkinfer.VerificationError, match=messages[0]):
        zkinfer.verify(key.verifying_key, proof, data=data, labels=labels)
    with pytest.raises(reference.VerificationError, match=messages[-1]):
        reference.verify(
            reference.read_key(key.verifying_key.to_bytes()),
            reference.read_proof(proof.to_bytes()),
            b"",
            reference.read_data(data.to_bytes()),
            reference.read_data(labels.to_bytes()),
        )


def records(
    key: ProvingKey, data: DataOpening, labels: DataOpening | None, numbers: Sequence[int]
) -> Records:
    columns = key.verifying_key.native_circuit.columns
    return read_records(key.graph, data, labels, numbers, columns)


def forged(
    key: ProvingKey, told: Records, inputs: Mapping[str, Any], lies: Mapping[str, Any]
) -> zkinfer.Proof:
    """What a prover sends who checks nothing: it names and opens these records, and has others."""
    witness = solve(key.graph, key.weights, {**told.inputs, **inputs}, lies=lies)
    held = transparent.native_openings(key_openings(key))
    circuit, digest = key.verifying_key.native_circuit, key.verifying_key.key_digest
    prover = transparent.Prover.unchecked(circuit, held, digest)
    given = {Segment.RECORD: told.opened}
    body = transparent.prove(prover, b"", witness.segments, data=told.names.stated, committed=given)
    shown = tuple(witness.segments[Segment.PUBLIC])
    return zkinfer.Proof(digest, b"", shown, body, told.names)


def test_parts_say_how_many_of_their_records_are_right(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    for start, proof in zip(STARTS, parts, strict=True):
        mine = range(start, min(start + BATCH, RECORDS))
        expected = (right(mine),) * 2
        assert verified(key, proof, data.commitment, labels.commitment) == expected
    whole = zkinfer.verify_evaluation(
        key.verifying_key, parts[::-1], data=data.commitment, labels=labels.commitment
    )
    assert (whole.right, whole.records, whole.parts) == (right(range(RECORDS)), RECORDS, 3)
    assert 0 < whole.right < RECORDS


def test_a_part_left_out_and_one_that_is_there_twice(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    straddling = zkinfer.prove(key, data=data, record=(2, 3, 4, 5), labels=labels)
    for given, message in (
        ([], "records 0 to 9 are in no part"),
        (parts[1:], "records 0 to 3 are in no part"),
        (parts[:1] + parts[2:], "records 4 to 7 are in no part"),
        (parts[:2], "records 8 to 9 are in no part"),
        ([*parts, parts[0]], "records 0 to 3 are in two parts"),
        ([*parts, parts[2]], "records 8 to 9 are in two parts"),
        ([*parts, straddling], "records 2 to 3 are in two parts"),
        ([parts[0], straddling, parts[2]], "records 2 to 3 are in two parts"),
    ):
        with pytest.raises(zkinfer.VerificationError, match=message):
            zkinfer.verify_evaluation(
                key.verifying_key, given, data=data.commitment, labels=labels.commitment
            )


def test_parts_of_another_key_or_context(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    """A network that is right elsewhere cannot lend a part."""
    other = make_keys(GRAPH, {"w0": -WEIGHTS["w0"]})
    lent = zkinfer.prove(other, data=data, record=4, labels=labels)
    said = zkinfer.prove(key, data=data, record=4, labels=labels, context=b"another")
    for part, message in ((lent, "is for the key"), (said, "is bound to the context")):
        with pytest.raises(zkinfer.VerificationError, match=message):
            zkinfer.verify_evaluation(
                key.verifying_key,
                [parts[0], part, parts[2]],
                data=data.commitment,
                labels=labels.commitment,
            )


def test_permuted_labels(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    """So that all are right: the labels of another commitment; relabelled; in the witness only."""
    flattering = zkinfer.commit(MADE)[1]
    proof = zkinfer.prove(key, data=data, record=0, labels=flattering)
    assert verified(key, proof, data.commitment, flattering.commitment) == (BATCH, BATCH)
    args = data.commitment, labels.commitment
    refused(key, proof, *args, "the proof is about the data", "about other labels")
    assert proof.records is not None
    named = replace(proof.records, labels=labels.commitment.digest_bytes)
    refused(key, replace(proof, records=named), *args, FORGED)
    told = records(key, data, labels, range(BATCH))
    true = {true_labels(OUTPUT): MADE[:BATCH]}
    refused(key, forged(key, told, true, {}), *args, FORGED)
    honest = forged(key, told, {}, {})
    assert verified(key, honest, *args) == (right(range(BATCH)),) * 2


def test_labels_of_other_records(key: ProvingKey, data: DataOpening, labels: DataOpening) -> None:
    """A record and its label have one number: rows of other labels are not those of the numbers."""
    told = records(key, data, labels, range(BATCH))
    shifted = records(key, data, labels, range(BATCH, 2 * BATCH))
    count = len(told.opened.rows) - 32 * BATCH
    mixed = transparent.Opened(
        [told.opened.arrays[0], shifted.opened.arrays[1]],
        told.opened.rows[:count] + shifted.opened.rows[count:],
        told.opened.blinds[:count] + shifted.opened.blinds[count:],
    )
    true = {true_labels(OUTPUT): shifted.inputs[true_labels(OUTPUT)]}
    proof = forged(key, replace(told, opened=mixed), true, {})
    refused(key, proof, data.commitment, labels.commitment, FORGED)


def test_other_data(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    """The very same records, committed to again; and as what the proof says it is about."""
    same = committed(GRAPH, INPUTS)
    args = same.commitment, labels.commitment
    refused(key, parts[0], *args, "the proof is about the data", "about other data")
    assert parts[0].records is not None
    named = replace(parts[0].records, digest=same.commitment.digest_bytes)
    refused(key, replace(parts[0], records=named), *args, FORGED)


def test_padding_with_easy_records(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    """What fills the last part does not count, and cannot be made to; left-out ones are named."""
    args, last = (data.commitment, labels.commitment), parts[-1]
    assert last.records is not None
    assert last.records.numbers == (8, 9)
    assert last.public_values[0].tolist() == [1, 1, 0, 0]
    told = records(key, data, labels, (8, 9))
    everything = {f"{OUTPUT}/counted": np.ones(BATCH, np.int64)}
    refused(
        key,
        forged(key, told, everything, {}),
        *args,
        "counts other records",
        "counts other records",
    )
    counted = (np.ones(BATCH, np.int64), *last.public_values[1:])
    refused(key, replace(last, public_values=counted), *args, "counts other records")
    for numbers, messages in (
        ((8, 9, 9, 9), ("follow one another",)),
        ((8, 9, 0, 1), ("follow one another",)),
        ((0, 0, 0, 0), ("follow one another",)),
        ((8, 9, 10, 11), ("there is no record", "no record of that number")),
        (tuple(range(5)), ("is about 1 to 4 records", "too many")),
        ((8,), ("counts other records",)),
        ((9,), ("counts other records",)),
        ((7, 8), (FORGED,)),
    ):
        named = replace(last.records, numbers=numbers)
        refused(key, replace(last, records=named), *args, *messages)
    # The easy ones in the witness, where the statement has the last record once more.
    easy = next(n for n in range(RECORDS) if MADE[n] == TRUE[n])
    inputs = told.inputs["x0"].copy()
    inputs[2:] = INPUTS[easy]["x0"]
    refused(key, forged(key, told, {"x0": inputs}, {}), *args, FORGED)


WIDE = [{"x0": each["x0"] + 40 * (number in (0, 5, 9))} for number, each in enumerate(INPUTS)]
"""Records of which three leave the network's domain."""


def test_records_that_leave_the_domain_are_left_out(
    key: ProvingKey, labels: DataOpening, tmp_path: Path
) -> None:
    """They do not count as right, and verdicts name them."""
    wide = committed(GRAPH, WIDE)
    with pytest.raises(zkinfer.UsageError, match="record 0 leaves the network's domain"):
        zkinfer.prove(key, data=wide, record=0, labels=labels)
    files = zkinfer.evaluate(key, tmp_path, data=wide, labels=labels)
    parts = [zkinfer.Proof.load(file) for file in files]
    whole = zkinfer.verify_evaluation(
        key.verifying_key, parts, data=wide.commitment, labels=labels.commitment
    )
    inside = [number for number in range(RECORDS) if number not in (0, 5, 9)]
    assert (whole.left_out, whole.records, whole.right) == ((0, 5, 9), RECORDS, right(inside))
    assert whole.statement()["left_out"] == [0, 5, 9]
    for start, proof in zip(STARTS, parts, strict=True):
        mine = [number for number in inside if number in range(start, start + BATCH)]
        args = wide.commitment, labels.commitment
        assert verified(key, proof, *args) == (right(mine),) * 2
        found = zkinfer.verify(key.verifying_key, proof, data=args[0], labels=args[1]).records
        assert found is not None
        assert {*found.numbers} - {*found.left_out} == {*mine}


def test_none_of_a_part_is_inside(key: ProvingKey, labels: DataOpening, tmp_path: Path) -> None:
    wide = committed(GRAPH, [{"x0": each["x0"] + 40 * (n > 7)} for n, each in enumerate(INPUTS)])
    with pytest.raises(zkinfer.UsageError, match="records 8 to 9 all leave the network's domain"):
        zkinfer.evaluate(key, tmp_path / "parts", data=wide, labels=labels)


def test_leaving_out_what_could_count(
    key: ProvingKey, data: DataOpening, labels: DataOpening
) -> None:
    """It is named, and takes a right one away; it cannot be kept quiet, nor lend its place."""
    args, columns = (data.commitment, labels.commitment), key.verifying_key.native_circuit.columns
    easy, hard = (
        next(n for n in range(BATCH) if (MADE[n] == TRUE[n]) == same) for same in (True, False)
    )
    told = read_records(key.graph, data, labels, range(BATCH), columns, {hard})
    proof = forged(key, told, {}, {})
    assert verified(key, proof, *args) == (right(range(BATCH)),) * 2
    found = zkinfer.verify(key.verifying_key, proof, data=args[0], labels=args[1]).records
    assert found is not None
    assert found.left_out == (hard,)
    counted, shown = proof.public_values
    for other in ([1, 1, 1, 1], np.roll(counted, 1)):
        refused(key, replace(proof, public_values=(np.array(other), shown)), *args, FORGED)
    nothing = replace(proof, public_values=(counted * 0, shown))
    refused(key, nothing, *args, "counts other records")
    inputs = told.inputs["x0"].copy()
    inputs[hard] = INPUTS[hard]["x0"]
    refused(key, forged(key, told, {"x0": inputs}, {}), *args, FORGED)
    without = read_records(key.graph, data, labels, range(BATCH), columns, {easy})
    fewer = forged(key, without, {}, {})
    assert verified(key, fewer, *args) == (right(range(BATCH)) - 1,) * 2
    everything = {f"{OUTPUT}/counted": np.ones(BATCH, np.int64)}
    refused(key, forged(key, without, everything, {}), *args, FORGED)


@pytest.mark.parametrize("step", [1, -1])
def test_another_number(
    step: int, key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    args, (first, *_) = (data.commitment, labels.commitment), parts
    values = (first.public_values[0], first.public_values[1] + step)
    refused(key, replace(first, public_values=values), *args, FORGED)
    told = records(key, data, labels, range(BATCH))
    refused(key, forged(key, told, {}, {f"{OUTPUT}/right": lambda k: k + step}), *args, FORGED)
    for outside in (BATCH + 1, -1):
        values = (first.public_values[0], np.array(outside))
        refused(
            key,
            replace(first, public_values=values),
            *args,
            "leaves its range",
            "out of its bounds",
        )


PATHS = {
    f"{OUTPUT}/hits": f"{OUTPUT}/hits",
    f"{OUTPUT}/below/bits": f"{OUTPUT}/below/sign",
    f"{OUTPUT}/above/bits": f"{OUTPUT}/above/sign",
    f"{OUTPUT}/right": f"{OUTPUT}/right",
    f"{OUTPUT}/true/record": f"{OUTPUT}/true/record",
}


@pytest.mark.parametrize("lie", PATHS)
def test_a_lie_is_caught_by_its_block_alone(
    lie: str, key: ProvingKey, data: DataOpening, labels: DataOpening
) -> None:
    circuit = lower(GRAPH)
    told = records(key, data, labels, range(BATCH))
    assert check(circuit, solve(GRAPH, WEIGHTS, told.inputs).segments) == []
    lies = {lie: (lambda k: k + 1) if lie.endswith("right") else added(0, 1)}
    segments = solve(GRAPH, WEIGHTS, told.inputs, lies=lies).segments
    assert PATHS[lie] in check(circuit, segments)
    less = replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != PATHS[lie]))
    assert len(less.blocks) == len(circuit.blocks) - 1
    assert PATHS[lie] not in check(less, segments)


def test_a_label_that_is_no_class(key: ProvingKey, data: DataOpening) -> None:
    """Its owner cannot prove about it; over the field its range is what catches it."""
    beyond = TRUE.copy()
    beyond[2] = CLASSES
    opening = zkinfer.commit(beyond)[1]
    with pytest.raises(zkinfer.UsageError, match=r"record 2 has the label 3; .* 0 to 2"):
        zkinfer.prove(key, data=data, record=0, labels=opening)
    circuit = lower(GRAPH)
    told = records(key, data, zkinfer.commit(TRUE)[1], range(BATCH))
    honest = solve(GRAPH, WEIGHTS, told.inputs).segments
    place = len(honest[Segment.INPUT]) - 1
    for number in (CLASSES, -1, 2**200):
        arrays = [array.astype(object) for array in honest[Segment.INPUT]]
        arrays[place].reshape(-1)[0] = number
        broken = check(circuit, {**honest, Segment.INPUT: arrays})
        assert any(path.startswith(f"{OUTPUT}/true/range") for path in broken)


def test_what_are_no_labels(key: ProvingKey, data: DataOpening) -> None:
    for wrong, message in (
        (zkinfer.commit(TRUE + 0.5)[1], "labels are one whole number a record"),
        (zkinfer.commit(np.stack([TRUE, TRUE], axis=1))[1], "labels are one whole number"),
        (zkinfer.commit({"a": TRUE, "b": TRUE})[1], "labels are one whole number a record"),
    ):
        with pytest.raises(zkinfer.UsageError, match=message):
            zkinfer.prove(key, data=data, record=0, labels=wrong)
    fewer = zkinfer.commit(TRUE[:-1])
    with pytest.raises(zkinfer.UsageError, match="there are 9 labels for 10 records"):
        zkinfer.evaluate(key, "nowhere", data=data, labels=fewer[1])


def test_which_commitments_it_must_be_about_has_to_be_said(
    key: ProvingKey, data: DataOpening, labels: DataOpening, parts: list[zkinfer.Proof]
) -> None:
    for given in (
        {},
        {"data": data.commitment},
        {"any_data": True},
        {"data": data.commitment, "labels": labels.commitment, "any_data": True},
    ):
        with pytest.raises(zkinfer.UsageError, match="a proof of accuracy is about data and their"):
            zkinfer.verify(key.verifying_key, parts[0], **given)


def test_right_is_how_many_of_those_that_count_are_equal() -> None:
    """For all labels that there can be, and every count."""
    for batch in (2, 3):
        graph = network(batch)
        circuit = lower(graph)
        inputs = {"x0": np.stack([each["x0"] for each in INPUTS[:batch]])}
        for pick in range(CLASSES**batch):
            true = np.array([pick // CLASSES**i % CLASSES for i in range(batch)])
            for count in range(1, batch + 1):
                counted = (np.arange(batch) < count).astype(np.int64)
                told = {true_labels(OUTPUT): true, f"{OUTPUT}/counted": counted}
                segments = solve(graph, WEIGHTS, {**inputs, **told}).segments
                _, found = segments[Segment.PUBLIC]
                assert int(found) == ((MADE[:batch] == true) & (counted == 1)).sum()
                assert check(circuit, segments) == []
