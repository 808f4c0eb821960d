"""add(a, b): the sum entry by entry, with numpy's broadcasting. No attributes.

Raw operands are taken raw: the finer scale is the result's, and one rounding serves all.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Divided,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Folded,
    Layer,
    TooWideError,
)
from zkinfer.layers.emitting import Emit
from zkinfer.ops import lift

WIDE = 40
"""A sum of more bits than this is rounded."""

MAX_SHIFT = 62

_T = TypeVar("_T")


def _sum(attrs: Attrs, a: Floats, b: Floats) -> Floats:
    return a + b


def fold(attrs: Attrs, operands: Sequence[Divided]) -> Folded | None:
    """A constant is divided as the other operand is; two operands must be divided alike."""
    a, b = (x.exponents for x in operands)
    for place, x in enumerate(operands):
        if x.constant is not None:
            powers = operands[1 - place].exponents
            return Folded({place: np.ldexp(x.constant, -powers)}, a + b)
    first, second = np.broadcast_arrays(a, b)
    return Folded({}, first) if (first == second).all() else None


def emitting(op: str) -> Emit:
    """A sum of operands brought to one scale, as an operator of zkinfer.ops."""

    def emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
        attempts = [partial(rounded, b, node, partial(_emit, b, node, op, raw=False))]
        if any(b.is_raw(name) for name in node.inputs):
            attempts.insert(0, partial(_emit, b, node, op, raw=True))
        return b.first_that_fits(attempts)

    return emit


def rounded(b: Emitter, node: Node, emit: Callable[[], _T]) -> _T:
    """What is made of operands in their formats."""
    for name in node.inputs:
        if not b.is_constant(name):
            b.fixed(name)
    return emit()


def aligned(b: Emitter, node: Node, op: str) -> tuple[list[str], list[int]]:
    """The operands as they are, and the shifts that bring them to one scale."""
    computed = [b.as_it_is(name) for name in node.inputs if not b.is_constant(name)]
    finest = max(b.tensor(name).scale for name in computed)
    inputs = [
        b.addend(name, finest) if b.is_constant(name) else b.as_it_is(name) for name in node.inputs
    ]
    scales = [b.tensor(name).scale for name in inputs]
    scale = max(scales)
    shifts = [scale - other for other in scales]
    if max(shifts) > MAX_SHIFT:
        raise TooWideError(
            f"node {node.name} ({op}): one operand needs steps of {2.0**-scale:.1e}, the other "
            f"holds numbers in steps of {2.0 ** (max(shifts) - scale):.1e}; a sum of both needs "
            "more than the 62 bits that are supported; bring them to a similar size"
        )
    return inputs, shifts


def _emit(b: Emitter, node: Node, op: str, *, raw: bool) -> tuple[Emitted, ...]:
    """The sum of operands as they are. raw: one of them is."""
    inputs, shifts = aligned(b, node, op)
    operands = [b.tensor(name) for name in inputs]
    span = sum((x.high - x.low) << shift for x, shift in zip(operands, shifts, strict=True))
    (y,) = node.outputs
    wide = raw or span.bit_length() > WIDE or b.is_clamped(y)
    output = b.raw(y) if wide else b.own(y)
    b.emit(node.name, op, inputs, output, shift_a=shifts[0], shift_b=shifts[1])
    return (Emitted(output, raw=wide),)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _sum),
    interval=rules.increasing(_sum),
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=emitting("add"),
    fold=fold,
)
