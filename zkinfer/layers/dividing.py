"""How layers divide: a divisor that is positive by its bounds, then a quotient an entry, or a
product with a reciprocal.

A divisor of one sign has the ends of its calibrated range, beyond which values saturate; one of
either sign is divided by its absolute value, and what is nearer to zero than a step counts as one.
Where one divisor serves many entries it is inverted once, and each entry is a product.
"""

import math
from functools import partial
from typing import NamedTuple

from zkinfer.layers.contract import Bounds, Emitter
from zkinfer.layers.emitting import filled, multiple, rounding, step

GUARD = 3
"""Bits that reciprocals, and divisors where they are finer, have beyond those of the quotient."""

SHARED = 3
"""How many entries of a quotient share a divisor before it is inverted."""

MOST_SHIFT = 62


class Divisor(NamedTuple):
    """A fixed-point tensor whose bounds are at least 1, over which the quotient is that over the
    divisor itself, its negative, or its product with a tensor of signs, 1 and -1.
    """

    tensor: str
    negated: bool = False
    signs: str | None = None


def digits(b: Emitter, tensor: str) -> int:
    """The bits of the largest values of a float tensor, at the scale of its format."""
    (low, high), _ = b.ends(tensor)
    return max(b.scale(tensor) + math.frexp(max(-low, high))[1], 1)


def divisor(b: Emitter, node: str, tensor: str, bits: int) -> Divisor:
    """A float tensor as the divisor of a quotient of so many bits."""
    (low, high), calibrated = b.ends(tensor)
    if low > 0:
        x = b.as_it_is(tensor)
        return Divisor(positive(b, node, x, (low, high), bits, calibrated=calibrated))
    if high < 0:
        x = step(b, node, "/negated", "neg", b.as_it_is(tensor))
        return Divisor(positive(b, node, x, (-high, -low), bits, calibrated=calibrated), True)
    x = b.fixed(tensor)
    negative = step(b, node, "/negative", "is_negative", x)
    one = constant(b, node, "/one", negative, 1)
    twice = multiple(b, node, "/twice negative", negative, 2)
    signs = step(b, node, "/signs", "sub", one, twice, shift_a=0, shift_b=0)
    x = step(b, node, "/absolute", "mul", x, signs)
    ends = (0.0, max(-low, high))
    return Divisor(positive(b, node, x, ends, bits, calibrated=calibrated), signs=signs)


def positive(b: Emitter, node: str, x: str, ends: Bounds, bits: int, *, calibrated: bool) -> str:
    """Fixed-point x kept within ends, of which the lower counts as a step where it is less.

    It is rounded, to so many bits of its least values, and GUARD more. calibrated: whether values
    may leave the ends.
    """
    (low, high), tensor = ends, b.tensor(x)
    finest = scale = tensor.scale
    if low > 0:
        finest = min(scale, bits + GUARD + 1 - math.frexp(low)[1])
    shift = min(scale - finest, MOST_SHIFT)
    least = max(math.floor(math.ldexp(low, scale - shift)), 1)
    most = max(at_most(high, scale - shift, tensor.high >> shift), least)
    if not shift and least <= tensor.low and tensor.high <= most:
        return x
    name = b.derived(node, "/divisor")
    bounds, saturates = (least, most), (calibrated, calibrated)
    rounding(b, name, x, name, shift=shift, bounds=bounds, saturates=saturates)
    return name


def at_most(high: float, scale: int, known: int) -> int:
    """The least integer at a scale from a float on, or what is known besides if that is less."""
    return min(math.ceil(math.ldexp(high, scale)), known + 1)


def quotient(b: Emitter, node: str, a: str, by: Divisor, output: str, y: str) -> None:
    """Fixed-point a over a divisor, as the output for float tensor y, in its format or finer."""
    entries, divisors = (math.prod(b.tensor(name).shape) for name in (a, by.tensor))
    if entries < SHARED * divisors:
        _direct(b, node, a, by, output, b.scale(y))
        return
    widths = range(digits(b, y) + GUARD, 1, -1)
    b.first_that_fits([partial(_shared, b, node, a, by, output, bits) for bits in widths])


def _direct(b: Emitter, node: str, a: str, by: Divisor, output: str, scale: int) -> None:
    """A quotient at a scale, or at a coarser one where that would be too wide."""
    if by.signs is not None:
        a = step(b, node, "/signed", "mul", a, by.signs)
    x, name = b.tensor(a), b.derived(node, "/opposite") if by.negated else node
    made = name if by.negated else output
    most = max(scale + b.tensor(by.tensor).scale - x.scale, 0)
    room = max(MOST_SHIFT - max(-x.low, x.high, 1).bit_length(), 0)
    shifts = range(min(most, room), -1, -1)
    b.first_that_fits(
        [partial(b.emit, name, "divide", (a, by.tensor), made, shift=shift) for shift in shifts]
    )
    if by.negated:
        b.emit(node, "neg", (made,), output)


def _shared(b: Emitter, node: str, a: str, by: Divisor, output: str, bits: int) -> None:
    """A product with the reciprocal, which has so many bits where the divisor is largest."""
    one = constant(b, node, "/one over", by.tensor, 1)
    shift = min(b.tensor(by.tensor).high.bit_length() + bits, MOST_SHIFT - 1)
    inverse = step(b, node, "/reciprocal", "divide", one, by.tensor, shift=shift)
    if by.negated:
        inverse = step(b, node, "/opposite", "neg", inverse)
    if by.signs is not None:
        inverse = step(b, node, "/signed", "mul", inverse, by.signs)
    b.emit(node, "mul", (a, inverse), output)


def constant(b: Emitter, node: str, suffix: str, like: str, number: int) -> str:
    """A public integer at scale 0 in the shape of a fixed-point tensor; it costs nothing."""
    name = b.derived(node, suffix)
    while not 0 <= b.tensor(like).scale <= MOST_SHIFT:
        scale, made = b.tensor(like).scale, f"/{b.tensor(like).scale}"
        if scale < 0:
            like = multiple(b, name, made, like, 1, min(-scale, MOST_SHIFT))
        else:
            like = filled(b, b.derived(name, made), like, 0, shift=MOST_SHIFT)
    return filled(b, name, like, number, shift=b.tensor(like).scale)
