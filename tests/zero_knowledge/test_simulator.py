"""Proofs can be simulated: whoever may choose one challenge needs no witness."""

from collections.abc import Iterator
from dataclasses import replace

import networks
import numpy as np
import pytest
from artifacts import prove
from listening import Listening, Programmed, certified
from signs import few_signs

import zkinfer
from tests.zero_knowledge.simulator import CHALLENGE, simulate
from zkinfer import reference
from zkinfer.keys import make_keys
from zkinfer.reference.errors import FormatError

CASES = networks.cases()
NAMES = ("matmul then requantize", "perceptron", "label", "neg", "convolutional network")
REFUSED = "the closing equations do not hold"


@pytest.fixture(autouse=True)
def signs() -> Iterator[None]:
    with few_signs():
        yield


@pytest.mark.parametrize("name", NAMES)
def test_a_proof_can_be_made_without_a_witness(name: str) -> None:
    """The simulator sees the verifying key and public values, true and made up ones."""
    case = CASES[name]
    weights, inputs = case.random(8)
    proving_key = make_keys(case.graph, weights)
    honest = prove(proving_key, inputs, b"context")
    verifying_key = proving_key.verifying_key
    key = reference.read_key(verifying_key.to_bytes())
    true = [(values.shape, tuple(values.ravel().tolist())) for values in honest.public_values]
    tensors = key.circuit.public[1:]
    made_up = [(t.shape, (t.bounds[1],) * len(v)) for t, (_, v) in zip(tensors, true, strict=True)]
    assert made_up != true
    for public in (true, made_up):
        proof, challenge = simulate(key, public, b"context")
        assert len(proof.body) == len(honest.body)
        Programmed(key, proof, {CHALLENGE: (challenge,)}).run()
        # Nobody can choose what the transcript says.
        with pytest.raises(FormatError, match=REFUSED):
            Listening(key, proof).run()
        with pytest.raises(reference.VerificationError, match=REFUSED):
            reference.verify(key, proof, b"context")
        arrays = tuple(np.array(values).reshape(shape) for shape, values in public)
        claim = replace(honest, public_values=arrays, body=proof.body)
        with pytest.raises(zkinfer.VerificationError, match=REFUSED):
            zkinfer.verify(verifying_key, claim, context=b"context")


def test_what_is_programmed_is_one_challenge() -> None:
    """A simulated proof fits its own challenge only, and its own statement only."""
    case = CASES["matmul"]
    weights, inputs = case.random(9)
    proving_key = make_keys(case.graph, weights)
    key = reference.read_key(proving_key.verifying_key.to_bytes())
    honest = reference.read_proof(prove(proving_key, inputs).to_bytes())
    proof, challenge = simulate(key, honest.public, b"")
    Programmed(key, proof, {CHALLENGE: (challenge,)}).run()
    for other, value in (
        (proof, challenge + 1),
        (replace(proof, context=b"other"), challenge),
        (replace(proof, public=[(s, (v[0] ^ 1, *v[1:])) for s, v in proof.public]), challenge),
        (honest, challenge),
    ):
        with pytest.raises(FormatError, match=REFUSED):
            Programmed(key, other, {CHALLENGE: (value,)}).run()


def test_a_certificate_can_be_made_without_the_weights() -> None:
    """It shows no more of the weights than commitments do, theirs and those of their projections:
    here, those of anything.
    """
    case = CASES["matmul"]
    proving_key = make_keys(case.graph, case.random(9)[0])
    key, honest = certified(reference.read_key(proving_key.verifying_key.to_bytes()))
    key = replace(key, rows=key.rows[::-1])
    proof, challenge = simulate(key, [], b"", b"certificate")
    assert len(proof.body) == len(honest.body)
    accepting, plain = Programmed(key, proof, {CHALLENGE: (challenge,)}), Listening(key, proof)
    accepting.kind = plain.kind = b"certificate"
    accepting.run()
    with pytest.raises(FormatError, match=REFUSED):
        plain.run()
