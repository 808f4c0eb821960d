"""Dishonest provers and keys: each must end in a refusal that says why."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from artifacts import dishonest, prove, sections
from networks import Net

import zkinfer
from tests.robustness.case import MODELS, Case
from zkinfer import FormatError, Proof, ProvingKey, VerificationError, VerifyingKey, container
from zkinfer.certified_keys import certify
from zkinfer.fixed import quantize_input
from zkinfer.keys import key_digest, make_keys
from zkinfer.lower import lower


def edited(proof: Proof, change: Callable[[np.ndarray], None]) -> Proof:
    """The proof with its first public value changed."""
    value = proof.public_values[0].copy()
    change(value)
    return replace(proof, public_values=(value, *proof.public_values[1:]))


def test_edited_outputs(case: Case) -> None:
    def step(value: np.ndarray) -> None:
        value.flat[0] += 1

    with pytest.raises(VerificationError):
        zkinfer.verify(case.verifying_key, edited(case.proof, step))


def test_outputs_out_of_range(case: Case) -> None:
    def leave(value: np.ndarray) -> None:
        value.flat[0] = 2**62

    with pytest.raises(VerificationError, match="range"):
        zkinfer.verify(case.verifying_key, edited(case.proof, leave))


def test_outputs_of_wrong_shape_or_count(case: Case) -> None:
    (value,) = case.proof.public_values
    flat = replace(case.proof, public_values=(value.reshape(-1),))
    with pytest.raises(VerificationError, match="shape"):
        zkinfer.verify(case.verifying_key, flat)
    for values in ((), (value, value)):
        with pytest.raises(VerificationError, match="public values"):
            zkinfer.verify(case.verifying_key, replace(case.proof, public_values=values))


def test_context_is_bound(case: Case) -> None:
    proof = zkinfer.prove(case.proving_key, case.samples[:1], context=b"a")
    assert zkinfer.verify(case.verifying_key, proof, context=b"a").context == b"a"
    with pytest.raises(VerificationError, match="context"):
        zkinfer.verify(case.verifying_key, proof)
    with pytest.raises(VerificationError, match="does not verify"):
        zkinfer.verify(case.verifying_key, replace(proof, context=b"b"), context=b"b")


def check_refused(case: Case, weights: Mapping[str, np.ndarray]) -> None:
    """Other weights than those committed to: an honest prover and the verifier refuse them."""
    liar = ProvingKey(case.verifying_key, weights, case.proving_key.blinds)
    with pytest.raises(FormatError, match="the weights do not open the rows"):
        zkinfer.prove(liar, case.samples[:1])
    graph = case.verifying_key.graph
    inputs = quantize_input(graph, {graph.inputs[0]: case.samples[:1]})
    proof = dishonest(case.verifying_key, weights, liar.blinds, inputs)
    with pytest.raises(VerificationError, match="does not verify"):
        zkinfer.verify(case.verifying_key, proof)


def test_retrained_model(case: Case) -> None:
    """A prover with other weights of the same architecture, against the first model's key."""
    rng = np.random.default_rng(11)
    graph = case.verifying_key.graph
    weights = {}
    for name, value in case.proving_key.weights.items():
        tensor = graph.tensors[name]
        moved = value + rng.integers(-3, 4, value.shape)
        weights[name] = np.clip(moved, tensor.low, tensor.high)
    check_refused(case, weights)


def test_one_weight_changed(case: Case) -> None:
    weights = {name: value.copy() for name, value in case.proving_key.weights.items()}
    first = weights[case.verifying_key.graph.weights[0]]
    first.flat[0] += 1 if first.flat[0] < 0 else -1
    check_refused(case, weights)


def test_proof_relabelled_for_another_key(case: Case) -> None:
    """The digest in a proof is a label; the argument itself is bound to the key."""
    other = zkinfer.compile(MODELS / "breast_cancer.onnx", calibration=case.samples)
    with pytest.raises(VerificationError, match="is for the key"):
        zkinfer.verify(other.verifying_key, case.proof)
    relabelled = replace(case.proof, key_digest=other.verifying_key.key_digest)
    with pytest.raises(VerificationError, match="does not verify"):
        zkinfer.verify(other.verifying_key, relabelled)


