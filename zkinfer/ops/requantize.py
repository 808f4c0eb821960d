"""requantize: rounds to a coarser scale and saturates.

y = clip(floor((x + 2^(shift-1)) / 2^shift), low, high); with shift 0 only the clip. ReLU and Clip
are requantize with other bounds. Whether low and high are ends of a calibrated range, which values
may saturate at, and not the model's own, is said for provers: it changes no result.
"""

import math

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.rescale import Ratio, rescale
from zkinfer.circuit.value import Interval, Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Open, Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def rounded(x: int, shift: int) -> int:
    """floor((x + 2^(shift-1)) / 2^shift)."""
    return (x + (1 << shift >> 1)) >> shift


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The scale shrinks by shift; the bounds are those of the clip, or tighter."""
    (x,) = tensors
    shift, low, high = attrs["shift"], attrs["low"], attrs["high"]
    require(0 <= shift <= 62, f"a shift of {shift}")
    require(low <= high, f"bounds {low} to {high}")
    bounds = [max(low, min(high, rounded(end, shift))) for end in (x.low, x.high)]
    return (FixedTensor(x.shape, x.scale - shift, *bounds),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Rounds half up, then saturates."""
    (x,) = arrays
    shift = attrs["shift"]
    quotient = x + (1 << shift >> 1)
    quotient >>= shift
    return (np.clip(quotient, attrs["low"], attrs["high"]),)


def excess(attrs: Attrs, x: Integers) -> npt.NDArray[np.float64]:
    """How many times the calibrated range each number is; 1 where it loses a step at most.

    Below a range that ends above 0 it is 1 and the part of that end that is lacking.
    """
    low, high = attrs["low"], attrs["high"]
    ends = np.array([x.min(), x.max()])
    quotients = np.ldexp(ends.astype(np.float64), -attrs["shift"])
    above = attrs["high_saturates"] and quotients[1] > high + 1.5
    below = attrs["low_saturates"] and quotients[0] < low - 1.5
    if not above and not below:
        return np.broadcast_to(np.float64(1), x.shape)
    quotients = np.ldexp(x.astype(np.float64), -attrs["shift"])
    times = np.ones(x.shape)
    if above:
        times = np.where(quotients > high + 1.5, quotients / max(high + 1, 1), times)
    if below:
        lacking = 2 - quotients / low if low > 0 else quotients / min(low, -1)
        times = np.where(quotients < low - 1.5, lacking, times)
    return times


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """Rounding and saturation, both range-checked; the result is stored."""
    (x,) = values
    return (rescale(b, path, x, Ratio.rounding(attrs["shift"]), attrs["low"], attrs["high"]),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """The bits of remainder, output and excess and one number, for each entry."""
    (x,), (y,) = tensors, outputs
    below = max(y.low - rounded(x.low, attrs["shift"]), 0)
    above = max(rounded(x.high, attrs["shift"]) - y.high, 0)
    signed = bool(below) and bool(above)
    excess = max(below, above).bit_length() + signed
    one = bits.padded(attrs["shift"]) + bits.range_check(y) + bits.padded(excess) + 1
    return math.prod(y.shape) * one


OP = Operator(
    attrs={
        "shift": "int",
        "low": "int",
        "high": "int",
        "low_saturates": "bool",
        "high_saturates": "bool",
    },
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=cost,
    takes_open=lambda *_: Open.ANYTHING,
    keeps_order=lambda *_: True,
    excess=excess,
    certain=lambda attrs: Interval(attrs["low"], attrs["high"]),
)
