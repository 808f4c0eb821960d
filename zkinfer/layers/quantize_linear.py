"""quantize_linear(x): min(max(round(x scale) + zero, low), high), or with x / scale; half to even.

Attributes: scales, numbers of float32, and zeros, integers, one of each or one for each index of
the axis with `behind` axes behind it; divides, whether the scales divide; low, high, integers.

The product is rounded to float32 before it is rounded to an integer, as onnxruntime does. In
integers it is the floor of a line (zkinfer.layers.staircase), equal to it at every integer that x
may be. Where there is none, as numbers halfway between two integers are met again and again, even
results and the steps to odd ones have a line each:

    j = floor((m x + 2^(k-1)) / 2^(k+1)),   y = 2 j + [m x - 2^(k+1) j > 2^(k-1)]

for x scale = m x / 2^k. Where there is none as float32 moves a product over such a number, it is
the line of the exact product, which differs at those x alone.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Layer,
    TooWideError,
)
from zkinfer.layers.dequantize_linear import along
from zkinfer.layers.emitting import EXACT, rounding, step
from zkinfer.layers.staircase import Function, Line, around, line, ratio
from zkinfer.ops import lift
from zkinfer.ops.tensor import FixedTensor, Integers

MOST_BITS = 60

Rounding = Callable[[float, bool, int], Function]
"""round(x scale), or round(x / scale), by the integers X of x = X / 2^digits: of the scale, whether
it divides, and digits.
"""


def _quantize(attrs: Attrs, x: Floats) -> Floats:
    scales, zeros = (along(attrs, name) for name in ("scales", "zeros"))
    y = _rounded(x, scales, divides=attrs["divides"]) + zeros
    return np.clip(y, attrs["low"], attrs["high"])


def _rounded(x: Floats, scale: Floats | float, *, divides: bool) -> Floats:
    """round(x scale) or round(x / scale), of float32."""
    with np.errstate(over="ignore"):  # what is beyond float32 is beyond all bounds
        narrow, by = x.astype(np.float32), np.asarray(scale, np.float32)
        y: Floats = np.rint(narrow / by if divides else narrow * by).astype(np.float64)
    return y


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((attrs["low"], attrs["high"]),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    attrs, name, output = node.attrs, node.name, b.own(node.outputs[0])
    x = b.as_it_is(node.inputs[0])
    lines = _lines(b.tensor(x), attrs, _by_float32)
    if lines is None:
        halves = _halves(b.tensor(x), attrs)
        if halves is not None:
            _emit_halves(b, name, x, attrs, halves, output)
            return (Emitted(output, raw=False),)
        lines = _lines(b.tensor(x), attrs, _by_fraction)
    if lines is None:
        raise TooWideError(f"node {name} (quantize_linear): no line has its steps")
    ends = {"low": attrs["low"], "high": attrs["high"]}
    moved = _moved(lines, attrs["zeros"])
    b.emit(name, "rescale", (x,), output, **ratio(moved, attrs["behind"]), **ends)
    return (Emitted(output, raw=False),)


def _moved(lines: list[Line], numbers: tuple[int, ...]) -> list[Line]:
    """Lines with integers added."""
    pairs = zip(lines, numbers, strict=True)
    return [line._replace(offset=line.offset + line.divisor * n) for line, n in pairs]


def _lines(x: FixedTensor, attrs: Attrs, function: Rounding) -> list[Line] | None:
    """The line of each scale, before zeros are added; None if one has none."""
    ends = attrs["low"], attrs["high"]
    lines = [
        _line(function, scale, attrs["divides"], x.scale, (x.low, x.high), zero, ends)
        for scale, zero in zip(attrs["scales"], attrs["zeros"], strict=True)
    ]
    return [line for line in lines if line is not None] if None not in lines else None


@lru_cache(maxsize=1 << 14)
def _line(
    function: Rounding,
    scale: float,
    divides: bool,
    digits: int,
    domain: tuple[int, int],
    zero: int,
    ends: tuple[int, int],
) -> Line | None:
    """That of integers of a domain which stand for X / 2^digits. ends: of results with the zero."""
    rounded = function(scale, divides, digits)
    steps, at = around(rounded, np.arange(ends[0] - zero + 1, ends[1] - zero + 1), *domain)
    return line(steps, at) if len(steps) else _level(rounded, *domain)


def _level(rounded: Function, low: int, high: int) -> Line:
    """A line without steps."""
    width = (high - low + 1).bit_length()
    return Line(1, 1 << width, (int(rounded(np.array([low]))[0]) << width) - low)


def _by_float32(scale: float, divides: bool, digits: int) -> Function:
    """Of integers X that stand for X / 2^digits."""

    def function(x: Integers) -> Integers:
        values = np.ldexp(x.astype(np.float64), -digits)
        y = _rounded(values, scale, divides=divides)
        return np.clip(y, -(2.0**62), 2.0**62).astype(np.int64)

    return function


def _by_fraction(scale: float, divides: bool, digits: int) -> Function:
    """The same of the exact product, half up."""
    m, d = _factor(scale, divides, digits).as_integer_ratio()

    def function(x: Integers) -> Integers:
        y = (2 * m * x.astype(object) + d) // (2 * d)
        return np.clip(y, -(2**62), 2**62).astype(np.int64)

    return function


def _factor(scale: float, divides: bool, digits: int) -> Fraction:
    """The scale of integers X that stand for X / 2^digits."""
    factor = 1 / Fraction(scale) if divides else Fraction(scale)
    return factor / Fraction(2) ** digits


def _halves(x: FixedTensor, attrs: Attrs) -> list[tuple[int, int]] | None:
    """m and k of each scale, if m x / 2^k is what is rounded, and float32 does not change it."""
    found = []
    for scale, zero in zip(attrs["scales"], attrs["zeros"], strict=True):
        m, d = _factor(scale, attrs["divides"], x.scale).as_integer_ratio() if scale else (0, 1)
        if not 0 < m < 1 << 24 or d < 2 or d & (d - 1) or d >= 1 << MOST_BITS:
            return None
        rounded = _by_float32(scale, attrs["divides"], x.scale)
        steps = np.arange(attrs["low"] - zero + 1, attrs["high"] - zero + 1)
        steps, at = around(rounded, steps, x.low, x.high)
        for y, t in zip(steps.tolist(), at.tolist(), strict=True):
            exact = -((d * (1 - 2 * y)) // (2 * m))
            tied = 2 * m * exact == d * (2 * y - 1)
            if t != exact + (tied and y % 2):
                return None
        found.append((m, d.bit_length() - 1))
    return found


def _emit_halves(
    b: Emitter, name: str, x: str, attrs: Attrs, halves: list[tuple[int, int]], output: str
) -> None:
    """2 j + [m x - 2^(k+1) j > 2^(k-1)], plus the zero, within bounds."""
    behind, zeros = attrs["behind"], attrs["zeros"]
    firsts = [(attrs["low"] - zero) // 2 for zero in zeros]
    lasts = [(attrs["high"] - zero) // 2 for zero in zeros]

    def rescaled(suffix: str, x: str, lines: list[Line], low: int, high: int) -> str:
        attrs = {**ratio(lines, behind), "low": low, "high": high}
        return step(b, name, suffix, "rescale", x, **attrs)

    def linear(suffix: str, x: str, lines: list[Line]) -> str:
        ends = [line.multiplier * end + line.offset for line in lines for end in _ends(b, x)]
        return rescaled(suffix, x, lines, min(ends), max(ends) + 1)

    lines = [Line(m, 2 << k, 1 << k >> 1) for m, k in halves]
    j = rescaled("/half", x, lines, min(firsts), max(lasts))
    product = linear("/product", x, [Line(m, 1, 0) for m, _ in halves])
    taken = linear("/taken", j, [Line(2 << k, 1, 0) for _, k in halves])
    rest = step(b, name, "/rest", "sub", product, taken, shift_a=0, shift_b=0)
    lines = [Line(1, 1 << k, (1 << k >> 1) - 1) for _, k in halves]
    odd = rescaled("/odd", rest, lines, 0, 1)
    even = linear("/even", j, [Line(2, 1, zero) for zero in zeros])
    total = step(b, name, "/total", "add", even, odd, shift_a=0, shift_b=0)
    bounds = attrs["low"], attrs["high"]
    rounding(b, name, total, output, shift=0, bounds=bounds, saturates=EXACT)


def _ends(b: Emitter, x: str) -> tuple[int, int]:
    return b.tensor(x).low, b.tensor(x).high


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _quantize),
    interval=rules.increasing(_quantize),
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
