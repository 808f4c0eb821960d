"""requantize: rounds to a coarser scale and saturates.

y = clip(floor((x + 2^(shift-1)) / 2^shift), low, high); with shift 0 only the clip. ReLU and Clip
are requantize with other bounds.
"""

import numpy as np

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.rescale import rescale
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

ATTRS = {"shift": "int", "low": "int", "high": "int"}
INPUTS = (1, 1)


def rounded(x: int, shift: int) -> int:
    """floor((x + 2^(shift-1)) / 2^shift)."""
    return (x + (1 << shift >> 1)) >> shift


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """The scale shrinks by shift; the bounds are those of the clip, or tighter."""
    shift, low, high = attrs["shift"], attrs["low"], attrs["high"]
    require(0 <= shift <= 62, f"a shift of {shift}")
    require(low <= high, f"bounds {low} to {high}")
    bounds = [max(low, min(high, rounded(end, shift))) for end in (x.low, x.high)]
    return FixedTensor(x.shape, x.scale - shift, *bounds)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """Rounds half up, then saturates."""
    shift = attrs["shift"]
    quotient = (x + (1 << shift >> 1)) >> shift if shift else x
    return np.clip(quotient, attrs["low"], attrs["high"])


def constrain(b: Builder, path: str, attrs: Attrs, x: Value) -> Value:
    """Rounding and saturation, both range-checked; the result is stored."""
    return rescale(b, path, x, attrs["shift"], attrs["low"], attrs["high"])
