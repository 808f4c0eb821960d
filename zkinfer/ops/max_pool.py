"""max_pool: the largest entry of each window; padding never wins (ONNX MaxPool).

Every window has an entry of x in it.
"""

import math

import numpy as np

from zkinfer.circuit import arrange
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.maximum import maximum, tiled_maximum
from zkinfer.circuit.gadgets.ranges import floor
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift, windows
from zkinfer.ops.contract import Open, Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """x [N, C, spatial...]; scale and bounds stay."""
    (x,) = tensors
    require(len(x.shape) >= 3, f"x has {len(x.shape)} axes; a pool takes 3 or more")
    per_axis = [attrs[name] for name in ("kernel", "strides", "pads", "dilations")]
    outputs = windows.output_extents(x.shape[2:], *per_axis)
    for axis, numbers in enumerate(zip(x.shape[2:], outputs, *per_axis, strict=False)):
        inside = windows.all_inside(*numbers)
        require(inside, f"a window along spatial axis {axis} lies in the padding")
    return (FixedTensor((*x.shape[:2], *outputs), x.scale, x.low, x.high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Padding is filled with the smallest int64."""
    (x,) = arrays
    fill = int(np.iinfo(np.int64).min)
    window = (attrs["kernel"], attrs["strides"], attrs["pads"], attrs["dilations"])
    return (windows.reduced(np.maximum, x, *window, fill),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The maximum over windows. Entries that may be negative are stored with their padding first:
    a value that no entry of x is below, which wins only where it is no lie.
    """
    (x,) = values
    rank = len(x.shape)
    kernel, pads = attrs["kernel"], attrs["pads"]
    plain = not x.is_weighted and all(len(factors) < 2 for factors in x.factors[2:])
    if x.parts and plain and tiles(attrs, x.shape):
        numbers = b.lazily(lambda: _flat_windows(attrs, x.array))
        return (tiled_maximum(b, path, x, kernel, numbers),)
    x = b.settle(f"{path}/input", x)
    if any(pads) and x.certain.low < 0:
        spatial = len(pads) // 2
        ends = (0, 0, *pads[:spatial], 0, 0, *pads[spatial:])
        around = arrange.padded(b, f"{path}/pad", x, ends, floor(b, path, x))
        x = b.store(f"{path}/padded", around)
        pads = (0,) * len(pads)
    opened = arrange.windowed(b, path, x, kernel, attrs["strides"], attrs["dilations"], pads)
    return (maximum(b, path, views.merge(opened, rank, len(opened.shape) - rank)),)


def _flat_windows(attrs: Attrs, x: Integers) -> Integers:
    """[N, C, output..., taps], without padding."""
    kernel = attrs["kernel"]
    view = windows.view(x, kernel, attrs["strides"], attrs["pads"], attrs["dilations"])
    return view.reshape(*view.shape[: x.ndim], math.prod(kernel))


def tiles(attrs: Attrs, shape: tuple[int, ...]) -> bool:
    """Whether every entry of an input of this shape is in exactly one window."""
    kernel = tuple(attrs["kernel"])
    return (
        tuple(attrs["strides"]) == kernel
        and not any(attrs["pads"])
        and all(d == 1 or k == 1 for d, k in zip(attrs["dilations"], kernel, strict=True))
        and all(extent % k == 0 for extent, k in zip(shape[2:], kernel, strict=True))
    )


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """A difference and a selector for each entry of a window, and the maximum."""
    (x,), (y,) = tensors, outputs
    taps = math.prod(attrs["kernel"])
    return math.prod(y.shape) * (taps * (bits.padded(bits.width_of(x)) + 1) + 1)


def takes_open(attrs: Attrs, operand: FixedTensor, outputs: tuple[FixedTensor, ...]) -> Open:
    """Where windows tile x, each entry is its maximum less a distance, whatever it is made of."""
    return Open.ANYTHING if tiles(attrs, operand.shape) else Open.NOTHING


OP = Operator(
    attrs={"kernel": "ints", "strides": "ints", "pads": "ints", "dilations": "ints"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.windowed,
    constrain=constrain,
    cost=cost,
    takes_open=takes_open,
    takes_maxima=lambda attrs, x: tiles(attrs, x.shape),
)
