"""prelu(x, slope): x, times the slope where x is negative.

The slope is a constant that broadcasts to x. No attributes.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules
from zkinfer.layers.contract import (
    Attrs,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
    Refusal,
    Shape,
)
from zkinfer.layers.emitting import narrowing
from zkinfer.layers.shapes import broadcasts_to
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    x, slope = shapes
    if not broadcasts_to(slope, x):
        raise Refusal(f"expected a slope that broadcasts to {x}, got {slope}")
    return (x,)


def _prelu(attrs: Attrs, x: Floats, slope: Floats) -> Floats:
    return np.where(x < 0, slope * x, x)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    x, slope = operands
    corners = (x.low, x.high, np.clip(0, x.low, x.high))
    return rules.hull([_prelu(attrs, corner, slope.low) for corner in corners])


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    x, slope, output = b.fixed(node.inputs[0]), node.inputs[1], b.raw(node.outputs[0])
    whole = max(b.exponent(slope), 0)

    def attempt(bits: int) -> None:
        shift = max(bits - whole, 0)
        b.emit(node.name, "prelu", (x, b.constant(slope, shift)), output, shift=shift)

    narrowing(b, b.detail, 0, attempt)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.broadcast, _prelu),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(1,),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.kept,
)
