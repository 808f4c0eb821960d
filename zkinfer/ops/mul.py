"""mul: the elementwise product of two tensors with broadcasting, exact integers.

y = a b. The scale is the sum of the scales.
"""

from zkinfer.circuit import arrange
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.nonlinear import multiply
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, broadcast, product_bounds


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Shapes broadcast."""
    a, b = tensors
    return (FixedTensor(broadcast(a, b), a.scale + b.scale, *product_bounds(a, b)),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The product."""
    a, b = arrays
    return (a * b,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """One row an entry, in the block `product`."""
    x, y = values
    x, y = arrange.broadcasted(b, path, x, y)
    return (multiply(b, f"{path}/product", x, y),)


OP = Operator(
    attrs={},
    inputs=(2, 2),
    infer=infer,
    forward=forward,
    lift=lift.broadcast,
    constrain=constrain,
)
