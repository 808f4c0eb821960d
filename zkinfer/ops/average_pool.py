"""average_pool: window sums times public reciprocals, exact integers.

y[n, c, o] = prod_axis multipliers[axis][o_axis] * sum_k x[n, c, o stride + k dilation - pad]. A
multiplier stands for the reciprocal of the count along its axis; together they add `scale` bits.
"""

import math

import numpy as np

from zkinfer.circuit import arrange, linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift, windows
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """x [N, C, spatial...]; multipliers: for each spatial axis one integer per output position."""
    (x,) = tensors
    require(len(x.shape) >= 3, f"x has {len(x.shape)} axes; a pool takes 3 or more")
    outputs = windows.output_extents(
        x.shape[2:], attrs["kernel"], attrs["strides"], attrs["pads"], attrs["dilations"]
    )
    multipliers = attrs["multipliers"]
    require(tuple(map(len, multipliers)) == outputs, f"multipliers do not fit {outputs}")
    require(0 <= attrs["scale"] <= 62, f"a scale of {attrs['scale']}")
    limits = [0 <= m < 1 << 40 for axis in multipliers for m in axis]
    require(all(limits), "a multiplier is negative or too large")
    factor = math.prod(attrs["kernel"]) * math.prod(max(axis) for axis in multipliers)
    low, high = min(x.low, 0) * factor, max(x.high, 0) * factor
    return (FixedTensor((*x.shape[:2], *outputs), x.scale + attrs["scale"], low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Padding adds nothing."""
    (x,) = arrays
    window = (attrs["kernel"], attrs["strides"], attrs["pads"], attrs["dilations"])
    y = windows.reduced(np.add, x, *window)
    for axis, multipliers in enumerate(attrs["multipliers"]):
        shape = [1] * y.ndim
        shape[2 + axis] = -1
        y = y * np.array(multipliers, np.int64).reshape(shape)
    return (y,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A view that sums windows: no constraints, but a copy where padding needs one."""
    (x,) = values
    windows = arrange.windowed(
        b, path, x, attrs["kernel"], attrs["strides"], attrs["dilations"], attrs["pads"]
    )
    taps = range(len(x.shape), len(windows.shape))
    y = views.drop(linear.sum_over(windows, taps), taps)
    for axis, multipliers in enumerate(attrs["multipliers"]):
        y = arrange.weighted(b, f"{path}/axis{axis}", y, 2 + axis, multipliers)
    return (y,)


OP = Operator(
    attrs={
        "kernel": "ints",
        "strides": "ints",
        "pads": "ints",
        "dilations": "ints",
        "multipliers": "int_lists",
        "scale": "int",
    },
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.windowed,
    constrain=constrain,
)
