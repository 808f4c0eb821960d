"""sub: difference of two tensors with broadcasting, brought to one scale, exact integers.

y = a 2^shift_a - b 2^shift_b.
"""

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import add, neg
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers

ATTRS = add.ATTRS
INPUTS = (2, 2)


def infer(attrs: Attrs, a: FixedTensor, b: FixedTensor) -> FixedTensor:
    """Both operands reach the same scale."""
    return add.infer(attrs, a, neg.infer({}, b))


def forward(attrs: Attrs, a: Integers, b: Integers) -> Integers:
    """The difference."""
    return (a << attrs["shift_a"]) - (b << attrs["shift_b"])


def constrain(b: Builder, path: str, attrs: Attrs, x: Value, y: Value) -> Value:
    """A linear combination: no constraints."""
    return add.combine(b, path, attrs, x, y, -1)