def test_circuit_that_does_not_follow_from_the_graph(case: Case) -> None:
    other = zkinfer.compile(MODELS / "digits_mlp.onnx", input_range=(0.0, 1.0))
    with pytest.raises(FormatError, match="circuit does not follow"):
        replace(case.verifying_key, circuit=other.verifying_key.circuit)


def test_public_weights_that_are_not_the_committed_ones(case: Case) -> None:
    compiled = zkinfer.compile(
        MODELS / "breast_cancer.onnx", calibration=case.samples, weights="public"
    )
    key = compiled.verifying_key
    assert VerifyingKey.from_bytes(key.to_bytes()) == key
    assert key.weights is not None
    weights = dict(key.weights)
    name = key.graph.weights[0]
    weights[name] = weights[name].copy()
    weights[name].flat[0] += 1 if weights[name].flat[0] < 0 else -1
    with pytest.raises(FormatError, match="not to its public weights"):
        replace(key, weights=weights)


def with_certificate(key: VerifyingKey, certificate: bytes) -> bytes:
    """The bytes of a key with another certificate."""
    parts = sections(container.VERIFYING_KEY, key.to_bytes())
    return container.write(container.VERIFYING_KEY, (*list(parts.values())[:-1], certificate))


def test_proving_keys_hold_no_verifying_key_that_was_not_accepted(case: Case) -> None:
    """Neither one with a false certificate nor one whose public weights are not those committed."""
    honest = case.verifying_key.certificate
    parts = sections(container.PROVING_KEY, case.proving_key.to_bytes())
    _, *secrets = parts.values()
    for certificate in (b"", b"junk", honest[:-1] + bytes([honest[-1] ^ 1])):
        key = with_certificate(case.verifying_key, certificate)
        with pytest.raises(FormatError, match="certificate"):
            ProvingKey.from_bytes(container.write(container.PROVING_KEY, (key, *secrets)))
        with pytest.raises(FormatError, match="certificate"):
            replace(case.verifying_key, certificate=certificate)
    compiled = zkinfer.compile(
        MODELS / "breast_cancer.onnx", calibration=case.samples, weights="public"
    )
    parts = sections(container.VERIFYING_KEY, compiled.verifying_key.to_bytes())
    packed = bytearray(parts["public weights"])
    packed[0] ^= 1
    changed = (parts | {"public weights": bytes(packed)}).values()
    key = container.write(container.VERIFYING_KEY, list(changed))
    with pytest.raises(FormatError, match="not to its public weights"):
        ProvingKey.from_bytes(container.write(container.PROVING_KEY, (key, b"", b"", b"")))


def test_verdicts_tell_keys_apart_that_differ_in_scales_only() -> None:
    """One commitment, one circuit, and outputs that differ by a factor of 1024."""
    net = Net()
    graph = net.graph(net.node("matmul", net.input(1, 3), net.weight(3, 2)))
    tensor = graph.declared["x0"]
    other = replace(graph, declared={**graph.declared, "x0": replace(tensor, scale=10)})
    rng = np.random.default_rng(5)
    weights = {"w0": rng.integers(-8, 8, (3, 2))}
    first = make_keys(graph, weights)
    rows, blinds = first.verifying_key.rows, first.blinds
    circuit = lower(other)
    digest = key_digest(other, circuit.to_bytes(), rows, None)
    certificate = certify(other, circuit, weights, (rows, blinds), digest)
    key = VerifyingKey(other, circuit.to_bytes(), rows, None, certificate)
    inputs = {"x0": rng.integers(-8, 8, (1, 3))}
    verdicts = [
        zkinfer.verify(pk.verifying_key, prove(pk, inputs))
        for pk in (first, ProvingKey(key, weights, blinds))
    ]
    a, b = verdicts
    assert (a.model_commitment, a.circuit_digest) == (b.model_commitment, b.circuit_digest)
    assert a.key_digest != b.key_digest
    np.testing.assert_array_equal(a.outputs["matmul_out"], 1024 * b.outputs["matmul_out"])


def test_same_input_never_gives_the_same_proof(case: Case) -> None:
    first = zkinfer.prove(case.proving_key, case.samples[:1])
    second = zkinfer.prove(case.proving_key, case.samples[:1])
    assert first.body != second.body
    assert first != second


def test_secrets_are_not_shown(case: Case) -> None:
    shown = repr(case.proving_key)
    assert len(shown) < 100
    assert "array" not in shown
