"""Operators, bounds, circuits, witnesses and proofs of drawn fixed-point graphs agree."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from signs import few_signs

from tests.properties import check_fixed, draw_fixed
from tests.properties.choices import Finding, seeded
from tests.properties.draw_fixed_nodes import DRAW
from zkinfer.ops import OPS
from zkinfer.ops.tensor import Attrs, Integers

CASES, BLOCK = 600, 100


@pytest.mark.parametrize("start", range(0, CASES, BLOCK))
def test_drawn_graphs_agree(start: int) -> None:
    """Certificates of the first hundred graphs have all signs, those of the others few."""
    with few_signs() if start else nullcontext():
        outcomes = Counter(
            check_fixed.outcome(draw_fixed.graph(seeded(0, number)))
            for number in range(start, start + BLOCK)
        )
    assert outcomes["held"] + outcomes["proved"] > BLOCK / 2
    assert outcomes["proved"] > 0


def test_every_operator_is_drawn() -> None:
    assert set(DRAW) == set(OPS)
    drawn = Counter(
        node.op
        for number in range(CASES)
        for node in draw_fixed.graph(seeded(0, number)).graph.nodes
    )
    assert all(drawn[op] > CASES // 40 for op in OPS), drawn


def test_a_disagreement_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The property can fail: an operator that rounds otherwise is noticed."""
    honest = OPS["requantize"]

    def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
        (y,) = honest.forward(attrs, *arrays)
        return (np.where(y > attrs["low"], y - 1, attrs["high"]),)

    monkeypatch.setitem(OPS, "requantize", replace(honest, forward=forward))
    with pytest.raises(Finding, match="evaluate disagrees"):
        test_drawn_graphs_agree(0)
