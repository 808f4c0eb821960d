"""Commitments to data hide them, and many proofs about a record show no more than they state.

What is reused by them, rows and blindings, is nowhere but in the statement (docs/protocol.md, 8).
"""

from collections.abc import Iterator
from dataclasses import replace

import networks
import numpy as np
import pytest
from artifacts import committed, prove_record, sections
from listening import Listening, Programmed
from signs import few_signs

import zkinfer
from tests.soundness.labelled import labelled
from tests.soundness.summed import summed
from tests.zero_knowledge.simulator import CHALLENGE, simulate
from tests.zero_knowledge.test_freshness import assert_unrelated, elements, runs
from tests.zero_knowledge.test_secrets import Secret
from zkinfer import container, reference
from zkinfer.fixed import LABELLED
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.reference.data import record_rows
from zkinfer.reference.errors import FormatError

CASE = networks.cases()["perceptron"]
GRAPH = replace(CASE.graph, input_mode="committed")
RECORDS = [CASE.random(seed)[1] for seed in range(3)]
REFUSED = "the closing equations do not hold"


@pytest.fixture(autouse=True)
def signs() -> Iterator[None]:
    with few_signs():
        yield


@pytest.fixture
def key() -> ProvingKey:
    return make_keys(GRAPH, CASE.random(1)[0])


def test_proofs_about_a_record_can_be_made_without_it(key: ProvingKey) -> None:
    """The simulator is given the record's rows, as part of the statement; true and made up ones."""
    data = committed(GRAPH, RECORDS)
    honest = reference.read_proof(prove_record(key, data, 1, b"context").to_bytes())
    read = reference.read_key(key.verifying_key.to_bytes())
    others = committed(GRAPH, RECORDS[::-1])
    rows = reference.read_data(others.commitment.to_bytes()).records[1]
    for digest, points in ((honest.digests[0], honest.rows), (bytes(32), rows)):
        named = replace(honest, digests=(digest,), rows=points)
        proof, challenge = simulate(read, honest.public, b"context", about=named)
        assert len(proof.body) == len(honest.body)
        Programmed(read, proof, {CHALLENGE: (challenge,)}).run()
        for other in (replace(proof, numbers=(2,)), replace(proof, rows=rows[::-1])):
            if other != proof:
                with pytest.raises(FormatError, match=REFUSED):
                    Programmed(read, other, {CHALLENGE: (challenge,)}).run()
        with pytest.raises(FormatError, match=REFUSED):
            Listening(read, proof).run()
        with pytest.raises(reference.VerificationError, match=REFUSED):
            reference.verify(read, proof, b"context")


@pytest.mark.parametrize("mode", ["accuracy", "confusion", "summary", "finer"])
def test_statistics_can_be_proved_without_records(mode: str) -> None:
    """The simulator is given what a part shows in all, and the rows of records and labels."""
    known = labelled(mode=mode) if mode in LABELLED else summed(mode=mode)
    read = reference.read_key(known.key.verifying_key.to_bytes())
    honest = reference.read_proof(known.parts[-1].to_bytes())
    public = [each and reference.read_data(each.to_bytes()) for each in known.public]
    about = replace(honest, rows=record_rows(read, honest, *public))
    proof, challenge = simulate(read, honest.public, b"", about=about)
    assert len(proof.body) == len(honest.body)
    Programmed(read, proof, {CHALLENGE: (challenge,)}).run()
    (shape, values), *more = honest.public[1:]
    told = [honest.public[0], (shape, (values[0] + 1, *values[1:])), *more]
    with pytest.raises(FormatError, match=REFUSED):
        Programmed(read, replace(proof, public=told), {CHALLENGE: (challenge,)}).run()
    again = zkinfer.prove(
        known.key, data=known.data, record=known.parts[-1].records.numbers, labels=known.labels
    )
    parts = [sections(container.PROOF, each.to_bytes()) for each in (known.parts[-1], again)]
    assert {name for name in parts[0] if parts[0][name] != parts[1][name]} == {"body"}
    assert_unrelated([part["body"] for part in parts])


def test_proofs_about_one_record_share_nothing_but_the_statement(key: ProvingKey) -> None:
    """By the same key, and by another one of other weights and another width."""
    data = committed(GRAPH, RECORDS)
    proofs = [prove_record(key, data, 1) for _ in range(3)]
    parts = [sections(container.PROOF, proof.to_bytes()) for proof in proofs]
    for other in parts[1:]:
        assert {name for name in other if other[name] != parts[0][name]} == {"body"}
    assert_unrelated([part["body"] for part in parts])
    second = make_keys(GRAPH, CASE.random(2)[0])
    bodies = [proof.body for proof in (*proofs, prove_record(second, data, 1))]
    assert len({element for body in bodies for element in elements(body)}) == sum(
        len(elements(body)) for body in bodies
    )
    for body in bodies:
        assert not runs(body) & (runs(data.commitment.rows) | runs(data.blinds))


def test_no_two_rows_are_alike(key: ProvingKey) -> None:
    """Of equal records in one set, and of one set that is committed to twice."""
    sets = [committed(GRAPH, [RECORDS[0]] * 3) for _ in range(2)]
    everything = [each for data in sets for each in (*elements(data.commitment.rows),)]
    assert len(set(everything)) == len(everything)
    assert_unrelated([data.blinds for data in sets])


def test_a_revealed_record_says_nothing_of_the_others() -> None:
    data = committed(GRAPH, RECORDS)
    size = len(data.blinds) // 3
    others = replace(
        data,
        arrays=tuple(np.stack([0 * a[0], a[1], 0 * a[2]]) for a in data.arrays),
        blinds=bytes(size) + data.blinds[size : 2 * size] + bytes(size),
    )
    assert others.reveal(1).to_bytes() == data.reveal(1).to_bytes()
    assert others.reveal(0).to_bytes() != data.reveal(0).to_bytes()


def test_records_are_nowhere_in_what_is_public() -> None:
    """Neither in the commitment, nor in proofs, nor in the key that is compiled for it."""
    rng = np.random.default_rng(3)
    table = rng.normal(size=(40, 30)).astype(np.float32) * 100
    commitment, opening = zkinfer.commit(table)
    secret = Secret([opening.record(7)[0]], [table[7]])
    assert "<i4" in secret.found_in(opening.to_bytes())
    assert secret.found_in(commitment.to_bytes()) == set()
    assert secret.found_in(opening.reveal(8).to_bytes()) == set()
    assert "<i4" in secret.found_in(opening.reveal(7).to_bytes())
