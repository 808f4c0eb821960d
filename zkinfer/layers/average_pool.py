"""average_pool(x): the mean of each window of x [N, C, spatial...].

Attributes: kernel, strides, dilations, one number for each spatial axis; pads: the begins, then the
ends; extra_pads: for each spatial axis more padding at its end, which comes from ceil mode;
count_include_pad. The divisor counts entries of x, with count_include_pad also those of pads, never
those of extra_pads.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Layer, Shape
from zkinfer.layers.emitting import FEWEST_BITS, narrowing, reciprocals
from zkinfer.ops import lift, windows


def _pads(attrs: Attrs) -> tuple[int, ...]:
    """All padding, begins and ends."""
    rank = len(attrs["kernel"])
    ends = zip(attrs["pads"][rank:], attrs["extra_pads"], strict=True)
    return (*attrs["pads"][:rank], *(pad + extra for pad, extra in ends))


def _shape(attrs: Attrs, operands: Sequence[Shape]) -> tuple[Shape, ...]:
    (x,) = operands
    return ((*x[:2], *shapes.windows(x[2:], attrs["kernel"], attrs, _pads(attrs))),)


def _counts(attrs: Attrs, extents: Shape) -> list[npt.NDArray[np.int64]]:
    """For each spatial axis, how many entries the average at each output position divides by."""
    kernel, strides, dilations = attrs["kernel"], attrs["strides"], attrs["dilations"]
    pads, rank = attrs["pads"], len(kernel)
    outputs = windows.output_extents(extents, kernel, strides, _pads(attrs), dilations)
    counts = []
    for axis in range(rank):
        start, stop = 0, extents[axis]
        if attrs["count_include_pad"]:
            start, stop = -pads[axis], stop + pads[axis + rank]
        first = np.arange(outputs[axis])[:, None] * strides[axis] - pads[axis]
        index = first + np.arange(kernel[axis]) * dilations[axis]
        counts.append(np.maximum(((index >= start) & (index < stop)).sum(axis=1), 1))
    return counts


def _average_pool(attrs: Attrs, x: Floats) -> Floats:
    window = (attrs["kernel"], attrs["strides"], _pads(attrs), attrs["dilations"])
    y = windows.reduced(np.add, x, *window)
    for axis, count in enumerate(_counts(attrs, x.shape[2:])):
        shape = [1] * y.ndim
        shape[2 + axis] = -1
        y = y / count.reshape(shape)
    return y


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """Window sums times public reciprocals of the counts."""
    x, output = b.fixed(node.inputs[0]), b.raw(node.outputs[0])
    attrs = {key: tuple(node.attrs[key]) for key in ("kernel", "strides", "dilations")}
    attrs["pads"] = _pads(node.attrs)
    counts = _counts(node.attrs, b.tensor(x).shape[2:])

    def attempt(bits: int) -> None:
        factors, scales = zip(*(reciprocals(c.tolist(), bits) for c in counts), strict=True)
        total = sum(scales)
        b.emit(node.name, "average_pool", (x,), output, **attrs, multipliers=factors, scale=total)

    narrowing(b, b.detail, FEWEST_BITS, attempt)
    return (Emitted(output, raw=True),)


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.windowed, _average_pool),
    interval=rules.increasing(_average_pool),
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
