"""What drawn fixed-point graphs compute again and again is stated once, and as it is meant."""

from collections import Counter
from dataclasses import replace

import pytest
from networks import Net, cases
from signs import few_signs

from tests.properties import check_fixed, draw_repeats
from tests.properties.choices import seeded
from zkinfer.circuit.value import Interval
from zkinfer.lower import lower
from zkinfer.ops import OPS
from zkinfer.plan import make_plan
from zkinfer.repeats import FEWEST

CASES = 64


def test_drawn_graphs_agree() -> None:
    together: Counter[str] = Counter()
    with few_signs():
        for number in range(CASES):
            case = draw_repeats.graph(seeded(0, number))
            check_fixed.outcome(case)
            plan = make_plan(case.graph)
            for repeat in plan.repeats:
                assert repeat.count >= FEWEST
                for position, stacked in enumerate(repeat.together):
                    node = repeat.copies(plan.graph, position)[0]
                    together[node.op] += stacked is not None
    stackable = {op for op in OPS if OPS[op].stacked((2, 2), (True, True)) is not None}
    assert {op for op, count in together.items() if count} == stackable


def test_only_what_is_bounded_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that no operator keeps within bounds is computed copy by copy."""
    graph = cases()["a state step by step"].graph
    assert make_plan(graph).repeats
    monkeypatch.setitem(OPS, "requantize", replace(OPS["requantize"], certain=None))
    assert not make_plan(graph).repeats


def test_bounds_that_are_not_enforced_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator cannot promise more than its constraints enforce."""
    net = Net()
    state = net.input(2, low=0, high=1)
    for step in range(FEWEST):
        total = net.node("add", state, net.input(2), name=f"add{step}", shift_a=0, shift_b=0)
        state = net.requantize(total, 0)
    graph = net.graph(state)
    lower(graph)
    narrow = replace(OPS["requantize"], certain=lambda _: Interval(0, 1))
    monkeypatch.setitem(OPS, "requantize", narrow)
    with pytest.raises(ValueError, match="beyond the bounds of its promise"):
        lower(graph)
