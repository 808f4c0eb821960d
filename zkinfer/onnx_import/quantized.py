"""Converters of quantized operators: the integers of the file are those of the graph.

A tensor of integers q with a scale s and a zero point z stands for (q - z) s. Products are sums of
integers, (q - z) (q' - z'), which are multiplied by s s' / s", rounded and kept within the type:
one rounding a number, as onnxruntime has it. Scales and zero points are public.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from zkinfer.graph import Integer, Real
from zkinfer.onnx_import.bodies import Body, inlined, stand_for
from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.constants import Array
from zkinfer.onnx_import.inputs import is_narrow
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal
from zkinfer.onnx_import.shapes import Shape

INT32 = Integer(-(1 << 31), (1 << 31) - 1)
UINT8 = Integer(0, 255)

QUANTIZED = frozenset(
    (
        TensorProto.INT2, TensorProto.INT4, TensorProto.INT8, TensorProto.INT16,
        TensorProto.UINT2, TensorProto.UINT4, TensorProto.UINT8, TensorProto.UINT16,
    )
)  # fmt: skip
"""The types that numbers are rounded to."""


@dataclass(frozen=True)
class Grid:
    """The numbers (q - zeros) scales, for q of a type; one of each, or one an index of an axis.

    scales: of float32. axis: None for one.
    """

    scales: Array
    zeros: Array
    type: Integer
    axis: int | None

    @property
    def wide(self) -> Integer:
        """What q - zeros can be."""
        zeros = self.zeros
        return Integer(self.type.low - int(zeros.max()), self.type.high - int(zeros.min()))

    def attrs(self, rank: int) -> dict[str, Any]:
        """Of a layer on a tensor of this rank."""
        return _listed(self.scales, self.zeros, 0 if self.axis is None else rank - 1 - self.axis)

    def along(self, numbers: Array, rank: int) -> Array:
        """Scales or zeros, broadcasting to a tensor of this rank."""
        return numbers if self.axis is None else numbers.reshape(-1, *(1,) * (rank - 1 - self.axis))


def grid(site: Site, scale: int, zero: int, shape: Shape, axis: int, kind: Integer) -> Grid:
    """The grid whose scale and zero point are inputs at these places.

    axis: of a tensor of this shape, that a list of scales goes along. kind: the type of the
    integers, should no zero point say it. Raises Refusal.
    """
    scales = site.floats(scale, "a scale")
    zeros = np.zeros((), np.int64)
    if site.has(zero):
        array = site.array(zero, "a zero point")
        kind = _type_of(array)
        zeros = array.astype(np.int64)
    single = scales.size == 1
    if not single:
        if scales.ndim != 1 or scales.shape != shape[axis : axis + 1]:
            raise Refusal(
                f"expected one scale, or one for each index of axis {axis} of the shape {shape}, "
                f"got {scales.shape}"
            )
    if not (scales > 0).all():
        raise Refusal(f"expected scales above zero, got {scales.min():g}")
    if zeros.size not in (1, scales.size):
        raise Refusal(f"expected as many zero points as scales, got {zeros.size}")
    zeros = np.broadcast_to(zeros.reshape(-1), (scales.size,))
    return Grid(scales.reshape(-1).astype(np.float32), zeros, kind, None if single else axis)


def quantize_linear(site: Site) -> None:
    """QuantizeLinear."""
    shape, kind = site.shape(0), _declared(site)
    x = site.any_operand(0)
    if not site.is_constant(1) or (site.has(2) and not site.is_constant(2)):
        _quantize_computed(site, x, kind)
        return
    to = grid(site, 1, 2, shape, _axis(site, shape), kind)
    maker = next((node for node in site.graph.nodes[::-1] if x in node.outputs), None)
    if maker is not None and maker.op == "dequantize" and to.axis is None:
        behind, zeros = maker.attrs["behind"], np.array(maker.attrs["zeros"])
        scales = (np.array(maker.attrs["scales"]) / to.scales).astype(np.float32)
        centred = maker.inputs[0]
        if zeros.any():
            attrs = _listed(np.ones(zeros.size), zeros, behind)
            centred = site.step("dequantize", "centred", centred, **attrs)
            site.graph.kinds[centred] = INT32
        attrs = _listed(scales, np.broadcast_to(to.zeros, scales.shape), behind)
        ends = {"low": to.type.low, "high": to.type.high}
        site.finish("quantize", centred, divides=False, **attrs, **ends)
        _whole(site, to.type)
        return
    _quantized(site, x, to, to.scales, divides=True)


def _quantize_computed(site: Site, x: str, kind: Integer) -> None:
    """By a scale or a zero point that depends on the input: round(x / scale) + zero, kept within
    the type.
    """
    y = site.step("divide", "quotient", x, site.any_operand(1))
    y = site.step("round", "rounded", y, down=False)
    if site.has(2):
        y = site.step("add", "moved", y, site.any_operand(2))
    site.finish("clip", y, low=float(kind.low), high=float(kind.high))
    _whole(site, kind)


def dequantize_linear(site: Site) -> None:
    """DequantizeLinear of what depends on the input."""
    x, shape = site.any_operand(0), site.shape(0)
    if not site.is_constant(1) or (site.has(2) and not site.is_constant(2)):
        if site.has(2):
            x = site.step("sub", "moved", x, site.any_operand(2))
        site.finish("mul", x, site.any_operand(1))
        return
    of = grid(site, 1, 2, shape, _axis(site, shape), INT32)
    site.finish("dequantize", x, **of.attrs(len(shape)))


def _axis(site: Site, shape: Shape) -> int:
    """The axis that scales go along. Raises Refusal for blocks of several indices."""
    if site.attr("block_size", 0):
        raise Refusal("expected blocks in constants alone, got those of a computed tensor")
    return axis_in(int(site.attr("axis", 1)), len(shape)) if len(shape) > 1 else 0


def qlinear_conv(site: Site) -> None:
    """QLinearConv: its integers are those of a Conv of x - zero and w - zero."""
    w = site.shape(3)
    x, by = _operand_grid(site, 0), grid(site, 4, 5, w, 0, INT32)
    weights = site.array(3, "weights").astype(np.int64) - by.along(by.zeros, len(w))
    bias = site.array(8, "a bias") if site.has(8) else None
    operands = [_centred(site, 0, x), weights, bias]
    y = _product(site, "Conv", operands, by.wide, **_shared(site))
    rank = len(site.graph.shape(y))
    axis = None if by.axis is None else rank - 2
    _requantized(site, y, x.scales * by.scales, 6, 7, axis)


def conv_integer(site: Site) -> None:
    """ConvInteger: sums of products of integers, which it makes."""
    w = site.shape(1)
    zeros = np.zeros((), np.int64)
    if site.has(3):
        zeros = site.array(3, "a zero point").astype(np.int64)
        zeros = zeros.reshape(-1, *(1,) * (len(w) - 1)) if zeros.size > 1 else zeros.reshape(())
    array = site.array(1, "weights")
    kind = _type_of(array)
    wide = Integer(kind.low - int(zeros.max()), kind.high - int(zeros.min()))
    operands = [_less_zero(site, 0, 2), array.astype(np.int64) - zeros, None]
    y = _product(site, "Conv", operands, wide, **_shared(site))
    _sums(site, y)


def qlinear_matmul(site: Site) -> None:
    """QLinearMatMul: numpy's matmul of a - zero and b - zero; b has one scale, or one a column."""
    a, b = _operand_grid(site, 0), _operand_grid(site, 3, last=True)
    y = _product(site, "MatMul", [_centred(site, 0, a), _centred(site, 3, b)], b.wide)
    _requantized(site, y, a.scales * b.scales, 6, 7, None if b.axis is None else 0)


