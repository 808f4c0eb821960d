"""reduce_mean(x): the mean over axes.

Attributes: axes, distinct; keepdims: whether they stay, with extent 1.
"""

import math

from zkinfer.graph import Node
from zkinfer.layers import reduce_sum, rules
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Layer
from zkinfer.layers.emitting import FEWEST_BITS, narrowing, reciprocals
from zkinfer.ops import lift


def _reduce_mean(attrs: Attrs, x: Floats) -> Floats:
    y: Floats = x.mean(axis=attrs["axes"], keepdims=attrs["keepdims"])
    return y


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """A sum times a public reciprocal."""
    x, output = b.fixed(node.inputs[0]), b.raw(node.outputs[0])
    axes, keepdims = tuple(node.attrs["axes"]), node.attrs["keepdims"]
    count = math.prod(b.tensor(x).shape[axis] for axis in axes)

    def attempt(bits: int) -> None:
        (multiplier,), scale = reciprocals([count], bits)
        attrs = {"axes": axes, "keepdims": keepdims, "multiplier": multiplier, "scale": scale}
        b.emit(node.name, "reduce_sum", (x,), output, **attrs)

    narrowing(b, b.detail, FEWEST_BITS, attempt)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=reduce_sum.shape,
    value=rules.lifted(lift.along_axes, _reduce_mean),
    interval=rules.increasing(_reduce_mean),
    bounds=rules.unbounded,
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
