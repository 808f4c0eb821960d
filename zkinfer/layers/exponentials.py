"""What softmax and its logarithm share: exponentials below the largest score, their sum, and 1/sum.

Along the last axis, with d the distances to the largest score: e = exp(-d) by a table, so that the
largest is 1 and the sum S at least that. Numbers without a name of their own are named after the
node.
"""

import math

import numpy as np

from zkinfer.layers.contract import Emitter, Floats
from zkinfer.layers.emitting import EXACT, filled, rounding, step
from zkinfer.layers.tabulated import table

FINER = 20
"""Bits by which distances may be finer than exponentials."""


def last(b: Emitter, name: str, x: str, axis: int) -> str:
    """Fixed-point x with an axis moved to the end."""
    rank = len(b.tensor(x).shape)
    if axis == rank - 1:
        return x
    perm = (*(a for a in range(rank) if a != axis), axis)
    return step(b, name, "/last", "transpose", x, perm=perm)


def back(b: Emitter, name: str, x: str, axis: int, output: str) -> None:
    """Fixed-point x with its last axis moved to where one was, under the name `output`."""
    rank = len(b.tensor(x).shape)
    perm = (*range(axis), rank - 1, *range(axis, rank - 1))
    b.emit(name, "transpose", (x,), output, perm=perm)


def exponentials(b: Emitter, name: str, x: str, scale: int) -> tuple[str, str, str]:
    """The distances, the exponentials and their sum along the last axis, [..., 1].

    scale: of the last two. Distances beyond which the exponential is less than half a step count as
    the least of these; they are rounded where they are far finer than the exponentials.
    """
    e, total = (b.derived(name, end) for end in ("/exponentials", "/total"))
    d = step(b, name, "/distances", "distances", x)
    tensor = b.tensor(d)
    shift = max(tensor.scale - scale - FINER, 0)
    end = vanishing(tensor.scale - shift, scale)
    near = d
    if shift or tensor.high > 2 * end:
        near = b.derived(name, "/near")
        rounding(b, near, d, near, shift=shift, bounds=(0, end), saturates=EXACT)
    raw = b.derived(e, "/raw")
    table(b, raw, _falling, near, raw, scale)
    shift = b.tensor(raw).scale - scale
    rounding(b, e, raw, e, shift=shift, bounds=(0, 1 << scale), saturates=EXACT)
    along = {"axes": (len(tensor.shape) - 1,), "keepdims": True, "multiplier": 1, "scale": 0}
    summed = step(b, total, "/raw", "reduce_sum", e, **along)
    most = tensor.shape[-1] << scale
    rounding(b, total, summed, total, shift=0, bounds=(1 << scale, most), saturates=EXACT)
    return d, e, total


def vanishing(own: int, scale: int) -> int:
    """From which distance on, at a scale of its own, an exponential is less than half a step."""
    return max(math.ceil(math.ldexp((scale + 1) * math.log(2), own)), 1)


def reciprocal(b: Emitter, name: str, x: str, scale: int) -> str:
    """1 / x at a scale, for a fixed-point x of at least 1 whose scale is not negative."""
    one = filled(b, b.derived(name, "/one"), x, 1 << b.tensor(x).scale)
    return step(b, name, "/reciprocal", "divide", one, x, shift=scale)


def _falling(x: Floats) -> Floats:
    y: Floats = np.exp(-x)
    return y