def matmul_integer(site: Site) -> None:
    """MatMulInteger: sums of products of integers, which it makes."""
    kinds = [_type_of(site.array(i, "b")) if site.is_constant(i) else INT32 for i in (0, 1)]
    y = _product(site, "MatMul", [_less_zero(site, 0, 2), _less_zero(site, 1, 3)], kinds[1])
    _sums(site, y)


def qgemm(site: Site) -> None:
    """QGemm: alpha (a - zero)' (b - zero)' plus integers C; floats where no scale of y is given."""
    a, b = _operand_grid(site, 0), _operand_grid(site, 3, last=not site.attr("transB", 0))
    operands: list[Any] = [_centred(site, 0, a), _centred(site, 3, b)]
    if site.has(6):
        operands.append(site.array(6, "C"))
    attrs = {name: int(site.attr(name, 0)) for name in ("transA", "transB")}
    y = _product(site, "Gemm", operands, b.wide, **attrs)
    scales = np.float32(site.attr("alpha", 1.0)) * a.scales * b.scales
    axis = None if b.axis is None else 0
    if site.has(7):
        _requantized(site, y, scales, 7, 8, axis)
    else:
        site.finish("dequantize", y, **_listed(scales, np.zeros(scales.size, np.int64), 0))


def qlinear_add(site: Site) -> None:
    """QLinearAdd: the sum of both in steps of the output."""
    to = grid(site, 6, 7, (), 0, UINT8)
    terms = []
    for index in (0, 3):
        of = _operand_grid(site, index)
        scales = (of.scales / to.scales).astype(np.float32)
        terms.append(_scaled(site, index, of, scales))
    total = site.step("add", "sum", *terms)
    _quantized(site, total, to, np.ones(1, np.float32), divides=False)


