"""Keys and proofs of the pairing backend, as zkinfer makes and takes them, and attacks on both."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import Case, cases
from py_ecc import optimized_bn128 as bn

import zkinfer
from tests.artifacts import prove
from tests.pairing.setting import affine, affine2, projective, projective2
from zkinfer import FormatError, UsageError, VerificationError
from zkinfer.backends import groth16
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.target import Ranges
from zkinfer.drafts import Draft
from zkinfer.fixed import evaluate
from zkinfer.keys import ProvingKey, VerifyingKey, key_digest, make_pairing_keys
from zkinfer.lower import solve
from zkinfer.pairing.curve import Q, R, decode_g1, encode_g1
from zkinfer.pairing.groth16 import (
    Proof,
    context_element,
    decode_key,
    decode_proof,
    encode_proof,
)
from zkinfer.pairing.keys import Setup, integers, public_signals, signals
from zkinfer.reference import groth16 as reference

CASES = {
    name: case for name, case in cases().items() if case.graph.weights and "tree" not in case.name
}
Arrays = Mapping[str, np.ndarray]


def made(case: Case, ranges: Ranges = Ranges.CHECKED) -> ProvingKey:
    return make_pairing_keys(case.graph, case.random(0)[0], ranges)


@pytest.fixture(scope="module")
def key() -> ProvingKey:
    return made(CASES["perceptron"], Ranges.UNCHECKED)


@pytest.fixture(scope="module")
def proof(key: ProvingKey) -> zkinfer.Proof:
    return prove(key, CASES["perceptron"].random(0)[1], b"here")


def verify(
    key: VerifyingKey, proof: zkinfer.Proof, context: bytes = b"here"
) -> Mapping[str, np.ndarray]:
    return zkinfer.verify(key, proof, context=context, insecure_setup=True).outputs_fixed


def setup_of(key: VerifyingKey) -> bytes:
    return Setup.from_bytes(key.circuit).verifying_key


@pytest.mark.parametrize("ranges", [Ranges.CHECKED, Ranges.UNCHECKED], ids=lambda r: r.value)
@pytest.mark.parametrize("name", ["perceptron", "conv", "gather", "label", "interpolate"])
def test_honest_proofs_verify_and_say_what_the_network_computes(name: str, ranges: Ranges) -> None:
    case = cases()[name]
    if not case.graph.weights:
        pytest.skip("nothing is committed to")
    key = made(case, ranges)
    for seed in range(2):
        _, inputs = case.random(seed, extreme=bool(seed))
        expected = evaluate(case.graph, key.weights, inputs)
        found = verify(key.verifying_key, prove(key, inputs, b"here"))
        for output in case.graph.outputs:
            np.testing.assert_array_equal(found[output], expected[output])


def test_the_reference_takes_what_the_package_takes(key: ProvingKey, proof: zkinfer.Proof) -> None:
    vk = key.verifying_key
    setup, public = reference.read_key(setup_of(vk)), public_signals(vk.graph)
    reference.check_opening(setup, public, vk.rows, vk.key_digest, vk.certificate)
    packed = signals(vk.key_digest, b"here", proof.public_values)
    values = [int.from_bytes(packed[at : at + 32], "little") for at in range(0, len(packed), 32)]
    assert values[0] == reference.context_element(vk.key_digest, b"here")
    model = reference.model_key(setup, public, vk.rows)
    reference.verify(model, values, proof.body)
    assert integers(vk.graph, vk.key_digest, b"here", values) is not None


def test_another_statement_is_refused(key: ProvingKey, proof: zkinfer.Proof) -> None:
    vk, case = key.verifying_key, CASES["perceptron"]
    shown = proof.public_values[0]
    other = made(case, Ranges.UNCHECKED)
    claims = {
        "another output": replace(proof, public_values=(shown ^ 1,)),
        "another model's proof": replace(
            prove(other, case.random(0)[1], b"here"), key_digest=vk.key_digest
        ),
        "no point": replace(proof, body=b"\xff" * 32 + proof.body[32:]),
        "too short": replace(proof, body=proof.body[:-1]),
    }
    for claim in claims.values():
        with pytest.raises(VerificationError):
            verify(vk, claim)
    verify(vk, proof)
    with pytest.raises(VerificationError, match="bound to"):
        verify(vk, proof, b"there")
    with pytest.raises(VerificationError, match="does not verify"):
        verify(vk, replace(proof, context=b"there"), b"there")


def test_a_setup_of_one_machine_is_refused_unless_told(
    key: ProvingKey, proof: zkinfer.Proof
) -> None:
    with pytest.raises(UsageError, match="can prove anything"):
        zkinfer.verify(key.verifying_key, proof, context=b"here")


def queried(zkey: bytes, wire: int) -> Any:
    """The point of a wire in the fifth section of a .zkey, which factors of A are made of."""
    at = 12
    while (head := struct.unpack_from("<IQ", zkey, at))[0] != 5:
        at += 12 + head[1]
    start = at + 12 + 64 * wire
    x, y = (int.from_bytes(zkey[i : i + 32], "little") for i in (start, start + 32))
    return projective(tuple(number * pow(2, -256, Q) % Q for number in (x, y)))


def test_a_commitment_that_nobody_can_open_proves_anything_and_is_refused(key: ProvingKey) -> None:
    """D = -(IC_0 + sum_j x_j IC_j) over the outputs x_j. With the context's element c, which only
    its own row x 0 = 0 reads, A = alpha + c A_1, B = beta + delta and C = A make a valid proof of
    these outputs, for any context. Nobody knows weights that D is a commitment to.
    """
    honest, graph = key.verifying_key, key.graph
    setup, public = setup_of(honest), public_signals(graph)
    points = decode_key(setup)
    claimed = [np.full(tensor.shape, tensor.high) for _, tensor in graph.shown]
    total = projective(points.ic[0])
    for value, base in zip(
        np.concatenate([c.ravel() for c in claimed]), points.ic[2:], strict=False
    ):
        total = bn.add(total, bn.multiply(projective(base), int(value) % R))
    commitment = encode_g1(affine(bn.neg(total)))
    digest = key_digest(graph, honest.circuit, commitment, None, backend=groth16.NAME)
    element = context_element(digest, b"here")
    a = bn.add(projective(points.alpha), bn.multiply(queried(key.setup, 1), element))
    b = affine2(bn.add(projective2(points.beta), projective2(points.delta)))
    forged = encode_proof(Proof(affine(a), b, affine(a)))
    model = groth16.model_key(groth16.read_key(setup), public, commitment)
    verifier = groth16.Groth16Verifier(model)
    groth16.verify(verifier, signals(digest, b"here", claimed), forged)
    for certificate in (honest.certificate, b"", bytes(len(honest.certificate))):
        with pytest.raises(FormatError, match="can be opened"):
            VerifyingKey(graph, honest.circuit, commitment, None, certificate, groth16.NAME)


def test_what_certifies_a_key_is_about_that_key(key: ProvingKey) -> None:
    """The graph, the setup and the commitment are what the proof of its opening is bound to."""
    vk = key.verifying_key
    w = vk.graph.declared["w0"]
    wider = replace(vk.graph, declared={**vk.graph.declared, "w0": replace(w, low=w.low - 1)})
    again = made(CASES["perceptron"], Ranges.UNCHECKED).verifying_key
    parts: dict[str, tuple[Any, ...]] = {
        "another range": (wider, vk.circuit, vk.rows),
        "another commitment": (vk.graph, vk.circuit, again.rows),
        "another setup": (vk.graph, again.circuit, vk.rows),
        "checked weights": (vk.graph, bytes([1]) + vk.circuit[1:], vk.rows),
        "a ceremony": (vk.graph, bytes([2]) + vk.circuit[1:], vk.rows),
        "unknown flags": (vk.graph, bytes([4]) + vk.circuit[1:], vk.rows),
        "a point less": (vk.graph, vk.circuit[:-32], vk.rows),
        "no commitment": (vk.graph, vk.circuit, b""),
    }
    for stated in parts.values():
        with pytest.raises(FormatError):
            VerifyingKey(*stated, None, vk.certificate, groth16.NAME)
    VerifyingKey(vk.graph, vk.circuit, vk.rows, None, vk.certificate, groth16.NAME)


def test_commitments_are_blinded(key: ProvingKey) -> None:
    """Small weights cannot be found by trying: the same ones have another commitment each time."""
    vk, setup = key.verifying_key, setup_of(key.verifying_key)
    wires = key.prover.wiring
    plain = groth16.commit(groth16.read_key(setup), wires.public, wires.scalars(key.weights, 0))
    blinding = int.from_bytes(key.blinds, "little")
    assert plain != vk.rows
    assert blinding.bit_length() > 128
    base = projective(decode_key(setup).ic[-1])
    total = bn.add(projective(decode_g1(plain, "D")), bn.multiply(base, blinding))
    assert encode_g1(affine(total)) == vk.rows


def test_proofs_are_malleable(key: ProvingKey, proof: zkinfer.Proof) -> None:
    """Whoever has one makes another of the same statement: bytes of proofs stand for nothing."""
    points = decode_proof(proof.body)
    a = affine(bn.multiply(projective(points.a), 2))
    b = affine2(bn.multiply(projective2(points.b), pow(2, -1, R)))
    other = replace(proof, body=encode_proof(Proof(a, b, points.c)))
    assert other.body != proof.body
    verify(key.verifying_key, other)


def test_two_proofs_of_one_statement_differ(key: ProvingKey, proof: zkinfer.Proof) -> None:
    assert prove(key, CASES["perceptron"].random(0)[1], b"here").body != proof.body


def test_no_proof_of_a_lie_is_released(key: ProvingKey) -> None:
    graph, (_, inputs) = key.graph, CASES["perceptron"].random(0)
    target = key.verifying_key.target
    output = f"{graph.outputs[0]}/public"
    lies = {output: lambda array: array ^ 1}
    witness = solve(graph, key.weights, inputs, target=target, lies=lies)
    assert witness.segments[Segment.PUBLIC]
    with pytest.raises(UsageError, match="no proof is released"):
        key.prover.prove(b"", witness.segments)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: replace(key, blinds=bytes(32)),
        lambda key: replace(key, blinds=b"\xff" * 32),
        lambda key: replace(key, blinds=b""),
        lambda key: replace(key, setup=b""),
        lambda key: replace(key, setup=key.setup[:-1]),
        lambda key: replace(key, setup=made(CASES["perceptron"], Ranges.UNCHECKED).setup),
        lambda key: replace(key, weights={n: a ^ 1 for n, a in key.weights.items()}),
    ],
)
def test_a_proving_key_that_does_not_fit_is_refused(
    key: ProvingKey, change: Callable[[ProvingKey], ProvingKey]
) -> None:
    with pytest.raises(FormatError):
        _ = change(key).prover


def test_keys_are_read_as_they_are_written(key: ProvingKey, proof: zkinfer.Proof) -> None:
    again = ProvingKey.from_bytes(key.to_bytes())
    assert again.to_bytes() == key.to_bytes()
    verify(again.verifying_key, proof)
    verify(again.verifying_key, prove(again, CASES["perceptron"].random(0)[1], b"here"))


def test_a_key_that_was_loaded_stays_what_it_is_when_its_file_is_replaced(
    key: ProvingKey, tmp_path: Path
) -> None:
    path, inputs = tmp_path / "proving.key", CASES["perceptron"].random(0)[1]
    key.save(path)
    loaded = ProvingKey.load(path)
    made(CASES["conv"]).save(path, force=True)
    assert loaded.to_bytes() == key.to_bytes()
    verify(key.verifying_key, prove(loaded, inputs, b"here"))


def test_a_key_is_read_from_a_pipe(key: ProvingKey, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as threads:
        written = threads.submit(pipe.write_bytes, key.to_bytes())
        assert ProvingKey.load(pipe).to_bytes() == key.to_bytes()
        written.result()


def test_public_weights_are_those_of_the_commitment() -> None:
    case = CASES["perceptron"]
    shown = replace(case, graph=replace(case.graph, weights_mode="public"))
    vk = made(shown).verifying_key
    wrong = {name: array ^ 1 for name, array in vk.weights.items()}
    with pytest.raises(FormatError, match="public weights"):
        VerifyingKey(vk.graph, vk.circuit, vk.rows, wrong, b"", groth16.NAME)
    loose = bytes([3]) + vk.circuit[1:]
    with pytest.raises(FormatError, match="may be anything"):
        VerifyingKey(vk.graph, loose, vk.rows, vk.weights, b"", groth16.NAME)
    with pytest.raises(FormatError, match="certificate of public weights"):
        VerifyingKey(vk.graph, vk.circuit, vk.rows, vk.weights, b"x", groth16.NAME)


def test_a_draft_becomes_keys_of_the_same_circuit(key: ProvingKey) -> None:
    draft = Draft(key.graph, key.weights, Ranges.UNCHECKED)
    again = Draft.from_bytes(draft.to_bytes())
    assert again.r1cs() == draft.r1cs()
    assert len(again.names()) == key.prover.setup.constants[0] - 1
    with pytest.raises(FormatError, match="no contribution"):
        again.finished(key.setup)
    with pytest.raises(FormatError, match="setup"):
        again.finished(made(CASES["conv"]).setup)


@pytest.mark.parametrize("mode", [{"input_mode": "committed"}, {"output_mode": "committed"}])
def test_data_that_are_committed_to_are_refused(mode: dict[str, str]) -> None:
    case = CASES["perceptron"]
    with pytest.raises(zkinfer.UnsupportedModelError, match="committed data"):
        make_pairing_keys(replace(case.graph, **mode), case.random(0)[0], Ranges.CHECKED)


def test_circuits_are_the_same_in_every_process() -> None:
    """Whatever the seed of Python's hashes is: a setup is one of these very rows."""
    script = (
        "import hashlib, networks\n"
        "from zkinfer.circuit.target import Ranges\n"
        "from zkinfer.pairing.wiring import Wiring\n"
        "for name in ('convolutional network', 'gather', 'perceptron'):\n"
        "    graph = networks.cases()[name].graph\n"
        "    for ranges in (Ranges.CHECKED, Ranges.UNCHECKED):\n"
        "        print(hashlib.sha3_256(Wiring.of(graph, ranges).r1cs).hexdigest())\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(said[0].splitlines()) == 6
    assert said[0] == said[1]
