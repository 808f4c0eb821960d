"""The rows of pairing proofs: honest witnesses satisfy them, and no lie about advice does.

Rows are those of the circuit, which name what fails, and the same in fewer rows, which proofs are
made of. Trees are spelt out, as keys have them.
"""

import numpy as np
import pytest
from networks import Case, Net, cases

from tests.pairing_rows import Rows
from tests.soundness.test_lies import UNREAD, added, single_lies
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import evaluate
from zkinfer.pairing.forest import spelt_out

CASES = cases()
LIES = 8
"""How many changes of one entry are tried a case."""


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.mark.parametrize("ranges", list(PAIRING), ids=lambda ranges: ranges.value)
def test_honest_witnesses_satisfy_the_rows(case: Case, ranges: Ranges) -> None:
    for seed, extreme in ((0, False), (1, True)):
        weights, inputs = case.random(seed, extreme=extreme)
        graph, weights = spelt_out(case.graph, weights)
        rows = Rows(graph, ranges)
        _, z = rows.solved(weights, inputs)
        assert rows.unsatisfied(z) == ([], False)


def test_no_lie_satisfies_the_rows(case: Case) -> None:
    """About advice, about products, and about what is public."""
    weights, inputs = case.random(0)
    graph, weights = spelt_out(case.graph, weights)
    rows = Rows(graph, Ranges.CHECKED)
    lies = [lie for lie in single_lies(rows.circuit) if lie[0] not in (UNREAD, *graph.inputs)]
    rng = np.random.default_rng(0)
    for place in rng.choice(len(lies), min(LIES, len(lies)), replace=False):
        path, lie = lies[place]
        _, z = rows.solved(weights, inputs, lies={path: lie})
        failing, few = rows.unsatisfied(z)
        assert failing, path
        # What the fewer rows do not read may be anything: what they do read says what it is.
        assert few or list(rows.named.unsatisfied(rows.restored(z))) == [], path


def test_every_product_is_bound() -> None:
    """An entry that stores a product is that product."""
    case = CASES["matmul of activations"]
    weights, inputs = case.random(0)
    rows = Rows(case.graph, Ranges.CHECKED)
    _, z = rows.solved(weights, inputs)
    z[-1] += 1
    failing, _ = rows.unsatisfied(z)
    assert failing == ["matmul/products", "matmul/total"]


def test_a_bit_that_is_none_is_named() -> None:
    case = CASES["requantize"]
    weights, inputs = case.random(0)
    rows = Rows(case.graph, Ranges.CHECKED)
    lie = {"rescale0/digits/boolean": added(0, 2)}
    _, z = rows.solved(weights, inputs, lies=lie)
    failing, _ = rows.unsatisfied(z)
    assert "rescale0/digits/boolean" in failing


def test_one_bias_takes_in_the_sums_of_two_products() -> None:
    net = Net()
    x, y = net.input(1, 6), net.input(1, 6)
    w, bias, v = net.weight(6, 3), net.weight(3), net.weight(6, 3)
    first = net.node("matmul", x, w, bias, name="first")
    second = net.node("matmul", y, v, name="second")
    total = net.node("add", first, second, shift_a=0, shift_b=0)
    case = Case("two products and a bias", net.graph(net.requantize(total)))
    rows = Rows(case.graph, Ranges.UNCHECKED)
    assert rows.few.absorbed.sums.counts.tolist() == [6, 6, 6]
    for seed in range(4):
        _, z = rows.solved(*case.random(seed))
        assert rows.unsatisfied(z) == ([], False)


def test_a_pair_that_is_no_product_is_refused() -> None:
    case = CASES["conv"]
    weights, inputs = case.random(0)
    rows = Rows(case.graph, Ranges.CHECKED)
    _, z = rows.solved(weights, inputs)
    known = rows.few.extended(z).tolist()
    assert list(rows.few.unsatisfied(known)) == []
    read = {e for row in rows.few for side in (row.a, row.b, row.c) for e in side}
    made = [entry for entry in range(rows.named.entries, len(known)) if entry in read]
    assert made
    for entry in made[:: max(len(made) // 8, 1)]:
        wrong = [*known[:entry], known[entry] + 1, *known[entry + 1 :]]
        assert any(rows.few.unsatisfied(wrong))


def test_weights_beyond_their_range_are_named() -> None:
    """Where rows are to keep them small; where nothing is, they may be any elements."""
    case = CASES["matmul"]
    weights, inputs = case.random(0)
    (name,) = [name for name in weights if weights[name].ndim == 2]
    high = case.graph.tensors[name].high
    large = {**weights, name: np.full_like(weights[name], 2 * high + 2)}
    rows = Rows(case.graph, Ranges.CHECKED)
    _, z = rows.solved(large, inputs)
    assert rows.unsatisfied(z) == ([f"{name}/range"], True)
    loose = Rows(case.graph, Ranges.UNCHECKED)
    _, z = loose.solved(large, inputs)
    assert loose.unsatisfied(z) == ([], False)


@pytest.mark.parametrize("name", [name for name in CASES if "tree" in name])
def test_trees_spelt_out_are_the_same(name: str) -> None:
    case = CASES[name]
    for seed in range(8):
        weights, inputs = case.random(seed)
        graph, spelt = spelt_out(case.graph, weights)
        before, after = evaluate(case.graph, weights, inputs), evaluate(graph, spelt, inputs)
        for output in graph.outputs:
            np.testing.assert_array_equal(before[output], after[output])


def test_trees_that_are_too_deep_are_named() -> None:
    case = CASES["a tree of one step"]
    weights, _ = case.random(0)
    node = case.graph.nodes[0]
    deep = {**node.attrs, "depth": 17}
    object.__setattr__(node, "attrs", deep)
    try:
        with pytest.raises(UnsupportedModelError, match=f"node {node.name} .* depth"):
            spelt_out(case.graph, weights)
    finally:
        object.__setattr__(node, "attrs", {**deep, "depth": 1})
