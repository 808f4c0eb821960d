"""What softmax and its logarithm share: exponentials below the largest score, their sum, and 1/sum.

Along the last axis, with d the distances to the largest score: e = exp(-d) by a table, so that the
largest is 1 and the sum S at least that. Numbers without a name of their own are named after the
node.
"""

import math

import numpy as np

from zkinfer.layers.contract import Emitter, Floats
from zkinfer.layers.emitting import rounding
from zkinfer.layers.tabulated import table

EXACT = (False, False)
"""No bound of a calibrated range."""


def last(b: Emitter, name: str, x: str, axis: int) -> str:
    """Fixed-point x with an axis moved to the end."""
    rank = len(b.tensor(x).shape)
    if axis == rank - 1:
        return x
    perm = (*(a for a in range(rank) if a != axis), axis)
    output = b.derived(name, "/last")
    b.emit(output, "transpose", (x,), output, perm=perm)
    return output


def back(b: Emitter, name: str, x: str, axis: int, output: str) -> None:
    """Fixed-point x with its last axis moved to where one was, under the name `output`."""
    rank = len(b.tensor(x).shape)
    perm = (*range(axis), rank - 1, *range(axis, rank - 1))
    b.emit(name, "transpose", (x,), output, perm=perm)


def exponentials(b: Emitter, name: str, x: str, scale: int) -> tuple[str, str, str]:
    """The distances, the exponentials and their sum along the last axis, [..., 1].

    scale: of the last two. Distances beyond which the exponential is less than half a step count as
    the least of these.
    """
    d, e, total = (b.derived(name, end) for end in ("/distances", "/exponentials", "/total"))
    b.emit(d, "distances", (x,), d)
    tensor = b.tensor(d)
    end = vanishing(tensor.scale, scale)
    near = d
    if tensor.high > 2 * end:
        near = b.derived(name, "/near")
        rounding(b, near, d, near, shift=0, bounds=(0, end), saturates=EXACT)
    raw = b.derived(e, "/raw")
    table(b, raw, _falling, near, raw, scale)
    _rounded(b, e, raw, scale, (0, 1 << scale))
    summed = b.derived(total, "/raw")
    whole = {"axes": (len(tensor.shape) - 1,), "keepdims": True, "multiplier": 1, "scale": 0}
    b.emit(summed, "reduce_sum", (e,), summed, **whole)
    most = tensor.shape[-1] << scale
    rounding(b, total, summed, total, shift=0, bounds=(1 << scale, most), saturates=EXACT)
    return d, e, total


def vanishing(own: int, scale: int) -> int:
    """From which distance on, at a scale of its own, an exponential is less than half a step."""
    return max(math.ceil(math.ldexp((scale + 1) * math.log(2), own)), 1)


def reciprocal(b: Emitter, name: str, x: str, scale: int) -> str:
    """1 / x at a scale, for a fixed-point x of at least 1 whose scale is not negative."""
    one, output = b.derived(name, "/one"), b.derived(name, "/reciprocal")
    unit = 1 << b.tensor(x).scale
    rounding(b, one, x, one, shift=0, bounds=(unit, unit), saturates=EXACT)
    b.emit(output, "divide", (one, x), output, shift=scale)
    return output


def _rounded(b: Emitter, name: str, x: str, scale: int, bounds: tuple[int, int]) -> None:
    """Fixed-point x, under its name, at a scale that is no finer."""
    rounding(b, name, x, name, shift=b.tensor(x).scale - scale, bounds=bounds, saturates=EXACT)


def _falling(x: Floats) -> Floats:
    y: Floats = np.exp(-x)
    return y
