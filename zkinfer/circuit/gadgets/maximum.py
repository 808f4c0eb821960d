"""Maxima and the arg-max label.

Maximum m of x_1..x_K, with one selector bit each:

    m - x_i = d_i, in as many bits as the range of x needs           `path/order`
    sum_i c_i = 1                                                    `path/choice`
    c_i d_i = 0                                                      `path/chosen`

m is at least every x_i and equals one of them, so m has one solution (the selectors may differ
between equals, and reach nothing else); an x whose distance takes more bits has none. Rows: 2 K + 1
a maximum; bits: K (width + 1).

Label of n scores: the same on n x_j - j, whose maximum belongs to the lowest index of the largest
score, as in ONNX, and to no other; the label is sum_j j c_j.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Lazy, Value


def maximum(b: Builder, path: str, x: Value) -> Value:
    """The maximum over the last logical axis, which is dropped; stored."""
    if x.shape[-1] == 1:
        return views.drop(x, (len(x.factors) - 1,))
    m, _, _ = _choose(b, path, x)
    return m


def distances(b: Builder, path: str, x: Value) -> Value:
    """The distances of the entries of a stored x to the maximum over its last logical axis."""
    if len(x.factors[-1]) != 1:
        x = b.store(f"{path}/copy", x)
    _, d, _ = _choose(b, path, x)
    return d


def arg_max(b: Builder, path: str, x: Value) -> Value:
    """The lowest index of the largest entry along the last axis, which has one factor and is
    dropped.
    """
    last, count = len(x.factors) - 1, x.shape[-1]
    ranks = linear.weight(linear.constant(-1, x), last, range(count))
    if ranks is None:
        raise ValueError(f"{path}: a label needs scores on one axis")
    keys = linear.add(linear.scale(x, count), ranks.bounded(1 - count, 0))
    _, _, choice = _choose(b, path, keys)
    ranked = linear.weight(choice, last, range(count))
    if ranked is None:
        raise ValueError(f"{path}: a label needs scores on one axis")
    return views.drop(linear.sum_over(ranked, (last,)), (last,))


@dataclass(frozen=True)
class Tiled:
    """The maximum m over windows that tile x [N, C, spatial...], where x = m - d is not stored.

    d: the distances, [N, C, out..., taps].
    """

    b: Builder
    path: str
    x: Value
    d: Value
    kernel: tuple[int, ...]
    joins: bool = False

    def define(self, coefficient: int, y: Value) -> None:
        """States k m = y, with a coefficient k, by what it makes of x: k x = y - k d."""
        if y.parts:
            raise ValueError(f"{self.path}: a maximum that is not stored is read alone")
        kernel = views.factors_of(self.kernel)
        scaled = linear.scale(self.d, -coefficient)
        taps = views.regrouped(scaled, (*self.d.factors[:-1], *kernel))
        wide, taps = self.b.aligned(self.path, views.widened(y, self.kernel), taps)
        count = len(kernel)
        pairs = [axis for i in range(count) for axis in (2 + i, 2 + count + i)]
        x = views.transpose(linear.add(wide, taps), (0, 1, *pairs))
        for axis in range(count):
            x = views.merge(x, 2 + axis, 2)
        self.b.equal(f"{self.path}/order", linear.scale(self.x, coefficient), x)


def tiled_maximum(
    b: Builder, path: str, x: Value, kernel: Sequence[int], numbers: Lazy | None
) -> Value:
    """The maximum over windows that tile x [N, C, spatial...], neither of them stored.

    x: with parts, so that `path/order` is their own equation; one factor at most per spatial axis,
    and no constant weights. numbers: the windows of x, [N, C, out..., taps], while solving.
    """
    out = [extent // k for extent, k in zip(x.shape[2:], kernel, strict=True)]
    inner = tuple(k for k in kernel if k != 1)
    factors = (*x.factors[:2], *views.factors_of(out), inner)
    windows = Value(factors, (), x.low, x.high, x.certain, numbers)
    b.integers(path, windows)
    largest = windows.lazily(lambda array: array.max(axis=-1))
    m = Value(windows.factors[:-1], (), x.low, x.high, x.certain, largest)
    distance = windows.lazily(lambda array: m.array[..., None] - array)
    d, _ = _choice(b, path, replace(windows, low=0, high=x.high - x.low, numbers=distance))
    return replace(m, parts=((1, Tiled(b, path, x, d, tuple(kernel))),))


def _choice(b: Builder, path: str, distance: Value) -> tuple[Value, Value]:
    """Distances of entries to a maximum over the last axis, and selectors.

    Returns both, read from advice bits; nothing here binds them to the distances. The selector
    that an honest prover sets is that of the first entry at distance 0.
    """
    width = max(distance.high.bit_length(), 1)
    numbers = b.integers(path, distance)
    if numbers is not None:
        first = numbers.argmin(axis=-1)[..., None] == np.arange(numbers.shape[-1])
        numbers = numbers | first.astype(np.int64) << width
    bits = b.bits(f"{path}/bits", distance, width + 1, numbers)
    d, c = bits.field(0, width), bits.bit(width)
    total = linear.sum_over(c, (len(distance.factors) - 1,))
    b.equal(f"{path}/choice", total, linear.constant(1, total))
    b.product(f"{path}/chosen", c, d, linear.constant(0, c))
    return d, c


def _choose(b: Builder, path: str, x: Value) -> tuple[Value, Value, Value]:
    """The maximum over the last axis, stored, the distances to it, and the selectors."""
    array = b.integers(path, x)
    largest = None if array is None else np.asarray(array.max(axis=-1))
    stored = b.advice(path, Segment.TRACE, x.shape[:-1], x.low, x.high, largest, certain=x.certain)
    m = views.matched(stored, x.factors[:-1])
    wide, x = b.aligned(path, views.widened(m, x.shape[-1:]), x)
    difference = linear.add(wide, linear.scale(x, -1))
    d, c = _choice(b, path, difference.bounded(0, x.high - x.low))
    b.equal(f"{path}/order", difference, d)
    return stored, d, c
