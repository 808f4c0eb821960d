"""Outputs of every network and of every shape are committed to, and the next network reads them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from artifacts import committed, prove_outputs, prove_record
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Case, Net, cases
from signs import few_signs

import zkinfer
from tests.completeness.test_committed import SHAPES
from tests.soundness.chained import chained, outputs
from zkinfer import reference
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import FixedGraph, FormatError, evaluate
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve


def committing(case: Case, **changes: object) -> FixedGraph | None:
    """The graph with committed outputs, if there is one."""
    try:
        return replace(case.graph, output_mode="committed", **changes)
    except FormatError:  # labels, and inputs by column that are outputs
        return None


CASES = {name: case for name, case in cases().items() if committing(case)}


@settings(deadline=None, max_examples=40)
@given(SHAPES.map(tuple).filter(lambda shape: math.prod(shape) < 600), st.integers(0, 99))
def test_circuits_commit_to_outputs_of_every_shape(shape: tuple[int, ...], seed: int) -> None:
    """No other cells will do, be they of entries or of zeros."""
    net = Net()
    x = net.input(*shape)
    graph = net.graph(net.node("neg", x), output="committed")
    circuit = lower(graph)
    rng = np.random.default_rng(seed)
    witness = solve(graph, {}, {"x0": rng.integers(-8, 8, shape, dtype=np.int64)})
    assert check(circuit, witness.segments) == []
    (cells,) = witness.segments[Segment.OUTPUT]
    for place in {0, cells.size - 1, *rng.integers(0, cells.size, 4)}:
        other = cells.copy()
        other.reshape(-1)[place] += 1
        wrong = {**witness.segments, Segment.OUTPUT: [other]}
        assert check(circuit, wrong) == ["neg_out/committed"]


@pytest.mark.parametrize("name", CASES)
def test_both_verifiers_say_what_outputs_of_every_network_are_committed_to(name: str) -> None:
    """And the opening has what the integer oracle computes."""
    case = CASES[name]
    graph = committing(case)
    assert graph is not None
    weights, inputs = case.random(0)
    with few_signs():
        key = make_keys(graph, weights)
        proof, opening = prove_outputs(key, inputs, b"context")
        again = zkinfer.Proof.from_bytes(proof.to_bytes())
        expected = opening.commitment
        for known in (None, expected):
            verified = zkinfer.verify(key.verifying_key, again, context=b"context", outputs=known)
            assert verified.commitment == expected
            assert (verified.outputs, verified.outputs_fixed) == ({}, {})
        true = evaluate(graph, weights, inputs)
        for output, array in zip(graph.outputs, opening.record(0), strict=True):
            np.testing.assert_array_equal(array, true[output])
        ours = reference.verify(
            reference.read_key(key.verifying_key.to_bytes()),
            reference.read_proof(proof.to_bytes()),
            b"context",
            outputs=reference.read_data(expected.to_bytes()),
        )
        assert (ours["outputs_digest"], ours["outputs"]) == (expected.digest, {})


@pytest.mark.parametrize("inputs", ["hidden", "public", "committed"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("weights_mode", ["hidden", "public"])
def test_every_mode(inputs: str, batch: int, weights_mode: str) -> None:
    case = cases()["perceptron"]
    modes = {"input_mode": inputs, "weights_mode": weights_mode, "batch": batch}
    graph = replace(case.graph, output_mode="committed", **modes)
    weights, _ = case.random(0)
    records = [case.random(seed)[1] for seed in range(batch)]
    stacked = {"x0": np.stack([record["x0"] for record in records])}
    if batch == 1:
        stacked = {"x0": stacked["x0"][0]}
    with few_signs():
        key = make_keys(graph, weights)
        data = committed(graph, records)
        about = {}
        if inputs == "committed":
            numbers = list(range(batch))
            proof, opening = zkinfer.prove_committed(
                key, data=data, record=numbers, allow_saturation=True
            )
            about = {"data": data.commitment}
        else:
            proof, opening = zkinfer.prove_committed(key, stacked, allow_saturation=True)
        assert len(opening) == batch
        verified = zkinfer.verify(key.verifying_key, proof, outputs=opening.commitment, **about)
        assert (verified.inputs is None) == (inputs != "public")
        ours = reference.verify(
            reference.read_key(key.verifying_key.to_bytes()),
            reference.read_proof(proof.to_bytes()),
            data=reference.read_data(data.commitment.to_bytes()) if about else None,
        )
        assert ours["outputs_digest"] == opening.commitment.digest
        for number, record in enumerate(records):
            true = evaluate(case.graph, weights, record)
            for name, array in zip(graph.outputs, opening.record(number), strict=True):
                np.testing.assert_array_equal(array, true[name])


def test_a_chain() -> None:
    """A batch of two outputs, of which the next network reads the second one."""
    with few_signs():
        known = chained()
        for number, (proof, opening) in enumerate(known.made):
            first = zkinfer.verify(known.first.verifying_key, proof)
            assert first.commitment == opening.commitment
            np.testing.assert_array_equal(
                np.stack([opening.record(i)[0] for i in range(2)]), outputs(number)
            )
            second = zkinfer.verify(
                known.second.verifying_key, known.read[number], data=first.commitment
            )
            expected = outputs(number)[1] @ known.second.weights["w0"]
            np.testing.assert_array_equal(second.outputs_fixed["matmul_out"], expected)


def test_several_outputs_in_a_batch() -> None:
    """Rows lie record by record in the commitment, and output by output in the circuit."""
    net = Net()
    x = net.input(150)
    graph = net.graph(net.node("neg", x), x, output="committed")
    graph = replace(graph, batch=3)
    key = make_keys(graph, {})
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (3, 150), dtype=np.int64)
    proof, opening = prove_outputs(key, {"x0": x})
    assert len(opening.commitment.rows) == 32 * 3 * (2 + 2)
    for number in range(3):
        for array, sign in zip(opening.record(number), (-1, 1), strict=True):
            np.testing.assert_array_equal(array, sign * x[number])
    verified = zkinfer.verify(key.verifying_key, proof)
    read = reference.read_key(key.verifying_key.to_bytes())
    ours = reference.verify(read, reference.read_proof(proof.to_bytes()))
    assert verified.commitment is not None
    assert ours["outputs_digest"] == verified.commitment.digest
    # The next network has inputs of these names, in this order.
    again = Net()
    again.declared = {"neg_out": graph.tensors["neg_out"], "x0": graph.tensors["x0"]}
    again.inputs = ["neg_out", "x0"]
    total = again.node("add", "neg_out", "x0", shift_a=0, shift_b=0)
    last = make_keys(again.graph(total, inputs="committed"), {})
    proof = prove_record(last, opening, 1)
    zeros = zkinfer.verify(last.verifying_key, proof, data=verified.commitment).outputs_fixed
    assert not zeros["add_out"].any()


def test_what_cannot_be_committed_to() -> None:
    net = Net()
    wide = net.graph(net.node("neg", net.input(2, low=-(2**61), high=0)), output="committed")
    with pytest.raises(zkinfer.UnsupportedModelError, match="numbers of 62 bits; at most"):
        lower(wide)
    net = Net()
    names = [net.node("neg", net.input(1), name=f"neg{n}") for n in range(65)]
    with pytest.raises(zkinfer.UnsupportedModelError, match="65 outputs; at most 64"):
        lower(net.graph(*names, output="committed"))
    net = Net()
    table = net.table(1, 3, axis=1, lows=(0, 4, 0), bits=3)
    with pytest.raises(zkinfer.FormatError, match="output x0 is an input by column"):
        net.graph(table, output="committed")
