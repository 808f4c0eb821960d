"""max_pool: the largest entry of each window; padding never wins (ONNX MaxPool)."""

import numpy as np

from zkinfer.ops import windows
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

ATTRS = {"kernel": "ints", "strides": "ints", "pads": "ints", "dilations": "ints"}
INPUTS = (1, 1)


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """x [N, C, spatial...]; scale and bounds stay."""
    require(len(x.shape) >= 3, f"x has {len(x.shape)} axes; a pool takes 3 or more")
    kernel, pads = attrs["kernel"], attrs["pads"]
    outputs = windows.output_extents(
        x.shape[2:], kernel, attrs["strides"], pads, attrs["dilations"]
    )
    for axis, extent in enumerate(x.shape[2:]):
        starts = {o * attrs["strides"][axis] - pads[axis] for o in (0, outputs[axis] - 1)}
        steps = range(0, kernel[axis] * attrs["dilations"][axis], attrs["dilations"][axis])
        inside = all(any(0 <= start + step < extent for step in steps) for start in starts)
        require(inside, f"a window along spatial axis {axis} lies in the padding")
    return FixedTensor((*x.shape[:2], *outputs), x.scale, x.low, x.high)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """Padding is filled with the smallest int64."""
    kernel = attrs["kernel"]
    fill = int(np.iinfo(np.int64).min)
    view = windows.view(x, kernel, attrs["strides"], attrs["pads"], attrs["dilations"], fill)
    result: Integers = view.max(axis=tuple(range(-len(kernel), 0)))
    return result