def qlinear_mul(site: Site) -> None:
    """QLinearMul: products of integers."""
    a, b = _operand_grid(site, 0), _operand_grid(site, 3)
    factors = []
    for index, of in ((0, a), (3, b)):
        x = _centred(site, index, of)
        if not isinstance(x, str):
            x = site.weight(f"centred{index}", x, index)
            site.graph.kinds[x] = of.wide
        factors.append(x)
    y = site.step("mul", "products", *factors)
    site.graph.kinds[y] = INT32
    _requantized(site, y, a.scales * b.scales, 6, 7, None)


def qlinear_concat(site: Site) -> None:
    """QLinearConcat: each operand brought to the grid of the output first."""
    to = grid(site, 0, 1, (), 0, UINT8)
    parts = []
    for index in range(2, len(site.node.inputs), 3):
        of = _operand_grid(site, index)
        attrs = to.attrs(0) | {"low": to.type.low, "high": to.type.high}
        if np.array_equal(of.scales, to.scales) and np.array_equal(of.zeros, to.zeros):
            parts.append(site.any_operand(index))
            continue
        scales = (of.scales / to.scales).astype(np.float32)
        x = _centred(site, index, of)
        x = x if isinstance(x, str) else site.weight("centred", x, index)
        attrs |= {"scales": tuple(scales.tolist()), "divides": False}
        parts.append(site.step("quantize", f"part{index}", x, **attrs))
        if parts[-1] in site.graph.shapes:
            site.graph.kinds[parts[-1]] = to.type
    axis = axis_in(int(site.attr("axis", 1)), len(site.graph.shape(parts[0])))
    site.finish("concat", *parts, axis=axis)
    _whole(site, to.type)


def qlinear_global_average_pool(site: Site) -> None:
    """QLinearGlobalAveragePool: sums of integers, over their count."""
    of, shape = _operand_grid(site, 0), site.shape(0)
    last = bool(site.attr("channels_last", 0))
    axes = tuple(range(1, len(shape) - 1)) if last else tuple(range(2, len(shape)))
    x = site.step("reduce_sum", "sums", _string(site, 0, of), axes=axes, keepdims=True)
    site.graph.kinds[x] = INT32
    count = np.float32(prod(shape[axis] for axis in axes))
    to = grid(site, 3, 4, (), 0, UINT8)
    scales = (of.scales / (to.scales * count)).astype(np.float32)
    _quantized(site, x, to, scales, divides=False)


def qlinear_average_pool(site: Site) -> None:
    """QLinearAveragePool: the mean of what the integers stand for."""
    names = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")
    attrs = {name: site.attr(name, None) for name in names if name in site.node.attrs}
    if site.attr("channels_last", 0):
        raise Refusal("expected channels first, got channels_last")
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["real"], name="real"),
        helper.make_node("AveragePool", ["real"], ["mean"], name="mean", **attrs),
        helper.make_node("QuantizeLinear", ["mean", "t", "u"], ["y"], name="y"),
    ]
    _by(site, nodes, ("x", "s", "z", "t", "u"))


def qlinear_function(function: Callable[[Site, Array], Array]) -> Callable[[Site], None]:
    """A function of one integer: a table of all that there are."""

    def convert(site: Site) -> None:
        of, to = _operand_grid(site, 0), grid(site, 3, 4, (), 0, UINT8)
        kind = _type_of(site.array(2, "a zero point")) if site.has(2) else UINT8
        integers = np.arange(kind.low, kind.high + 1)
        real = (integers - of.zeros).astype(np.float32) * of.scales
        values = np.rint(function(site, real).astype(np.float32) / to.scales) + to.zeros
        values = np.clip(values, to.type.low, to.type.high).astype(np.int64)
        listed = tuple(values.tolist())
        site.finish("table", site.any_operand(0), first=kind.low, values=listed)
        _whole(site, to.type)

    return convert


