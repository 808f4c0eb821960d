"""Converters of quantized operators: the integers of the file are those of the graph.

A tensor of integers q with a scale s and a zero point z stands for (q - z) s. Products are sums of
integers, (q - z) (q' - z'), which are multiplied by s s' / s", rounded and kept within the type:
one rounding a number, as onnxruntime has it. Scales and zero points are public.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from zkinfer.graph import Integer, Node, Real
from zkinfer.onnx_import.bodies import Body, function, inlined, stand_for
from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.constants import Array
from zkinfer.onnx_import.grids import (
    INT32,
    QUANTIZED,
    Grid,
    by_nodes,
    centred,
    grid,
    limits,
    listed,
    operand_grid,
    quantized,
    requantized,
    type_of,
    whole,
)
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal
from zkinfer.onnx_import.shapes import Shape


def quantize_linear(site: Site) -> None:
    """QuantizeLinear."""
    shape, kind = site.shape(0), _declared(site)
    x = site.any_operand(0)
    if not site.is_constant(1) or (site.has(2) and not site.is_constant(2)):
        _quantize_computed(site, x, kind)
        return
    to = grid(site, 1, 2, shape, _axis(site, shape), kind)
    maker = next((node for node in site.graph.nodes[::-1] if x in node.outputs), None)
    if maker is not None and maker.op == "dequantize_linear" and to.axis is None:
        _again(site, maker, to)
    else:
        quantized(site, x, to, to.scales, divides=True)


def _again(site: Site, maker: Node, to: Grid) -> None:
    """What a DequantizeLinear has just made of integers, on another grid: by the integers."""
    (x,), behind, zeros = maker.inputs, maker.attrs["behind"], np.array(maker.attrs["zeros"])
    if zeros.any():
        ones = listed(np.ones(zeros.size), zeros, behind)
        x = site.step("dequantize_linear", "centred", x, **ones)
        site.graph.kinds[x] = INT32
    held = maker.attrs["scales"]
    scales, zeros = (np.broadcast_to(numbers, len(held)) for numbers in (to.scales, to.zeros))
    ends = {"low": to.type.low, "high": to.type.high}
    attrs = {"held": held, "divides": True, **listed(scales, zeros, behind), **ends}
    site.finish("quantize_linear", x, **attrs)
    whole(site, to.type)


def _quantize_computed(site: Site, x: str, kind: Integer) -> None:
    """By a scale or a zero point that depends on the input: round(x / scale) + zero, kept within
    the type.
    """
    y = site.step("divide", "quotient", x, site.any_operand(1))
    y = site.step("round", "rounded", y, down=False)
    if site.has(2):
        y = site.step("add", "moved", y, site.any_operand(2))
    site.finish("clip", y, low=float(kind.low), high=float(kind.high))
    whole(site, kind)


def dequantize_linear(site: Site) -> None:
    """DequantizeLinear of what depends on the input."""
    x, shape = site.any_operand(0), site.shape(0)
    if not site.is_constant(1) or (site.has(2) and not site.is_constant(2)):
        if site.has(2):
            x = site.step("sub", "moved", x, site.any_operand(2))
        site.finish("mul", x, site.any_operand(1))
        return
    of = grid(site, 1, 2, shape, _axis(site, shape), INT32)
    site.finish("dequantize_linear", x, **of.attrs(len(shape)))


def _axis(site: Site, shape: Shape) -> int:
    """The axis that scales go along. Raises Refusal for blocks of several indices."""
    if site.attr("block_size", 0):
        raise Refusal("expected blocks in constants alone, got those of a computed tensor")
    return axis_in(int(site.attr("axis", 1)), len(shape)) if len(shape) > 1 else 0


def qlinear_conv(site: Site) -> None:
    """QLinearConv: its integers are those of a Conv of x - zero and w - zero."""
    w = site.shape(3)
    x, by = operand_grid(site, 0), grid(site, 4, 5, w, 0, INT32)
    weights = site.array(3, "weights").astype(np.int64) - by.along(by.zeros, len(w))
    bias = site.array(8, "a bias") if site.has(8) else None
    operands = [centred(site, 0, x), weights, bias]
    y = _product(site, "Conv", operands, by.wide, **_shared(site))
    rank = len(site.graph.shape(y))
    axis = None if by.axis is None else rank - 2
    requantized(site, y, x.scales * by.scales, 6, 7, axis)


def conv_integer(site: Site) -> None:
    """ConvInteger: sums of products of integers, which it makes."""
    w = site.shape(1)
    zeros = np.zeros((), np.int64)
    if site.has(3):
        zeros = site.array(3, "a zero point").astype(np.int64)
        zeros = zeros.reshape(-1, *(1,) * (len(w) - 1)) if zeros.size > 1 else zeros.reshape(())
    array = site.array(1, "weights")
    kind = type_of(array)
    wide = Integer(kind.low - int(zeros.max()), kind.high - int(zeros.min()))
    operands = [_less_zero(site, 0, 2), array.astype(np.int64) - zeros, None]
    y = _product(site, "Conv", operands, wide, **_shared(site))
    _sums(site, y)


def qlinear_matmul(site: Site) -> None:
    """QLinearMatMul: numpy's matmul of a - zero and b - zero; b has one scale, or one a column."""
    a, b = operand_grid(site, 0), operand_grid(site, 3, last=True)
    y = _product(site, "MatMul", [centred(site, 0, a), centred(site, 3, b)], b.wide)
    requantized(site, y, a.scales * b.scales, 6, 7, None if b.axis is None else 0)


