"""distances: how far each entry is below the largest along the last axis.

y[..., j] = max_k x[..., k] - x[..., j].
"""

import math

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets import maximum
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The operand's shape and scale."""
    (x,) = tensors
    require(bool(x.shape) and x.shape[-1] > 1, "distances along a last axis of one entry")
    return (FixedTensor(x.shape, x.scale, 0, x.high - x.low),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Exact; none is negative."""
    (x,) = arrays
    return (x.max(axis=-1, keepdims=True) - x,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The maximum, stored, and the bits of the distances to it."""
    (x,) = values
    return (maximum.distances(b, path, x),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """A distance and a selector for each entry, and a maximum for each line."""
    (x,) = tensors
    entries = math.prod(x.shape)
    return entries * bits.padded(bits.width_of(x) + 1) + entries // x.shape[-1]


OP = Operator(
    attrs={},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=cost,
)
