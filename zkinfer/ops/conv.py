"""conv: one- and two-dimensional convolution with groups, exact integers.

y[n, m, o] = bias[m] + sum_{c, k} x[n, g C/G + c, o stride + k dilation - pad] w[m, c, k], where
g = m G / M; reads outside of x count as zero (ONNX Conv). The scale is the sum of the scales.
"""

import math
from functools import partial

from zkinfer.circuit import arrange
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.contraction import contract
from zkinfer.circuit.value import Value
from zkinfer.ops import exact, lift, windows
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, product_bounds, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """x [N, C, spatial...], w [M, C/G, kernel...], bias [M] at the output's scale."""
    x, w = tensors[:2]
    rank = len(x.shape) - 2
    groups = attrs["groups"]
    require(rank in (1, 2), f"x has {len(x.shape)} axes; a convolution takes 3 or 4")
    require(len(w.shape) == rank + 2, f"w has {len(w.shape)} axes for an x of {rank + 2}")
    require(groups > 0, f"groups is {groups}")
    fits = x.shape[1] == w.shape[1] * groups and w.shape[0] % groups == 0
    require(fits, f"x {x.shape} and w {w.shape} do not fit {groups} groups")
    outputs = windows.output_extents(
        x.shape[2:], w.shape[2:], attrs["strides"], attrs["pads"], attrs["dilations"]
    )
    taps = math.prod(w.shape[1:])
    low, high = product_bounds(x, w, or_zero=any(attrs["pads"]))
    low, high = taps * low, taps * high
    if len(tensors) == 3:
        bias = tensors[2]
        require(bias.shape == (w.shape[0],), f"bias {bias.shape} for {w.shape[0]} channels")
        require(bias.scale == x.scale + w.scale, "the bias is not at the output's scale")
        low, high = low + bias.low, high + bias.high
    return (FixedTensor((x.shape[0], w.shape[0], *outputs), x.scale + w.scale, low, high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The convolution as an exact matrix product over the windows."""
    x, w = arrays[:2]
    y = exact.bilinear(partial(windows.convolve, attrs), math.prod(w.shape[1:]), x, w)
    if len(arrays) == 3:
        y += arrays[2].reshape(-1, *(1,) * (x.ndim - 2))
    return (y,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The Freivalds product of the windows (a view of x) with the kernels as a matrix."""
    x, w = values[:2]
    bias = values[2] if len(values) == 3 else None
    known = (x, w)
    numbers = b.lazily(lambda: forward(attrs, *(value.array for value in known))[0])
    groups = attrs["groups"]
    batch, channels, *spatial = x.shape
    filters, _, *kernel = w.shape
    count = len(spatial)
    x = arrange.windowed(
        b,
        path,
        x,
        kernel,
        attrs["strides"],
        attrs["dilations"],
        attrs["pads"],
    )
    # [batch, channels, out..., kernel...] -> [batch, group, out..., taps]
    out = x.shape[2 : 2 + count]
    x = b.reshape(f"{path}/grouped", x, (batch, groups, channels // groups, *out, *kernel))
    order = (0, 1, *range(3, 3 + count), 2, *range(3 + count, 3 + 2 * count))
    x = views.merge(views.transpose(x, order), 2 + count, 1 + count)
    w = b.reshape(f"{path}/kernels", w, (groups, filters // groups, math.prod(w.shape[1:])))
    places = [f"out{axis}" for axis in range(count)]
    if bias is not None:
        bias = b.reshape(f"{path}/bias", bias, (filters, *(1 for _ in spatial)))
    y = contract(
        b,
        path,
        x,
        ["n", "g", *places, "k"],
        w,
        ["g", "m", "k"],
        [("n",), ("g", "m"), *((place,) for place in places)],
        bias,
        numbers,
    )
    return (y,)


OP = Operator(
    attrs={"strides": "ints", "pads": "ints", "dilations": "ints", "groups": "int"},
    inputs=(2, 3),
    infer=infer,
    forward=forward,
    lift=lift.windowed,
    constrain=constrain,
    kernels=lambda attrs: {1: attrs["groups"]},
)
