"""mul(a, b): the product entry by entry, with numpy's broadcasting. No attributes.

Raw operands are taken raw where 62 bits hold the product: one rounding serves all.
"""

from collections.abc import Callable, Sequence
from functools import partial

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
    Interval,
    Layer,
)
from zkinfer.layers.emitting import FEWEST_BITS, narrower, narrowing
from zkinfer.ops import lift

MOST_BITS = 30
"""Of an operand of a product of two that would be too wide."""


def _product(attrs: Attrs, a: Floats, b: Floats) -> Floats:
    return a * b


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    return rules.hull([a * b for a in operands[0] for b in operands[1]])


def _fold(attrs: Attrs, operands: Sequence[Divided]) -> Folded:
    """A constant makes up for it; a product of two operands is divided by both powers."""
    total = operands[0].exponents + operands[1].exponents
    for place, x in enumerate(operands):
        if x.constant is not None:
            powers = operands[1 - place].exponents
            return Folded({place: np.ldexp(x.constant, powers)}, 0 * total)
    return Folded({}, total)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The product of operands as they are, of rounded ones where that is too wide, and of narrower
    ones, or with a constant of fewer bits, where that is too.
    """
    output = b.raw(node.outputs[0])

    def attempt(bits: int) -> None:
        inputs = [
            b.elementwise(name, bits) if b.is_constant(name) else b.as_it_is(name)
            for name in node.inputs
        ]
        b.emit(node.name, "mul", inputs, output)

    def narrow() -> None:
        inputs = {
            name: narrower(b, f"{node.name}/operand{place}", b.as_it_is(name), MOST_BITS)
            for place, name in enumerate(node.inputs)
        }
        b.emit(node.name, "mul", tuple(inputs[name] for name in node.inputs), output)

    def rounded() -> None:
        for name in node.inputs:
            if not b.is_constant(name):
                b.fixed(name)
        if any(b.is_constant(name) for name in node.inputs):
            narrowing(b, b.most_bits, FEWEST_BITS, attempt)
            return
        attempts: list[Callable[[], None]] = [partial(attempt, b.most_bits), narrow]
        b.first_that_fits(attempts)

    attempts: list[Callable[[], None]] = [rounded]
    if any(b.is_raw(name) for name in node.inputs):
        attempts.insert(0, partial(attempt, b.most_bits))
    b.first_that_fits(attempts)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _product),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=_emit,
    fold=_fold,
)
