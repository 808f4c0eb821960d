"""Models drawn by hypothesis are proved, and give what onnxruntime gives.

`python -m tests.properties.run models --count 5000 --seed 1` draws more of them. Certificates have
few signs here, but those of the plain networks.
"""

from collections.abc import Callable
from contextlib import suppress

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signs import few_signs

from tests.properties import draw_models
from tests.properties.check_models import outcome
from tests.properties.choices import Choices, Finding, Rejected, seeded
from tests.properties.draw_models import Drawn
from zkinfer.onnx_import import quantized, quantized_entries
from zkinfer.onnx_import.table import CONVERTERS

TRIES, MOST = 12, 400
"""After so many models of a kind, for each operator that it has shown, it has no other; at most."""

FIXED = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def drawn(draw: st.DrawFn, kind: Callable[[Choices], Drawn]) -> Drawn:
    """A case of a kind."""
    try:
        return kind(Choices(lambda low, high: draw(st.integers(low, high))))
    except Rejected:
        hypothesis.reject()


@settings(FIXED, max_examples=36)
@given(drawn(draw_models.graph))
def test_graphs_are_proved(case: Drawn) -> None:
    with few_signs():
        outcome(case)


@settings(FIXED, max_examples=10)
@given(drawn(draw_models.mlp))
def test_mlps_are_proved(case: Drawn) -> None:
    assert outcome(case) == "proved"


def test_wrong_numbers_are_noticed() -> None:
    case = draw_models.mlp(seeded(0, 0))
    for values in case.expected:
        for array in values.values():
            array *= -1
    with pytest.raises(Finding, match="wrong answer"):
        outcome(case)


def test_every_operator_is_drawn() -> None:
    """But those of quantized networks, which are drawn by themselves (test_quantized.py)."""
    quantized_ones = {**quantized.CONVERTERS, **quantized_entries.CONVERTERS}
    lacking = {name for _, name in CONVERTERS.keys() - quantized_ones.keys()}
    seen, last = dict.fromkeys(draw_models.OPERATORS, 1), dict.fromkeys(draw_models.OPERATORS, 0)
    for number in range(MOST):
        for kind in [kind for kind in seen if number - last[kind] <= TRIES * seen[kind]]:
            try:
                model, _, _ = draw_models.single(seeded(0, number), kind)
            except Rejected:
                continue
            found = lacking.intersection(node.op_type for node in model.graph.node)
            if found:
                seen[kind], last[kind] = seen[kind] + len(found), number
            lacking -= found
    for number in range(TRIES):  # what only classifiers end with
        with suppress(Rejected):
            case = draw_models.graph(seeded(0, number), "linear")
            lacking -= {node.op_type for node in case.model.graph.node}
    assert not lacking
