"""leaky_relu: y = max(x, 0) 2^shift - alpha max(-x, 0), with a public slope alpha / 2^shift."""

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.nonlinear import negative_part
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The scale grows by shift."""
    (x,) = tensors
    alpha, shift = attrs["alpha"], attrs["shift"]
    require(0 <= shift <= 40, f"a shift of {shift}")
    require(abs(alpha) < 1 << 48, f"alpha is {alpha}")
    corners = [0] if x.low <= 0 <= x.high else []
    corners += [end << shift if end > 0 else alpha * end for end in (x.low, x.high)]
    return (FixedTensor(x.shape, x.scale + shift, min(corners), max(corners)),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """One slope on either side of zero."""
    (x,) = arrays
    return ((np.maximum(x, 0) << attrs["shift"]) + attrs["alpha"] * np.minimum(x, 0),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """2^shift x + (2^shift - alpha) n with the negative part n = max(-x, 0)."""
    (x,) = values
    n = negative_part(b, f"{path}/negative", x)
    one = 1 << attrs["shift"]
    return (linear.add(linear.scale(x, one), linear.scale(n, one - attrs["alpha"])),)


OP = Operator(
    attrs={"alpha": "int", "shift": "int"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=bits.of_negative_part,
)