def matmul_integer(site: Site) -> None:
    """MatMulInteger: sums of products of integers, which it makes."""
    kinds = [type_of(site.array(i, "b")) if site.is_constant(i) else INT32 for i in (0, 1)]
    y = _product(site, "MatMul", [_less_zero(site, 0, 2), _less_zero(site, 1, 3)], kinds[1])
    _sums(site, y)


def qgemm(site: Site) -> None:
    """QGemm: alpha (a - zero)' (b - zero)' plus integers C; floats where no scale of y is given."""
    a, b = operand_grid(site, 0), operand_grid(site, 3, last=not site.attr("transB", 0))
    operands: list[Any] = [centred(site, 0, a), centred(site, 3, b)]
    if site.has(6):
        operands.append(site.array(6, "C"))
    attrs = {name: int(site.attr(name, 0)) for name in ("transA", "transB")}
    y = _product(site, "Gemm", operands, b.wide, **attrs)
    scales = np.float32(site.attr("alpha", 1.0)) * a.scales * b.scales
    axis = None if b.axis is None else 0
    if site.has(7):
        requantized(site, y, scales, 7, 8, axis)
    else:
        site.finish("dequantize_linear", y, **listed(scales, np.zeros(scales.size, np.int64), 0))


def dynamic_quantize_linear(site: Site) -> None:
    """DynamicQuantizeLinear by ONNX's function, but that the scale of zeros alone is 1."""
    body = function(site.node)
    if body is None:
        raise Refusal("expected a version that has a function, got an older one")
    nodes = []
    for proto in body.nodes:
        nodes.append(onnx.NodeProto())
        nodes[-1].CopyFrom(proto)
        if list(proto.output) == ["Scale"]:
            nodes[-1].output[0] = "over"
            nodes += [
                helper.make_node("Greater", ["X_Range", "Q_Min"], ["spans"]),
                helper.make_node("Constant", [], ["one"], value_float=1.0),
                helper.make_node("Where", ["spans", "over", "one"], ["Scale"]),
            ]
    changed = replace(body, nodes=tuple(nodes), opsets={"": 21})
    for place, name in enumerate(inlined(site, changed, site.node.inputs)):
        stand_for(site, place, name)


