"""How a function of one number becomes a fixed-point operator: a table, with lines between nodes.

The table spans the bounds of the operand's integers, or of those of all that are like it; where its
values would be too large there to be told apart as the format of the function does, as those of exp
soon are, only what calibration showed, beyond which values saturate. Its nodes are the fewest, a
power of two steps apart, with which the lines are as close as the function's format tells numbers
apart: half a step of it at most, if `MOST_NODES` are enough for that.

If they are not, and the function is a line of slope 0 or 1 beyond some l or h, as sigmoid and GELU
are, the table spans l to h only, and what is beyond is exact: with slopes a and b

    f(x) = t(min(max(x, l), h)) + a min(x, l) + b max(x, h),    t(c) = f(c) - a l - b h

Else, where x is not negative, as that of a logarithm of energies over many orders of magnitude, the
table is that of g(y) = f(y^2) at y = sqrt(x), or of a root of that root: the fewest with which
lines are close.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node
from zkinfer.layers.contract import Emitted, Emitter, Floats
from zkinfer.layers.dividing import MOST_SHIFT
from zkinfer.layers.emitting import EXACT, Emit, rounding, step

MOST_NODES = 1 << 12
FEWEST_NODES = 1 << 3

GUARD = 1
"""Bits of the values beyond those of the function's format."""

WIDE = 38
"""The most bits of a value."""

EVEN, NEAR, TAIL = 4 * MOST_NODES + 1, 1 << 11, 257
"""At how many places lines are compared: evenly spread, closer and closer to 0, beyond a table."""

MOST_ROOTS = 4
"""Square roots before a table."""

Value = Callable[[Floats], Floats]
Domain = tuple[int, int]


def tabulated(value: Callable[[Node], Value]) -> Emit:
    """The operator. value: the function of a node, the same object for equal ones."""

    def emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
        source, output = node.inputs[0], b.raw(node.outputs[0])
        x, domain, scale = b.fixed(source), b.domain(source), b.scale(node.outputs[0])
        of = _defined(value(node), b.ends(source)[0][0], b.tensor(x).scale)
        if _table(of, b.tensor(x).scale, *domain, scale).scale < scale:
            x, domain = _within(b, node.name, source, domain)
        if not _rooted(b, node.name, of, x, output, scale, domain):
            table(b, node.name, of, x, output, scale, domain)
        return (Emitted(output, raw=True),)

    return emit


def _defined(value: Value, least: float, x_scale: int) -> Value:
    """A function; where 0 stands for small numbers that the operand has, but is none that the
    function has a value of, as for the logarithm of 1e-9, it is that of the operand's least.
    """
    if not 0 < least < math.ldexp(1.0, -x_scale) or math.isfinite(_at(value, np.array([0]), 0)[0]):
        return value
    return _from(value, least)


@lru_cache(maxsize=64)
def _from(value: Value, least: float) -> Value:
    """A function, which from 0 to a number is what it is of that number."""
    return lambda x: value(np.where((x >= 0) & (x < least), least, x))


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
        _interpolated(b, name, lines, x, output)
        return
    inner = b.derived(name, "/inner")
    rounding(b, inner, x, inner, shift=0, bounds=tails.inner, saturates=EXACT)
    ends = ((low, tails.inner[0]), (tails.inner[1], high))
    beyond = [side for side, slope in zip(ends, tails.slopes, strict=True) if slope]
    parts = [b.derived(name, f"/part{number}") for number in range(len(beyond))]
    (first, part), *sums = [*((made, made) for made in reversed(parts)), (name, output)]
    less = _less(value, math.ldexp(sum(tails.corners), -t.scale))
    _interpolated(b, first, _table(less, t.scale, *tails.inner, scale), inner, part)
    for number, (bounds, (made, total)) in enumerate(zip(beyond, sums, strict=True)):
        tail = b.derived(name, f"/beyond{number}")
        rounding(b, tail, x, tail, shift=0, bounds=bounds, saturates=EXACT)
        _added(b, made, part, tail, total)
        part = total


def _interpolated(b: Emitter, name: str, lines: "_Table", x: str, output: str) -> None:
    """Emits the lines between the nodes of a table."""
    attrs = {"first": lines.first, "shift": lines.shift, "scale": lines.scale}
    b.emit(name, "interpolate", (x,), output, **attrs, values=lines.values)


