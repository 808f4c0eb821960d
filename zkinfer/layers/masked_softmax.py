"""masked_softmax(x, marks): softmax along an axis over the entries of a line with the fewest marks.

Attributes: axis, negative; absorbing, whether the marks leave nothing of the scores below them, so
that where all entries of a line are marked those with the fewest have equal shares; beyond, how far
a mark takes a score down. It is softmax(x - beyond marks) for all scores much nearer to each other
than that; with `absorbing` in floats that have too few digits for such a sum. The operands
broadcast, marks are whole numbers of their scale's steps.

With x from low to high, and a distance D beyond which the exponential is less than half a step,

    y = x - (high - low + D) marks                                     not absorbing
    y = max(x - (high - low) marks, low) - D marks                     absorbing

have the same softmax in the format of the output: one more mark is D below every other entry.
"""

import math
from collections.abc import Sequence

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
    Interval,
    Layer,
    TooWideError,
)
from zkinfer.layers.emitting import EXACT, multiple, refined, rounding, step
from zkinfer.layers.exponentials import vanishing
from zkinfer.layers.softmax import GUARD, normalized
from zkinfer.ops import lift


def _masked(attrs: Attrs, x: Floats, marks: Floats) -> Floats:
    axis = attrs["axis"]
    x, marks = np.broadcast_arrays(x, marks)
    fewest = marks.min(axis=axis, keepdims=True)
    if attrs["absorbing"]:
        x = np.where(fewest > 0, 0.0, x)
    x = np.where(marks == fewest, x, -math.inf)
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    y: Floats = powers / powers.sum(axis=axis, keepdims=True)
    return y


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return ((0.0, 1.0),)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    shape = np.broadcast_shapes(*(operand.low.shape for operand in operands))
    return (Interval(np.zeros(shape), np.ones(shape)),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    name, x, marks = node.name, b.fixed(node.inputs[0]), node.inputs[1]
    if not b.is_constant(marks):
        marks = _marks(b, node)
        x = refined(b, b.derived(name, "/refined"), x, b.tensor(marks).scale)
    scores = b.tensor(x)
    reach = max(scores.high - scores.low, 1)
    apart = vanishing(scores.scale, b.scale(node.outputs[0]) + GUARD)
    if math.ldexp(reach + apart, -scores.scale) > node.attrs["beyond"]:
        raise TooWideError(
            f"node {name} (masked_softmax): its scores can be {math.ldexp(reach, -scores.scale):g} "
            f"apart, too much for a mask of {-node.attrs['beyond']:g}; expected one of -infinity"
        )
    if node.attrs["absorbing"]:
        lower = _lower(b, name, "/lower", x, marks, reach)
        x, bounds = b.derived(name, "/kept"), (scores.low, scores.high)
        rounding(b, x, lower, x, shift=0, bounds=bounds, saturates=EXACT)
        reach = 0
    y = _lower(b, name, "/masked", x, marks, reach + apart)
    return normalized(b, node, y, node.attrs["axis"] % len(b.tensor(y).shape))


def _marks(b: Emitter, node: Node) -> str:
    """The fixed-point marks that are computed, none of them negative."""
    marks = b.fixed(node.inputs[1])
    high = max(b.tensor(marks).high, 0)
    if b.tensor(marks).low < 0:
        kept = b.derived(node.name, "/marks")
        rounding(b, kept, marks, kept, shift=0, bounds=(0, high), saturates=(True, False))
        return kept
    return marks


def _lower(b: Emitter, name: str, suffix: str, x: str, marks: str, steps: int) -> str:
    """Fixed-point x less so many of its steps for each mark, which is a constant's or computed."""
    scale = b.tensor(x).scale
    if b.is_constant(marks):
        depth = b.multiple(marks, steps, scale)
    else:
        more = scale - b.tensor(marks).scale
        if more < 0:
            raise TooWideError(
                f"node {name} (masked_softmax): its scores are too large to be as fine as its marks"
            )
        depth = multiple(b, name, f"{suffix}/depth", marks, steps, more)
    return step(b, name, suffix, "sub", x, depth, shift_a=0, shift_b=0)


LAYER = Layer(
    shape=shapes.broadcasting,
    value=rules.lifted(lift.broadcast, _masked),
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
