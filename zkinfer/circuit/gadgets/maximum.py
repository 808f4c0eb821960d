"""Maxima and the arg-max label.

Maximum m of x_1..x_K, with one selector bit each:

    m - x_i = d_i, in as many bits as the range of x needs           `path/order`
    sum_i c_i = 1                                                    `path/choice`
    c_i d_i = 0                                                      `path/chosen`

m is at least every x_i and equals one of them, so m has one solution (the selectors may differ
between equals, and reach nothing else). Rows: 2 K + 1 a maximum; bits: K (width + 1).

Label of n scores: the same on n x_j - j, whose maximum belongs to the lowest index of the largest
score, as in ONNX, and to no other; the label is sum_j j c_j.
"""

from dataclasses import replace

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import Axis, Constants, Term
from zkinfer.circuit.value import Value


def maximum(b: Builder, path: str, x: Value) -> Value:
    """The maximum over the last logical axis, which is dropped; stored."""
    if x.shape[-1] == 1:
        return views.merge(x, len(x.factors) - 2, 2)
    m, _ = _choose(b, path, x)
    return m


def label(b: Builder, path: str, x: Value) -> Value:
    """The lowest index of the largest entry of a 1-D value of one factor, as a scalar."""
    (count,) = x.shape
    if count == 1:
        return views.reshape(views.constant(0, x), ()) or x
    ranks = Term(0, -1, (), (Axis(count, Constants(tuple(range(count))), ()),))
    numbers = x.lazily(lambda s: s * count - np.arange(count))
    keys = views.add(
        views.scale(x, count),
        Value(x.factors, (ranks,), 1 - count, 0, x.lazily(lambda s: -np.arange(count))),
    )
    keys = replace(keys, numbers=numbers)
    _, choice = _choose(b, path, keys)
    total = views.sum_over(choice, (0,), (range(count),))
    scalar = views.reshape(total, ()) if total is not None else None
    if scalar is None:
        raise ValueError(f"{path}: a label needs scores on one axis")
    return scalar


def _choose(b: Builder, path: str, x: Value) -> tuple[Value, Value]:
    """The maximum over the last axis and the selectors."""
    numbers = chosen = None
    if b.solving:
        numbers = x.array.max(axis=-1)
        chosen = x.array.argmax(axis=-1)[..., None] == np.arange(x.shape[-1])
        chosen = chosen.astype(np.int64)
    stored = b.advice(path, Segment.TRACE, x.shape[:-1], x.low, x.high, numbers)
    m = b.matched(stored, x.factors[:-1])
    wide = views.broadcast(views.reshape(m, (*m.shape, 1)) or m, x.shape)
    wide, x = b.aligned(path, wide, x)
    difference = views.add(wide, views.scale(x, -1))
    width = max((x.high - x.low).bit_length(), 1)
    d, _ = b.bits(f"{path}/order/bits", x, width, difference.array if b.solving else None)
    b.equal(f"{path}/order", difference, d)
    c, _ = b.bits(f"{path}/selectors", x, 1, chosen)
    total = views.sum_over(c, (len(x.factors) - 1,))
    if total is not None:
        b.equal(f"{path}/choice", total, views.constant(1, total))
    b.product(f"{path}/chosen", c, d, views.constant(0, c))
    return stored, c
