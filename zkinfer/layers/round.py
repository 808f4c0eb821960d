"""round(x): the nearest integer, of two the even one; or the greatest integer that is not above x.

Attributes: down, whether it is the latter. With X = 2^s x an integer, both are exact:

    floor(x) = floor(X / 2^s);   round(x) = floor(x + 1/2) + ceil(z) - floor(z) - 1

where z = (2 x - 1) / 4 is an integer just where x lies between an even integer and the next.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Interval, Layer
from zkinfer.layers.emitting import coarser, copying, filled, multiple, step
from zkinfer.ops import lift


def _round(attrs: Attrs, x: Floats) -> Floats:
    y: Floats = np.floor(x) if attrs["down"] else np.rint(x)
    return y


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    (x,) = operands
    return (Interval(_round(attrs, x.low), _round(attrs, x.high)),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """In integers throughout, at scale 0 or the operand's if that is coarser."""
    x, output = b.as_it_is(node.inputs[0]), b.raw(node.outputs[0])
    scale = b.tensor(x).scale
    half, one = (1 << scale >> 1, 1 << scale) if scale > 0 else (0, 1)
    if scale <= 0:
        copying(b, node.name, x, output)
    elif node.attrs["down"]:
        _floor(b, node.name, x, -half, scale, output)
    else:
        nearest, below, above, both = (
            b.derived(node.name, end) for end in ("/nearest", "/below", "/above", "/both")
        )
        _floor(b, nearest, x, 0, scale, nearest)
        x = multiple(b, node.name, "/halved", x, 1, 1)
        _floor(b, below, x, one - half, scale + 1, below)
        opposite = step(b, node.name, "/opposite", "neg", x)
        _floor(b, above, opposite, half - one, scale + 1, above)
        b.emit(both, "add", (below, above), both, shift_a=0, shift_b=0)
        b.emit(node.name, "sub", (nearest, both), output, shift_a=0, shift_b=0)
    return (Emitted(output, raw=True),)


def _floor(b: Emitter, name: str, x: str, number: int, shift: int, output: str) -> None:
    """floor((X + number + 2^(shift-1)) / 2^shift) of fixed-point x, which holds X."""
    if number:
        added = filled(b, b.derived(name, "/number"), x, number)
        x = step(b, name, "/moved", "add", x, added, shift_a=0, shift_b=0)
    coarser(b, name, x, output, shift)


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _round),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=True,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.whole,
)
