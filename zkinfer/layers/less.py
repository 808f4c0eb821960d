"""less(a, b): 1 where a < b, else 0, with numpy's broadcasting. No attributes.

Raw operands are compared as they are.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import add, rules, shapes
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
from zkinfer.ops import lift


def _less(attrs: Attrs, a: Floats, b: Floats) -> Floats:
    return (a < b).astype(np.float64)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    a, b = operands
    return (Interval(_less(attrs, a.high, b.low), _less(attrs, a.low, b.high)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, 1.0),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The sign of the difference, which no format rounds."""
    output = b.own(node.outputs[0])

    def compared() -> None:
        inputs, shifts = add.aligned(b, node, "sub")
        difference = b.derived(node.name, "/difference")
        b.emit(difference, "sub", inputs, difference, shift_a=shifts[0], shift_b=shifts[1])
        b.emit(node.name, "is_negative", (difference,), output)

    attempts: list[Callable[[], None]] = [compared, partial(add.rounded, b, node, compared)]
    b.first_that_fits(attempts)
    return (Emitted(output, raw=False),)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _less),
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
