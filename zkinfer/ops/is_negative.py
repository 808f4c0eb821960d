"""is_negative: y = 1 where x < 0, else 0, at scale 0."""

import math

import numpy as np

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.nonlinear import sign_bit
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """0 or 1, or just one of them where the bounds of x leave no other."""
    (x,) = tensors
    return (FixedTensor(x.shape, 0, int(x.high < 0), int(x.low < 0)),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The comparison with 0."""
    (x,) = arrays
    return ((x < 0).astype(np.int64),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The sign bit of x in two's complement."""
    (x,) = values
    return (sign_bit(b, path, x),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """The bits of x, for each entry."""
    (x,) = tensors
    return math.prod(x.shape) * bits.padded(bits.width_of(x))


OP = Operator(
    attrs={},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=cost,
)
