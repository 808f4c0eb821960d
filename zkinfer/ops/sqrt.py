"""sqrt: the square root of x 2^shift, rounded down.

y = floor(sqrt(2^shift x)), for an x whose bounds are at least 0; its scale and the shift make an
even number.
"""

import math

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets import root
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The scale is half of that of x and shift."""
    (x,) = tensors
    shift = attrs["shift"]
    require(0 <= shift <= 62, f"a shift of {shift}")
    require(x.low >= 0, f"a number that may be {x.low}; expected one of at least 0")
    require(x.high << shift < 1 << 62, f"x 2^shift that could be {x.high << shift}, beyond 2^62")
    require((x.scale + shift) % 2 == 0, f"a shift of {shift} for a scale of {x.scale}; both even")
    low, high = (math.isqrt(end << shift) for end in (x.low, x.high))
    return (FixedTensor(x.shape, (x.scale + shift) // 2, low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Rounds down."""
    (x,) = arrays
    return (root.roots(x << attrs["shift"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A square and what it lacks, range-checked; the result is stored."""
    (x,) = values
    low, high = (math.isqrt(end << attrs["shift"]) for end in (x.low, x.high))
    return (root.square_root(b, path, x, attrs["shift"], low, high),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """Twice the bits of twice the root, and one number, for each entry."""
    (y,) = outputs
    return math.prod(y.shape) * (2 * bits.padded(max(2 * y.high, 1).bit_length()) + 1)


OP = Operator(
    attrs={"shift": "int"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=cost,
)
