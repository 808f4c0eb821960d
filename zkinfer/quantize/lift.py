"""Operators on many samples at once: every tensor but the constants gets a first axis of samples.

The same lifting serves the float operators and the fixed-point ones; attributes that name axes
move by one, operands of unequal rank are aligned before they broadcast.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Attrs = Mapping[str, Any]
Forward = Callable[..., Array]

_WINDOWS = ("conv", "max_pool", "average_pool")
_BROADCAST = ("add", "sub", "mul", "prelu")


def apply(op: str, attrs: Attrs, forward: Forward, operands: Sequence[tuple[Array, bool]]) -> Array:
    """The operator's output for all samples, [samples, ...].

    forward: the operator on one sample. operands: each with whether it has the axis of samples;
    at least one has.
    """
    arrays = [array for array, _ in operands]
    if op in _WINDOWS:
        x = arrays[0]
        merged = x.reshape(-1, *x.shape[2:])
        y = forward(attrs, merged, *arrays[1:])
        return y.reshape(*x.shape[:2], *y.shape[1:])
    if op in _BROADCAST:
        return forward(attrs, *_aligned(operands))
    if op == "matmul":
        return _matmul(attrs, forward, operands)
    if op == "concat":
        return forward(_moved(op, attrs, 0), *_repeated(operands))
    if op == "label":
        return np.argmax(arrays[0].reshape(len(arrays[0]), -1), axis=1)
    return forward(_moved(op, attrs, len(arrays[0])), *arrays)


def _aligned(operands: Sequence[tuple[Array, bool]]) -> list[Array]:
    rank = max(array.ndim - sampled for array, sampled in operands)
    return [_widened(array, sampled, rank) for array, sampled in operands]


def _widened(array: Array, sampled: bool, rank: int) -> Array:
    """The array with axes of extent 1 after the axis of samples, up to the rank without it."""
    if not sampled:
        return array
    missing = rank - (array.ndim - 1)
    return array.reshape(len(array), *(1,) * missing, *array.shape[1:])


def _repeated(operands: Sequence[tuple[Array, bool]]) -> list[Array]:
    """The arrays, each with an axis of samples."""
    samples = next(len(array) for array, sampled in operands if sampled)
    return [
        array if sampled else np.broadcast_to(array, (samples, *array.shape))
        for array, sampled in operands
    ]


def _matmul(attrs: Attrs, forward: Forward, operands: Sequence[tuple[Array, bool]]) -> Array:
    (a, a_sampled), (b, b_sampled) = operands[:2]
    if not b_sampled and b.ndim == 2:
        y = forward(attrs, a.reshape(-1, a.shape[-1]), b)
        y = y.reshape(*a.shape[:-1], b.shape[-1])
    else:
        row, column = a.ndim == 1 + a_sampled, b.ndim == 1 + b_sampled
        a = a[..., None, :] if row else a
        b = b[..., None] if column else b
        a, b = _aligned([(a, a_sampled), (b, b_sampled)])
        y = forward(attrs, a, b)
        y = y[..., 0] if column else y
        y = (y[..., 0] if column else y[..., 0, :]) if row else y
    return y + operands[2][0] if len(operands) == 3 else y


def _moved(op: str, attrs: Attrs, samples: int) -> Attrs:
    """The attributes with every axis one further."""
    if op == "reshape":
        return {**attrs, "shape": (samples, *attrs["shape"])}
    if op == "transpose":
        return {**attrs, "perm": (0, *(axis + 1 for axis in attrs["perm"]))}
    if op == "pad":
        half = len(attrs["pads"]) // 2
        return {**attrs, "pads": (0, *attrs["pads"][:half], 0, *attrs["pads"][half:])}
    moved = dict(attrs)
    if "axes" in attrs:
        moved["axes"] = tuple(axis + 1 for axis in attrs["axes"])
    if op in ("concat", "softmax"):
        moved["axis"] = attrs["axis"] + 1
    return moved
