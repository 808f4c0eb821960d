"""leaky_relu(x): x, times alpha where x is negative.

Attributes: alpha, a float. Where weights are hidden it is one of them, and the operator a prelu.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
    Weighted,
)
from zkinfer.layers.emitting import narrowing
from zkinfer.ops import lift


def _leaky_relu(attrs: Attrs, x: Floats) -> Floats:
    return np.where(x < 0, attrs["alpha"] * x, x)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    (x,) = operands
    corners = (x.low, x.high, np.clip(0, x.low, x.high))
    return rules.hull([_leaky_relu(attrs, corner) for corner in corners])


def _weighted(attrs: Attrs) -> Weighted:
    return Weighted("prelu", {}, {"slope": np.array(attrs["alpha"], np.float64)})


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    x, slope, output = b.fixed(node.inputs[0]), node.attrs["alpha"], b.raw(node.outputs[0])

    def attempt(shift: int) -> None:
        while shift and (slope * 2.0 ** (shift - 1)) % 1 == 0:
            shift -= 1
        alpha = round(slope * 2.0**shift)
        b.emit(node.name, "leaky_relu", (x,), output, alpha=alpha, shift=shift)

    narrowing(b, b.detail, 0, attempt)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _leaky_relu),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=_weighted,
    emit=_emit,
    fold=rules.kept,
)
