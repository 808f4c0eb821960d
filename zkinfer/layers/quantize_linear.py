"""quantize_linear(x): min(max(round(x scale) + zero, low), high), or with x / scale; half to even.

Attributes: scales, numbers of float32, and zeros, integers, one of each or one for each index of
the axis with `behind` axes behind it; divides, whether the scales divide; low, high, integers; and
held, as many scales by which integers are multiplied before, where they are.

The product is rounded to float32 before it is rounded to an integer, as onnxruntime does, but that
of a fixed-point x with a fraction, which is an approximation itself, is not. In
integers it is the floor of a line (zkinfer.layers.staircase), equal to it at every integer that x
may be. Where there is none, as numbers halfway between two integers are met again and again, or as
float32 moves a product onto one, odd steps are skewed. Where no such line has all steps either,
runs of them have lines of their own: the result is the sum of the floors. One step alone always has
a line. Where that would take many, few integers have a table of their results; else, as among
results of 16 bits, which float32 has few digits for, the exact product is rounded.
"""

from bisect import bisect
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from zkinfer.encoding import Quantization, held, rounded
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
)
from zkinfer.layers.dequantize_linear import along
from zkinfer.layers.staircase import Line, around, line, ratio
from zkinfer.ops import lift
from zkinfer.ops.tensor import Integers

MOST_PARTS = 8
MOST_STEPS = 1 << 12
"""The most lines, and the most steps, that follow float32."""

FEW = 2
MOST_LISTED = 1 << 10
"""Where there are so few integers that more lines than a few are worth a table."""


def _quantize(attrs: Attrs, x: Floats) -> Floats:
    scales, zeros = (along(attrs, name) for name in ("scales", "zeros"))
    if "held" in attrs:
        x = held(x, along(attrs, "held"))
    y = rounded(x, scales, divides=attrs["divides"]) + zeros
    return np.clip(y, attrs["low"], attrs["high"])


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((attrs["low"], attrs["high"]),)


def _quantization(attrs: Attrs) -> Quantization | None:
    if not attrs["divides"] or len(attrs["scales"]) != 1 or "held" in attrs:
        return None
    return Quantization.of(attrs["scales"][0], attrs["zeros"][0])


class _Rounding(NamedTuple):
    """How integers X of a domain, which stand for X / 2^digits, are rounded to results between
    ends, these with the zero; exact, or in float32.
    """

    divides: bool
    digits: int
    domain: tuple[int, int]
    ends: tuple[int, int]
    exact: bool


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The sum of the staircases of some of the steps each, or a table."""
    attrs, name, output = node.attrs, node.name, b.own(node.outputs[0])
    x, behind = b.as_it_is(node.inputs[0]), attrs["behind"]
    tensor, total = b.tensor(x), ""
    ones = (1.0,) * len(attrs["scales"])
    series = tuple(zip(attrs.get("held", ones), attrs["scales"], attrs["zeros"], strict=True))
    domain, ends = (tensor.low, tensor.high), (attrs["low"], attrs["high"])
    by = _Rounding(attrs["divides"], tensor.scale, domain, ends, exact=False)
    whole, steps = not tensor.scale, ends[1] - ends[0]
    few = whole and len(series) == 1 and domain[1] - domain[0] < MOST_LISTED
    parts = None
    if whole and steps < MOST_STEPS:
        parts = _runs(series, by, most=FEW if few else MOST_PARTS)
    if parts is None and few:
        results = _quantize(attrs, np.arange(domain[0], domain[1] + 1, dtype=np.float64))
        values = results.astype(np.int64).tolist()
        listed = {"first": domain[0], "values": (*values, values[-1])}
        b.emit(name, "interpolate", (x,), output, shift=0, scale=0, **listed)
        return (Emitted(output, raw=False),)
    if parts is None:
        parts = _runs(series, by._replace(exact=True), most=steps) or []
    for place, (count, lines) in enumerate(parts):
        last, first = place == len(parts) - 1, 0 if place else attrs["low"]
        lines = [line.raised(first) for line in lines]
        made = output if last and not place else b.derived(name, f"/part/{place}")
        called, clip = name if made == output else made, {"low": first, "high": first + count}
        b.emit(called, "rescale", (x,), made, **ratio(lines, behind), **clip)
        if place:
            target = output if last else b.derived(name, f"/sum/{place}")
            called = name if last else target
            b.emit(called, "add", (total, made), target, shift_a=0, shift_b=0)
            made = target
        total = made
    return (Emitted(output, raw=False),)


@lru_cache(maxsize=1 << 10)
def _runs(
    series: tuple[tuple[float, float, int], ...], by: _Rounding, *, most: int
) -> list[tuple[int, list[Line]]] | None:
    """Runs of steps from the least result on, as long as all scales have lines for them: how many
    steps, and the lines. None if there are more runs than so many. series: what is held, scales
    and zeros.
    """

    def lines(part: range) -> list[Line] | None:
        made = []
        for numbers in series:
            found = _line(numbers, by, part)
            if found is None:
                return None
            made.append(found)
        return made

    steps = range(1, by.ends[1] - by.ends[0] + 1)
    runs: list[tuple[int, list[Line]]] = []
    while steps:
        if len(runs) == most:
            return None
        run, made = steps, lines(steps)
        while made is None:
            longer = range(1, len(run))
            run = steps[: bisect(longer, False, key=lambda n: lines(steps[:n]) is None)]
            made = lines(run)
        runs.append((len(run), made))
        steps = steps[len(run) :]
    return runs


@lru_cache(maxsize=1 << 16)
def _line(numbers: tuple[float, float, int], by: _Rounding, part: range) -> Line | None:
    """The line of a part of the steps, if there is one."""
    steps, at = _thresholds(numbers, by)
    known = np.isin(steps, np.array(part))
    if known.any():
        counted = steps[known] - part.start + 1
        return line(counted, at[known]) or line(counted, at[known], skewed=True)
    low, high = by.domain
    count = int(((steps <= part.start) & (at <= low)).any()) * len(part)
    width = (high - low + 1).bit_length()
    return Line(1, 1 << width, (count << width) - low)


@lru_cache(maxsize=1 << 12)
def _thresholds(numbers: tuple[float, float, int], by: _Rounding) -> tuple[Integers, Integers]:
    """The steps that a domain holds and some around them, and their thresholds."""
    dtype = np.float64 if by.exact else np.float32
    (first, scale, zero), (low, high) = numbers, by.ends

    def function(x: Integers) -> Integers:
        values = held(np.ldexp(x.astype(np.float64), -by.digits), first, dtype)
        y = rounded(values, scale, dtype, divides=by.divides) - (low - zero)
        return np.clip(y, -(2.0**62), 2.0**62).astype(np.int64)

    return around(function, np.arange(1, high - low + 1), *by.domain)


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
    quantization=_quantization,
    step=lambda *_: 1.0,
)
