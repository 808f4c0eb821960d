"""mul(a, b): the product entry by entry, with numpy's broadcasting. No attributes.

A raw operand is taken raw by a constant that fits beside it in full, so that one rounding serves
both.
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
from zkinfer.layers.emitting import FEWEST_BITS, narrowing
from zkinfer.ops import lift


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
    output = b.raw(node.outputs[0])

    def product(operand: Callable[[str], str], bits: int) -> None:
        inputs = [b.elementwise(x, bits) if b.is_constant(x) else operand(x) for x in node.inputs]
        b.emit(node.name, "mul", inputs, output)

    def rounded() -> None:
        for name in node.inputs:
            if not b.is_constant(name):
                b.fixed(name)
        narrowing(b, b.most_bits, FEWEST_BITS, partial(product, b.fixed))

    attempts = [rounded]
    if any(map(b.is_constant, node.inputs)) and any(map(b.is_raw, node.inputs)):
        attempts.insert(0, partial(product, b.as_it_is, b.most_bits))
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
