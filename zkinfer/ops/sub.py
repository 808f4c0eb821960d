"""sub: difference of two tensors with broadcasting, brought to one scale, exact integers.

y = a 2^shift_a - b 2^shift_b.
"""

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import add, lift, neg
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Both operands reach the same scale."""
    a, b = tensors
    return add.infer(attrs, a, *neg.infer({}, b))


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The difference."""
    a, b = arrays
    return ((a << attrs["shift_a"]) - (b << attrs["shift_b"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A linear combination: no constraints."""
    x, y = values
    return (add.combine(b, path, attrs, x, y, -1),)


OP = Operator(
    attrs=add.OP.attrs,
    inputs=(2, 2),
    infer=infer,
    forward=forward,
    lift=lift.broadcast,
    constrain=constrain,
    takes_open=add.takes_open,
)
