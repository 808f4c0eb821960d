"""How layers find the places of the largest entries along the last axis.

With 2^p at least the number of entries X_j, and h half of it less 1,

    K_j = 2^p X_j - j + h,   M = max_j K_j,   j = 2^p round(M / 2^p) - M + h

where half is rounded up: the keys K are all different, and M belongs to the largest entry, of equal
ones to the first. Keys that have been the largest count as zero in the next round, in which all
others are positive. Numbers on the way are named after the node.
"""

import math

from zkinfer.layers.contract import Emitter
from zkinfer.layers.emitting import EXACT, coarser, filled, multiple, rounding, step


def places(b: Emitter, name: str, x: str, numbers: str, count: int, output: str) -> None:
    """The places of the `count` largest entries of fixed-point x [..., n], [..., count], n > 1.

    numbers: the constant [n] of the numbers from 0 to n - 1. The output is at scale 0.
    """
    entries, scores = b.tensor(x).shape, b.tensor(x)
    width = (entries[-1] - 1).bit_length()
    keys = multiple(b, name, "/keys", x, 1 << width, width)
    lift = _half(width) + ((1 - scores.low) << width if count > 1 else 0)
    more = filled(b, b.derived(name, "/lift"), keys, lift)
    keys = step(b, name, "/lifted", "add", keys, more, shift_a=0, shift_b=0)
    ranks = b.multiple(numbers, 1, b.tensor(keys).scale)
    keys = step(b, name, "/ranked", "sub", keys, ranks, shift_a=0, shift_b=0)
    largest = [_largest(b, f"{name}/0", keys)]
    for number in range(1, count):
        less = step(b, name, f"/less/{number}", "sub", keys, largest[-1], shift_a=0, shift_b=0)
        left = step(b, name, f"/left/{number}", "is_negative", less)
        keys = step(b, name, f"/ranked/{number}", "mul", keys, left)
        largest.append(_largest(b, f"{name}/{number}", keys))
    top = largest[0]
    if count > 1:
        top = step(b, name, "/largest", "concat", *largest, axis=len(entries) - 1)
    _numbers(b, name, top, width, entries[-1], output)


def _largest(b: Emitter, name: str, keys: str) -> str:
    """The largest along the last axis, which stays with extent 1."""
    *lead, extent = b.tensor(keys).shape
    window = {"kernel": (extent,), "strides": (extent,), "dilations": (1,), "pads": (0, 0)}
    flat = step(b, name, "/flat", "reshape", keys, shape=(1, math.prod(lead), extent))
    top = step(b, name, "/top", "max_pool", flat, **window)
    return step(b, name, "/largest", "reshape", top, shape=(*lead, 1))


def _numbers(b: Emitter, name: str, top: str, width: int, extent: int, output: str) -> None:
    """The numbers that the largest keys have, as whole numbers at scale 0."""
    entries = b.derived(name, "/entries")
    coarser(b, entries, top, entries, width)
    whole = multiple(b, name, "/whole", entries, 1 << width, width)
    below = step(b, name, "/below", "sub", whole, top, shift_a=0, shift_b=0)
    more = filled(b, b.derived(name, "/half"), below, _half(width))
    below = step(b, name, "/number", "add", below, more, shift_a=0, shift_b=0)
    kept, one = b.derived(name, "/kept"), b.derived(name, "/one")
    rounding(b, kept, below, kept, shift=0, bounds=(0, extent - 1), saturates=EXACT)
    filled(b, one, kept, 1)
    b.emit(name, "divide", (kept, one), output, shift=0)


def _half(width: int) -> int:
    """Half of 2^width, less 1."""
    return (1 << width - 1) - 1
