"""concat: tensors of one scale end to end along an axis; the other axes broadcast."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.circuit import arrange
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, ShapeError, axis_of, require

_Number = TypeVar("_Number", np.int64, np.float64)
Shape = tuple[int, ...]


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """All of one rank; the other axes agree, or are of extent 1."""
    first = tensors[0]
    axis = axis_of(attrs["axis"], len(first.shape), "the axis")
    for tensor in tensors[1:]:
        fits = len(tensor.shape) == len(first.shape)
        require(fits, f"{first.shape} and {tensor.shape} along axis {axis}")
        require(tensor.scale == first.scale, "the scales differ")
    try:
        parts = parts_of(axis, [tensor.shape for tensor in tensors])
    except ValueError as error:
        listed = ", ".join(str(tensor.shape) for tensor in tensors)
        raise ShapeError(f"{listed} along axis {axis}") from error
    shape = list(parts[0])
    shape[axis] = sum(part[axis] for part in parts)
    low, high = min(t.low for t in tensors), max(t.high for t in tensors)
    return (FixedTensor(tuple(shape), first.scale, low, high),)


def parts_of(axis: int, shapes: Sequence[Shape]) -> list[Shape]:
    """Shapes of one rank with their axes but one broadcast. Raises ValueError."""
    sides = np.broadcast_shapes(*((*shape[:axis], 1, *shape[axis + 1 :]) for shape in shapes))
    return [(*sides[:axis], shape[axis], *sides[axis + 1 :]) for shape in shapes]


def joined(axis: int, arrays: Sequence[npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
    """Arrays of one rank end to end along an axis; the others broadcast."""
    parts = parts_of(axis, [array.shape for array in arrays])
    pairs = zip(arrays, parts, strict=True)
    return np.concatenate([np.broadcast_to(array, part) for array, part in pairs], axis=axis)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """One array."""
    return (joined(attrs["axis"], arrays),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A sum of shifted views; stored copies of parts whose axis has several factors. Along an axis
    beyond what constant weights are for, a stored tensor.
    """
    shapes = parts_of(attrs["axis"], [value.shape for value in values])
    parts = [views.broadcast(*pair) for pair in zip(values, shapes, strict=True)]
    return (arrange.concatenated(b, path, parts, attrs["axis"]),)


OP = Operator(
    attrs={"axis": "int"},
    inputs=(1, 256),
    infer=infer,
    forward=forward,
    lift=lift.joined,
    constrain=constrain,
)
