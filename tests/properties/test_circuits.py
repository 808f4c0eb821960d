"""Drawn circuits, and small ones that were hard once: everything that reads a circuit agrees."""

import numpy as np
import pytest

from tests.properties.check_circuits import outcome
from tests.properties.choices import Rejected, seeded
from tests.properties.circuit_terms import twos_complement, whole
from tests.properties.draw_circuits import Drawn, circuit
from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.layout import Segment, Tensor
from zkinfer.circuit.term import POWERS, Axis, Term

ONE = Tensor("one", Segment.PUBLIC, (), 1, 1)


@pytest.mark.parametrize("number", range(120))
def test_drawn_circuits(number: int) -> None:
    try:
        drawn = circuit(seeded(1, number))
    except Rejected:
        pytest.skip("no circuit")
    outcome(drawn)


def case(tensors: dict[Tensor, np.ndarray | None], *blocks: Block) -> Drawn:
    """A circuit over these tensors, with their arrays; tensor 0 is one."""
    made = Circuit(8, (), (ONE, *tensors), blocks)
    arrays = {i: a for i, a in enumerate(tensors.values(), start=1) if a is not None}
    return Drawn(made, arrays, b"", False, True, False, (), seeded(1))


BITS = Tensor("bits", Segment.BITS, (3, 5))
NUMBERS = np.array([4, 31, 9])


def test_a_row_may_end_before_its_last_chunk() -> None:
    # Integer rounds: the first tensor has chunks of two entries, the second's rows are shorter.
    wide = Tensor("wide", Segment.TRACE, (40, 2))
    short = Tensor("short", Segment.TRACE, (2, 5))
    arrays = {wide: np.arange(80).reshape(40, 2), short: np.arange(10).reshape(2, 5)}
    zero = [Term(2, sign, (0, 0), (), whole(2, (2, 5)).rows) for sign in (1, -1)]
    outcome(case({BITS: NUMBERS, **arrays}, Block("zero", (), (), (), tuple(zero))))


@pytest.mark.parametrize("sides", ["a", "b", "ac"])
def test_a_side_may_be_empty(sides: str) -> None:
    term = whole(1, (3, 5))
    zero = (term, whole(1, (3, 5), -1))
    a, b, c = (
        given if side in sides else ()
        for side, given in zip("abc", [(term,), (term,), zero], strict=True)
    )
    outcome(case({BITS: NUMBERS}, Block("side", (3, 5), a, b, c)))


@pytest.mark.parametrize("weight", [POWERS, twos_complement(5)], ids=["powers", "signed"])
def test_place_values_may_stand_along_the_rows(weight: object) -> None:
    rows = (Axis(3, None, (1, 0)), Axis(5, weight, (0, 1)))
    bits = np.array(NUMBERS)[:, None] >> np.arange(5) & 1
    places = np.array([1, 2, 4, 8, 16 if weight is POWERS else -16])
    held = Tensor("held", Segment.TRACE, (3, 5))
    block = Block(
        "places",
        (3, 5),
        (Term(1, 1, (0, 0), rows),),
        (Term(0, 1, (), rows=tuple(a._replace(weight=None, strides=()) for a in rows)),),
        (whole(2, (3, 5)),),
    )
    outcome(case({BITS: NUMBERS, held: bits * places}, block))


def test_a_sketch_may_be_set_backwards() -> None:
    backwards = Term(2, 1, (4,), (Axis(3, None, (-2,)),))
    sketch = Tensor("sketch", Segment.SKETCH, (5,))
    first = Term(1, 1, (0, 0), (Axis(3, None, (1, 0)),))
    outcome(
        case({BITS: NUMBERS, sketch: None}, Block("held", (3,), (first,), (first,), (backwards,)))
    )
