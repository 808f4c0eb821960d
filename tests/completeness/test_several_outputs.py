"""A node may make several tensors: they are read, stored, proved and shown like any other."""

from dataclasses import replace

import numpy as np
import pytest
from artifacts import prove
from networks import Case, Net

from zkinfer import VerifyingKey, verify
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.check import check
from zkinfer.circuit.value import Value
from zkinfer.fixed import FixedGraph, FixedNode, evaluate
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve
from zkinfer.ops import OPS, add, lift, mul
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers
from zkinfer.reference.graph import parse_graph

NO_SHIFTS = {"shift_a": 0, "shift_b": 0}


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    return (*add.infer(NO_SHIFTS, *tensors), *mul.infer({}, *tensors))


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    return (*add.forward(NO_SHIFTS, *arrays), *mul.forward({}, *arrays))


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    total = add.constrain(b, f"{path}/sum", NO_SHIFTS, *values)
    return (*total, *mul.constrain(b, path, {}, *values))


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> FixedGraph:
    """The sum and the product of two tensors by one node, the product rescaled, the sum shown."""
    both = Operator(
        attrs={},
        inputs=(2, 2),
        infer=infer,
        forward=forward,
        lift=lift.broadcast,
        constrain=constrain,
    )
    monkeypatch.setitem(OPS, "sum_and_product", both)
    net = Net()
    x, y = net.input(3, 4, low=-8, high=7), net.weight(3, 4, low=-8, high=7)
    node = FixedNode("both", "sum_and_product", (x, y), ("total", "product"), {})
    rescale = FixedNode(
        "rescale",
        "requantize",
        ("product",),
        ("y",),
        {"shift": 2, "low": -8, "high": 7, "low_saturates": True, "high_saturates": True},
    )
    made = net.graph(x)
    return replace(made, nodes=(node, rescale), outputs=("total", "y"))


def test_circuit_and_oracle_agree(graph: FixedGraph) -> None:
    again = FixedGraph.from_json(graph.to_json())
    assert again == graph
    assert set(parse_graph(graph.to_json()).types) == {"x0", "total", "y"}
    circuit = lower(again)
    for seed in range(3):
        weights, inputs = Case("both", graph).random(seed)
        expected = evaluate(graph, weights, inputs)
        witness = solve(graph, weights, inputs)
        assert check(circuit, witness.segments) == []
        for name, array in witness.outputs.items():
            np.testing.assert_array_equal(array, expected[name])


def test_a_product_that_nothing_takes_is_stored(graph: FixedGraph) -> None:
    """Under its number, where a lie about it is found by the product's own block."""
    shown = replace(graph, nodes=graph.nodes[:1], outputs=("total", "product"))
    weights, inputs = Case("both", shown).random(1)
    assert check(lower(shown), solve(shown, weights, inputs).segments) == []
    lying = solve(shown, weights, inputs, lies={"both/output/1": lambda array: array + 1})
    assert check(lower(shown), lying.segments) == ["both/product"]


def test_proofs_show_both(graph: FixedGraph) -> None:
    weights, inputs = Case("both", graph).random(5)
    key = make_keys(graph, weights)
    proof = prove(key, inputs)
    verified = verify(VerifyingKey.from_bytes(key.verifying_key.to_bytes()), proof)
    expected = evaluate(graph, weights, inputs)
    for name in ("total", "y"):
        np.testing.assert_array_equal(verified.outputs_fixed[name], expected[name])
