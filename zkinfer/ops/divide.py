"""divide: a 2^shift / b, rounded to nearest (half up), with broadcasting.

y = floor((2^(shift+1) a + b) / (2 b)), for a b whose bounds are at least 1.
"""

import math

from zkinfer.circuit import arrange
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets import division
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, broadcast, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Shapes broadcast; the scale is that of a, grown by shift, less that of b."""
    a, b = tensors
    shift = attrs["shift"]
    require(0 <= shift <= 62, f"a shift of {shift}")
    require(b.low >= 1, f"a divisor that may be {b.low}; expected one of at least 1")
    wide = max(-a.low, a.high) << shift
    require(wide < 1 << 62, f"a 2^shift that could be {wide}; expected less than 2^62")
    return (FixedTensor(broadcast(a, b), a.scale + shift - b.scale, *quotients(a, b, shift)),)


def quotients(a: FixedTensor | Value, b: FixedTensor | Value, shift: int) -> tuple[int, int]:
    """The bounds of the result: it is greatest and least where both operands are."""
    ends = [((x << shift + 1) + y) // (2 * y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(ends), max(ends)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Rounds half up."""
    a, b = arrays
    return (division.rounded(a << attrs["shift"], b),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """Division with remainder, both range-checked; the result is stored."""
    x, by = arrange.broadcasted(b, path, *values)
    shift = attrs["shift"]
    return (division.divide(b, path, x, by, shift, *quotients(x, by, shift)),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """The bits of the quotient, twice those of the remainder, and one number, for each entry."""
    (_, b), (y,) = tensors, outputs
    one = bits.padded(bits.width_of(y)) + 2 * bits.padded((2 * b.high - 1).bit_length()) + 1
    return math.prod(y.shape) * one


OP = Operator(
    attrs={"shift": "int"},
    inputs=(2, 2),
    infer=infer,
    forward=forward,
    lift=lift.broadcast,
    constrain=constrain,
    cost=cost,
)
