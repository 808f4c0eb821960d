"""matmul(a, b, [bias]): numpy's matmul.

The bias is a constant that broadcasts to it. No attributes.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.layers import contraction, rules
from zkinfer.layers.contract import (
    Attrs,
    Divided,
    Entries,
    Floats,
    Folded,
    Interval,
    Layer,
    Refusal,
    Shape,
)
from zkinfer.layers.shapes import broadcast, broadcasts_to
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    a, b, *biases = shapes
    rows = a if len(a) > 1 else (1, *a)
    columns = b if len(b) > 1 else (*b, 1)
    if not a or not b or rows[-1] != columns[-2]:
        raise Refusal(f"expected matrices that can be multiplied, got {a} and {b}")
    shape = broadcast(rows[:-2], columns[:-2])
    shape += rows[-2:-1] if len(a) > 1 else ()
    shape += columns[-1:] if len(b) > 1 else ()
    for bias in biases:
        if not broadcasts_to(bias, shape):
            raise Refusal(f"expected a bias that broadcasts to {shape}, got {bias}")
    return (shape,)


def _matmul(attrs: Attrs, a: Floats, b: Floats, bias: Floats | None = None) -> Floats:
    y: Floats = np.matmul(a, b)
    return y if bias is None else y + bias


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    a, b, *biases = operands
    y = contraction.ball(np.matmul, a, b)
    for bias in biases:
        y = Interval(y.low + bias.low, y.high + bias.low)
    return (y,)


def _fold(attrs: Attrs, operands: Sequence[Divided]) -> Folded | None:
    """A constant matrix takes powers that vary along the axis of the sum alone."""
    a, b = operands[:2]
    left, right, nothing = a.exponents, b.exponents, np.zeros(1, np.int64)
    if b.constant is not None and left.size == left.shape[-1]:
        powers = left.reshape(-1, 1) if right.ndim > 1 else left.ravel()
        return Folded({1: np.ldexp(b.constant, powers)}, nothing)
    if a.constant is not None and right.size == right.shape[max(right.ndim - 2, 0)]:
        return Folded({0: np.ldexp(a.constant, right.ravel())}, nothing)
    return None


def _products(shapes: Sequence[Shape]) -> int:
    return shapes[0][-1]


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.contracted, _matmul),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(2,),
    factors=(0, 1),
    products=_products,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=contraction.emitting("matmul"),
    fold=_fold,
)
