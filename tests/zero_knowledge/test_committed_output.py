"""Proofs whose outputs are committed to show the commitment, and nothing of the outputs.

A simulator draws the rows itself: with fresh and uniform blindings they are uniform, whatever the
outputs are (docs/protocol.md, 11).
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from artifacts import prove_outputs
from listening import Listening, Programmed
from signs import few_signs

import zkinfer
from tests.soundness.chained import BATCH, FIRST, INPUTS, WEIGHTS, Chained, chained
from tests.zero_knowledge.simulator import CHALLENGE, simulate
from tests.zero_knowledge.test_freshness import assert_unrelated, elements, runs
from tests.zero_knowledge.test_secrets import MODELS, Secret
from zkinfer import reference
from zkinfer.keys import make_keys
from zkinfer.reference import ristretto
from zkinfer.reference.errors import FormatError

REFUSED = "the closing equations do not hold"


@pytest.fixture(autouse=True)
def signs() -> Iterator[None]:
    with few_signs():
        yield


@pytest.fixture
def known() -> Chained:
    return chained(b"context")


def points(count: int) -> bytes:
    drawn = (ristretto.derive(secrets.token_bytes(64)) for _ in range(count))
    return b"".join(map(ristretto.encode, drawn))


def test_proofs_can_be_made_with_neither_outputs_nor_rows(known: Chained) -> None:
    read = reference.read_key(known.first.verifying_key.to_bytes())
    honest = reference.read_proof(known.made[0][0].to_bytes())
    rows = points(BATCH)
    about = replace(honest, outputs=rows)
    proof, challenge = simulate(read, honest.public, b"context", about=about)
    assert (len(proof.body), len(proof.outputs)) == (len(honest.body), len(honest.outputs))
    Programmed(read, proof, {CHALLENGE: (challenge,)}).run()
    for other in (points(BATCH), rows[32:] + rows[:32]):
        with pytest.raises(FormatError, match=REFUSED):
            Programmed(read, replace(proof, outputs=other), {CHALLENGE: (challenge,)}).run()
    with pytest.raises(FormatError, match=REFUSED):
        Listening(read, proof).run()
    with pytest.raises(reference.VerificationError, match=REFUSED):
        reference.verify(read, proof, b"context")


def test_a_chain_can_be_made_without_a_number(known: Chained) -> None:
    """The rows that one simulator draws are the statement of the next one."""
    first = reference.read_key(known.first.verifying_key.to_bytes())
    second = reference.read_key(known.second.verifying_key.to_bytes())
    honest = reference.read_proof(known.made[0][0].to_bytes())
    rows = points(BATCH)
    proof, challenge = simulate(first, (), b"", about=replace(honest, outputs=rows))
    Programmed(first, proof, {CHALLENGE: (challenge,)}).run()
    next_one = reference.read_proof(known.read[0].to_bytes())
    named = replace(next_one, rows=(rows[32:],), digests=(secrets.token_bytes(32),))
    proof, challenge = simulate(second, next_one.public, b"", about=named)
    Programmed(second, proof, {CHALLENGE: (challenge,)}).run()


def test_proofs_of_one_input_share_nothing(known: Chained) -> None:
    """Neither bodies, nor rows, nor blindings; nor do those of a record of the outputs."""
    made = [prove_outputs(known.first, INPUTS[0]) for _ in range(3)]
    assert_unrelated([proof.body for proof, _ in made])
    assert_unrelated([proof.outputs for proof, _ in made])
    assert_unrelated([opening.blinds for _, opening in made])
    bodies = [*(proof.body for proof, _ in made), *(proof.body for proof in known.read)]
    listed = [each for body in bodies for each in elements(body)]
    assert len({*listed}) == len(listed)
    for proof, opening in made:
        own = runs(proof.outputs) | runs(opening.blinds)
        assert not any(runs(body) & own for body in bodies)


def test_outputs_are_nowhere_in_what_is_public() -> None:
    """Of a wide network; its opening has them, and what reveals one of them has that one."""
    with np.load(MODELS / "digits_mlp_calibration.npz", allow_pickle=False) as file:
        (samples,) = (file[name] for name in file.files)
    modes = {"output": "committed", "batch": 2}
    case = zkinfer.compile(MODELS / "digits_mlp.onnx", calibration=samples, **modes)
    proof, opening = zkinfer.prove_committed(case.proving_key, samples[:2])
    scores = opening.record(0)[0]
    secret = Secret([scores], [opening.commitment.description.tensors[0].encoding.numbers(scores)])
    assert secret.found_in(opening.to_bytes())
    assert secret.found_in(opening.reveal(0).to_bytes())
    public = (proof, opening.commitment, case.verifying_key, opening.reveal(1))
    for artifact in public:
        assert secret.found_in(artifact.to_bytes()) == set()


def test_a_commitment_says_what_the_key_says(known: Chained) -> None:
    """So its description is the same for all inputs, and for all weights."""
    others = make_keys(FIRST, WEIGHTS[1])
    _, opening = prove_outputs(others, {"x0": np.zeros_like(INPUTS[0]["x0"])})
    descriptions = {made.commitment.description for made in (opening, known.made[0][1])}
    assert len(descriptions) == 1
