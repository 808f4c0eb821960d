"""Rewrites of drawn fixed-point graphs leave their outputs as they are."""

import numpy as np
import pytest

from tests.properties import draw_fixed
from tests.properties.choices import seeded
from zkinfer import plan
from zkinfer.fixed import evaluate

CASES = 400
CHAINS = (
    (),
    ("requantize", "max_pool"),
    ("mul", "requantize", "max_pool", "requantize"),
    ("requantize", "max_pool", "requantize", "max_pool"),
    ("requantize", "requantize", "max_pool", "max_pool"),
)


@pytest.mark.parametrize("chain", CHAINS, ids=" ".join)
def test_rewritten_graphs_have_the_same_outputs(chain: tuple[str, ...]) -> None:
    rewritten = 0
    for number in range(CASES):
        case = draw_fixed.graph(seeded(3, number), chain)
        graph = plan.maxima_first(case.graph)
        rewritten += graph != case.graph and bool(case.assignments)
        assert graph.outputs == case.graph.outputs
        for name in graph.outputs:
            assert graph.tensors[name] == case.graph.tensors[name], number
        for weights, inputs in case.assignments:
            before = evaluate(case.graph, weights, inputs)
            after = evaluate(graph, weights, inputs)
            for name in graph.outputs:
                assert np.array_equal(before[name], after[name]), number
    assert rewritten >= (CASES // 20 if chain else 1), rewritten
