"""Attacks on what a proof says of committed data; each is mounted, and both verifiers refuse it.

The network is the perceptron, hidden but for its input, which is a record.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from artifacts import committed, forged_record, prove_record
from networks import Net, cases

import zkinfer
from tests.soundness.test_lies import added
from zkinfer import reference
from zkinfer.backends import transparent
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MODULUS
from zkinfer.data import DataCommitment, DataOpening, RevealedRecord
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.lower import lower, solve
from zkinfer.proof import RecordNames
from zkinfer.reference import ristretto

pytestmark = pytest.mark.usefixtures("signs")

CASE = cases()["perceptron"]
GRAPH = replace(CASE.graph, input_mode="committed")
RECORDS = [CASE.random(seed)[1] for seed in range(4)]
FORGED = "the closing equations do not hold"


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return make_keys(GRAPH, CASE.random(1)[0])


@pytest.fixture(scope="module")
def data() -> DataOpening:
    return committed(GRAPH, RECORDS)


def refused(key: ProvingKey, proof: zkinfer.Proof, data: DataCommitment, *messages: str) -> None:
    """By both verifiers: with the first message, and the last one."""
    with pytest.raises(zkinfer.VerificationError, match=messages[0]):
        zkinfer.verify(key.verifying_key, proof, data=data)
    with pytest.raises(reference.VerificationError, match=messages[-1]):
        reference.verify(
            reference.read_key(key.verifying_key.to_bytes()),
            reference.read_proof(proof.to_bytes()),
            b"",
            reference.read_data(data.to_bytes()),
        )


def accepted(key: ProvingKey, proof: zkinfer.Proof, data: DataCommitment) -> None:
    zkinfer.verify(key.verifying_key, proof, data=data)


def lying(
    key: ProvingKey, data: DataOpening, number: int, inputs: Mapping[str, np.ndarray]
) -> zkinfer.Proof:
    """The honest record's name, another input's proof."""
    opened = data.opened([number], key.verifying_key.native_circuit.columns)
    name = RecordNames(data.commitment.digest_bytes, (number,), opened.rows)
    return forged_record(key, inputs, name, opened)


def test_another_input_than_the_record(key: ProvingKey, data: DataOpening) -> None:
    accepted(key, lying(key, data, 2, RECORDS[2]), data.commitment)
    refused(key, lying(key, data, 2, RECORDS[3]), data.commitment, FORGED)


def test_another_record_of_the_data(key: ProvingKey, data: DataOpening) -> None:
    """Relabelled: with the other one's number, with its rows too."""
    proof = prove_record(key, data, 2)
    accepted(key, proof, data.commitment)
    assert proof.records is not None
    other = replace(proof, records=replace(proof.records, numbers=(3,)))
    refused(key, other, data.commitment, "have other rows", "other rows")
    rows = data.commitment.record_rows(3)
    other = replace(proof, records=replace(proof.records, numbers=(3,), rows=rows))
    refused(key, other, data.commitment, FORGED)


def test_a_record_beyond_the_data(key: ProvingKey, data: DataOpening) -> None:
    proof = prove_record(key, data, 0)
    assert proof.records is not None
    for number in (len(RECORDS), 2**64 - 1):
        other = replace(proof, records=replace(proof.records, numbers=(number,)))
        refused(key, other, data.commitment, "there is no record", "no record of that number")


def test_a_record_of_another_set(key: ProvingKey, data: DataOpening) -> None:
    """Even of one with the very same numbers, and even if the proof says it is of this one."""
    same = committed(GRAPH, RECORDS)
    proof = prove_record(key, same, 2)
    refused(key, proof, data.commitment, "the proof is about the data", "about other data")
    assert proof.records is not None
    digest = data.commitment.digest_bytes
    other = replace(proof, records=replace(proof.records, digest=digest))
    refused(key, other, data.commitment, "have other rows", "other rows")
    rows = data.commitment.record_rows(2)
    other = replace(proof, records=RecordNames(digest, (2,), rows))
    refused(key, other, data.commitment, FORGED)


def test_the_same_row_under_two_numbers(key: ProvingKey, data: DataOpening) -> None:
    """A set may hold a row twice; a proof is about the number that it was made for."""
    rows, blinds = data.commitment.rows, data.blinds
    size = len(rows) // len(data)
    twice = DataOpening(
        replace(data.commitment, rows=rows[:size] + rows[:size] + rows[2 * size :]),
        tuple(array[[0, 0, 2, 3]] for array in data.arrays),
        blinds[:size] + blinds[:size] + blinds[2 * size :],
    )
    proof = prove_record(key, twice, 0)
    accepted(key, proof, twice.commitment)
    assert proof.records is not None
    other = replace(proof, records=replace(proof.records, numbers=(1,)))
    refused(key, other, twice.commitment, FORGED)
    accepted(key, prove_record(key, twice, 1), twice.commitment)


