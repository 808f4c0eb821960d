"""deviation(x): sqrt(mean((x - m)^2) + epsilon) over axes, which stay with extent 1.

Attributes: axes, distinct; epsilon, not negative; centered: whether m is the mean, else it is 0.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import reduce_sum, rules
from zkinfer.layers.contract import (
    Attrs,
    Bounds,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Interval,
    Layer,
    Shape,
)
from zkinfer.layers.dividing import GUARD, digits
from zkinfer.layers.emitting import (
    EXACT,
    FEWEST_BITS,
    WIDE,
    coarser,
    filled,
    multiple,
    multiplied,
    narrowing,
    reciprocals,
    rounding,
    step,
)
from zkinfer.ops import lift
from zkinfer.ops.tensor import FixedTensor

KEPT = {"keepdims": True}
MOST_BITS = 62


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    return reduce_sum.shape({**attrs, **KEPT}, shapes)


def _deviation(attrs: Attrs, x: Floats) -> Floats:
    axes = tuple(attrs["axes"])
    if attrs["centered"]:
        x = x - x.mean(axis=axes, keepdims=True)
    y: Floats = np.sqrt((x * x).mean(axis=axes, keepdims=True) + attrs["epsilon"])
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    """From the deviation of what is nearest to a centre to that of what is farthest from it.

    The mean square around any centre is at least that around the mean.
    """
    (x,) = operands
    axes, centre = tuple(attrs["axes"]), np.zeros(1)
    nearest = np.clip(0, x.low, x.high)
    if attrs["centered"]:
        centre = ((x.low + x.high) / 2).mean(axis=axes, keepdims=True)
        nearest = np.zeros(x.low.shape)
    farthest = np.maximum(abs(x.low - centre), abs(x.high - centre))
    around = {**attrs, "centered": False}
    return (Interval(_deviation(around, nearest), _deviation(around, farthest)),)


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((math.sqrt(attrs["epsilon"]), math.inf),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """A root over the number of entries."""
    (y,) = node.outputs
    x, output = b.fixed(node.inputs[0]), b.raw(y)
    count = math.prod(b.tensor(x).shape[axis] for axis in node.attrs["axes"])
    squares = b.first_that_fits(
        [partial(_squares, b, node, x, count, shift) for shift in range(0, WIDE, 2)]
    )
    (low, high), _ = b.ends(y)
    spread, bounds = b.derived(node.name, "/spread"), (0, b.tensor(squares).high)
    rounding(b, spread, squares, spread, shift=0, bounds=bounds, saturates=EXACT)
    if node.attrs["epsilon"]:
        least = (count * low) ** 2
        spread = _raised(b, node, spread, count**2 * node.attrs["epsilon"], least)
    finest = b.scale(y) + GUARD - int(math.log2(count))
    finest += math.frexp(high / low)[1] if low > 0 else 0
    root = step(b, node.name, "/root", "sqrt", spread, shift=_shift(b.tensor(spread), finest))

    def attempt(bits: int) -> None:
        (multiplier,), scale = reciprocals([count], bits)
        multiplied(b, node.name, root, output, multiplier, scale)

    narrowing(b, b.detail + GUARD, FEWEST_BITS, attempt)
    return (Emitted(output, raw=True),)


def _squares(b: Emitter, node: Node, x: str, count: int, shift: int) -> str:
    """count times the sum of squares around the mean, which is count sum x^2 - (sum x)^2, exactly,
    of fixed-point x rounded by shift.
    """
    if shift:
        name = b.derived(node.name, "/narrow")
        coarser(b, name, x, name, shift)
        x = name
    along = {"axes": tuple(node.attrs["axes"]), "keepdims": True, "scale": 0}
    squares = step(b, node.name, "/squares", "mul", x, x)
    total = step(b, node.name, "/sum of squares", "reduce_sum", squares, **along, multiplier=count)
    if not node.attrs["centered"]:
        return total
    sums = step(b, node.name, "/sum", "reduce_sum", x, **along, multiplier=1)
    square = step(b, node.name, "/square of sum", "mul", sums, sums)
    return step(b, node.name, "/around mean", "sub", total, square, shift_a=0, shift_b=0)


def _raised(b: Emitter, node: Node, spread: str, epsilon: float, least: float) -> str:
    """Fixed-point spread plus epsilon, at a scale at which this is sharp for the least sum."""
    tensor = b.tensor(spread)
    finest = digits(b, node.outputs[0]) + 2 * GUARD - math.frexp(least)[1]
    room = min(MOST_BITS - 1 - tensor.high.bit_length(), WIDE - 1)
    shift = 2 * (max(min(finest - tensor.scale, room), 0) // 2)
    spread = multiple(b, node.name, "/refined", spread, 1 << shift, shift)
    number = max(round(math.ldexp(epsilon, b.tensor(spread).scale)), 1)
    added = filled(b, b.derived(node.name, "/epsilon"), spread, number)
    return step(b, node.name, "/total", "add", spread, added, shift_a=0, shift_b=0)


def _shift(spread: FixedTensor, finest: int) -> int:
    """That with which a root has a scale, or one as near to it as 62 bits allow."""
    room = (MOST_BITS - spread.high.bit_length()) // 2
    return 2 * max(min(finest - spread.scale // 2, room), 0)


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.along_axes, _deviation),
    interval=_interval,
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
