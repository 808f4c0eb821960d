"""reshape: the same entries in row-major order under another shape."""

import math

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import MAX_AXES
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """shape: at most 8 explicit extents, as many entries as x."""
    (x,) = tensors
    shape = tuple(attrs["shape"])
    possible = len(shape) <= MAX_AXES and all(extent > 0 for extent in shape)
    fits = possible and math.prod(shape) == math.prod(x.shape)
    require(fits, f"{x.shape} does not reshape to {shape}")
    return (FixedTensor(shape, x.scale, x.low, x.high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """A view."""
    (x,) = arrays
    return (x.reshape(attrs["shape"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A view; a stored copy where the old and the new axes have no common factors."""
    (x,) = values
    return (b.reshape(path, x, attrs["shape"]),)


OP = Operator(
    attrs={"shape": "ints"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.reshaped,
    constrain=constrain,
)
