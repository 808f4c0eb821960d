"""pad: a constant around the entries."""

import numpy as np

from zkinfer.circuit import arrange
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """pads: begins for every axis, then ends; not negative."""
    (x,) = tensors
    pads, value, rank = attrs["pads"], attrs["value"], len(x.shape)
    require(len(pads) == 2 * rank, f"{len(pads)} pads for {rank} axes")
    require(all(0 <= pad < 1 << 31 for pad in pads), "pads must not be negative")
    shape = tuple(x.shape[i] + pads[i] + pads[i + rank] for i in range(rank))
    low, high = x.low, x.high
    if any(pads):
        low, high = min(low, value), max(high, value)
    return (FixedTensor(shape, x.scale, low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """A larger array."""
    (x,) = arrays
    pads = attrs["pads"]
    if not any(pads):
        return (x,)
    width = [(pads[i], pads[i + x.ndim]) for i in range(x.ndim)]
    return (np.pad(x, width, constant_values=attrs["value"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A shifted view plus constants; a stored copy where a padded axis has several factors."""
    (x,) = values
    return (arrange.padded(b, path, x, attrs["pads"], attrs["value"]),)


OP = Operator(
    attrs={"pads": "ints", "value": "int"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.padded,
    constrain=constrain,
)
