"""The output shape of every operator of zkinfer.graph, from its operands' shapes and attributes."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from zkinfer.onnx_import.node import Refusal

Shape = tuple[int, ...]
Attrs = Mapping[str, Any]

MAX_ENTRIES = 1 << 31
"""The most entries of a tensor."""


def infer(op: str, attrs: Attrs, shapes: tuple[Shape, ...]) -> Shape:
    """The shape of the output. Raises Refusal when the operands do not fit or nothing is left."""
    shape = SHAPES[op](attrs, *shapes)
    if 0 in shape:
        raise Refusal(f"its output is empty: it has the shape {shape}")
    if prod(shape) > MAX_ENTRIES:
        raise Refusal(f"expected an output of at most {MAX_ENTRIES} entries, got the shape {shape}")
    return shape


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of operands under numpy's rules. Raises Refusal when there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        listed = " and ".join(map(str, shapes))
        raise Refusal(f"expected operands of matching shapes, got {listed}") from error


def broadcasts_to(shape: Shape, target: Shape) -> bool:
    """Whether an operand leaves the target's shape as it is."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def windows(extents: Shape, kernel: Shape, attrs: Attrs, pads: Shape) -> Shape:
    """The number of windows along each spatial axis."""
    rank = len(extents)
    counts = []
    for axis, extent in enumerate(extents):
        reach = attrs["dilations"][axis] * (kernel[axis] - 1) + 1
        room = extent + pads[axis] + pads[axis + rank] - reach
        if room < 0:
            raise Refusal(
                f"expected a window no larger than the padded input, got a reach of {reach} on "
                f"spatial axis {axis} of extent {extent}"
            )
        counts.append(room // attrs["strides"][axis] + 1)
    return tuple(counts)


def _same(attrs: Attrs, x: Shape) -> Shape:
    return x


def _broadcast(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    return broadcast(a, b)


def _prelu(attrs: Attrs, x: Shape, slope: Shape) -> Shape:
    if not broadcasts_to(slope, x):
        raise Refusal(f"expected a slope that broadcasts to {x}, got {slope}")
    return x


def _conv(attrs: Attrs, x: Shape, w: Shape, bias: Shape | None = None) -> Shape:
    groups = attrs["groups"]
    if x[1] != w[1] * groups or w[0] % groups:
        raise Refusal(
            f"expected weights [M, C/{groups}, ...] for an input of {x[1]} channels, got {w}"
        )
    if bias is not None and bias != w[:1]:
        raise Refusal(f"expected a bias of shape {w[:1]}, got {bias}")
    return (x[0], w[0], *windows(x[2:], w[2:], attrs, attrs["pads"]))


def _matmul(attrs: Attrs, a: Shape, b: Shape, bias: Shape | None = None) -> Shape:
    rows = a if len(a) > 1 else (1, *a)
    columns = b if len(b) > 1 else (*b, 1)
    if not a or not b or rows[-1] != columns[-2]:
        raise Refusal(f"expected matrices that can be multiplied, got {a} and {b}")
    shape = broadcast(rows[:-2], columns[:-2])
    shape += rows[-2:-1] if len(a) > 1 else ()
    shape += columns[-1:] if len(b) > 1 else ()
    if bias is not None and not broadcasts_to(bias, shape):
        raise Refusal(f"expected a bias that broadcasts to {shape}, got {bias}")
    return shape


def _pool(attrs: Attrs, x: Shape) -> Shape:
    rank = len(x) - 2
    extra = (0,) * rank + tuple(attrs.get("extra_pads", (0,) * rank))
    pads = tuple(pad + more for pad, more in zip(attrs["pads"], extra, strict=True))
    return (*x[:2], *windows(x[2:], attrs["kernel"], attrs, pads))


def _reduce(attrs: Attrs, x: Shape) -> Shape:
    kept = (1,) if attrs["keepdims"] else ()
    shape: Shape = ()
    for axis, extent in enumerate(x):
        shape += kept if axis in attrs["axes"] else (extent,)
    return shape


def _reshape(attrs: Attrs, x: Shape) -> Shape:
    shape: Shape = attrs["shape"]
    if prod(shape) != prod(x):
        raise Refusal(f"expected a shape of {prod(x)} entries for an input {x}, got {shape}")
    return shape


def _transpose(attrs: Attrs, x: Shape) -> Shape:
    return tuple(x[axis] for axis in attrs["perm"])


def _slice(attrs: Attrs, x: Shape) -> Shape:
    shape = list(x)
    slices = zip(attrs["axes"], attrs["starts"], attrs["stops"], attrs["steps"], strict=True)
    for axis, start, stop, step in slices:
        shape[axis] = len(range(x[axis])[start:stop:step])
    return tuple(shape)


def _concat(attrs: Attrs, *parts: Shape) -> Shape:
    axis = attrs["axis"]
    rests = {(*part[:axis], *part[axis + 1 :]) for part in parts}
    if len(rests) > 1 or len({len(part) for part in parts}) > 1:
        listed = ", ".join(map(str, parts))
        raise Refusal(f"expected parts that agree on all axes but {axis}, got {listed}")
    return (*parts[0][:axis], sum(part[axis] for part in parts), *parts[0][axis + 1 :])


def _pad(attrs: Attrs, x: Shape) -> Shape:
    pads, rank = attrs["pads"], len(x)
    return tuple(extent + pads[axis] + pads[axis + rank] for axis, extent in enumerate(x))


SHAPES: dict[str, Callable[..., Shape]] = {
    "add": _broadcast,
    "arg_max": _reduce,
    "average_pool": _pool,
    "clip": _same,
    "concat": _concat,
    "conv": _conv,
    "leaky_relu": _same,
    "log_softmax": _same,
    "matmul": _matmul,
    "max_pool": _pool,
    "mul": _broadcast,
    "neg": _same,
    "pad": _pad,
    "prelu": _prelu,
    "reduce_mean": _reduce,
    "reduce_sum": _reduce,
    "relu": _same,
    "reshape": _reshape,
    "sigmoid": _same,
    "slice": _slice,
    "softmax": _same,
    "sub": _broadcast,
    "transpose": _transpose,
}
