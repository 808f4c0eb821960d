"""Sliding windows: the shapes, padding and views that conv and the pools share."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.ops.tensor import ShapeError, require

MAX_EXTENT = 2**31

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
    fill: int = 0,
) -> npt.NDArray[_Number]:
    """Windows of x [N, C, spatial...], as an array [N, C, output..., kernel...]."""
    rank = len(kernel)
    if any(pads):
        width = [(0, 0), (0, 0)] + [(pads[axis], pads[axis + rank]) for axis in range(rank)]
        x = np.pad(x, width, constant_values=fill)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, 2 + rank)))
    step = (slice(None),) * 2
    return windows[
        step + tuple(slice(None, None, s) for s in strides)
        + tuple(slice(None, None, d) for d in dilations)
    ]  # fmt: skip


def convolve(
    attrs: Mapping[str, Any],
    x: npt.NDArray[_Number],
    w: npt.NDArray[_Number],
    bias: npt.NDArray[_Number] | None,
    product: Callable[..., npt.NDArray[_Number]],
) -> npt.NDArray[_Number]:
    """The convolution of x [N, C, spatial...] with w [M, C/G, kernel...] as one matrix product.

    product: multiplies [1, G, M/G, C/G * kernel] by [N, G, C/G * kernel, output].
    """
    groups, kernel = attrs["groups"], w.shape[2:]
    batch: int = x.shape[0]
    rank: int = len(kernel)
    windowed = view(x, kernel, attrs["strides"], attrs["pads"], attrs["dilations"])
    outputs = windowed.shape[2 : 2 + rank]
    # [N, G, C/G, output, kernel] -> [N, G, C/G * kernel, output]
    windowed = windowed.reshape(batch, groups, w.shape[1], *outputs, *kernel)
    order = (0, 1, 2, *range(3 + rank, 3 + 2 * rank), *range(3, 3 + rank))
    columns = windowed.transpose(order).reshape(batch, groups, -1, math.prod(outputs))
    rows = w.reshape(1, groups, w.shape[0] // groups, -1)
    y = product(rows, columns).reshape(batch, w.shape[0], *outputs)
    return y if bias is None else y + bias.reshape(1, -1, *(1,) * rank)
