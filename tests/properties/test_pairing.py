"""Rows of pairing proofs of drawn fixed-point graphs."""

from collections import Counter

from tests.properties import check_pairing, draw_fixed
from tests.properties.choices import seeded

CASES = 60


def test_rows_of_drawn_graphs_agree() -> None:
    outcomes = Counter(
        check_pairing.outcome(draw_fixed.graph(seeded(5, number))) for number in range(CASES)
    )
    assert outcomes["held"] > CASES / 4, outcomes
