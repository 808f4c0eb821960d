"""mul: the elementwise product of two tensors with broadcasting, exact integers.

y = a b. The scale is the sum of the scales.
"""

import numpy as np

from zkinfer.circuit import arrange
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.nonlinear import multiply
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, ShapeError, product_bounds

ATTRS: dict[str, str] = {}
INPUTS = (2, 2)


def infer(attrs: Attrs, a: FixedTensor, b: FixedTensor) -> FixedTensor:
    """Shapes broadcast."""
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise ShapeError(f"{a.shape} and {b.shape} do not broadcast") from error
    return FixedTensor(shape, a.scale + b.scale, *product_bounds(a, b))


def forward(attrs: Attrs, a: Integers, b: Integers) -> Integers:
    """The product."""
    return a * b


def constrain(b: Builder, path: str, attrs: Attrs, x: Value, y: Value) -> Value:
    """One row an entry, in the block `product`."""
    x, y = arrange.broadcasted(b, path, x, y)
    return multiply(b, f"{path}/product", x, y)
