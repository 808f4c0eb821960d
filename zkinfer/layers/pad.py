"""pad(x): a constant around the entries.

Attributes: pads, for every axis: the begins, then the ends, not negative; value, a float.
"""

import math
from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import emitting, rules
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Layer, Shape
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    (x,), pads = shapes, attrs["pads"]
    return (tuple(extent + pads[axis] + pads[axis + len(x)] for axis, extent in enumerate(x)),)


def _pad(attrs: Attrs, x: Floats) -> Floats:
    pads = attrs["pads"]
    ends = [(pads[axis], pads[axis + x.ndim]) for axis in range(x.ndim)]
    return np.pad(x, ends, constant_values=attrs["value"])


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The value is rounded to the operand's scale, or the finer one of the output's format."""
    x, output = b.fixed(node.inputs[0]), b.own(node.outputs[0])
    exact = math.ldexp(node.attrs["value"], b.tensor(x).scale)
    if exact % 1:
        x = emitting.refined(b, b.derived(node.name, "/refined"), x, b.scale(node.outputs[0]))
    value = round(math.ldexp(node.attrs["value"], b.tensor(x).scale))
    b.emit(node.name, "pad", (x,), output, pads=node.attrs["pads"], value=value)
    return (Emitted(output, raw=False),)


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.padded, _pad),
    interval=rules.increasing(_pad),
    bounds=rules.unbounded,
    entries=Entries.MOVED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.moving(rules.lifted(lift.padded, _pad)),
)
