"""reduce_sum(x): the sum over axes.

Attributes: axes, distinct; keepdims: whether they stay, with extent 1.
"""

from collections.abc import Sequence

from zkinfer.graph import Node
from zkinfer.layers import rules
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Layer, Shape
from zkinfer.ops import lift


def shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """Without the axes, or with extent 1 in their place."""
    (x,) = shapes
    kept = (1,) if attrs["keepdims"] else ()
    result: Shape = ()
    for axis, extent in enumerate(x):
        result += kept if axis in attrs["axes"] else (extent,)
    return (result,)


def _reduce_sum(attrs: Attrs, x: Floats) -> Floats:
    y: Floats = x.sum(axis=attrs["axes"], keepdims=attrs["keepdims"])
    return y


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    x, output = b.fixed(node.inputs[0]), b.raw(node.outputs[0])
    attrs = {"axes": tuple(node.attrs["axes"]), "keepdims": node.attrs["keepdims"]}
    b.emit(node.name, "reduce_sum", (x,), output, **attrs, multiplier=1, scale=0)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=shape,
    value=rules.lifted(lift.along_axes, _reduce_sum),
    interval=rules.increasing(_reduce_sum),
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
