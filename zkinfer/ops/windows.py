"""Sliding windows: the shapes, padding, views and arithmetic that conv and the pools share."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.ops.tensor import ShapeError, require

MAX_EXTENT = 2**31

COLUMNS = 2**22
"""Entries of the matrix of windows that a convolution multiplies at a time: 32 MiB."""

_Number = TypeVar("_Number", np.int64, np.float64)


def output_extents(
    extents: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> tuple[int, ...]:
    """Spatial extents of the output. pads: begins, then ends. Raises ShapeError."""
    rank = len(extents)
    fits = len(kernel) == len(strides) == len(dilations) == rank and len(pads) == 2 * rank
    require(fits, f"kernel, strides, pads and dilations do not fit {rank} spatial axes")
    positive = all(0 < x < MAX_EXTENT for x in (*kernel, *strides, *dilations))
    require(positive, "kernel, strides and dilations must be positive")
    require(all(0 <= pad < MAX_EXTENT for pad in pads), "pads must not be negative")
    result = []
    for axis in range(rank):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        room = extents[axis] + pads[axis] + pads[axis + rank] - reach
        if room < 0:
            raise ShapeError(f"a window of {reach} does not fit spatial axis {axis}")
        result.append(room // strides[axis] + 1)
    return tuple(result)


def all_inside(extent: int, output: int, kernel: int, stride: int, pad: int, dilation: int) -> bool:
    """Whether every window along an axis has a tap in 0 .. extent - 1, in logarithmic time.

    pad: the entries before the axis; the last window starts at most where the axis ends.
    """
    first, last = -pad, (output - 1) * stride - pad
    if last >= extent or first + (kernel - 1) * dilation < 0:
        return False
    # What starts before the axis enters it at its start modulo the dilation: where that is
    # `extent` or more, it steps over the axis, and adding `over` takes it to the next multiple.
    before, over = min(output, -(-pad // stride)), dilation - min(extent, dilation)
    start = first % dilation
    return _floor_sum(before, dilation, stride, start + over) == _floor_sum(
        before, dilation, stride, start
    )


def _floor_sum(count: int, divisor: int, step: int, start: int) -> int:
    """sum_i floor((start + i step) / divisor) for i < count, nothing being negative.

    Euclid's algorithm on divisor and step, counting lattice points below a line.
    """
    total = 0
    while True:
        total += count * (count - 1) // 2 * (step // divisor) + count * (start // divisor)
        step, start = step % divisor, start % divisor
        end = count * step + start
        if end < divisor:
            return total
        count, start = divmod(end, divisor)
        divisor, step = step, divisor


def view(
    x: npt.NDArray[_Number],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> npt.NDArray[_Number]:
    """Windows of x [N, C, spatial...], as an array [N, C, output..., kernel...]."""
    rank = len(kernel)
    x = _padded(x, pads, 0)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, 2 + rank)))
    step = (slice(None),) * 2
    return windows[
        step + tuple(slice(None, None, s) for s in strides)
        + tuple(slice(None, None, d) for d in dilations)
    ]  # fmt: skip


def reduced(
    ufunc: np.ufunc,
    x: npt.NDArray[_Number],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    fill: int = 0,
) -> npt.NDArray[_Number]:
    """What a commutative ufunc makes of each window of x [N, C, spatial...]: [N, C, output...].

    One axis after the other, so the work is the sum of the kernel's extents, not their product.
    """
    x = _padded(x, pads, fill)
    for axis, (taps, stride, dilation) in enumerate(zip(kernel, strides, dilations, strict=True)):
        whole: tuple[slice, ...] = (slice(None),) * (2 + axis)
        count = (x.shape[2 + axis] - dilation * (taps - 1) - 1) // stride + 1
        parts = [x[(*whole, _tap(tap * dilation, stride, count))] for tap in range(taps)]
        x = parts[0].copy()
        for part in parts[1:]:
            ufunc(x, part, out=x)
    return x


def convolve(
    attrs: Mapping[str, Any], x: npt.NDArray[_Number], w: npt.NDArray[_Number]
) -> npt.NDArray[_Number]:
    """The convolution of x [N, C, spatial...] with w [M, C/G, kernel...], in float64.

    Integers are exact while every sum of products stays below 2^53. The windows of some samples at
    a time are the columns of one matrix, which is multiplied by the kernels.
    """
    groups: int = attrs["groups"]
    batch, filters, channels, kernel = len(x), w.shape[0], w.shape[1], w.shape[2:]
    strides, dilations = attrs["strides"], attrs["dilations"]
    outputs = output_extents(x.shape[2:], kernel, strides, attrs["pads"], dilations)
    taps = _taps(kernel, strides, dilations, outputs)
    rows = w.reshape(groups, filters // groups, -1).astype(np.float64, copy=False)
    x = _padded(x, attrs["pads"], 0)
    # [groups, channels, samples, spatial...]
    spatial = x.shape[2:]
    x = x.reshape(batch, groups, channels, *spatial)
    x = x.transpose(1, 2, 0, *range(3, 3 + len(spatial)))
    places = math.prod(outputs)
    y = np.empty((batch, filters, places), x.dtype)
    entries = groups * channels * math.prod(kernel) * places
    count = min(max(COLUMNS // entries, 1), batch)
    room = np.empty(count * entries)
    for start in range(0, batch, count):
        count = min(count, batch - start)
        columns = room[: count * entries].reshape(groups, channels, *kernel, count, *outputs)
        block = x[:, :, start : start + count]
        for tap, reads in taps:
            columns[tap] = block[reads]
        made = np.matmul(rows, columns.reshape(groups, -1, count * places))
        y[start : start + count] = made.reshape(filters, count, places).swapaxes(0, 1)
    return y.reshape(batch, filters, *outputs)


def _taps(
    kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], outputs: Sequence[int]
) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """For every tap its index into [groups, channels, kernel...], and what all windows read there
    of [groups, channels, samples, spatial...].
    """
    axes = [
        [(tap, _tap(tap * dilation, stride, output)) for tap in range(extent)]
        for extent, stride, dilation, output in zip(
            kernel, strides, dilations, outputs, strict=True
        )
    ]
    whole = slice(None)
    return [
        ((whole, whole, *(tap for tap, _ in each)), (..., *(reads for _, reads in each)))
        for each in product(*axes)
    ]


def _padded(x: npt.NDArray[_Number], pads: Sequence[int], fill: int) -> npt.NDArray[_Number]:
    """x [N, C, spatial...] with its padding. pads: begins, then ends."""
    if not any(pads):
        return x
    rank = len(pads) // 2
    width = [(0, 0), (0, 0)] + [(pads[axis], pads[axis + rank]) for axis in range(rank)]
    return np.pad(x, width, constant_values=fill)


def _tap(first: int, stride: int, count: int) -> slice:
    """The entries along an axis that one tap of each of `count` windows reads."""
    return slice(first, first + (count - 1) * stride + 1, stride)