def _rooted(
    b: Emitter, name: str, value: Value, x: str, output: str, scale: int, domain: Domain
) -> bool:
    """Emits a table of a root of x if none of x is close; returns whether it does."""
    (low, high), x_scale = domain, b.tensor(x).scale
    positive = low < 0 < high and not np.isfinite(_at(value, np.array([-1]), x_scale)[0])
    least = 0 if positive else low
    close = _table(value, x_scale, least, high, scale).is_close
    if close or _tails(value, x_scale, low, high, scale):
        return False
    roots = _roots(value, x_scale, least, high, scale)
    if not roots:
        return False
    if positive:
        within = b.derived(name, "/positive")
        rounding(b, within, x, within, shift=0, bounds=(0, high), saturates=EXACT)
        x = within
    for number, shift in enumerate(roots):
        x = step(b, name, f"/root{number + 1}", "sqrt", x, shift=shift)
    _interpolated(b, name, _table(value, x_scale, least, high, scale, roots), x, output)
    return True


def _added(b: Emitter, name: str, x: str, y: str, output: str) -> None:
    """Emits the sum of fixed-point tensors at the finer one's scale."""
    difference = b.tensor(x).scale - b.tensor(y).scale
    shifts = {"shift_a": max(-difference, 0), "shift_b": max(difference, 0)}
    b.emit(name, "add", (x, y), output, **shifts)


class _Table(NamedTuple):
    """first: the integer of the first node. shift: the steps between nodes, as a power of two.
    scale: of the values. error: of the lines, at most, in half steps of the function's format.
    """

    first: int
    shift: int
    scale: int
    values: tuple[int, ...]
    error: float

    @property
    def is_close(self) -> bool:
        """Whether the lines are as close as is asked of them."""
        return self.error <= 1


@lru_cache(maxsize=512)
def _table(
    value: Value, x_scale: int, low: int, high: int, scale: int, roots: tuple[int, ...] = ()
) -> _Table:
    """Of what a function makes of x, of the square roots of x with these shifts."""
    places = _places(low, high)
    exact = _at(value, places, x_scale)
    places, exact = places[np.isfinite(exact)], exact[np.isfinite(exact)]
    for shift in roots:
        places, x_scale = np.floor(np.sqrt(np.ldexp(places, shift))), (x_scale + shift) // 2
        low, high = (math.isqrt(end << shift) for end in (low, high))
    of = _of_root(value, len(roots))
    span = high - low + 1
    shift = max(span.bit_length() - FEWEST_NODES.bit_length(), 0)
    while True:
        nodes = low + (np.arange((-(-span >> shift)) + 1) << shift)
        y = _filled(_at(of, nodes, x_scale))
        error = float(np.abs(np.interp(places, nodes, y) - exact).max(initial=0.0))
        if error <= 2.0 ** (-scale - 1) or not shift or -(-span >> (shift - 1)) > MOST_NODES:
            break
        shift -= 1
    largest = float(np.abs(y).max()) or 1.0
    finest = min(scale + GUARD, WIDE - 1 - int(np.ceil(np.log2(largest))))
    numbers = tuple(np.rint(np.ldexp(y, finest)).astype(np.int64).tolist())
    return _Table(low, shift, finest, numbers, error * 2.0 ** (scale + 1))


def _roots(value: Value, x_scale: int, low: int, high: int, scale: int) -> tuple[int, ...]:
    """Shifts of square roots, each of the one before: the fewest with which a table of the last is
    close; if there are none, those of which each halves the error.
    """
    found: list[tuple[int, ...]] = [()]
    most, at = high, x_scale
    errors = [_table(value, x_scale, low, high, scale).error]
    while errors[-1] > 1 and low >= 0 and len(errors) <= MOST_ROOTS:
        shift = MOST_SHIFT - 1 - most.bit_length()
        shift -= (at + shift) % 2
        most, at = math.isqrt(most << shift), (at + shift) // 2
        found.append((*found[-1], shift))
        errors.append(_table(value, x_scale, low, high, scale, found[-1]).error)
    if errors[-1] <= 1:
        return found[-1]
    return min(found, key=lambda roots: errors[len(roots)] * 2 ** len(roots))


def _of_root(value: Value, roots: int) -> Value:
    """What a function makes of a number, of so many square roots of it, each of the one before."""
    return lambda x: value(x ** (1 << roots))


@lru_cache(maxsize=64)
def _places(low: int, high: int) -> npt.NDArray[np.int64]:
    """Where lines are compared: evenly spread, and closer to each other the closer to 0."""
    even = np.linspace(low, high, EVEN)
    near = np.geomspace(1, max(-low, high, 1), NEAR)
    places = np.unique(np.rint(np.concatenate((even, near, -near, [0]))).astype(np.int64))
    return places[(low <= places) & (places <= high)]


def _at(value: Value, places: npt.NDArray[Any], x_scale: int) -> Floats:
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
    for exponent in range(max(abs(end) - 1, 0).bit_length() - 1, -1, -1):
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
