"""A proof about a hidden record shows no more than that there is one, and what it states of it.

What is visible: the key, the data commitment's digest, how many records there are, and the outputs.
Nothing else links two proofs about one record: neither can be told from one about another record.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from artifacts import committed, prove_record, sections
from hidden_records import NONE_OF_THE_DATA, among, network, read, records
from listening import Programmed
from networks import cases
from signs import few_signs

import zkinfer
from tests.zero_knowledge.simulator import CHALLENGE, MEMBERSHIP, simulate
from tests.zero_knowledge.test_freshness import assert_unrelated, elements, runs
from tests.zero_knowledge.test_secrets import Secret
from zkinfer import container, reference
from zkinfer.data import DataOpening
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.reference import ristretto
from zkinfer.reference.errors import FormatError

REFUSED = f"{NONE_OF_THE_DATA}|the closing equations do not hold"


@pytest.fixture(scope="module", autouse=True)
def signs() -> Iterator[None]:
    with few_signs():
        yield


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return make_keys(network(), {})


@pytest.fixture(scope="module")
def data() -> DataOpening:
    return records(network(), 9)


def test_proofs_can_be_made_without_knowing_which(data: DataOpening) -> None:
    """Nor any record: the simulator is given the commitment, the key, and what is stated. It makes
    up the rows itself, as those of an honest proof are uniform too.
    """
    for batch in (1, 2):
        key = make_keys(network(batch=batch), {})
        numbers = list(range(batch))
        made = zkinfer.prove(key, data=data, record=numbers, context=b"context")
        honest, verifying = read(made), reference.read_key(key.verifying_key.to_bytes())
        points = tuple(
            ristretto.encode(ristretto.derive(bytes([j]) * 64)) for j in range(3 * batch)
        )
        about = replace(honest, rows=points)
        proof, challenge = simulate(
            verifying, honest.public, b"context", about=about, hidden=among(data)
        )
        assert len(proof.body) == len(honest.body)
        chosen = {CHALLENGE: (challenge,), MEMBERSHIP: (challenge,)}
        for drawn in (chosen, {CHALLENGE: (challenge,)}, {MEMBERSHIP: (challenge,)}):
            run = Programmed(verifying, proof, drawn)
            run.hidden = among(data)
            if drawn == chosen:
                run.run()
            else:
                with pytest.raises(FormatError, match=REFUSED):
                    run.run()
        known = reference.read_data(data.commitment.to_bytes())
        with pytest.raises(reference.VerificationError, match=REFUSED):
            reference.verify(verifying, proof, b"context", known)


def test_two_proofs_about_one_record_are_not_linked(key: ProvingKey, data: DataOpening) -> None:
    """They share the statement, the outputs in it among them, and no more than two proofs about two
    records do that have the same outputs.
    """
    twins = committed(network(), [_record(data, 3)] * 2 + [_record(data, 4)])
    one, again, twin, other = (
        prove_record(key, twins, number, b"context") for number in (0, 0, 1, 2)
    )
    parts = [sections(container.PROOF, proof.to_bytes()) for proof in (one, again, twin)]
    for part in parts[1:]:
        assert {name for name in part if part[name] != parts[0][name]} == {"body", "records"}
    assert_unrelated([part["body"] for part in parts])
    rows = [proof.records.rows for proof in (one, again, twin) if proof.records]
    assert_unrelated(rows)
    for each in rows:
        assert not set(elements(each)) & set(elements(twins.commitment.rows))
        assert not runs(each) & runs(twins.blinds)
    heads = [part["records"][: -len(rows[0])] for part in parts]
    assert heads[0] == heads[1] == heads[2]
    # What does tell records apart is what a proof states of them.
    pairs = zip(one.public_values, other.public_values, strict=True)
    assert any((a != b).any() for a, b in pairs)


def _record(data: DataOpening, number: int) -> dict[str, np.ndarray]:
    return dict(zip(network().inputs, data.record(number), strict=True))


def test_the_number_is_nowhere(key: ProvingKey) -> None:
    """Neither in the proof nor in what is said of it; sizes are those of any other record."""
    data = records(network(), 9)
    proofs = [prove_record(key, data, number) for number in range(9)]
    assert len({len(proof.to_bytes()) for proof in proofs}) == 1
    verdicts = [zkinfer.verify(key.verifying_key, proof, data=data.commitment) for proof in proofs]
    assert {verdict.records for verdict in verdicts} == {verdicts[0].records}
    assert verdicts[0].records is not None
    assert verdicts[0].records.numbers == ()
    assert verdicts[0].records.hidden == 1


def test_what_is_hidden_is_nowhere_in_a_proof() -> None:
    """Of a network whose output is a label: neither the record nor its blindings."""
    case = cases()["perceptron"]
    graph = replace(case.graph, input_mode="committed", record_mode="hidden")
    data = committed(graph, [case.random(seed)[1] for seed in range(3)])
    proof = prove_record(make_keys(graph, case.random(1)[0]), data, 2).to_bytes()
    secret = Secret([data.record(2)[0]], [])
    assert secret.found_in(proof) == set()
    assert not runs(proof) & runs(data.blinds)


def test_nothing_is_sent_about_rows_that_are_not_the_records(
    key: ProvingKey, data: DataOpening
) -> None:
    """The equations would be off by what only the record in question explains."""
    size = 32 * data.commitment.rows_each
    swapped = data.blinds[size : 2 * size] + data.blinds[:size] + data.blinds[2 * size :]
    for number in (0, 1):
        with pytest.raises(zkinfer.UsageError, match="has other rows in the data"):
            prove_record(key, replace(data, blinds=swapped), number)
    assert re.match("no proof is released", _said(key, replace(data, blinds=swapped)))


def _said(key: ProvingKey, data: DataOpening) -> str:
    with pytest.raises(zkinfer.UsageError) as error:
        prove_record(key, data, 0)
    return str(error.value)
