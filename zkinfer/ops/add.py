"""add: sum of two tensors with broadcasting, brought to one scale, exact integers.

y = a 2^shift_a + b 2^shift_b.
"""

from zkinfer.circuit import arrange, linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Open, Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, broadcast, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Both operands reach the same scale."""
    a, b = tensors
    shift_a, shift_b = attrs["shift_a"], attrs["shift_b"]
    require(0 <= shift_a <= 62 and 0 <= shift_b <= 62, f"shifts of {shift_a} and {shift_b}")
    require(a.scale + shift_a == b.scale + shift_b, "the operands are not brought to one scale")
    low = (a.low << shift_a) + (b.low << shift_b)
    high = (a.high << shift_a) + (b.high << shift_b)
    return (FixedTensor(broadcast(a, b), a.scale + shift_a, low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The sum."""
    a, b = arrays
    return ((a << attrs["shift_a"]) + (b << attrs["shift_b"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A linear combination: no constraints."""
    x, y = values
    return (combine(b, path, attrs, x, y, 1),)


def combine(b: Builder, path: str, attrs: Attrs, x: Value, y: Value, sign: int) -> Value:
    """x 2^shift_a + sign y 2^shift_b."""
    x, y = arrange.broadcasted(b, path, x, y)
    if x.parts or y.parts:
        x, y = b.unweighted(f"{path}/left", x), b.unweighted(f"{path}/right", y)
    factors = (1 << attrs["shift_a"], sign << attrs["shift_b"])
    return linear.add(linear.scale(x, factors[0]), linear.scale(y, factors[1]))


def takes_open(attrs: Attrs, operand: FixedTensor, outputs: tuple[FixedTensor, ...]) -> Open:
    """Products of matrices make one sum, unless they are repeated."""
    return Open.SUMMANDS if operand.shape == outputs[0].shape else Open.NOTHING


OP = Operator(
    attrs={"shift_a": "int", "shift_b": "int"},
    inputs=(2, 2),
    infer=infer,
    forward=forward,
    lift=lift.broadcast,
    constrain=constrain,
    takes_open=takes_open,
)
