"""Converters of quantized operators of com.microsoft that compute entry by entry, or average."""

from collections.abc import Callable
from math import prod

import numpy as np
from onnx import helper

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.constants import Array
from zkinfer.onnx_import.grids import (
    INT32,
    UINT8,
    by_nodes,
    centred,
    computed,
    grid,
    operand_grid,
    quantized,
    requantized,
    scaled,
    type_of,
    whole,
)
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal


def qlinear_add(site: Site) -> None:
    """QLinearAdd: the sum of both in steps of the output."""
    to = grid(site, 6, 7, (), 0, UINT8)
    terms = []
    for index in (0, 3):
        of = operand_grid(site, index)
        scales = (of.scales / to.scales).astype(np.float32)
        terms.append(scaled(site, index, of, scales))
    total = site.step("add", "sum", *terms)
    quantized(site, total, to, np.ones(1, np.float32), divides=False)


def qlinear_mul(site: Site) -> None:
    """QLinearMul: products of integers."""
    a, b = operand_grid(site, 0), operand_grid(site, 3)
    factors = []
    for index, of in ((0, a), (3, b)):
        x = centred(site, index, of)
        if not isinstance(x, str):
            x = site.weight(f"centred{index}", x, index)
            site.graph.kinds[x] = of.wide
        factors.append(x)
    y = site.step("mul", "products", *factors)
    site.graph.kinds[y] = INT32
    requantized(site, y, a.scales * b.scales, 6, 7, None)


def qlinear_concat(site: Site) -> None:
    """QLinearConcat: each operand brought to the grid of the output first."""
    to = grid(site, 0, 1, (), 0, UINT8)
    parts = []
    for index in range(2, len(site.node.inputs), 3):
        of = operand_grid(site, index)
        attrs = to.attrs(0) | {"low": to.type.low, "high": to.type.high}
        if np.array_equal(of.scales, to.scales) and np.array_equal(of.zeros, to.zeros):
            parts.append(site.any_operand(index))
            continue
        scales = (of.scales / to.scales).astype(np.float32)
        x = centred(site, index, of)
        x = x if isinstance(x, str) else site.weight("centred", x, index)
        attrs |= {"scales": tuple(scales.tolist()), "divides": False}
        parts.append(site.step("quantize_linear", f"part{index}", x, **attrs))
        if parts[-1] in site.graph.shapes:
            site.graph.kinds[parts[-1]] = to.type
    axis = axis_in(int(site.attr("axis", 1)), len(site.graph.shape(parts[0])))
    site.finish("concat", *parts, axis=axis)
    whole(site, to.type)


def qlinear_global_average_pool(site: Site) -> None:
    """QLinearGlobalAveragePool: sums of integers, over their count."""
    of, shape = operand_grid(site, 0), site.shape(0)
    last = bool(site.attr("channels_last", 0))
    axes = tuple(range(1, len(shape) - 1)) if last else tuple(range(2, len(shape)))
    x = site.step("reduce_sum", "sums", computed(site, 0, of), axes=axes, keepdims=True)
    site.graph.kinds[x] = INT32
    count = np.float32(prod(shape[axis] for axis in axes))
    to = grid(site, 3, 4, (), 0, UINT8)
    scales = (of.scales / (to.scales * count)).astype(np.float32)
    quantized(site, x, to, scales, divides=False)


def qlinear_average_pool(site: Site) -> None:
    """QLinearAveragePool: the mean of what the integers stand for."""
    attrs = {name: value for name, value in site.node.attrs.items() if name != "channels_last"}
    if site.attr("channels_last", 0):
        raise Refusal("expected channels first, got channels_last")
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["real"], name="real"),
        helper.make_node("AveragePool", ["real"], ["mean"], name="mean", **attrs),
        helper.make_node("QuantizeLinear", ["mean", "t", "u"], ["y"], name="y"),
    ]
    by_nodes(site, nodes, ("x", "s", "z", "t", "u"))


def qlinear_sigmoid(site: Site) -> None:
    """QLinearSigmoid."""
    _by_table(site, lambda x: np.asarray(1 / (1 + np.exp(-x.astype(np.float64)))))


def _by_table(site: Site, function: Callable[[Array], Array]) -> None:
    """A function of one integer: a table of all that there are."""
    of, to = operand_grid(site, 0), grid(site, 3, 4, (), 0, UINT8)
    kind = type_of(site.array(2, "a zero point")) if site.has(2) else UINT8
    real = (np.arange(kind.low, kind.high + 1) - of.zeros).astype(np.float32) * of.scales
    values = np.rint(function(real).astype(np.float32) / to.scales) + to.zeros
    listed = np.clip(values, to.type.low, to.type.high).astype(np.int64).tolist()
    site.finish("table", site.any_operand(0), first=kind.low, values=tuple(listed))
    whole(site, to.type)


def qlinear_leaky_relu(site: Site) -> None:
    """QLinearLeakyRelu; of a slope of zero what is less than the zero point becomes that."""
    of, to = operand_grid(site, 0), grid(site, 3, 4, (), 0, UINT8)
    same = np.array_equal(of.scales, to.scales) and np.array_equal(of.zeros, to.zeros)
    if same and float(site.attr("alpha", 0.01)) == 0:
        (zero,) = to.zeros.tolist()
        site.finish("clip", site.any_operand(0), low=float(zero), high=float(to.type.high))
        whole(site, to.type)
    else:
        slope = np.float32(site.attr("alpha", 0.01))
        _by_table(site, lambda x: np.where(x >= 0, x, x * slope))


def qlinear_softmax(site: Site) -> None:
    """QLinearSoftmax: the softmax of what the integers stand for."""
    version = int(site.attr("opset", 13))
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["real"], name="real"),
        helper.make_node(
            "Softmax", ["real"], ["part"], name="part", axis=int(site.attr("axis", -1))
        ),
        helper.make_node("QuantizeLinear", ["part", "t", "u"], ["y"], name="y"),
    ]
    by_nodes(site, nodes, ("x", "s", "z", "t", "u"), {"": max(version, 13)})


CONVERTERS: Converters = {
    (MICROSOFT_DOMAIN, "QLinearAdd"): qlinear_add,
    (MICROSOFT_DOMAIN, "QLinearAveragePool"): qlinear_average_pool,
    (MICROSOFT_DOMAIN, "QLinearConcat"): qlinear_concat,
    (MICROSOFT_DOMAIN, "QLinearGlobalAveragePool"): qlinear_global_average_pool,
    (MICROSOFT_DOMAIN, "QLinearLeakyRelu"): qlinear_leaky_relu,
    (MICROSOFT_DOMAIN, "QLinearMul"): qlinear_mul,
    (MICROSOFT_DOMAIN, "QLinearSigmoid"): qlinear_sigmoid,
    (MICROSOFT_DOMAIN, "QLinearSoftmax"): qlinear_softmax,
}
