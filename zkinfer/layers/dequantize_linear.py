"""dequantize_linear(x): (x - zero) scale, of integers.

Attributes: scales, positive numbers, and zeros, integers, one of each or one for each index of the
axis with `behind` axes behind it. Both are public, and it costs nothing. It is exact for numbers of
float32 that are not too far apart.
"""

import math

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Layer,
)
from zkinfer.layers.staircase import Line, ratio
from zkinfer.ops import lift

MOST_MULTIPLIER = 40
MOST_PRODUCT = 60
"""The most bits of a multiplier, and of a product."""


def _dequantize(attrs: Attrs, x: Floats) -> Floats:
    return (x - along(attrs, "zeros")) * along(attrs, "scales")


def along(attrs: Attrs, name: str) -> Floats:
    """Numbers that an attribute lists, broadcasting to the operand."""
    array = np.array(attrs[name], np.float64)
    return array[0] if array.size == 1 else array.reshape(-1, *(1,) * attrs["behind"])


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """Of scales of 1 the integers are in their format."""
    attrs, (y,) = node.attrs, node.outputs
    x = b.as_it_is(node.inputs[0])
    tensor = b.tensor(x)
    raw = set(attrs["scales"]) != {1.0} and b.is_read(y)
    digits = _digits(attrs, max(-tensor.low, tensor.high, 1).bit_length())
    lines = []
    for scale, zero in zip(attrs["scales"], attrs["zeros"], strict=True):
        multiplier = max(round(math.ldexp(scale, digits)), 1)
        lines.append(Line(multiplier, 1, -round(math.ldexp(zero * multiplier, tensor.scale))))
    ends = [m * end + c for m, _, c, _ in lines for end in (tensor.low, tensor.high)]
    bounds = {"low": min(ends), "high": max(*ends, min(ends) + 1)}
    output = b.raw(y) if raw else b.own(y)
    made = ratio(lines, attrs["behind"], tensor.scale + digits)
    b.emit(node.name, "rescale", (x,), output, **made, **bounds)
    return (Emitted(output, raw=raw),)


def _digits(attrs: Attrs, bits: int) -> int:
    """The scale at which all scales are whole, or the finest that there is room for."""
    exact = max(scale.as_integer_ratio()[1].bit_length() - 1 for scale in attrs["scales"])
    largest = math.frexp(max(attrs["scales"]))[1]
    zero = max(abs(zero) for zero in attrs["zeros"]).bit_length()
    return min(exact, min(MOST_MULTIPLIER, MOST_PRODUCT - max(bits, zero) - 1) - largest)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _dequantize),
    interval=rules.increasing(_dequantize),
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
    step=lambda attrs, step: step and step * min(attrs["scales"]),
)
