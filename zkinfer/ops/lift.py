"""Operators on many samples at once: every tensor but the constants gets a first axis of samples.

A way of lifting takes an operator's forward on one sample, its attributes, and its operands, each
with whether it has the axis of samples (at least one has); it gives the outputs, [samples, ...].
Attributes that name axes move by one; operands of unequal rank are aligned before they broadcast.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.ops.tensor import Attrs

_Number = TypeVar("_Number", np.int64, np.float64)
_Array = npt.NDArray[_Number]
_Arrays = tuple[_Array[_Number], ...]
_Forward = Callable[..., _Arrays[_Number]]
_Operands = Sequence[tuple[_Array[_Number], bool]]


def entrywise(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Entry by entry: nothing to do."""
    return forward(attrs, operands[0][0])


def broadcast(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Entry by entry, with numpy's broadcasting."""
    return forward(attrs, *_aligned(operands))


def windowed(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Operand 0 is [N, C, spatial...] and has the axis of samples, the others are constants."""
    x = operands[0][0]
    merged = x.reshape(-1, *x.shape[2:])
    outputs = forward(attrs, merged, *(array for array, _ in operands[1:]))
    return tuple(y.reshape(*x.shape[:2], *y.shape[1:]) for y in outputs)


def contracted(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """numpy's matmul, and what is added to it."""
    (a, a_sampled), (b, b_sampled) = operands[:2]
    if not b_sampled and b.ndim == 2:
        (y,) = forward(attrs, a.reshape(-1, a.shape[-1]), b)
        y = y.reshape(*a.shape[:-1], b.shape[-1])
    else:
        row, column = a.ndim == 1 + a_sampled, b.ndim == 1 + b_sampled
        a = a.reshape(*a.shape[:-1], 1, a.shape[-1]) if row else a
        b = b.reshape(*b.shape, 1) if column else b
        a, b = _aligned([(a, a_sampled), (b, b_sampled)])
        (y,) = forward(attrs, a, b)
        kept = (() if row else y.shape[-2:-1]) + (() if column else y.shape[-1:])
        y = y.reshape(*y.shape[:-2], *kept)
    for bias in operands[2:]:
        y, more = _aligned([(y, a_sampled or b_sampled), bias])
        y = y + more
    return (y,)


def gathered(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Rows of operand 0, which are constants or of each sample, by operand 1."""
    (table, sampled), (index, _) = operands
    if not sampled:
        return forward(attrs, table, index)
    index = _repeated(index, len(table), operands[1][1])
    rows = [forward(attrs, *pair)[0] for pair in zip(table, index, strict=True)]
    return (np.stack(rows),)


def joined(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Any operands along the attribute axis; constants broadcast along that of the samples."""
    arrays = (a if sampled else a.reshape(1, *a.shape) for a, sampled in operands)
    return forward({**attrs, "axis": attrs["axis"] + 1}, *arrays)


def along_axis(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Along the attribute axis."""
    return forward({**attrs, "axis": attrs["axis"] + 1}, operands[0][0])


def along_axes(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Along the attribute axes."""
    axes = tuple(axis + 1 for axis in attrs["axes"])
    return forward({**attrs, "axes": axes}, operands[0][0])


def permuted(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """By the attribute perm."""
    perm = (0, *(axis + 1 for axis in attrs["perm"]))
    return forward({**attrs, "perm": perm}, operands[0][0])


def reshaped(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """To the attribute shape, which is no more than seeing it so."""
    x = operands[0][0]
    return (x.reshape(len(x), *attrs["shape"]),)


def padded(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """By the attribute pads: begins, then ends."""
    half: int = len(attrs["pads"]) // 2
    pads = (0, *attrs["pads"][:half], 0, *attrs["pads"][half:])
    return forward({**attrs, "pads": pads}, operands[0][0])


def kept(
    forward: _Forward[_Number], attrs: Attrs, operands: _Operands[_Number]
) -> _Arrays[_Number]:
    """Behind the attribute kept, a number of first axes."""
    return forward({**attrs, "kept": attrs["kept"] + 1}, operands[0][0])


def _repeated(array: _Array[_Number], samples: int, sampled: bool) -> _Array[_Number]:
    """The array with the axis of samples."""
    return array if sampled else np.broadcast_to(array, (samples, *array.shape))


def _aligned(operands: _Operands[_Number]) -> list[_Array[_Number]]:
    """The arrays with axes of extent 1 after the axis of samples, to one rank without it."""
    rank = max(array.ndim - sampled for array, sampled in operands)
    return [_widened(array, sampled, rank) for array, sampled in operands]


def _widened(array: _Array[_Number], sampled: bool, rank: int) -> _Array[_Number]:
    if not sampled:
        return array
    missing = rank - (array.ndim - 1)
    return array.reshape(len(array), *(1,) * missing, *array.shape[1:])
