"""Drawn circuits, and small ones that were hard once: everything that reads a circuit agrees."""

from dataclasses import replace

import numpy as np
import pytest

from tests.properties.check_circuits import outcome
from tests.properties.choices import Rejected, seeded
from tests.properties.circuit_terms import constant, cut, times, twos_complement, whole
from tests.properties.draw_circuits import Drawn, circuit
from zkinfer.circuit.circuit import Block, Circuit, Defines
from zkinfer.circuit.layout import Segment, Tensor
from zkinfer.circuit.term import POWERS, Axis, Constants, Powers, Term

Terms = tuple[Term, ...]

ONE = Tensor("one", Segment.PUBLIC, (), 1, 1)


@pytest.mark.parametrize("number", range(90))
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


def block(a: Terms, b: Terms, c: Terms, defines: Defines = Defines.NOTHING) -> Block:
    """A block over the rows of its terms."""
    rows = next(tuple(axis.extent for axis in term.rows) for term in (*a, *b, *c))
    return Block("block", rows, a, b, c, defines)


BITS = Tensor("bits", Segment.BITS, (3, 5))
NUMBERS = np.array([5, 31, 9])
EACH = whole(1, (3, 5))
LOWEST = Term(1, 1, (0, 0), (Axis(3, None, (1, 0)),))


def test_a_row_may_end_before_its_last_chunk() -> None:
    # Chunks have two entries, and rows of five have room for four chunks.
    wide, short = Tensor("wide", Segment.TRACE, (40, 2)), Tensor("short", Segment.TRACE, (2, 5))
    arrays = {wide: np.arange(80).reshape(40, 2), short: np.arange(10).reshape(2, 5)}
    terms = (whole(3, (2, 5)), whole(3, (2, 5), -1))
    outcome(case({BITS: NUMBERS, **arrays}, block((), (), terms)))


@pytest.mark.parametrize(("a", "b"), [((EACH,), ()), ((), (EACH,))], ids=["a alone", "b alone"])
@pytest.mark.parametrize("c", [(), (EACH, times(EACH, -1))], ids=["no c", "c"])
def test_a_side_may_be_empty(a: Terms, b: Terms, c: Terms) -> None:
    outcome(case({BITS: NUMBERS}, block(a, b, c)))


@pytest.mark.parametrize("weight", [POWERS, twos_complement(5)], ids=["powers", "signed"])
def test_place_values_may_stand_along_the_rows(weight: Powers | Constants) -> None:
    places = np.array([1, 2, 4, 8, 16 if weight is POWERS else -16])
    held = Tensor("held", Segment.TRACE, (3, 5))
    bits = (NUMBERS[:, None] >> np.arange(5) & 1) * places
    placed = replace(EACH, rows=(EACH.rows[0], EACH.rows[1]._replace(weight=weight)))
    product = block((placed,), (constant(1, (3, 5)),), (whole(2, (3, 5)),))
    outcome(case({BITS: NUMBERS, held: bits}, product))


def test_a_sketch_may_be_set_backwards() -> None:
    backwards = Term(2, 1, (4,), (Axis(3, None, (-2,)),))
    sketch = Tensor("sketch", Segment.SKETCH, (5,))
    product = block((LOWEST,), (LOWEST,), (backwards,), Defines.PRODUCT)
    outcome(case({BITS: NUMBERS, sketch: None}, product))


def test_a_sketch_is_set_once() -> None:
    sketch = Tensor("sketch", Segment.SKETCH, (3,))
    all_rows = block((LOWEST,), (LOWEST,), (whole(2, (3,)),), Defines.PRODUCT)
    first = cut(LOWEST, (1,))
    first_row = block((first,), (first,), (cut(whole(2, (3,)), (1,)),))
    outcome(case({BITS: NUMBERS, sketch: None}, all_rows, first_row))


def test_sums_of_wide_integers_are_exact() -> None:
    # Each product of a value and a factor takes 125 bits.
    values, wide = np.full((2, 9), 2**63 - 1), Constants((2**62 - 1,) * 9)
    summed = Term(2, 1, (0, 0), (Axis(2, None, (1, 0)),), (Axis(9, wide, (0, 1)),))
    terms = (Term(2, 2**62 - 1, (0, 0), (Axis(2, None, (1, 0)),)),) * 9
    one, total = constant(1, (2,)), constant(9 * (2**63 - 1) * (2**62 - 1), (2,))
    tensors = {BITS: NUMBERS, Tensor("wide", Segment.TRACE, (2, 9)): values}
    outcome(case(tensors, block((summed,), (one,), (total,)), block(terms, (one,), (total,))))