def qlinear_leaky_relu(site: Site) -> None:
    """QLinearLeakyRelu; of a slope of zero what is less than the zero point becomes that."""
    of, to = _operand_grid(site, 0), grid(site, 3, 4, (), 0, UINT8)
    same = np.array_equal(of.scales, to.scales) and np.array_equal(of.zeros, to.zeros)
    if same and float(site.attr("alpha", 0.01)) == 0:
        (zero,) = to.zeros.tolist()
        site.finish("clip", site.any_operand(0), low=float(zero), high=float(to.type.high))
        _whole(site, to.type)
    else:
        qlinear_function(_leaky)(site)


def _leaky(site: Site, x: Array) -> Array:
    return np.where(x >= 0, x, x * np.float32(site.attr("alpha", 0.01)))


def _sigmoid(site: Site, x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))))


def qlinear_softmax(site: Site) -> None:
    """QLinearSoftmax: the softmax of what the integers stand for."""
    version = int(site.attr("opset", 13))
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["real"], name="real"),
        helper.make_node("Softmax", ["real"], ["part"], name="part", axis=int(site.attr("axis", -1))),
        helper.make_node("QuantizeLinear", ["part", "t", "u"], ["y"], name="y"),
    ]
    _by(site, nodes, ("x", "s", "z", "t", "u"), {"": max(version, 13)})


def dynamic_quantize_matmul(site: Site) -> None:
    """DynamicQuantizeMatMul: what is quantized by its own range, times constant integers."""
    nodes = [helper.make_node("DynamicQuantizeLinear", ["a"], ["q", "s", "z"], name="quantized")]
    _to_float(site, nodes, ("a", "b", "t", "u", "bias"), "q", "s", "z")


def matmul_integer_to_float(site: Site) -> None:
    """MatMulIntegerToFloat: sums of products of integers, times both scales, and a bias."""
    if all(site.is_constant(place) for place in (2, 3, 4, 5) if site.has(place)):
        rank = len(site.shape(1))
        a = grid(site, 2, 4, site.shape(0), 0, INT32)
        b = grid(site, 3, 5, site.shape(1), rank - 1, INT32)
        kind = _type_of(site.array(1, "b")) if site.is_constant(1) else INT32
        b = replace(b, type=kind)
        y = _product(site, "MatMul", [_centred(site, 0, a), _centred(site, 1, b)], b.wide)
        scales = a.scales * b.scales
        attrs = _listed(scales, np.zeros(scales.size, np.int64), 0)
        if site.has(6):
            product = site.step("dequantize", "product", y, **attrs)
            site.finish("add", product, site.any_operand(6))
        else:
            site.finish("dequantize", y, **attrs)
        return
    _to_float(site, [], ("a", "b", "s", "t", "z", "u", "bias"), "a", "s", "z")


def _to_float(
    site: Site, nodes: list[onnx.NodeProto], names: Sequence[str], a: str, scale: str, zero: str
) -> None:
    """The product of a and b by their scales and zero points, which end on s and t, z and u."""
    has = {name: site.has(place) for place, name in enumerate(names)}
    zeros = [zero if has.get(zero, True) else "", "u" if has["u"] else ""]
    nodes += [
        helper.make_node("MatMulInteger", [a, "b", *zeros], ["sums"], name="sums"),
        helper.make_node("Cast", ["sums"], ["real"], name="real", to=TensorProto.FLOAT),
        helper.make_node("Mul", [scale, "t"], ["scales"], name="scales"),
        helper.make_node("Mul", ["real", "scales"], ["y"], name="y"),
    ]
    if has["bias"]:
        nodes[-1].output[0] = "product"
        nodes.append(helper.make_node("Add", ["product", "bias"], ["y"], name="bias"))
    _by(site, nodes, names)


def _by(
    site: Site,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[str],
    opsets: Mapping[str, int] | None = None,
) -> None:
    """Makes the tensor y of standard operators the output."""
    body = Body(tuple(inputs), ("y",), tuple(nodes), {}, opsets or {"": 21})
    (y,) = inlined(site, body, site.node.inputs)
    stand_for(site, 0, y)
    if y in site.graph.narrow:
        site.graph.narrow.add(site.node.outputs[0])


