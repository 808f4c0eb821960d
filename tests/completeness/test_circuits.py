"""Every honest witness satisfies its circuit, and says what the integer oracle says."""

import math

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Case, Net, cases

from zkinfer.circuit.check import check, tensor_entries
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.expand import addresses, challenge_tables, expand, random_challenges
from zkinfer.circuit.layout import Segment, strides
from zkinfer.circuit.term import MODULUS
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.lower import Witness, lower, solve, weight_arrays
from zkinfer.ops import OPS

CASES = cases()
GF = galois.GF(MODULUS, primitive_element=2, verify=False)


def test_every_op_has_a_case() -> None:
    assert set(OPS) == {op for case in CASES.values() for op in case.ops}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def assert_agrees(graph: FixedGraph, circuit: Circuit, witness: Witness, oracle: dict) -> None:
    assert check(circuit, witness.segments) == []
    for name in graph.outputs:
        np.testing.assert_array_equal(witness.outputs[name], oracle[name])
    shown = [*graph.inputs] if graph.input_mode == "public" else []
    for name, array in zip([*shown, *graph.outputs], witness.segments[Segment.PUBLIC], strict=True):
        np.testing.assert_array_equal(array, oracle[name])


@pytest.mark.parametrize("extreme", [False, True], ids=["random", "ends of the ranges"])
def test_honest_witnesses_satisfy_the_circuit(case: Case, extreme: bool) -> None:
    circuit = lower(case.graph)
    for seed in range(4):
        weights, inputs = case.random(seed, extreme=extreme)
        witness = solve(case.graph, weights, inputs)
        oracle = {**inputs, **evaluate(case.graph, weights, inputs)}
        assert_agrees(case.graph, circuit, witness, oracle)


def test_expanded_rows_hold_over_the_field(case: Case) -> None:
    circuit = lower(case.graph)
    weights, inputs = case.random(7)
    witness = solve(case.graph, weights, inputs)
    challenges = random_challenges(circuit)
    rows = expand(circuit, challenges)
    z = assignment(circuit, witness, challenges)
    assert len(z) == rows.length
    for a, b, c, path in zip(rows.a, rows.b, rows.c, rows.paths, strict=True):
        assert dot(a, z) * dot(b, z) == dot(c, z), path


def dot(row: dict[int, int], z: galois.FieldArray) -> galois.FieldArray:
    if not row:
        return GF(0)
    return np.sum(GF(list(row.values())) * z[list(row)])


def assignment(
    circuit: Circuit, witness: Witness, challenges: list[list[int]]
) -> galois.FieldArray:
    """z, address by address; the sketch from its definition: products and quotients of rows."""
    starts, length = addresses(circuit)
    z = np.zeros(length, dtype=object)
    for tensor, start, values in zip(
        circuit.tensors, starts, tensor_entries(circuit, witness.segments), strict=True
    ):
        if values is not None:
            z[start + places(tensor.extents)] = values.reshape(-1) % MODULUS
    field = GF(z)
    rows = expand(circuit, challenges)
    sketch = {
        start + place
        for tensor, start in zip(circuit.tensors, starts, strict=True)
        if tensor.segment == Segment.SKETCH
        for place in places(tensor.extents).tolist()
    }
    for a, b, c in zip(rows.a, rows.b, rows.c, strict=True):
        if len(c) == 1 and next(iter(c)) in sketch:
            field[next(iter(c))] = dot(a, field) * dot(b, field)
        elif len(b) == 1 and next(iter(b)) in sketch:
            field[next(iter(b))] = dot(c, field) / dot(a, field)
    return field


def places(extents: tuple[int, ...]) -> np.ndarray:
    """The address of every entry of a tensor, from its first."""
    indices = np.indices(extents).reshape(len(extents), math.prod(extents))
    return np.array(strides(extents), dtype=np.int64) @ indices if extents else np.zeros(1, int)


def test_challenge_vectors_are_eq() -> None:
    (table,) = challenge_tables([[3, 5]])
    assert table == [(1 - 3) * (1 - 5), 3 * (1 - 5) % MODULUS, (1 - 3) * 5 % MODULUS, 15]


def test_lowering_is_a_function_of_the_graph(case: Case) -> None:
    again = FixedGraph.from_json(case.graph.to_json())
    assert lower(again).to_bytes() == lower(case.graph).to_bytes()


def test_weights_lie_as_the_circuit_says(case: Case) -> None:
    weights, inputs = case.random(3)
    arrays = weight_arrays(case.graph, weights)
    tensors = lower(case.graph).segment(Segment.WEIGHTS)
    assert [array.shape for array in arrays] == [tensor.extents for tensor in tensors]
    witness = solve(case.graph, weights, inputs)
    for known, used in zip(arrays, witness.segments[Segment.WEIGHTS], strict=True):
        np.testing.assert_array_equal(known, used)


@st.composite
def rescalings(draw: st.DrawFn) -> tuple[FixedGraph, np.ndarray]:
    x_low, x_high = sorted(draw(st.tuples(*[st.integers(1 - 2**62, 2**62 - 1)] * 2)))
    shift = draw(st.integers(0, 61))
    low, high = sorted(draw(st.tuples(*[st.integers(-(2**40), 2**40)] * 2)))
    net = Net()
    x = net.input(4, low=x_low, high=x_high)
    graph = net.graph(net.requantize(x, shift, low=low, high=high))
    ends = st.sampled_from([x_low, x_high])
    values = draw(st.lists(ends | st.integers(x_low, x_high), min_size=4, max_size=4))
    return graph, np.array(values, dtype=np.int64)


@settings(max_examples=150, deadline=None)
@given(rescalings())
def test_every_number_can_be_rescaled(example: tuple[FixedGraph, np.ndarray]) -> None:
    graph, values = example
    witness = solve(graph, {}, {"x0": values})
    assert_agrees(graph, lower(graph), witness, evaluate(graph, {}, {"x0": values}))
