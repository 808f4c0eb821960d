"""prelu: y = max(x, 0) 2^shift - slope max(-x, 0), with hidden slopes of scale shift."""

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.nonlinear import multiply, negative_part
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, ShapeError, product_bounds, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The slope broadcasts to x; the scale grows by shift."""
    x, slope = tensors
    shift = attrs["shift"]
    require(0 <= shift <= 40, f"a shift of {shift}")
    require(slope.scale == shift, f"slopes of scale {slope.scale} for a shift of {shift}")
    try:
        fits = np.broadcast_shapes(x.shape, slope.shape) == x.shape
    except ValueError as error:
        raise ShapeError(f"slope {slope.shape} for x {x.shape}") from error
    require(fits, f"slope {slope.shape} for x {x.shape}")
    negative = FixedTensor((), x.scale, min(x.low, 0), min(x.high, 0))
    low, high = product_bounds(negative, slope)
    low, high = low + (max(x.low, 0) << shift), high + (max(x.high, 0) << shift)
    return (FixedTensor(x.shape, x.scale + shift, low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """One slope on either side of zero."""
    x, slope = arrays
    return ((np.maximum(x, 0) << attrs["shift"]) + slope * np.minimum(x, 0),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """2^shift (x + n) - slope n with the negative part n = max(-x, 0); one product an entry."""
    x, slope = values
    n = negative_part(b, f"{path}/negative", x)
    slope, n, x = b.aligned(path, views.broadcast(slope, x.shape), n, x)
    positive = linear.scale(linear.add(x, n), 1 << attrs["shift"])
    sloped = multiply(b, f"{path}/product", slope, n)
    return (linear.add(positive, linear.scale(sloped, -1)),)


OP = Operator(
    attrs={"shift": "int"},
    inputs=(2, 2),
    infer=infer,
    forward=forward,
    lift=lift.broadcast,
    constrain=constrain,
    cost=bits.of_negative_part,
)
