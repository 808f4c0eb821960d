"""The rows of pairing proofs: honest witnesses satisfy them, and no lie about advice does.

Rows are those of the circuit, which name what fails, and the same in fewer rows, which proofs are
made of. Trees are spelt out, as keys have them.
"""

from collections.abc import Mapping

import numpy as np
import pytest
from networks import Case, cases

from tests.soundness.test_lies import UNREAD, added, single_lies
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.pairs import paired
from zkinfer.circuit.rank_one import RankOne, entries, rank_one
from zkinfer.circuit.simplify import simplified
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.lower import lower, solve, weight_arrays
from zkinfer.pairing.forest import spelt_out

CASES = cases()
LIES = 10
"""How many changes of one entry are tried a case."""

Arrays = Mapping[str, np.ndarray]


class Rows:
    """The rows of a graph for some target."""

    def __init__(self, graph: FixedGraph, ranges: Ranges) -> None:
        self.graph, self.target = graph, PAIRING[ranges]
        self.circuit: Circuit = lower(graph, self.target)
        self.named: RankOne = rank_one(self.circuit, self.target.modulus)
        few = paired(self.named, absorb=not self.target.exact)
        self.few: RankOne = simplified(few)

    def restored(self, z: np.ndarray) -> list[int]:
        """All entries, from those that the fewer rows read, with the same public ones."""
        known, modulus = self.few.extended(z).tolist(), self.target.modulus
        for entry, row in reversed(self.few.replaced):
            known[entry] = sum(k * known[e] for e, k in row.items()) % modulus
        for row in self.named.rows:
            ((entry, k),) = row.c.items() if len(row.c) == 1 else ((0, 0),)
            if k == 1 and row.path.endswith("/products"):
                a, b = (sum(k * known[e] for e, k in side.items()) for side in (row.a, row.b))
                known[entry] = a * b % modulus
        return known[: self.named.entries]

    def failing(self, weights: Arrays, inputs: Arrays, **lies: object) -> tuple[list[str], bool]:
        """The paths of the rows that fail, and whether any of the fewer ones does."""
        witness = solve(self.graph, weights, inputs, target=self.target, **lies)
        arrays = {**witness.segments, Segment.WEIGHTS: weight_arrays(self.graph, weights)}
        return self.unsatisfied(entries(self.circuit, arrays))

    def unsatisfied(self, z: np.ndarray) -> tuple[list[str], bool]:
        paths = list(dict.fromkeys(self.named.unsatisfied(z.tolist())))
        return paths, any(self.few.unsatisfied(self.few.extended(z).tolist()))


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.mark.parametrize("ranges", list(PAIRING), ids=lambda ranges: ranges.value)
def test_honest_witnesses_satisfy_the_rows(case: Case, ranges: Ranges) -> None:
    for seed, extreme in ((0, False), (1, True)):
        weights, inputs = case.random(seed, extreme=extreme)
        graph, weights = spelt_out(case.graph, weights)
        assert Rows(graph, ranges).failing(weights, inputs) == ([], False)


def test_no_lie_satisfies_the_rows(case: Case) -> None:
    """About advice, about products, and about what is public."""
    weights, inputs = case.random(0)
    graph, weights = spelt_out(case.graph, weights)
    rows = Rows(graph, Ranges.CHECKED)
    lies = [lie for lie in single_lies(rows.circuit) if lie[0] not in (UNREAD, *graph.inputs)]
    rng = np.random.default_rng(0)
    for place in rng.choice(len(lies), min(LIES, len(lies)), replace=False):
        path, lie = lies[place]
        witness = solve(graph, weights, inputs, lies={path: lie}, target=rows.target)
        arrays = {**witness.segments, Segment.WEIGHTS: weight_arrays(graph, weights)}
        z = entries(rows.circuit, arrays)
        failing, few = rows.unsatisfied(z)
        assert failing, path
        # What the fewer rows do not read may be anything: what they do read says what it is.
        assert few or list(rows.named.unsatisfied(rows.restored(z))) == [], path


def test_every_product_is_bound() -> None:
    """An entry that stores a product is that product."""
    case = CASES["matmul of activations"]
    weights, inputs = case.random(0)
    rows = Rows(case.graph, Ranges.CHECKED)
    witness = solve(case.graph, weights, inputs, target=rows.target)
    arrays = {**witness.segments, Segment.WEIGHTS: weight_arrays(case.graph, weights)}
    z = entries(rows.circuit, arrays)
    z[-1] += 1
    failing, _ = rows.unsatisfied(z)
    assert failing == ["matmul/products", "matmul/total"]


def test_a_bit_that_is_none_is_named() -> None:
    case = CASES["requantize"]
    weights, inputs = case.random(0)
    rows = Rows(case.graph, Ranges.CHECKED)
    lie = {"rescale0/digits/boolean": added(0, 2)}
    failing, _ = rows.failing(weights, inputs, lies=lie)
    assert "rescale0/digits/boolean" in failing


def test_a_pair_that_is_no_product_is_refused() -> None:
    case = CASES["conv"]
    weights, inputs = case.random(0)
    rows = Rows(case.graph, Ranges.CHECKED)
    witness = solve(case.graph, weights, inputs, target=rows.target)
    arrays = {**witness.segments, Segment.WEIGHTS: weight_arrays(case.graph, weights)}
    known = rows.few.extended(entries(rows.circuit, arrays)).tolist()
    assert list(rows.few.unsatisfied(known)) == []
    read = {e for row in rows.few.rows for side in (row.a, row.b, row.c) for e in side}
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
    failing, few = Rows(case.graph, Ranges.CHECKED).failing(large, inputs)
    assert failing == [f"{name}/range"]
    assert few
    assert Rows(case.graph, Ranges.UNCHECKED).failing(large, inputs) == ([], False)


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
