"""Rearrangements that may need a stored copy: windows, padding, concatenation, slices.

Each is free where it is affine; where it is not, the value is stored as a tensor first, in a block
whose path ends in `/copy`. What is joined along an axis that is too long for constant weights is
stored, part by part, in blocks whose paths end in `/part` and a number.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zkinfer.circuit import linear, window
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MAX_CONSTANTS, Axis, Constants, Term
from zkinfer.circuit.value import Integers, Interval, Value


def windowed(
    b: Builder,
    path: str,
    x: Value,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> Value:
    """x [N, C, spatial...] as [N, C, out..., kernel...], zero outside x.

    kernel, strides, dilations: per spatial axis; pads: all begins, then all ends.
    """
    found = _windowed(b, x, kernel, strides, dilations, pads)
    if found is None:
        copy = b.store(f"{path}/copy", x, keep_axes=True)
        found = _windowed(b, copy, kernel, strides, dilations, pads)
    if found is None:
        raise ValueError(f"{path}: a stored value takes no windows")
    return found


def _windowed(
    b: Builder,
    x: Value,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> Value | None:
    count = len(kernel)
    result: Value | None = x
    for number in range(count):
        axis = 2 + 2 * number
        if result is None:
            return None
        span = x.shape[2 + number] + pads[number] + pads[count + number]
        reach = dilations[number] * (kernel[number] - 1) + 1
        out = (span - reach) // strides[number] + 1
        result = window.windows(
            result,
            axis,
            out,
            kernel[number],
            strides[number],
            dilations[number],
            pads[number],
            b.tensors,
        )
    if result is None:
        return None
    plain = tuple(tuple(f for f in factors if f != 1) for factors in result.factors)
    order = [0, 1, *range(2, 2 + 2 * count, 2), *range(3, 3 + 2 * count, 2)]
    return views.transpose(views.matched(result, plain), order)


def padded(b: Builder, path: str, x: Value, pads: Sequence[int], number: int) -> Value:
    """x with `number` around it. pads: all begins, then all ends; none negative."""
    if not any(pads):
        return x
    rank = len(x.factors)
    if any(len(f) > 1 for a, f in enumerate(x.factors) if pads[a] or pads[rank + a]):
        x = b.store(f"{path}/copy", x)
    shape = x.shape
    result: Value | None = x
    for axis in range(rank):
        extent = pads[axis] + shape[axis] + pads[rank + axis]
        if result is not None:
            result = window.place_in(result, axis, pads[axis], extent, b.tensors)
    if result is None:
        raise ValueError(f"{path}: a value with plain axes takes no padding")
    if not number:
        return result
    # number * (1 - indicator of the inside), the indicator being a product over the axes
    plain = views.factors_of(result.shape)
    rows = tuple(Axis(f, None, ()) for fs in plain for f in fs)
    inside = []
    for axis, extent in enumerate(result.shape):
        begin, end = pads[axis], pads[rank + axis]
        if extent != 1:
            marks = None
            if begin or end:
                marks = Constants.placed(begin, extent - begin - end, extent)
            inside.append(Axis(extent, marks, ()))
    outside = Value(
        plain,
        (Term(0, number, (), rows), Term(0, -number, (), tuple(inside))),
        min(number, 0),
        max(number, 0),
        Interval(number, number).or_zero(),
        result.lazily(lambda _: _outside_array(shape, pads, number)),
    )
    result, outside = b.aligned(path, result, outside)
    both = linear.add(result, outside).bounded(min(x.low, number), max(x.high, number))
    return replace(both, certain=Interval.hull(*x.certain, number))


def _outside_array(shape: Sequence[int], pads: Sequence[int], number: int) -> Integers:
    widths = list(zip(pads[: len(shape)], pads[len(shape) :], strict=True))
    return np.pad(np.zeros(shape, dtype=np.int64), widths, constant_values=number)


def concatenated(b: Builder, path: str, parts: Sequence[Value], axis: int) -> Value:
    """The parts one after another along an axis; stored, where that is too long for weights."""
    extent = sum(part.shape[axis] for part in parts)
    if extent > MAX_CONSTANTS:
        return _joined(b, path, parts, axis)
    start, placed = 0, []
    for number, part in enumerate(parts):
        name = f"{path}/copy{number}"
        if len(part.factors[axis]) > 1:
            part = b.store(name, part)
        size = part.shape[axis]
        there = window.place_in(part, axis, start, extent, b.tensors)
        if there is None:
            raise ValueError(f"{path}: a part with a plain axis finds no place")
        placed.append(there)
        start += size
    total = linear.add(*b.aligned(path, *placed))
    total = total.bounded(min(part.low for part in parts), max(part.high for part in parts))
    return replace(total, certain=Interval.around(*(part.certain for part in parts)))


def _joined(b: Builder, path: str, parts: Sequence[Value], axis: int) -> Value:
    """A tensor of its own, each slice of which is equal to a part."""
    arrays = [b.integers(f"{path}/part{number}", part) for number, part in enumerate(parts)]
    known = [array for array in arrays if array is not None]
    array = np.concatenate(known, axis=axis) if known else None
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    certain = Interval.around(*(part.certain for part in parts))
    stored = b.advice(path, Segment.TRACE, tuple(shape), low, high, array, certain=certain)
    start = 0
    for number, part in enumerate(parts):
        count = part.shape[axis]
        there = sliced(b, path, stored, axis, start, count, 1)
        b.equal(f"{path}/part{number}", part, views.matched(there, part.factors))
        start += count
    return stored


def sliced(b: Builder, path: str, x: Value, axis: int, start: int, count: int, step: int) -> Value:
    """`count` positions of an axis from `start` in steps of `step`."""
    found = views.take(x, axis, start, count, step)
    if found is None:
        found = views.take(b.store(f"{path}/copy", x), axis, start, count, step)
    if found is None:
        raise ValueError(f"{path}: a stored value takes no slice")
    return found


def weighted(b: Builder, path: str, x: Value, axis: int, series: Sequence[int]) -> Value:
    """x times one integer per position of an axis."""
    found = linear.weight(x, axis, series)
    if found is None:
        found = linear.weight(b.store(f"{path}/copy", x), axis, series)
    if found is None:
        raise ValueError(f"{path}: a stored value takes no weights")
    return found


def broadcasted(b: Builder, path: str, *values: Value) -> tuple[Value, ...]:
    """The values broadcast to their common shape, with the same factors."""
    shape = np.broadcast_shapes(*(value.shape for value in values))
    return b.aligned(path, *(views.broadcast(value, shape) for value in values))