def _scaled(site: Site, index: int, of: Grid, scales: Array) -> str:
    """What an input stands for, of other scales than its own."""
    rank = len(site.shape(index))
    if site.is_constant(index):
        array = site.array(index, "integers").astype(np.float64) - of.along(of.zeros, rank)
        return site.weight("scaled", array * of.along(scales, rank), index)
    attrs = of.attrs(rank) | {"scales": tuple(scales.tolist())}
    return site.step("dequantize", f"scaled{index}", site.any_operand(index), **attrs)


def _string(site: Site, index: int, of: Grid) -> str:
    """A computed input less its zero points. Raises Refusal for a constant."""
    x = _centred(site, index, of)
    if not isinstance(x, str):
        raise Refusal("expected a computed operand, got a constant")
    return x


def _operand_grid(site: Site, index: int, *, last: bool = False) -> Grid:
    """The grid of the input at a place, its scale and zero point at the next two.

    last: whether a list of scales goes along the last axis, else along the first.
    """
    shape = site.shape(index)
    kind = _type_of(site.array(index, "integers")) if site.is_constant(index) else INT32
    return grid(site, index + 1, index + 2, shape, len(shape) - 1 if last else 0, kind)


def _centred(site: Site, index: int, of: Grid) -> str | Array:
    """An input less its zero points; an array if it is constant."""
    shape = site.shape(index)
    if site.is_constant(index):
        return site.array(index, "integers").astype(np.int64) - of.along(of.zeros, len(shape))
    x = site.any_operand(index)
    if not of.zeros.any():
        return x
    attrs = of.attrs(len(shape)) | {"scales": (1.0,) * len(of.zeros)}
    y = site.step("dequantize", f"centred{index}", x, **attrs)
    site.graph.kinds[y] = of.wide
    return y


def _less_zero(site: Site, index: int, zero: int) -> str | Array:
    """An input less the zero point at another place, which may depend on the model's input."""
    shape = site.shape(index)
    if not site.has(zero):
        return site.array(index, "b").astype(np.int64) if site.is_constant(index) else site.any_operand(index)
    if not site.is_constant(zero):
        return site.step("sub", f"centred{index}", site.any_operand(index), site.any_operand(zero))
    zeros = site.array(zero, "a zero point").astype(np.int64)
    if site.is_constant(index):
        return site.array(index, "b").astype(np.int64) - zeros
    del shape
    x = site.any_operand(index)
    if not zeros.any():
        return x
    if zeros.size > 1:
        return site.step("sub", f"centred{index}", x, site.weight(f"zero{zero}", zeros))
    y = site.step("dequantize", f"centred{index}", x, **_listed(np.ones(1), zeros.reshape(1), 0))
    site.graph.kinds[y] = INT32
    return y


def _product(
    site: Site, op: str, operands: Sequence[str | Array | None], weights: Integer, **attrs: Any
) -> str:
    """A standard operator on integers, arrays among them constants; returns its output's name.

    weights: what entries of its constant factors may be.
    """
    names = [f"operand{place}" for place in range(len(operands))]
    given = {n: x for n, x in zip(names, operands, strict=True) if isinstance(x, str)}
    constants = {n: x for n, x in zip(names, operands, strict=True) if isinstance(x, np.ndarray)}
    used = [n if n in given or n in constants else "" for n in names]
    node = helper.make_node(op, used, ["sums"], name=op, **attrs)
    body = Body(tuple(given), ("sums",), (node,), constants, site.opsets)
    graph, outside = site.graph, []
    for name, x in given.items():  # under a name that is not said to hold integers
        outside.append(graph.new_tensor(f"{site.node.name}/{name}"))
        graph.alias(outside[-1], x)
    first = len(graph.nodes)
    y = graph.source(inlined(site, body, outside)[0])
    computed = [name for name in given.values() if graph.type_of(name).kind == Real()]
    for made in graph.nodes[first:]:
        for name in made.inputs:
            if name in graph.weights:
                bias = made.inputs.index(name) == 2
                graph.kinds[name] = INT32 if bias else weights
        if not computed:
            graph.kinds.update(dict.fromkeys(made.outputs, INT32))
    return y


def _shared(site: Site) -> dict[str, Any]:
    """The attributes of a convolution."""
    names = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
    return {name: site.attr(name, None) for name in names if name in site.node.attrs}


