"""reshape: the same entries in row-major order under another shape."""

import math

from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

ATTRS = {"shape": "ints"}
INPUTS = (1, 1)


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """shape: explicit extents, as many entries as x."""
    shape = tuple(attrs["shape"])
    fits = all(extent > 0 for extent in shape) and math.prod(shape) == math.prod(x.shape)
    require(fits, f"{x.shape} does not reshape to {shape}")
    return FixedTensor(shape, x.scale, x.low, x.high)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """A view."""
    return x.reshape(attrs["shape"])
