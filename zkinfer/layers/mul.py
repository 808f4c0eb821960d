"""mul(a, b): the product entry by entry, with numpy's broadcasting. No attributes."""

from collections.abc import Sequence

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
    operands = [name if b.is_constant(name) else b.fixed(name) for name in node.inputs]

    def attempt(bits: int) -> None:
        inputs = [b.elementwise(x, bits) if b.is_constant(x) else x for x in operands]
        b.emit(node.name, "mul", inputs, output)

    narrowing(b, b.most_bits, FEWEST_BITS, attempt)
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
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=_fold,
)
