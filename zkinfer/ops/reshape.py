"""reshape: the same entries in row-major order under another shape."""

import math

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.layout import MAX_AXES
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

ATTRS = {"shape": "ints"}
INPUTS = (1, 1)


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """shape: at most 8 explicit extents, as many entries as x."""
    shape = tuple(attrs["shape"])
    possible = len(shape) <= MAX_AXES and all(extent > 0 for extent in shape)
    fits = possible and math.prod(shape) == math.prod(x.shape)
    require(fits, f"{x.shape} does not reshape to {shape}")
    return FixedTensor(shape, x.scale, x.low, x.high)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """A view."""
    return x.reshape(attrs["shape"])


def constrain(b: Builder, path: str, attrs: Attrs, x: Value) -> Value:
    """A view; a stored copy where the old and the new axes have no common factors."""
    return b.reshape(path, x, attrs["shape"])