def test_edited_scales(key: ProvingKey, data: DataOpening) -> None:
    """Of the commitment: it is another one. Committed to so: the key does not read it."""
    proof = prove_record(key, data, 1)
    (tensor,) = data.commitment.description.tensors
    finer = replace(tensor, scales=tuple(scale + 1 for scale in tensor.scales))
    description = replace(data.commitment.description, tensors=(finer,))
    edited = replace(data.commitment, description=description)
    refused(key, proof, edited, "the proof is about the data", "about other data")
    with pytest.raises(zkinfer.UsageError, match="other scales than the network"):
        prove_record(key, replace(data, commitment=edited), 1)
    opened = data.opened([1], key.verifying_key.native_circuit.columns)
    name = RecordNames(edited.digest_bytes, (1,), opened.rows)
    forged = forged_record(key, RECORDS[1], name, opened)
    refused(key, forged, edited, "the proof is not about these data", "other scales")


def test_an_edited_commitment_is_another_one(key: ProvingKey, data: DataOpening) -> None:
    """With a row exchanged for the attacker's: what was published has another digest."""
    mine = committed(GRAPH, RECORDS[::-1])
    rows = (
        mine.commitment.record_rows(0) + data.commitment.rows[len(mine.commitment.record_rows(0)) :]
    )
    edited = replace(data.commitment, rows=rows)
    opening = DataOpening(
        edited,
        tuple(
            np.concatenate([m[:1], d[1:]]) for m, d in zip(mine.arrays, data.arrays, strict=True)
        ),
        mine.blinds[: len(mine.commitment.record_rows(0))]
        + data.blinds[len(mine.commitment.record_rows(0)) :],
    )
    proof = prove_record(key, opening, 0)
    accepted(key, proof, edited)
    refused(key, proof, data.commitment, "the proof is about the data", "about other data")


def test_a_proof_without_a_record_and_one_with(key: ProvingKey, data: DataOpening) -> None:
    """A network that reads records takes no other input, and other networks take no record."""
    proof = prove_record(key, data, 1)
    bare = replace(proof, records=None)
    refused(key, bare, data.commitment, "the proof names no records", "names records, or needs to")
    with pytest.raises(zkinfer.UsageError, match="say which data"):
        zkinfer.verify(key.verifying_key, proof)
    with pytest.raises(zkinfer.UsageError, match="say which data"):
        zkinfer.verify(key.verifying_key, proof, data=data.commitment, any_data=True)
    claimed = zkinfer.verify(key.verifying_key, proof, any_data=True).records
    assert claimed is not None
    assert not claimed.checked
    hidden = make_keys(CASE.graph, CASE.random(1)[0])
    named = replace(proof, key_digest=hidden.verifying_key.key_digest)
    with pytest.raises(zkinfer.VerificationError, match="names records, and its key is not about"):
        zkinfer.verify(hidden.verifying_key, named)
    for asked in ({"data": data.commitment}, {"any_data": True}):
        with pytest.raises(zkinfer.UsageError, match="not about data"):
            zkinfer.verify(hidden.verifying_key, named, **asked)


def test_fewer_rows_or_more(key: ProvingKey, data: DataOpening) -> None:
    proof = prove_record(key, data, 1)
    assert proof.records is not None
    for rows in (proof.records.rows * 2, proof.records.rows[32:]):
        if rows:
            other = replace(proof, records=replace(proof.records, rows=rows))
            with pytest.raises(zkinfer.VerificationError, match="rows of record"):
                zkinfer.verify(key.verifying_key, other, any_data=True)


