"""concat: tensors of one scale end to end along an axis."""

import numpy as np

from zkinfer.circuit import arrange
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, axis_of, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The other axes agree."""
    first = tensors[0]
    axis = axis_of(attrs["axis"], len(first.shape), "the axis")
    for tensor in tensors[1:]:
        fits = len(tensor.shape) == len(first.shape) and all(
            a == b or i == axis
            for i, (a, b) in enumerate(zip(first.shape, tensor.shape, strict=True))
        )
        require(fits, f"{first.shape} and {tensor.shape} along axis {axis}")
        require(tensor.scale == first.scale, "the scales differ")
    shape = list(first.shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    low, high = min(t.low for t in tensors), max(t.high for t in tensors)
    return (FixedTensor(tuple(shape), first.scale, low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """One array."""
    return (np.concatenate(arrays, axis=attrs["axis"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A sum of shifted views; stored copies of parts whose axis has several factors."""
    return (arrange.concatenated(b, path, values, attrs["axis"]),)


OP = Operator(
    attrs={"axis": "int"},
    inputs=(1, 256),
    infer=infer,
    forward=forward,
    lift=lift.joined,
    constrain=constrain,
)
