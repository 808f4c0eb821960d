"""normalize(x, deviation): (x - m) / deviation, where m is the mean over axes.

Attributes: axes, distinct; centered: whether m is the mean, else it is 0. The deviation is positive
and has extent 1 along the axes.
"""

import math
from collections.abc import Sequence

from zkinfer.graph import Node
from zkinfer.layers import divide, dividing, rules
from zkinfer.layers.contract import (
    Attrs,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
    Operand,
    Refusal,
    Shape,
)
from zkinfer.layers.emitting import multiple, step


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    x, deviation = shapes
    if deviation != tuple(1 if axis in attrs["axes"] else n for axis, n in enumerate(x)):
        raise Refusal(f"expected a deviation along {attrs['axes']} of {x}, got {deviation}")
    return (x,)


def _centered(attrs: Attrs, x: Floats) -> Floats:
    y: Floats = x - x.mean(axis=tuple(attrs["axes"]), keepdims=True)
    return y


def _value(attrs: Attrs, operands: Sequence[Operand]) -> tuple[Floats, ...]:
    (x, sampled), (deviation, _) = operands
    if attrs["centered"]:
        x = _centered({"axes": [axis + sampled for axis in attrs["axes"]]}, x)
    return (x / deviation,)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    x, deviation = operands
    if attrs["centered"]:
        count = math.prod(x.low.shape[axis] for axis in attrs["axes"])
        less = [end.mean(axis=tuple(attrs["axes"]), keepdims=True) - end / count for end in x]
        share = (count - 1) / count
        x = Interval(x.low * share - less[1], x.high * share - less[0])
    return divide.interval({}, (x, deviation))


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """n x less the sum, over n times the deviation: all exact but for the quotient."""
    source, by = node.inputs
    (y,) = node.outputs
    x, output = b.fixed(source), b.raw(y)
    divisor = dividing.divisor(b, node.name, by, dividing.digits(b, y))
    if node.attrs["centered"]:
        axes = tuple(node.attrs["axes"])
        count = math.prod(b.tensor(x).shape[axis] for axis in axes)
        along = {"axes": axes, "keepdims": True, "multiplier": 1, "scale": 0}
        total = step(b, node.name, "/sum", "reduce_sum", x, **along)
        x = multiple(b, node.name, "/multiple", x, count)
        x = step(b, node.name, "/centered", "sub", x, total, shift_a=0, shift_b=0)
        wide = multiple(b, node.name, "/multiple of divisor", divisor.tensor, count)
        divisor = divisor._replace(tensor=wide)
    dividing.quotient(b, node.name, x, divisor, output, y)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=_shape,
    value=_value,
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
    fold=rules.whole,
)
