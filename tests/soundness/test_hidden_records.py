"""Attacks on proofs that do not say which record they are about; both verifiers refuse each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from artifacts import prove_record
from hidden_records import NONE_OF_THE_DATA, among, lying, network, read, records
from listening import Deaf, Listening

import zkinfer
from tests.soundness.one_of_many import Claim, blinded, proved, verified
from zkinfer import reference
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.reference import ristretto
from zkinfer.reference.errors import FormatError
from zkinfer.reference.field import ORDER
from zkinfer.soundness import soundness

GRAPH = network()
COUNT = 10
CLOSING = "the closing equations do not hold"


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return make_keys(GRAPH, {})


@pytest.fixture(scope="module")
def pairs() -> ProvingKey:
    """A key for two records at once."""
    return make_keys(network(batch=2), {})


@pytest.fixture(scope="module")
def data() -> DataOpening:
    return records(GRAPH, COUNT)


def refused(key: ProvingKey, proof: zkinfer.Proof, data: DataCommitment, *messages: str) -> None:
    """By both verifiers: with the first message, and the last one."""
    with pytest.raises(zkinfer.VerificationError, match=messages[0]):
        zkinfer.verify(key.verifying_key, proof, data=data, context=proof.context)
    known = reference.read_data(data.to_bytes())
    with pytest.raises(reference.VerificationError, match=messages[-1]):
        reference.verify(
            reference.read_key(key.verifying_key.to_bytes()), read(proof), proof.context, known
        )


def accepted(key: ProvingKey, proof: zkinfer.Proof, data: DataCommitment) -> None:
    zkinfer.verify(key.verifying_key, proof, data=data, context=proof.context)
    known = reference.read_data(data.to_bytes())
    verifying = reference.read_key(key.verifying_key.to_bytes())
    reference.verify(verifying, read(proof), proof.context, known)


def test_a_record_of_no_data(key: ProvingKey, data: DataOpening) -> None:
    accepted(key, lying(key, data, [4], data, [4]), data.commitment)
    for own in (records(GRAPH, COUNT), records(GRAPH, COUNT, seed=1)):  # the same numbers, others
        for claimed in (0, 4, COUNT - 1):
            proof = lying(key, own, [4], data, [claimed])
            refused(key, proof, data.commitment, NONE_OF_THE_DATA)
    refused(key, lying(key, data, [4], data, [5]), data.commitment, NONE_OF_THE_DATA)


def test_one_record_of_no_data_among_two(pairs: ProvingKey, data: DataOpening) -> None:
    own = mixed(data, records(GRAPH, COUNT, seed=1), [number == 4 for number in range(COUNT)])
    accepted(pairs, lying(pairs, data, [3, 4], data, [3, 4]), data.commitment)
    accepted(pairs, lying(pairs, own, [3, 5], data, [3, 5]), data.commitment)
    for numbers in ([3, 4], [4, 3], [4, 4]):
        proof = lying(pairs, own, numbers, data, numbers)
        refused(pairs, proof, data.commitment, NONE_OF_THE_DATA)


def mixed(one: DataOpening, other: DataOpening, swapped: list[bool]) -> DataOpening:
    """Some records of the one and some of the other data, with what opens them."""
    arrays = tuple(
        np.where(np.reshape(swapped, (-1, *[1] * (a.ndim - 1))), b, a)
        for a, b in zip(one.arrays, other.arrays, strict=True)
    )
    size = 32 * one.commitment.rows_each
    rows, blinds = (
        b"".join(
            (b if swap else a)[number * size : (number + 1) * size]
            for number, swap in enumerate(swapped)
        )
        for a, b in ((one.commitment.rows, other.commitment.rows), (one.blinds, other.blinds))
    )
    return DataOpening(replace(one.commitment, rows=rows), arrays, blinds)


@pytest.mark.parametrize("first", [1, 2])
def test_rows_of_two_records(key: ProvingKey, data: DataOpening, first: int) -> None:
    """The first rows are record 2's, the others record 7's: each row is one of the data."""
    size, cut = 32 * data.commitment.rows_each, 32 * first
    starts = [(7, 2 * size, 2 * size + cut), (2, 7 * size + cut, 8 * size)]
    parts = [slice(start, end) for _, start, end in starts]
    rows, blinds = (
        b"".join(whole[part] for part in parts) for whole in (data.commitment.rows, data.blinds)
    )
    cells = [array[2].copy() for array in data.arrays]
    if first == 1:
        cells[1] = data.arrays[1][7]
    else:  # a row is cut out of the second tensor: its first 128 entries
        cells[1][128:] = data.arrays[1][7][128:]
    one = replace(data.commitment.description, records=1)
    commitment = DataCommitment(one, rows)
    own = DataOpening(commitment, tuple(cell[None] for cell in cells), blinds)
    assert own.commitment.native is not None
    accepted(key, lying(key, own, [0], own, [0]), commitment)
    for claimed in (2, 7):
        proof = lying(key, own, [0], data, [claimed])
        refused(key, proof, data.commitment, NONE_OF_THE_DATA)


def test_other_data(key: ProvingKey, data: DataOpening) -> None:
    """Even of the same numbers, and even if the proof says it is of these."""
    other = records(GRAPH, COUNT)
    proof = prove_record(key, data, 3)
    accepted(key, proof, data.commitment)
    refused(key, proof, other.commitment, "the proof is about the data", "about other data")
    assert proof.records is not None
    digest = other.commitment.digest_bytes
    named = replace(proof, records=replace(proof.records, digest=digest))
    refused(key, named, other.commitment, NONE_OF_THE_DATA)
    fewer = DataCommitment(
        replace(data.commitment.description, records=COUNT - 1),
        data.commitment.rows[: -32 * data.commitment.rows_each],
    )
    named = replace(proof, records=replace(proof.records, digest=fewer.digest_bytes))
    refused(key, named, fewer, NONE_OF_THE_DATA)


def test_a_proof_must_be_checked_against_its_data(key: ProvingKey, data: DataOpening) -> None:
    proof = prove_record(key, data, 3)
    for asked in ({}, {"any_data": True}, {"any_data": True, "data": data.commitment}):
        with pytest.raises(zkinfer.UsageError, match="is checked against them"):
            zkinfer.verify(key.verifying_key, proof, **asked)
    with pytest.raises(reference.VerificationError, match="hidden records are missing"):
        reference.verify(reference.read_key(key.verifying_key.to_bytes()), read(proof))


def test_a_record_is_hidden_or_named_as_the_key_says(key: ProvingKey, data: DataOpening) -> None:
    shown = make_keys(network(mode="public"), {})
    assert shown.verifying_key.circuit == key.verifying_key.circuit
    for made, other in ((key, shown), (shown, key)):
        proof = prove_record(made, data, 3)
        named = replace(proof, key_digest=other.verifying_key.key_digest)
        refused(other, named, data.commitment, "hides which records it is about, or needs to")
    # Nor does a hidden record's proof pass for one of a named record with these rows.
    hidden = prove_record(key, data, 3)
    assert hidden.records is not None
    for rows in (hidden.records.rows, data.commitment.record_rows(3)):
        names = replace(hidden.records, hidden=0, numbers=(3,), rows=rows)
        body = hidden.body[-len(prove_record(shown, data, 3).body) :]
        digest = shown.verifying_key.key_digest
        named = replace(hidden, key_digest=digest, records=names, body=body)
        expected = ("have other rows", "other rows")
        if rows == data.commitment.record_rows(3):
            expected = (CLOSING, CLOSING)
        refused(shown, named, data.commitment, *expected)


def test_an_argument_of_another_proof(key: ProvingKey, data: DataOpening) -> None:
    """In another context, or of the same record and the same context, with its rows or without."""
    one, again, other = (
        prove_record(key, data, 3, context) for context in (b"one", b"one", b"other")
    )
    size = len(one.body) - len(prove_record(make_keys(network(mode="public"), {}), data, 3).body)
    for donor in (again, other):
        moved = replace(one, body=donor.body[:size] + one.body[size:])
        refused(key, moved, data.commitment, NONE_OF_THE_DATA)
        moved = replace(moved, records=donor.records)
        expected = CLOSING if donor is again else NONE_OF_THE_DATA
        refused(key, moved, data.commitment, expected)
    refused(key, replace(one, context=b"other"), data.commitment, NONE_OF_THE_DATA)
    refused(key, replace(other, context=b"one"), data.commitment, NONE_OF_THE_DATA)


def test_no_frame_can_be_left_out(key: ProvingKey, data: DataOpening) -> None:
    """Everything said, before the argument and in it, is what challenges hang on."""
    verifying, proof = (
        reference.read_key(key.verifying_key.to_bytes()),
        read(prove_record(key, data, 9)),
    )
    honest = Listening(verifying, proof)
    honest.hidden = among(data)
    honest.run()
    said = [label for _, label in honest.frames if label.startswith("membership/")]
    assert said == [
        f"membership/{name}" for name in ("gamma", "points", "challenge", "responses", "fold")
    ]
    for position, (_, label) in enumerate(honest.frames):
        if label in ("opening/responses", "opening/fold"):
            continue
        deaf = Deaf(verifying, proof, position)
        deaf.hidden = among(data)
        with pytest.raises(FormatError, match=f"{NONE_OF_THE_DATA}|equations do not hold"):
            deaf.run()


# The argument alone, by a prover who proves what it is told to.


@pytest.fixture(scope="module")
def hidden() -> reference.membership.Hidden:
    return among(records(GRAPH, COUNT))


def refuses(hidden, claims: list[Claim], programmed=None, then=None) -> None:
    argument, fresh = proved(hidden, claims, programmed)
    with pytest.raises(FormatError, match=NONE_OF_THE_DATA):
        verified(hidden, argument, fresh, then)


def accepts(hidden, claims: list[Claim], programmed=None, then=None) -> None:
    argument, fresh = proved(hidden, claims, programmed)
    verified(hidden, argument, fresh, then)


def combined_record(hidden, weights: dict[int, int]) -> Claim:
    """A linear combination of records: rows that open to that of their cells."""
    claim = blinded(hidden.records[0], 0, hidden.digits)
    rows = []
    for j, delta in enumerate(claim.deltas):
        points = [ristretto.decode(hidden.records[number][j]) for number in weights]
        h = ristretto.generators("H", 1)
        rows.append(ristretto.multiply([*weights.values(), delta], [*points, *h]))
    return replace(claim, rows=rows)


def test_digits_that_are_no_digits(hidden) -> None:
    """2 C_1 - C_3 opens to twice record 1 less record 3; digits 2 and -1 would say so, and it is
    the second equation that refuses them.
    """
    claim = combined_record(hidden, {1: 2, 3: -1})
    claim.digits[0] = [0, 2, 0, ORDER - 1, 0, 0, 0, 0]
    refuses(hidden, [claim])
    accepts(hidden, [claim], then={"membership/fold": (1, 0, 1)})
    # Twice one record and no other: digits whose sum is not 1 do not get that far.
    claim = combined_record(hidden, {1: 2})
    claim.digits[0] = [0, 2, 0, 0, 0, 0, 0, 0]
    refuses(hidden, [claim])
    refuses(hidden, [claim], then={"membership/fold": (1, 0, 1)})


def test_a_record_that_the_third_equation_refuses(hidden) -> None:
    other = among(records(GRAPH, 1, seed=5))
    claim = blinded(other.records[0], 4, hidden.digits)
    refuses(hidden, [claim])
    accepts(hidden, [claim], then={"membership/fold": (1, 1, 0)})


def test_numbers_beyond_the_data_are_the_last_record(hidden) -> None:
    for number in (COUNT - 1, COUNT, 8**hidden.digits - 1):
        accepts(hidden, [blinded(hidden.records[-1], number, hidden.digits)])
        refuses(hidden, [blinded(hidden.records[0], number, hidden.digits)])


@pytest.mark.parametrize("gamma", [1, 2**200])
def test_gamma_must_be_drawn_after_the_rows(hidden, gamma: int) -> None:
    """Whoever knows it shifts what a row has too much into another one."""
    claim = blinded(hidden.records[6], 6, hidden.digits)
    (extra,) = ristretto.generators("G", 1)
    first, second = ristretto.multiply([-gamma], [extra]), ristretto.multiply([1], [extra])
    rows = [ristretto.add(claim.rows[0], first), ristretto.add(claim.rows[1], second)]
    claim = replace(claim, rows=[*rows, *claim.rows[2:]])
    known = {"membership/gamma": (gamma,)}
    accepts(hidden, [claim], known, known)
    refuses(hidden, [claim])
    refuses(hidden, [claim], known)


def test_the_folding_must_be_drawn(hidden) -> None:
    """Known beforehand it lets two equations fail against each other."""
    argument, fresh = proved(hidden, [blinded(hidden.records[2], 2, hidden.digits)])
    z = [int.from_bytes(argument[at : at + 32], "little") for at in (-96, -64)]
    fold = (3, 5, 7)
    forged = [(z[0] + fold[1]) % ORDER, (z[1] - fold[0]) % ORDER]
    changed = b"".join(each.to_bytes(32, "little") for each in forged)
    argument = argument[:-96] + changed + argument[-32:]
    verified(hidden, argument, fresh, {"membership/fold": fold})
    with pytest.raises(FormatError, match=NONE_OF_THE_DATA):
        verified(hidden, argument, fresh)


@pytest.mark.parametrize("edit", [lambda claims: claims[::-1], lambda claims: claims[:1] * 2])
def test_slots_are_apart(hidden, edit: Callable[[list[Claim]], list[Claim]]) -> None:
    """The rows of one hidden record are not those of another."""
    claims = [blinded(hidden.records[number], number, hidden.digits) for number in (1, 8)]
    accepts(hidden, claims)
    _, fresh = proved(hidden, claims)
    others, _ = proved(hidden, edit(claims))
    with pytest.raises(FormatError, match=NONE_OF_THE_DATA):
        verified(hidden, others, fresh)


def test_the_soundness_that_is_stated() -> None:
    """Of hidden records there is one term more, for data of as many rows as a file may have."""
    terms = [
        soundness(graph)["proof"]["terms_over_l"]
        for graph in (network(mode="public"), network(), network(batch=2))
    ]
    assert [each.get("hidden_records") for each in terms] == [None, 2**26 + 10, 2**27 + 19]
    assert soundness(network())["bits"] > 220
