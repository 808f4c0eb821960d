"""divide(a, b): the quotient entry by entry, with numpy's broadcasting. No attributes.

b is no constant. The values that a divisor is known by have no zero among them.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import dividing, rules, shapes
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Interval, Layer
from zkinfer.ops import lift


def _quotient(attrs: Attrs, a: Floats, b: Floats) -> Floats:
    y: Floats = a / b
    return y


def interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    """All numbers where the divisor may be zero."""
    a, b = operands
    (ends,) = rules.hull([_quotient(attrs, x, y) for x in a for y in b])
    bounded = (b.low > 0) | (b.high < 0)
    low, high = np.where(bounded, ends.low, -np.inf), np.where(bounded, ends.high, np.inf)
    return (Interval(low, high),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    a, by = node.inputs
    (y,) = node.outputs
    output, bits = b.raw(y), dividing.digits(b, y)
    divisor = dividing.divisor(b, node.name, by, bits)
    x = b.elementwise(a, bits + dividing.GUARD) if b.is_constant(a) else b.fixed(a)
    dividing.quotient(b, node.name, x, divisor, output, y)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _quotient),
    interval=interval,
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
