"""Shape rules that several layers share."""

from collections.abc import Sequence

import numpy as np

from zkinfer.layers.contract import Attrs, Refusal, Shape


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of operands under numpy's rules. Raises Refusal when there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        listed = " and ".join(map(str, shapes))
        raise Refusal(f"expected operands of matching shapes, got {listed}") from error


def broadcasts_to(shape: Shape, target: Shape) -> bool:
    """Whether an operand leaves the target's shape as it is."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def same(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """The operand's own shape."""
    (x,) = shapes
    return (x,)


def broadcasting(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """The common shape of two operands."""
    a, b = shapes
    return (broadcast(a, b),)


def windows(extents: Shape, kernel: Shape, attrs: Attrs, pads: Shape) -> Shape:
    """The number of windows along each spatial axis. attrs: dilations, strides."""
    rank = len(extents)
    counts = []
    for axis, extent in enumerate(extents):
        reach = attrs["dilations"][axis] * (kernel[axis] - 1) + 1
        room = extent + pads[axis] + pads[axis + rank] - reach
        if room < 0:
            raise Refusal(
                f"expected a window no larger than the padded input, got a reach of {reach} on "
                f"spatial axis {axis} of extent {extent}"
            )
        counts.append(room // attrs["strides"][axis] + 1)
    return tuple(counts)
