"""reshape(x): the same entries in row-major order under another shape.

Attributes: shape, explicit extents.
"""

from collections.abc import Sequence
from math import prod

from zkinfer.layers import emitting, rules
from zkinfer.layers.contract import Attrs, Entries, Floats, Head, Layer, Refusal, Shape
from zkinfer.ops import lift


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    (x,) = shapes
    shape: Shape = attrs["shape"]
    if prod(shape) != prod(x):
        raise Refusal(f"expected a shape of {prod(x)} entries for an input {x}, got {shape}")
    return (shape,)


def _reshape(attrs: Attrs, x: Floats) -> Floats:
    return x.reshape(attrs["shape"])


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.reshaped, _reshape),
    interval=rules.increasing(_reshape),
    bounds=rules.unbounded,
    entries=Entries.MOVED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=Head("Reshape", lambda _: None),
    weighted=None,
    emit=emitting.keeping("reshape"),
    fold=rules.moving(rules.lifted(lift.reshaped, _reshape)),
)
