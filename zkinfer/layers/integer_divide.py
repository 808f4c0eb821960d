"""integer_divide(a, b): the quotient of whole numbers, rounded to nearest (half up), with numpy's
broadcasting. No attributes.

A constant b is positive. The result is exact, and floor(A / B) is that of 2 A - B over 2 B.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import dividing, rules, shapes
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Interval, Layer
from zkinfer.layers.dividing import Divisor
from zkinfer.layers.emitting import multiple, step
from zkinfer.ops import lift


def _quotient(attrs: Attrs, a: Floats, b: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):  # what is no number has no bounds
        y: Floats = np.floor_divide(2 * a + b, 2 * b)
        return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    """No more than the numerator where the divisor may have either sign."""
    a, b = operands
    (ends,) = rules.hull([_quotient(attrs, x, y) for x in a for y in b])
    one_sign = (b.low > 0) | (b.high < 0)
    most = np.maximum(-a.low, a.high)
    return (Interval(np.where(one_sign, ends.low, -most), np.where(one_sign, ends.high, most)),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    name, (x, by) = node.name, node.inputs
    if b.is_constant(by):
        divisor = Divisor(b.within(by, 0, (1, 1 << max(b.exponent(by), 1))))
    else:
        divisor = dividing.divisor(b, name, by, dividing.MOST_SHIFT)
    a = b.constant(x, 0) if b.is_constant(x) else b.as_it_is(x)
    if divisor.negated:
        a = step(b, name, "/opposite", "neg", a)
    if divisor.signs is not None:
        a = step(b, name, "/signed", "mul", a, divisor.signs)
    fraction = b.tensor(divisor.tensor).scale - b.tensor(a).scale
    by = divisor.tensor
    if fraction > 0:
        a = multiple(b, name, "/numerator", a, 1 << fraction, fraction)
    elif fraction < 0:
        by = multiple(b, name, "/denominator", by, 1 << -fraction, -fraction)
    output = b.raw(node.outputs[0])
    b.emit(name, "divide", (a, by), output, shift=0)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _quotient),
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
