"""The shapes and kinds of what operators of zkinfer.layers make."""

from collections.abc import Sequence
from math import prod

from zkinfer.graph import Integer, Kind, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Attrs, Entries, Refusal, Shape
from zkinfer.layers.shapes import broadcast, broadcasts_to, windows

__all__ = ["MAX_ENTRIES", "Shape", "broadcast", "broadcasts_to", "infer", "kind_of", "windows"]

MAX_ENTRIES = 1 << 31
"""The most entries of a tensor."""


def infer(op: str, attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """The outputs' shapes. Raises Refusal when the operands do not fit or nothing is left."""
    outputs = LAYERS[op].shape(attrs, shapes)
    for shape in outputs:
        if 0 in shape:
            raise Refusal(f"its output is empty: it has the shape {shape}")
        if prod(shape) > MAX_ENTRIES:
            raise Refusal(
                f"expected an output of at most {MAX_ENTRIES} entries, got the shape {shape}"
            )
    return outputs


def kind_of(op: str, kinds: Sequence[Kind]) -> Kind:
    """The kind of the outputs: that of all operands where their entries are only moved, or are the
    largest of some, int64 where they are places, else real.
    """
    entries = LAYERS[op].entries
    if entries is Entries.PLACE:
        return Integer(-(1 << 63), (1 << 63) - 1)
    kept = entries in (Entries.MOVED, Entries.LARGEST) and len(set(kinds)) == 1
    return kinds[0] if kept else Real()
