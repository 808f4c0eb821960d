"""Everything said is absorbed: a verifier that leaves out any one frame is noticed.

The honest proof is the native prover's. The reference verifier accepts it; with one frame left out
of its transcript it draws other challenges and refuses. So prover and both verifiers absorb every
frame, under these labels. What is absorbed and drawn after the responses only says how the seven
equations are folded into one; there an honest proof passes either way, and what must fail is a
forgery that knows the folding beforehand.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from artifacts import committed, prove_record
from listening import DRAW, MESSAGE, Deaf, Listening, Programmed, certificate, certified
from networks import cases
from signs import few_signs

import zkinfer
from tests.soundness.tamper import forged
from zkinfer import reference
from zkinfer.keys import VerifyingKey, make_keys
from zkinfer.reference.circuit import BITS
from zkinfer.reference.errors import FormatError

RUST = Path(__file__).resolve().parents[2] / "rust/zkinfer-verify/src/transcript.rs"
LABELS = re.findall(r'pub const \w+: &str = "(.*)";', RUST.read_text())
LAST = ("opening/responses", "opening/fold")
REFUSED = "the closing equations do not hold"


@pytest.fixture(scope="module")
def honest() -> Iterator[tuple[VerifyingKey, zkinfer.Proof]]:
    """A proof about a record, by a network with rows in every segment and two challenge vectors."""
    case = cases()["matmul then requantize"]
    weights, inputs = case.random(3)
    with few_signs():
        key = make_keys(replace(case.graph, input_mode="committed"), weights)
        yield key.verifying_key, prove_record(key, committed(key.graph, [inputs]), 0, b"context")


@pytest.fixture(scope="module")
def key(honest: tuple[VerifyingKey, zkinfer.Proof]) -> reference.formats.VerifyingKey:
    return reference.read_key(honest[0].to_bytes())


@pytest.fixture(scope="module")
def proof(honest: tuple[VerifyingKey, zkinfer.Proof]) -> reference.formats.Proof:
    return reference.read_proof(honest[1].to_bytes())


def labels(*before: str, after: str = "") -> list[str]:
    """The native transcript's labels, in its order, but for those about hidden records: with the
    names of segments, of which one may come after the challenges.
    """
    known = [label for label in LABELS if not label.startswith("membership/")]
    position = known.index("rows/")
    first, (draw, *rest) = known[:position], known[position + 1 :]
    sketch = [f"rows/{after}"] if after else []
    return [*first, *(f"rows/{name}" for name in before), draw, *sketch, *rest]


def test_frames_are_those_of_the_protocol(key, proof) -> None:
    """Every label of the native transcript, in its order where it is first used."""
    run = Listening(key, proof)
    run.run()
    expected = labels("weights", "record", "input", "bits", "trace", after="sketch")
    assert list(dict.fromkeys(label for _, label in run.frames)) == expected
    drawn = [label for kind, label in run.frames if kind == DRAW]
    assert [label for label, _ in run.challenges] == drawn
    circuit = key.circuit
    rounds = {
        "outer": circuit.mu,
        "boolean": circuit.bound(BITS)[0].log2,
        "inner": circuit.nu,
    }
    for name, count in rounds.items():
        assert run.frames.count((MESSAGE, f"{name}/round")) == count
        assert run.frames.count((DRAW, f"{name}/point")) == count
    assert drawn.count("circuit/challenge") == len(circuit.challenges) == 2
    assert len(run.frames) == 2 * sum(rounds.values()) + 2 + len(expected) - 7


def test_frames_of_a_certificate(key) -> None:
    """What is committed comes before all challenges: the weights, then the projections."""
    run = certificate(key)
    run.run()
    expected = labels("weights", "projections", "bits")
    expected.remove("data")
    assert list(dict.fromkeys(label for _, label in run.frames)) == expected
    drawn = [label for kind, label in run.frames if kind == DRAW]
    assert drawn.count("circuit/challenge") == len(run.circuit.challenges) == 3


@pytest.mark.parametrize("kind", [b"proof", b"certificate"])
def test_no_frame_can_be_left_out(key, proof, kind: bytes) -> None:
    claim = certified(key) if kind == b"certificate" else (key, proof)
    honest = Listening(*claim)
    honest.kind = kind
    honest.run()
    for position, (_, label) in enumerate(honest.frames):
        deaf = Deaf(*claim, position)
        deaf.kind = kind
        if label in LAST:
            deaf.run()
            continue
        with pytest.raises(FormatError, match=REFUSED):
            deaf.run()
        assert len(deaf.frames) == len(honest.frames)
        assert deaf.challenges[-1] != honest.challenges[-1]


def refused_by_both(honest: tuple[VerifyingKey, zkinfer.Proof], key, forgery) -> None:
    with pytest.raises(reference.VerificationError, match=REFUSED):
        reference.verify(key, forgery, forgery.context)
    changed = replace(honest[1], body=forgery.body)
    with pytest.raises(zkinfer.VerificationError, match=REFUSED):
        zkinfer.verify(honest[0], changed, context=forgery.context, any_data=True)


def test_responses_must_be_absorbed(honest, key, proof) -> None:
    """Without that, the folding is known before the responses are chosen."""
    position = _position(key, proof, "opening/responses")
    deaf = Deaf(key, proof, position)
    deaf.run()
    forgery = replace(proof, body=forged(proof.body, deaf.challenges[-1][1]))
    Deaf(key, forgery, position).run()
    refused_by_both(honest, key, forgery)


@pytest.mark.parametrize("fold", [(1,) * 7, tuple(range(1, 8))])
def test_the_folding_must_be_drawn(honest, key, proof, fold: tuple[int, ...]) -> None:
    """Weights that are known beforehand would let equations fail against each other."""
    forgery = replace(proof, body=forged(proof.body, fold))
    Programmed(key, forgery, {"opening/fold": fold}).run()
    refused_by_both(honest, key, forgery)


def _position(key, proof, label: str) -> int:
    run = Listening(key, proof)
    run.run()
    return [name for _, name in run.frames].index(label)
