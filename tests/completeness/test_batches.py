"""A batch of inputs gives what each of them gives, and both verifiers say so."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from artifacts import committed, prove
from networks import Net, cases
from signs import few_signs

import zkinfer
from zkinfer import reference
from zkinfer.batch import batched
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import FixedGraph, evaluate, quantize_input
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve, weight_arrays

CASES = cases()
BATCH = 3
REFUSED = {"gather from activations"}
"""Cases with operators that take inputs one by one only."""


@pytest.fixture(scope="module", autouse=True)
def signs() -> Iterator[None]:
    with few_signs():
        yield


def assignments(name: str) -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    weights, _ = CASES[name].random(0)
    return weights, [CASES[name].random(seed)[1] for seed in range(BATCH)]


@pytest.mark.parametrize("name", sorted(CASES.keys() - REFUSED))
def test_every_network_in_a_batch(name: str) -> None:
    graph = replace(CASES[name].graph, batch=BATCH)
    weights, inputs = assignments(name)
    circuit = lower(graph)
    stacked = {each: np.stack([one[each] for one in inputs]) for each in graph.inputs}
    witness = solve(graph, weights, stacked)
    assert check(circuit, witness.segments) == []
    for number, each in enumerate(inputs):
        meant = evaluate(graph, weights, each)
        for output, array in witness.outputs.items():
            np.testing.assert_array_equal(array[number], meant[output])


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("constant", [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_products_of_what_depends_on_the_input_and_what_does_not(
    constant: tuple[int, ...], batch: int
) -> None:
    """Extents are as large as the batch, so that axes that are mistaken for it would fit."""
    net = Net()
    operands = [(net.weight if k in constant else net.input)(2, 2) for k in range(3)]
    graph = replace(net.graph(net.node("matmul", *operands)), batch=batch)
    rng = np.random.default_rng(batch)
    weights = {name: rng.integers(-8, 8, (2, 2), dtype=np.int64) for name in net.weights}
    shape = (batch, 2, 2)
    stacked = {name: rng.integers(-8, 8, shape, dtype=np.int64) for name in net.inputs}
    witness = solve(graph, weights, stacked)
    assert check(lower(graph), witness.segments) == []
    for number in range(batch):
        each = {name: array[number] for name, array in stacked.items()}
        for name, array in evaluate(graph, weights, each).items():
            if name in graph.outputs:
                np.testing.assert_array_equal(witness.outputs[name][number], array)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_takes_inputs_one_by_one_is_refused(name: str) -> None:
    with pytest.raises(zkinfer.UnsupportedModelError, match=r"one by one only.*without --batch"):
        lower(replace(CASES[name].graph, batch=BATCH))


@pytest.mark.parametrize("name", ["perceptron", "label", "public input by column", "trees"])
@pytest.mark.parametrize("mode", ["hidden", "public", "committed"])
def test_both_verifiers_accept_batches(name: str, mode: str) -> None:
    weights, inputs = assignments(name)
    graph = replace(CASES[name].graph, batch=BATCH, input_mode=mode)
    key = make_keys(graph, weights)
    read = reference.read_key(key.verifying_key.to_bytes())
    data = committed(graph, inputs)
    if mode == "committed":
        order = [2, 0, 2]
        proof = zkinfer.prove(key, data=data, record=order, allow_saturation=True)
        verified = zkinfer.verify(key.verifying_key, proof, data=data.commitment)
        known = reference.read_data(data.commitment.to_bytes())
        ours = reference.verify(read, reference.read_proof(proof.to_bytes()), b"", known)
        assert verified.records is not None
        assert (list(verified.records.numbers), ours["records"]) == (order, order)
        inputs = [inputs[number] for number in order]
    else:
        stacked = {each: np.stack([one[each] for one in inputs]) for each in graph.inputs}
        proof = prove(key, stacked)
        verified = zkinfer.verify(key.verifying_key, proof)
        ours = reference.verify(read, reference.read_proof(proof.to_bytes()))
    for output, array in verified.outputs_fixed.items():
        assert array.tolist() == ours["outputs_fixed"][output]
        assert verified.outputs[output].tolist() == ours["outputs"][output]
        for number, each in enumerate(inputs):
            np.testing.assert_array_equal(array[number], evaluate(graph, weights, each)[output])
    for shown, array in (verified.inputs_fixed or {}).items():
        np.testing.assert_array_equal(array, np.stack([each[shown] for each in inputs]))
        assert verified.inputs is not None
        assert verified.inputs[shown].tolist() == ours["inputs"][shown]


def test_weights_are_committed_to_as_without_a_batch() -> None:
    """So a batch is no other model; but C, and with it the commitment, may differ."""
    for name in ("perceptron", "convolutional network", "trees"):
        weights, _ = assignments(name)
        graph = CASES[name].graph
        batch = replace(graph, batch=BATCH)
        pairs = zip(weight_arrays(graph, weights), weight_arrays(batch, weights), strict=True)
        assert all(np.array_equal(one, many) for one, many in pairs)
        tensors = [
            [tensor.extents for tensor in lower(each).segment(Segment.WEIGHTS)]
            for each in (graph, batch)
        ]
        assert tensors[0] == tensors[1]


def test_all_samples_are_one_product() -> None:
    """The weights are read as often as for one input; rows of a product do not depend on it."""
    graph = CASES["perceptron"].graph
    blocks = [
        {block.path: block.extents for block in lower(replace(graph, batch=batch)).blocks}
        for batch in (1, 50)
    ]
    products = [path for path in blocks[0] if path.endswith("/products")]
    assert products
    assert all(blocks[0][path] == blocks[1][path] for path in products)


def test_a_batch_reads_stacked_inputs() -> None:
    """Along a new first axis, or in place of a first one of extent 1."""
    net = Net()
    graph = replace(net.graph(net.node("neg", net.input(1, 5))), batch=4)
    x = np.arange(20).reshape(4, 5) % 8
    for array in (x, x[:, None]):
        read = quantize_input(graph, {"x0": array})["x0"]
        np.testing.assert_array_equal(read, x[:, None])
    for wrong in (x[:3], x[0], x.reshape(1, 4, 5)):
        with pytest.raises(zkinfer.UsageError, match=r"the model takes \(4, 1, 5\)"):
            quantize_input(graph, {"x0": wrong})


def test_a_batch_of_one_is_none() -> None:
    graph = CASES["perceptron"].graph
    assert batched(graph) is graph
    assert b"batch" not in graph.to_json()
    batch = replace(graph, batch=2)
    assert FixedGraph.from_json(batch.to_json()) == batch
    for wrong in (
        b'"batch":1,',
        b'"batch":0,',
        b'"batch":true,',
        b'"batch":16385,',
        b'"batch":2.0,',
    ):
        with pytest.raises(zkinfer.FormatError, match=r"batch of|not canonical"):
            FixedGraph.from_json(batch.to_json().replace(b'"batch":2,', wrong))
