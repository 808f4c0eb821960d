"""Quantized networks have the integers of onnxruntime, to the last bit where it specifies them.

`python -m tests.properties.run quantized --count 5000` draws more of them.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from signs import few_signs

from tests.properties import check_quantized, draw_quantized
from tests.properties.check_quantized import outcome
from tests.properties.choices import Finding, Rejected, seeded
from tests.properties.draw_quantized import Network
from zkinfer.onnx_import import quantized, quantized_entries

CASES = 60
EVERY_OPERATOR = 400
"""Among so many networks there are all operators."""


@pytest.mark.parametrize("part", range(6))
def test_drawn_networks_are_exact(part: int) -> None:
    for number in range(part, CASES, 6):
        try:
            case = draw_quantized.any_network(seeded(3, number))
        except Rejected:
            continue
        with few_signs():
            outcome(case)


def test_wrong_integers_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in _drawn(40) if case.steps == 0)
    honest = check_quantized.evaluate

    def wrong(*args: Any) -> dict[str, np.ndarray]:
        return {name: array + 2**40 for name, array in honest(*args).items()}

    monkeypatch.setattr(check_quantized, "evaluate", wrong)
    with pytest.raises(Finding, match="wrong integers"):
        outcome(case)


def test_every_operator_is_drawn() -> None:
    drawn = {node.op_type for case in _drawn(EVERY_OPERATOR) for node in case.model.graph.node}
    known = {**quantized.CONVERTERS, **quantized_entries.CONVERTERS}
    assert {op for _, op in known} <= drawn


def _drawn(count: int) -> Iterator[Network]:
    """Drawn networks, their last operators in turn."""
    for number in range(count):
        with suppress(Rejected):
            yield draw_quantized.network(seeded(4, number), number % len(draw_quantized.LAST))
