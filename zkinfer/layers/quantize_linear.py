"""quantize_linear(x): min(max(round(x scale) + zero, low), high), or with x / scale; half to even.

Attributes: scales, numbers of float32, and zeros, integers, one of each or one for each index of
the axis with `behind` axes behind it; divides, whether the scales divide; low, high, integers.

The product is rounded to float32 before it is rounded to an integer, as onnxruntime does. In
integers it is the floor of a line (zkinfer.layers.staircase), equal to it at every integer that x
may be. Where there is none, as numbers halfway between two integers are met again and again, or as
float32 moves a product onto one, every other step, or every fourth, is taken apart: the result is
the sum of the floors of a line each.
"""

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
)
from zkinfer.layers.dequantize_linear import along
from zkinfer.layers.staircase import Function, Line, around, line, ratio
from zkinfer.ops import lift
from zkinfer.ops.tensor import FixedTensor, Integers


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
    """The sum of as many staircases as it takes for each to be a line."""
    attrs, name, output = node.attrs, node.name, b.own(node.outputs[0])
    x, low, high = b.as_it_is(node.inputs[0]), attrs["low"], attrs["high"]
    parts = 1
    while (found := _lines(b.tensor(x), attrs, parts)) is None:
        parts *= 2
    made = []
    for part, lines in enumerate(found):
        last = part == parts - 1
        first = low if last else 0
        moved = [line._replace(offset=line.offset + first * line.divisor) for line in lines]
        ends = {"low": first, "high": first + _count(high - low, part, parts)}
        target = output if parts == 1 else b.derived(name, f"/{part}")
        series = ratio(moved, attrs["behind"])
        b.emit(name if parts == 1 else target, "rescale", (x,), target, **series, **ends)
        made.append(target)
    for part, other in enumerate(made[1:], 1):
        target = output if part == parts - 1 else b.derived(name, f"/sum/{part}")
        by = name if target == output else target
        b.emit(by, "add", (made[0], other), target, shift_a=0, shift_b=0)
        made[0] = target
    return (Emitted(output, raw=False),)


def _count(steps: int, part: int, parts: int) -> int:
    """How many of so many steps are the part's: every so many-th."""
    return (steps - part + parts - 1) // parts


def _lines(x: FixedTensor, attrs: Attrs, parts: int) -> list[list[Line]] | None:
    """By part the lines of all scales, from 0 on; None where one has none."""
    ends = attrs["low"], attrs["high"]
    found = [
        [
            _line(scale, attrs["divides"], x.scale, (x.low, x.high), zero, ends, part, parts)
            for scale, zero in zip(attrs["scales"], attrs["zeros"], strict=True)
        ]
        for part in range(parts)
    ]
    known = [[line for line in lines if line is not None] for lines in found]
    return known if list(map(len, known)) == list(map(len, found)) else None


@lru_cache(maxsize=1 << 14)
def _line(
    scale: float,
    divides: bool,
    digits: int,
    domain: tuple[int, int],
    zero: int,
    ends: tuple[int, int],
    part: int,
    parts: int,
) -> Line | None:
    """How many of a part's steps are below an integer X of a domain, which stands for
    X / 2^digits. ends: of results with the zero.
    """
    first = ends[0] - zero + 1 + part

    def function(x: Integers) -> Integers:
        values = np.ldexp(x.astype(np.float64), -digits)
        y = _rounded(values, scale, divides=divides)
        counts = np.floor((y - first) / parts) + 1
        return np.clip(counts, -(2.0**62), 2.0**62).astype(np.int64)

    count = _count(ends[1] - ends[0], part, parts)
    steps, at = around(function, np.arange(1, count + 1), *domain)
    return line(steps, at) if len(steps) else _level(function, *domain)


def _level(function: Function, low: int, high: int) -> Line:
    """A line without steps."""
    width = (high - low + 1).bit_length()
    return Line(1, 1 << width, (int(function(np.array([low]))[0]) << width) - low)


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