@pytest.mark.parametrize("inputs", ["one scale", "by column"])
@pytest.mark.parametrize("huge", [2**61, 2**200, MODULUS - 1, (MODULUS + 1) // 2])
def test_entries_that_are_no_numbers(inputs: str, huge: int) -> None:
    """Over the field: an element beyond the range, alone, and with an input that follows it."""
    net = Net()
    if inputs == "one scale":
        x = net.input(1, 5, low=0, high=15)
    else:
        x = net.table(1, 3, axis=1, lows=(0, 4, 0), bits=3)
    total = net.node("reduce_sum", x, axes=(1,), keepdims=False, multiplier=1, scale=0)
    graph = net.graph(total, inputs="committed")
    circuit = lower(graph)
    honest = {"x0": np.full(graph.tensors["x0"].shape, 5)}
    segments = solve(graph, {}, honest).segments
    assert check(circuit, segments) == []
    (cells,), (x,) = segments[Segment.RECORD], segments[Segment.INPUT]
    wrong, follows = cells.astype(object), x.astype(object)
    wrong[0, 1] = follows[..., 1] = huge
    assert check(circuit, {**segments, Segment.RECORD: [wrong]}) == ["x0/record"]
    both = check(circuit, {**segments, Segment.RECORD: [wrong], Segment.INPUT: [follows]})
    assert "x0/range" in both
    assert "x0/record" not in both


def test_a_row_of_no_numbers_can_be_committed_to_and_not_be_proved(
    key: ProvingKey, data: DataOpening
) -> None:
    """The attacker's row is the honest one with 2^200 more in a cell: the rest of it is honest."""
    first = ristretto.decode(data.commitment.rows[:32])
    (generator,) = ristretto.generators("G", 1)
    row = ristretto.encode(ristretto.multiply([1, 2**200], [first, generator]))
    commitment = replace(data.commitment, rows=row + data.commitment.rows[32:])
    opening = replace(data, commitment=commitment)
    with pytest.raises(zkinfer.UsageError, match="do not open the rows"):
        prove_record(key, opening, 0)
    refused(key, lying(key, opening, 0, RECORDS[0]), commitment, FORGED)
    with pytest.raises(zkinfer.VerificationError, match="are not those of record 0"):
        commitment.verify(opening.reveal(0))


def test_cells_beside_the_entries() -> None:
    """Whoever commits may fill them. Those of the record's own width must be zero; behind it
    nothing reads them, and the record is the same.
    """
    net = Net()
    graph = net.graph(net.node("neg", net.input(5)), inputs="committed")
    key = make_keys(graph, {})
    columns = key.verifying_key.native_circuit.columns
    one, other = ({"x0": np.arange(start, start + 5)} for start in (-2, 1))
    data = committed(graph, [one])
    (grid,) = data.commitment.grids
    assert (grid.rows, grid.width) == (1, 8)
    assert columns > 8
    for place in (5, 7, 8, columns - 1):
        (cells,) = data.opened([0], columns).arrays
        filled = cells.copy()
        filled[0, place] = 1
        row, blind = transparent.commit_rows(filled)
        commitment = replace(data.commitment, rows=row)
        name = RecordNames(commitment.digest_bytes, (0,), row)
        opened = transparent.Opened([filled], row, blind)
        proof = forged_record(key, one, name, opened)
        if place < grid.width:
            refused(key, proof, commitment, FORGED)
        else:
            accepted(key, proof, commitment)
        refused(key, forged_record(key, other, name, opened), commitment, FORGED)


def test_without_its_block_a_record_is_any() -> None:
    """So it is the block that binds the input, and nothing else does."""
    circuit = lower(GRAPH)
    less = replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != "x0/record"))
    assert len(less.blocks) == len(circuit.blocks) - 1
    witness = solve(GRAPH, CASE.random(1)[0], RECORDS[0], lies={"x0/record": added(0, 1)})
    assert check(circuit, witness.segments) == ["x0/record"]
    assert check(less, witness.segments) == []
    with pytest.raises(zkinfer.FormatError, match="does not follow from its graph"):
        zkinfer.VerifyingKey(GRAPH, less.to_bytes(), b"", None)


def test_a_record_out_of_the_domain_is_refused_by_its_prover(key: ProvingKey) -> None:
    tensor = GRAPH.tensors["x0"]
    outside = {"x0": np.full(tensor.shape, tensor.high + 1)}
    data = committed(GRAPH, [RECORDS[0], outside])
    with pytest.raises(zkinfer.UsageError, match="record 1 leaves the network's domain"):
        prove_record(key, data, 1)
    accepted(key, prove_record(key, data, 0), data.commitment)


def test_what_is_revealed_is_the_record_or_refused(data: DataOpening) -> None:
    for number in range(len(data)):
        shown = RevealedRecord.from_bytes(data.reveal(number).to_bytes())
        (numbers,) = data.commitment.verify(shown).values()
        np.testing.assert_array_equal(
            numbers, RECORDS[number]["x0"] * 2.0 ** -GRAPH.tensors["x0"].scale
        )
        for other in (
            replace(shown, number=(number + 1) % len(data)),
            replace(shown, number=len(data)),
            replace(shown, digest=bytes(32)),
            replace(shown, packed=bytes([shown.packed[0] ^ 1]) + shown.packed[1:]),
            replace(shown, packed=shown.packed[1:]),
            replace(shown, blinds=shown.blinds[:-1] + bytes([shown.blinds[-1] ^ 1])),
            replace(shown, blinds=shown.blinds[32:]),
            replace(shown, blinds=b"\xff" * len(shown.blinds)),
        ):
            with pytest.raises(zkinfer.VerificationError):
                data.commitment.verify(other)
