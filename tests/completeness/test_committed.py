"""Records of any shape are committed to, proved about and revealed, whatever circuit reads them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from artifacts import committed, prove_record
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Net, cases
from signs import few_signs

import zkinfer
from zkinfer import reference
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import evaluate
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve
from zkinfer.records import MAX_WIDTH, RecordGrid

CASES = {
    name: case
    for name, case in cases().items()
    if case.graph.input_mode == "hidden" and not case.graph.quantized
}
SHAPES = st.lists(st.sampled_from([1, 1, 2, 3, 4, 5, 7, 8, 9, 13, 17, 31]), min_size=0, max_size=4)


@settings(deadline=None)
@given(SHAPES.map(tuple).filter(lambda shape: math.prod(shape) < 3000))
def test_every_entry_has_a_cell_of_its_own_and_the_rest_are_zero(shape: tuple[int, ...]) -> None:
    grid = RecordGrid.of(shape)
    assert grid.width & (grid.width - 1) == 0
    assert grid.width <= MAX_WIDTH
    assert math.prod(grid.padded) == grid.rows * grid.width
    assert grid.rows == 1 or grid.width == MAX_WIDTH
    numbers = np.arange(1, 2 * math.prod(shape) + 1).reshape(2, *shape)
    cells = grid.cells(numbers)
    assert cells.shape == (2 * grid.rows, grid.width)
    for record, its in zip(numbers, cells.reshape(2, -1), strict=True):
        assert sorted(its[its != 0]) == sorted(record.reshape(-1))


@settings(deadline=None, max_examples=40)
@given(SHAPES.map(tuple).filter(lambda shape: math.prod(shape) < 600), st.integers(0, 99))
def test_circuits_read_records_of_every_shape(shape: tuple[int, ...], seed: int) -> None:
    net = Net()
    graph = net.graph(net.node("neg", net.input(*shape)), inputs="committed")
    circuit = lower(graph)
    rng = np.random.default_rng(seed)
    x = rng.integers(-8, 8, shape, dtype=np.int64)
    witness = solve(graph, {}, {"x0": x})
    assert check(circuit, witness.segments) == []
    (cells,) = witness.segments[Segment.RECORD]
    assert circuit.columns >= cells.shape[1]
    (tensor,) = circuit.segment(Segment.RECORD)
    assert tensor.extents == (len(cells), circuit.columns)
    # No other cells will do, be they of entries or of zeros.
    for place in {0, cells.size - 1, *rng.integers(0, cells.size, 4)}:
        other = cells.copy()
        other.reshape(-1)[place] += 1
        wrong = {**witness.segments, Segment.RECORD: [other]}
        assert check(circuit, wrong) == ["x0/record"]


@pytest.mark.parametrize("name", CASES)
def test_both_verifiers_accept_records_of_every_network(name: str) -> None:
    """And say what the integer oracle says."""
    case = CASES[name]
    graph = replace(case.graph, input_mode="committed")
    with few_signs():
        weights, _ = case.random(0)
        key = make_keys(graph, weights)
        records = [case.random(seed)[1] for seed in range(3)]
        data = committed(graph, records)
        for number in (0, 2):
            proof = prove_record(key, data, number, b"context")
            again = zkinfer.Proof.from_bytes(proof.to_bytes())
            public = data.commitment
            verified = zkinfer.verify(key.verifying_key, again, context=b"context", data=public)
            assert verified.records is not None
            assert (verified.records.numbers, verified.records.checked) == ((number,), True)
            assert verified.records.data_digest == public.digest
            true = evaluate(graph, weights, records[number])
            for output, array in verified.outputs_fixed.items():
                np.testing.assert_array_equal(array, true[output])
            ours = reference.verify(
                reference.read_key(key.verifying_key.to_bytes()),
                reference.read_proof(proof.to_bytes()),
                b"context",
                reference.read_data(public.to_bytes()),
            )
            assert (ours["records"], ours["data_digest"]) == ([number], public.digest)
            assert ours["data_checked"]


def test_one_commitment_serves_circuits_of_every_width() -> None:
    """Records do not depend on the circuits that read them."""
    columns = set()
    net = Net()
    x = net.input(3, 5)
    data = committed(net.graph(net.node("neg", x)), [{"x0": np.full((3, 5), n)} for n in range(4)])
    for width in (1, 40, 700):
        net = Net()
        product = net.node("matmul", net.input(3, 5), net.weight(5, width))
        graph = net.graph(net.requantize(product, 4), inputs="committed")
        rng = np.random.default_rng(width)
        key = make_keys(graph, {"w0": rng.integers(-8, 8, (5, width), dtype=np.int64)})
        columns.add(key.verifying_key.native_circuit.columns)
        proof = prove_record(key, data, 2)
        verified = zkinfer.verify(key.verifying_key, proof, data=data.commitment)
        assert verified.records is not None
        assert verified.records.numbers == (2,)
    assert len(columns) == 3