def _requantized(
    site: Site, sums: str, scales: Array, scale: int, zero: int, axis: int | None
) -> None:
    """Makes sums, which stand for multiples of scales, the output, of the grid at two inputs.

    axis: how many axes are behind the one that scales go along; None for one scale.
    """
    to = grid(site, scale, zero, (), 0, UINT8)
    multipliers = (scales / to.scales).astype(np.float32)
    attrs = _listed(multipliers, np.broadcast_to(to.zeros, multipliers.shape), axis or 0)
    low = int(to.zeros[0]) if site.attr("relu", 0) else to.type.low
    high = max(to.type.high, low + 1)
    site.finish("quantize", sums, divides=False, **attrs, low=low, high=high)
    _whole(site, to.type)


def _quantized(site: Site, x: str, to: Grid, scales: Array, *, divides: bool) -> None:
    """Makes x times or over scales the output, of a grid."""
    attrs = to.attrs(len(site.graph.shape(x))) | {"scales": tuple(scales.tolist())}
    ends = {"low": to.type.low, "high": to.type.high}
    site.finish("quantize", x, divides=divides, **attrs, **ends)
    _whole(site, to.type)


def _listed(scales: Array, zeros: Array, behind: int) -> dict[str, Any]:
    """Numbers as attributes of a layer."""
    return {"scales": tuple(scales.tolist()), "zeros": tuple(zeros.tolist()), "behind": behind}


def _sums(site: Site, y: str) -> None:
    """Makes sums of products of integers the output."""
    site.graph.alias(site.node.outputs[0], y)
    site.graph.integral.add(site.node.outputs[0])


def _whole(site: Site, kind: Integer) -> None:
    """Says that the output holds integers of a type."""
    graph, name = site.graph, site.node.outputs[0]
    graph.integral.add(name)
    if is_narrow(kind):
        graph.narrow.add(name)
    source = graph.source(name)
    if source in graph.shapes:
        graph.kinds[source] = kind


def _declared(site: Site) -> Integer:
    """The type that a QuantizeLinear says, should it have no zero point. Raises Refusal."""
    number = int(site.attr("output_dtype", 0)) or TensorProto.UINT8
    if number not in QUANTIZED:
        raise Refusal(f"expected integers of at most 16 bits, got the type {number}")
    return _limits(helper.tensor_dtype_to_np_dtype(number))


def _type_of(array: Array) -> Integer:
    """The type of an array. Raises Refusal where it does not hold integers."""
    if helper.np_dtype_to_tensor_dtype(array.dtype) not in {*QUANTIZED, TensorProto.INT32}:
        raise Refusal(f"expected integers, got {array.dtype}")
    return _limits(array.dtype)


def _limits(dtype: np.dtype[Any]) -> Integer:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return Integer(int(limits.min), int(limits.max))
    bits = int("".join(filter(str.isdigit, dtype.name)))
    return Integer(0, (1 << bits) - 1) if "u" in dtype.name else Integer(-(1 << bits - 1), (1 << bits - 1) - 1)


CONVERTERS: Converters = {
    ("", "ConvInteger"): conv_integer,
    ("", "DequantizeLinear"): dequantize_linear,
    ("", "MatMulInteger"): matmul_integer,
    ("", "QLinearConv"): qlinear_conv,
    ("", "QLinearMatMul"): qlinear_matmul,
    ("", "QuantizeLinear"): quantize_linear,
    (MICROSOFT_DOMAIN, "DequantizeLinear"): dequantize_linear,
    (MICROSOFT_DOMAIN, "DynamicQuantizeMatMul"): dynamic_quantize_matmul,
    (MICROSOFT_DOMAIN, "MatMulIntegerToFloat"): matmul_integer_to_float,
    (MICROSOFT_DOMAIN, "QGemm"): qgemm,
    (MICROSOFT_DOMAIN, "QLinearAdd"): qlinear_add,
    (MICROSOFT_DOMAIN, "QLinearAveragePool"): qlinear_average_pool,
    (MICROSOFT_DOMAIN, "QLinearConcat"): qlinear_concat,
    (MICROSOFT_DOMAIN, "QLinearGlobalAveragePool"): qlinear_global_average_pool,
    (MICROSOFT_DOMAIN, "QLinearLeakyRelu"): qlinear_leaky_relu,
    (MICROSOFT_DOMAIN, "QLinearMul"): qlinear_mul,
    (MICROSOFT_DOMAIN, "QLinearSigmoid"): qlinear_function(_sigmoid),
    (MICROSOFT_DOMAIN, "QLinearSoftmax"): qlinear_softmax,
    (MICROSOFT_DOMAIN, "QuantizeLinear"): quantize_linear,
}
