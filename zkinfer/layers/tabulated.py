"""How a function of one number becomes a fixed-point operator: a table, with lines between nodes.

The table spans the bounds of the operand's integers, or of those of all that are like it; where its
values would be too large there to be told apart as the format of the function does, as those of exp
soon are, only what calibration showed, beyond which values saturate. Its nodes are the fewest, a
power of two steps apart, with which the lines are as close as the function's format tells numbers
apart: half a step of it at most, if `MOST_NODES` are enough for that.

If they are not, and the function is a line of slope 0 or 1 beyond some l or h, as sigmoid and GELU
are, the table spans l to h only, and what is beyond is exact: with slopes a and b

    f(x) = t(min(max(x, l), h)) + a min(x, l) + b max(x, h),    t(c) = f(c) - a l - b h
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node
from zkinfer.layers.contract import Emitted, Emitter, Floats
from zkinfer.layers.emitting import EXACT, Emit, rounding

MOST_NODES = 1 << 12
FEWEST_NODES = 1 << 3

GUARD = 1
"""Bits of the values beyond those of the function's format."""

WIDE = 38
"""The most bits of a value."""

EVEN, NEAR, TAIL = 4 * MOST_NODES + 1, 1 << 11, 257
"""At how many places lines are compared: evenly spread, closer and closer to 0, beyond a table."""

Value = Callable[[Floats], Floats]
Domain = tuple[int, int]


def tabulated(value: Callable[[Node], Value]) -> Emit:
    """The operator. value: the function of a node, the same object for equal ones."""

    def emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
        source, output = node.inputs[0], b.raw(node.outputs[0])
        x, domain, scale = b.fixed(source), b.domain(source), b.scale(node.outputs[0])
        of = value(node)
        if _table(of, b.tensor(x).scale, *domain, scale).scale < scale:
            x, domain = _within(b, node.name, source, domain)
        table(b, node.name, of, x, output, scale, domain)
        return (Emitted(output, raw=True),)

    return emit


def _within(b: Emitter, node: str, source: str, domain: Domain) -> tuple[str, Domain]:
    """A float tensor kept to what calibration showed, and the integers that this is."""
    x, (ends, calibrated) = b.fixed(source), b.ends(source)
    if not calibrated:
        return x, domain
    low, high = (math.ldexp(end, b.tensor(x).scale) for end in ends)
    least = max(min(math.floor(low), domain[1] - 1), domain[0])
    most = min(max(math.ceil(high), least + 1), domain[1])
    name = b.derived(node, "/within")
    rounding(b, name, x, name, shift=0, bounds=(least, most), saturates=(True, True))
    return name, (least, most)


def table(
    b: Emitter,
    name: str,
    value: Value,
    x: str,
    output: str,
    scale: int,
    domain: Domain | None = None,
) -> None:
    """Emits a function of a fixed-point tensor, exact to a step of a scale; it is raw.

    domain: the integers that the table is for; those of the tensor's bounds if it is not given.
    """
    t = b.tensor(x)
    low, high = domain or (t.low, t.high)
    lines = _table(value, t.scale, low, high, scale)
    tails = None if lines.is_close else _tails(value, t.scale, low, high, scale)
    if tails is None:
        _interpolated(b, name, lines, low, x, output)
        return
    inner = b.derived(name, "/inner")
    rounding(b, inner, x, inner, shift=0, bounds=tails.inner, saturates=EXACT)
    ends = ((low, tails.inner[0]), (tails.inner[1], high))
    beyond = [side for side, slope in zip(ends, tails.slopes, strict=True) if slope]
    parts = [b.derived(name, f"/part{number}") for number in range(len(beyond))]
    (first, part), *sums = [*((made, made) for made in reversed(parts)), (name, output)]
    less = _less(value, math.ldexp(sum(tails.corners), -t.scale))
    _interpolated(b, first, _table(less, t.scale, *tails.inner, scale), tails.inner[0], inner, part)
    for number, (bounds, (made, total)) in enumerate(zip(beyond, sums, strict=True)):
        tail = b.derived(name, f"/beyond{number}")
        rounding(b, tail, x, tail, shift=0, bounds=bounds, saturates=EXACT)
        _added(b, made, part, tail, total)
        part = total


def _interpolated(b: Emitter, name: str, lines: "_Table", first: int, x: str, output: str) -> None:
    """Emits the lines between the nodes of a table, whose first is at this integer."""
    attrs = {"first": first, "shift": lines.shift, "scale": lines.scale, "values": lines.values}
    b.emit(name, "interpolate", (x,), output, **attrs)


