"""reduce_sum: the sum over axes times a public multiplier, exact integers.

y = multiplier * sum x. A mean is a sum with a reciprocal as multiplier, which adds `scale` bits.
"""

import math

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, axis_of, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """axes: distinct, not negative."""
    (x,) = tensors
    axes, multiplier = attrs["axes"], attrs["multiplier"]
    for axis in axes:
        axis_of(axis, len(x.shape), "an axis of the sum")
    require(len(set(axes)) == len(axes), f"axes {axes} repeat")
    require(0 < multiplier < 1 << 40, f"a multiplier of {multiplier}")
    require(0 <= attrs["scale"] <= 62, f"a scale of {attrs['scale']}")
    factor = multiplier * math.prod(x.shape[axis] for axis in axes)
    kept = (1,) if attrs["keepdims"] else ()
    shape: tuple[int, ...] = ()
    for axis, extent in enumerate(x.shape):
        shape += kept if axis in axes else (extent,)
    return (FixedTensor(shape, x.scale + attrs["scale"], x.low * factor, x.high * factor),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The sum, then the multiplier."""
    (x,) = arrays
    y: Integers = x.sum(axis=tuple(attrs["axes"]), keepdims=attrs["keepdims"])
    return (y * attrs["multiplier"],)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A view that sums: no constraints."""
    (x,) = values
    total = linear.scale(linear.sum_over(x, attrs["axes"]), attrs["multiplier"])
    return (total if attrs["keepdims"] else views.drop(total, attrs["axes"]),)


OP = Operator(
    attrs={"axes": "ints", "keepdims": "bool", "multiplier": "int", "scale": "int"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.along_axes,
    constrain=constrain,
)