def dynamic_quantize_matmul(site: Site) -> None:
    """DynamicQuantizeMatMul: what is quantized by its own range, times constant integers."""
    nodes = [helper.make_node("DynamicQuantizeLinear", ["a"], ["q", "s", "z"], name="quantized")]
    _to_float(site, nodes, ("a", "b", "t", "u", "bias"), "q", "s", "z")


def matmul_integer_to_float(site: Site) -> None:
    """MatMulIntegerToFloat: sums of products of integers, times both scales, and a bias."""
    if not all(site.is_constant(place) for place in (2, 3, 4, 5) if site.has(place)):
        _to_float(site, [], ("a", "b", "s", "t", "z", "u", "bias"), "a", "s", "z")
        return
    a = grid(site, 2, 4, site.shape(0), 0, INT32)
    b = grid(site, 3, 5, site.shape(1), len(site.shape(1)) - 1, INT32)
    if site.is_constant(1):
        b = replace(b, type=type_of(site.array(1, "b")))
    y = _product(site, "MatMul", [centred(site, 0, a), centred(site, 1, b)], b.wide)
    scales = a.scales * b.scales
    attrs = listed(scales, np.zeros(scales.size, np.int64), 0)
    if site.has(6):
        product = site.step("dequantize_linear", "product", y, **attrs)
        site.finish("add", product, site.any_operand(6))
    else:
        site.finish("dequantize_linear", y, **attrs)


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
    by_nodes(site, nodes, names)


def _less_zero(site: Site, index: int, zero: int) -> str | Array:
    """An input less the zero point at another place, which may depend on the model's input."""
    constant = site.is_constant(index)
    x = site.array(index, "integers").astype(np.int64) if constant else site.any_operand(index)
    if not site.has(zero):
        return x
    if not site.is_constant(zero):
        minuend = site.any_operand(index)
        return site.step("sub", f"centred{index}", minuend, site.any_operand(zero))
    zeros = site.array(zero, "a zero point").astype(np.int64)
    if not isinstance(x, str):
        return x - zeros
    if zeros.size > 1:
        return site.step("sub", f"centred{index}", x, site.weight(f"zero{zero}", zeros))
    if not zeros.any():
        return x
    attrs = listed(np.ones(1), zeros.reshape(1), 0)
    y = site.step("dequantize_linear", f"centred{index}", x, **attrs)
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


def _sums(site: Site, y: str) -> None:
    """Makes sums of products of integers the output."""
    site.graph.alias(site.node.outputs[0], y)
    site.graph.integral.add(site.node.outputs[0])


def _declared(site: Site) -> Integer:
    """The type that a QuantizeLinear says, should it have no zero point. Raises Refusal."""
    number = int(site.attr("output_dtype", 0)) or TensorProto.UINT8
    if number not in QUANTIZED:
        raise Refusal(f"expected integers of at most 16 bits, got the type {number}")
    return limits(helper.tensor_dtype_to_np_dtype(number))


CONVERTERS: Converters = {
    ("", "ConvInteger"): conv_integer,
    ("", "DequantizeLinear"): dequantize_linear,
    ("", "DynamicQuantizeLinear"): dynamic_quantize_linear,
    ("", "MatMulInteger"): matmul_integer,
    ("", "QLinearConv"): qlinear_conv,
    ("", "QLinearMatMul"): qlinear_matmul,
    ("", "QuantizeLinear"): quantize_linear,
    (MICROSOFT_DOMAIN, "DequantizeLinear"): dequantize_linear,
    (MICROSOFT_DOMAIN, "DynamicQuantizeMatMul"): dynamic_quantize_matmul,
    (MICROSOFT_DOMAIN, "MatMulIntegerToFloat"): matmul_integer_to_float,
    (MICROSOFT_DOMAIN, "QGemm"): qgemm,
    (MICROSOFT_DOMAIN, "QuantizeLinear"): quantize_linear,
}