def _added(b: Emitter, name: str, x: str, y: str, output: str) -> None:
    """Emits the sum of fixed-point tensors at the finer one's scale."""
    difference = b.tensor(x).scale - b.tensor(y).scale
    shifts = {"shift_a": max(-difference, 0), "shift_b": max(difference, 0)}
    b.emit(name, "add", (x, y), output, **shifts)


class _Table(NamedTuple):
    """shift: the steps between nodes, as a power of two. scale: of the values."""

    shift: int
    scale: int
    values: tuple[int, ...]
    is_close: bool


@lru_cache(maxsize=512)
def _table(value: Value, x_scale: int, low: int, high: int, scale: int) -> _Table:
    span = high - low + 1
    shift = max(span.bit_length() - FEWEST_NODES.bit_length(), 0)
    places = _places(low, high)
    exact = _at(value, places, x_scale)
    known = np.isfinite(exact)
    while True:
        nodes = low + (np.arange((-(-span >> shift)) + 1) << shift)
        y = _filled(_at(value, nodes, x_scale))
        lines = np.interp(places[known], nodes, y)
        close = bool((np.abs(lines - exact[known]) <= 2.0 ** (-scale - 1)).all())
        if close or not shift or -(-span >> (shift - 1)) > MOST_NODES:
            break
        shift -= 1
    largest = float(np.abs(y).max()) or 1.0
    finest = min(scale + GUARD, WIDE - 1 - int(np.ceil(np.log2(largest))))
    numbers = tuple(np.rint(np.ldexp(y, finest)).astype(np.int64).tolist())
    return _Table(shift, finest, numbers, close)


@lru_cache(maxsize=64)
def _places(low: int, high: int) -> npt.NDArray[np.int64]:
    """Where lines are compared: evenly spread, and closer to each other the closer to 0."""
    even = np.linspace(low, high, EVEN)
    near = np.geomspace(1, max(-low, high, 1), NEAR)
    places = np.unique(np.rint(np.concatenate((even, near, -near, [0]))).astype(np.int64))
    return places[(low <= places) & (places <= high)]


def _at(value: Value, places: npt.NDArray[np.int64], x_scale: int) -> Floats:
    with np.errstate(all="ignore"):
        return value(np.ldexp(places.astype(np.float64), -x_scale))


def _filled(y: Floats) -> Floats:
    """Where there is no finite number, that of the nearest place with one."""
    known = np.flatnonzero(np.isfinite(y))
    if not len(known):
        return np.zeros_like(y)
    nearest = np.abs(np.arange(len(y))[:, None] - known[[0, -1]]).argmin(axis=1)
    return np.where(np.isfinite(y), y, y[known[[0, -1]]][nearest])


class _Tails(NamedTuple):
    """inner: what the table is for. slopes: of the lines below and above it, 0 or 1."""

    inner: Domain
    slopes: tuple[int, int]

    @property
    def corners(self) -> tuple[int, int]:
        """What the tails are at the ends of the table."""
        return self.slopes[0] * self.inner[0], self.slopes[1] * self.inner[1]


@lru_cache(maxsize=512)
def _tails(value: Value, x_scale: int, low: int, high: int, scale: int) -> _Tails | None:
    """The least table, to powers of two; None if the function is no line at either end."""
    low_end, low_slope = _tail(value, x_scale, low, scale)
    high_end, high_slope = _tail(value, x_scale, high, scale)
    if (low_end, high_end) == (low, high) or low_end >= high_end:
        return None
    return _Tails((low_end, high_end), (low_slope, high_slope))


def _tail(value: Value, x_scale: int, end: int, scale: int) -> tuple[int, int]:
    """From where on, towards an end, the function is a line to a quarter of a step; its slope."""
    sign = 1 if end > 0 else -1
    found = end, 0
    for exponent in range((abs(end) - 1).bit_length() - 1, -1, -1):
        first = sign << exponent
        places = np.rint(np.linspace(first, end, TAIL)).astype(np.int64)
        y = _at(value, places, x_scale)
        lines = (np.ldexp(places.astype(np.float64), -x_scale) * slope for slope in (0, 1))
        slopes = [s for s, line in enumerate(lines) if np.ptp(y - line) <= 2.0 ** (-scale - 2)]
        if not slopes:
            break
        found = first, slopes[0]
    return found


@lru_cache(maxsize=512)
def _less(value: Value, number: float) -> Value:
    """A function less a number."""
    return value if not number else lambda x: value(x) - number
