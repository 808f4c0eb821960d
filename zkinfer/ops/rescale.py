"""rescale: times a public ratio, rounded down after an offset, and saturated.

y = clip(floor((m x + c) / d), low, high), with one m, d and c, or one of each for every index of an
axis, that with `behind` axes behind it. An odd quotient y begins later by a skew e, at
m x + c = d y + e, so that halves can go to even. It is what quantized models do to their sums of
products: multiply, round, add a zero point and clip. With a d of 1 and bounds that are no clip it
is free. `scale` is that of the result.
"""

import math

import numpy as np

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets import rescale as gadget
from zkinfer.circuit.gadgets.rescale import Digits, Ratio
from zkinfer.circuit.value import Interval, Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Open, Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, axis_of, require

SERIES = ("multipliers", "divisors", "offsets", "skews")


def ratio(attrs: Attrs) -> Ratio:
    """The numbers of the attributes."""
    multipliers, divisors, offsets, skews = (attrs[name] for name in SERIES)
    return Ratio(multipliers, divisors, offsets, skews, attrs["behind"])


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """multipliers and divisors are positive; divisors less skews, which are thirds of them at most,
    are of one width (Ratio); low is below high.
    """
    (x,) = tensors
    low, high = attrs["low"], attrs["high"]
    series = [attrs[name] for name in SERIES]
    count = len(series[0])
    require(all(len(numbers) == count for numbers in series), "lists of different lengths")
    behind = attrs["behind"]
    if count == 1:
        require(behind == 0, f"{behind} axes behind that of one number")
    else:
        axis = axis_of(len(x.shape) - 1 - behind, len(x.shape), "the axis of the ratio")
        fits = x.shape[axis] == count
        require(fits, f"{count} numbers for axis {axis} of the shape {x.shape}")
    require(all(0 < m < 1 << 40 for m in series[0]), "a multiplier beyond 1 to 2^40")
    require(all(0 < d < 1 << 62 for d in series[1]), "a divisor beyond 1 to 2^62")
    skews = all(3 * abs(e) <= d < 1 << 61 for d, e in zip(series[1], series[3], strict=True) if e)
    require(skews, "a skew beyond a third of its divisor, or of one beyond 2^61")
    numbers = ratio(attrs)
    widths = {(span - 1).bit_length() for span in numbers.spans}
    require(len(widths) == 1, "divisors of different widths")
    require(low < high, f"bounds {low} to {high}")
    wide = max(map(abs, numbers.dividends(x.low, x.high)))
    require(wide < 1 << 62, f"m x + c that could be {wide}; expected less than 2^62")
    ends = numbers.quotients(x.low, x.high)
    bounds = (max(low, min(high, end)) for end in ends)
    return (FixedTensor(x.shape, attrs["scale"], *bounds),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Rounds down, then saturates."""
    (x,) = arrays
    quotient, _ = ratio(attrs).divided(x)
    return (np.clip(quotient, attrs["low"], attrs["high"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """Division and saturation, both range-checked; the result is stored."""
    (x,) = values
    return (gadget.rescale(b, path, x, ratio(attrs), attrs["low"], attrs["high"]),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """The bits of the quotient and the remainder, and one number, for each entry."""
    (x,), (y,) = tensors, outputs
    numbers = ratio(attrs)
    ends = numbers.quotients(x.low, x.high)
    d = Digits.fitting(*ends, attrs["low"], attrs["high"], skewed=numbers.skewed)
    if not numbers.width and not d.above and not d.below:
        return 0
    return math.prod(y.shape) * (bits.padded(numbers.width + d.count) + 1)


def takes_open(attrs: Attrs, operand: FixedTensor, outputs: tuple[FixedTensor, ...]) -> Open:
    """A product times one number is one still."""
    return Open.ANYTHING if len(attrs["multipliers"]) == 1 else Open.NOTHING


def keeps_order(attrs: Attrs, x: FixedTensor) -> bool:
    """Between entries with one ratio, as those of a channel are."""
    return len(attrs["multipliers"]) == 1 or attrs["behind"] == len(x.shape) - 2


OP = Operator(
    attrs={
        "behind": "int",
        "multipliers": "ints",
        "divisors": "ints",
        "offsets": "ints",
        "skews": "ints",
        "low": "int",
        "high": "int",
        "scale": "int",
    },
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=cost,
    takes_open=takes_open,
    keeps_order=keeps_order,
    certain=lambda attrs: Interval(attrs["low"], attrs["high"]),
)
