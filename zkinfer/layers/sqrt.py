"""sqrt(x): the square root. No attributes. The values that x is known by are not negative."""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
)
from zkinfer.layers.dividing import MOST_SHIFT, at_most
from zkinfer.layers.emitting import rounding
from zkinfer.ops import lift


def _sqrt(attrs: Attrs, x: Floats) -> Floats:
    y: Floats = np.sqrt(x)
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    """Of what is not negative."""
    (x,) = operands
    return (Interval(*(_sqrt(attrs, np.maximum(end, 0)) for end in x)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, np.inf),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """At the scale of its format; a raw operand loses nothing before."""
    (source,), (y,) = node.inputs, node.outputs
    (_, high), calibrated = b.ends(source)
    x, output = b.as_it_is(source), b.raw(y)
    scale, finest = b.tensor(x).scale, b.scale(y)
    width = b.tensor(x).high.bit_length()
    shift = max(min(scale - 2 * finest, width), 0)
    most = max(at_most(high, scale - shift, b.tensor(x).high >> shift), 1)
    bounds, saturates = (0, most), (calibrated, calibrated)
    name = b.derived(node.name, "/not negative")
    rounding(b, name, x, name, shift=shift, bounds=bounds, saturates=saturates)
    room = MOST_SHIFT - b.tensor(name).high.bit_length()
    more = max(min(2 * finest - (scale - shift), room - 1), 0)
    more += (scale - shift + more) % 2
    b.emit(node.name, "sqrt", (name,), output, shift=more)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _sqrt),
    interval=_interval,
    bounds=_bounds,
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
