"""add: sum of two tensors with broadcasting, brought to one scale, exact integers.

y = a 2^shift_a + b 2^shift_b.
"""

import numpy as np

from zkinfer.circuit import arrange, linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, ShapeError, require

ATTRS = {"shift_a": "int", "shift_b": "int"}
INPUTS = (2, 2)


def infer(attrs: Attrs, a: FixedTensor, b: FixedTensor) -> FixedTensor:
    """Both operands reach the same scale."""
    shift_a, shift_b = attrs["shift_a"], attrs["shift_b"]
    require(0 <= shift_a <= 62 and 0 <= shift_b <= 62, f"shifts of {shift_a} and {shift_b}")
    require(a.scale + shift_a == b.scale + shift_b, "the operands are not brought to one scale")
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise ShapeError(f"{a.shape} and {b.shape} do not broadcast") from error
    return FixedTensor(
        shape,
        a.scale + shift_a,
        (a.low << shift_a) + (b.low << shift_b),
        (a.high << shift_a) + (b.high << shift_b),
    )


def forward(attrs: Attrs, a: Integers, b: Integers) -> Integers:
    """The sum."""
    return (a << attrs["shift_a"]) + (b << attrs["shift_b"])


def constrain(b: Builder, path: str, attrs: Attrs, x: Value, y: Value) -> Value:
    """A linear combination: no constraints."""
    return combine(b, path, attrs, x, y, 1)


def combine(b: Builder, path: str, attrs: Attrs, x: Value, y: Value, sign: int) -> Value:
    """x 2^shift_a + sign y 2^shift_b."""
    x, y = arrange.broadcasted(b, path, x, y)
    if x.parts or y.parts:
        x, y = b.unweighted(f"{path}/left", x), b.unweighted(f"{path}/right", y)
    factors = (1 << attrs["shift_a"], sign << attrs["shift_b"])
    return linear.add(linear.scale(x, factors[0]), linear.scale(y, factors[1]))
