"""Values, intervals and bounds that several layers share."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Divided,
    Floats,
    Folded,
    Interval,
    Operand,
    Shape,
)

Forward = Callable[..., Floats]
"""The output of one sample, of the attributes and the operands."""

Way = Callable[[Callable[..., tuple[Floats, ...]], Attrs, Sequence[Operand]], tuple[Floats, ...]]
"""A way of zkinfer.ops.lift."""


def lifted(way: Way, forward: Forward) -> Callable[[Attrs, Sequence[Operand]], tuple[Floats, ...]]:
    """The value of a layer with one output."""

    def outputs(attrs: Attrs, *operands: Floats) -> tuple[Floats, ...]:
        return (forward(attrs, *operands),)

    return lambda attrs, operands: way(outputs, attrs, operands)


def increasing(
    forward: Forward,
) -> Callable[[Attrs, Sequence[Interval]], tuple[Interval, ...]]:
    """The interval of a layer whose output never falls when an entry of an operand grows."""

    def interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
        low = forward(attrs, *(operand.low for operand in operands))
        return (Interval(low, forward(attrs, *(operand.high for operand in operands))),)

    return interval


def hull(corners: Sequence[Floats]) -> tuple[Interval, ...]:
    """The least and the greatest of several values, entry by entry."""
    return (Interval(np.minimum.reduce(corners), np.maximum.reduce(corners)),)


def whole(attrs: Attrs, operands: Sequence[Divided]) -> None:
    """The fold of a layer that takes no powers of two in and hands none on."""


def kept(attrs: Attrs, operands: Sequence[Divided]) -> Folded:
    """The fold of a layer whose output grows as operand 0 does."""
    return Folded({}, operands[0].exponents)


def moving(
    value: Callable[[Attrs, Sequence[Operand]], tuple[Floats, ...]],
) -> Callable[[Attrs, Sequence[Divided]], Folded | None]:
    """The fold of a layer that moves entries, unless it has some from elsewhere."""

    def fold(attrs: Attrs, operands: Sequence[Divided]) -> Folded | None:
        wide = (np.broadcast_to(x.exponents, x.shape)[None] for x in operands)
        exponents = [e.astype(np.float64) for e in wide]
        (moved,) = value(attrs, [(e, True) for e in exponents])
        (more,) = value(attrs, [(e + 1, True) for e in exponents])
        return Folded({}, moved[0].astype(np.int64)) if (more == moved + 1).all() else None

    return fold


def unbounded(attrs: Attrs) -> tuple[Bounds, ...]:
    """Any number."""
    return ((-math.inf, math.inf),)


def one(shapes: Sequence[Shape]) -> int:
    """At most one multiplication for an entry."""
    return 1


def axis(attrs: Attrs) -> int:
    """The attribute axis."""
    number: int = attrs["axis"]
    return number
