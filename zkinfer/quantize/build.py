"""From the float graph and chosen widths to the fixed-point network, operator by operator.

Where integers could reach 2^62, narrower constants are tried before the model is refused.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from zkinfer.graph import Node
from zkinfer.ops import OPS
from zkinfer.ops.tensor import FixedTensor
from zkinfer.quantize.builder import Builder, Built, Rounded, TooWideError
from zkinfer.quantize.floats import pool_pads, window_counts
from zkinfer.quantize.formats import (
    MAX_CONSTANT_BITS,
    Format,
    Widths,
    detail_scale,
    even_scale,
    exponent,
    weight_scale,
)
from zkinfer.quantize.task import FUSED, Task

WIDE = 40
"""A sum of more bits than this is requantized."""

FEWEST_BITS = 2
MAX_SHIFT = 62

MAX_DETAIL = 24
"""Most bits of public reciprocals and of slopes."""


def build(
    task: Task,
    formats: Mapping[str, Format],
    widths: Widths,
    rounded: Rounded,
    domains: Mapping[str, FixedTensor],
    modes: Mapping[str, str],
) -> Built:
    """The fixed-point network of a task.

    formats: of every float tensor. rounded: constants of earlier calls. domains: the declared
    inputs. modes: as FixedGraph has them. Raises TooWideError, naming the node, when integers
    could reach 2^62.
    """
    builder = Builder(task, formats, widths, rounded)
    builder.declare(domains)
    for node in task.graph.nodes:
        HANDLERS[node.op](builder, node)
    return builder.built(domains, modes)


def _narrowing(b: Builder, bits: int, fewest: int, attempt: Callable[[int], None]) -> None:
    """Makes a node with constants of so many bits, or of fewer when it would be too wide."""
    while True:
        before = len(b.weights)
        try:
            return attempt(bits)
        except TooWideError:
            b.forget(before)
            bits -= 1
            if bits < fewest:
                raise


def _product(b: Builder, node: Node) -> None:
    """conv and matmul."""
    constant = [name for name in node.inputs[:2] if b.is_constant(name)]
    operands = [name if b.is_constant(name) else b.fixed(name) for name in node.inputs[:2]]
    output = b.unsettled(node)

    def attempt(bits: int) -> None:
        inputs = list(operands)
        for name in constant:
            scale = weight_scale(b.task.graph.constants[name], bits)
            inputs[node.inputs.index(name)] = b.constant(name, scale, bits)
        if len(node.inputs) == 3:
            total = sum(b.tensors[name].scale for name in inputs)
            inputs.append(b.constant(node.inputs[2], total))
        b.emit(node.name, node.op, tuple(inputs), output, **node.attrs)

    _narrowing(b, b.widths.weight(constant[0]) if constant else 0, FEWEST_BITS, attempt)
    b.finish(node)


def _mul(b: Builder, node: Node) -> None:
    output = b.unsettled(node)
    operands = [name if b.is_constant(name) else b.fixed(name) for name in node.inputs]

    def attempt(bits: int) -> None:
        inputs = tuple(_detailed(b, name, bits) for name in operands)
        b.emit(node.name, "mul", inputs, output)

    _narrowing(b, MAX_CONSTANT_BITS, FEWEST_BITS, attempt)
    b.finish(node)


def _detailed(b: Builder, name: str, bits: int) -> str:
    if not b.is_constant(name):
        return name
    return b.constant(name, _elementwise_scale(b, name, bits))


def _elementwise_scale(b: Builder, name: str, bits: int) -> int:
    """The scale that a constant needs in a mul, add or sub, for at most so many bits."""
    scale = even_scale if b.task.hidden else detail_scale
    return scale(b.task.graph.constants[name], b.widths.detail, bits)


def _sum(b: Builder, node: Node) -> None:
    """add and sub: raw operands are taken raw; the finer scale is the result's."""
    raw = [name for name in node.inputs if name in b.raw]
    before = len(b.weights)
    try:
        _emit_sum(b, node, raw)
    except TooWideError:
        if not raw:
            raise
        b.forget(before)
        for name in raw:
            b.fixed(name)
        _emit_sum(b, node, [])


def _emit_sum(b: Builder, node: Node, raw: list[str]) -> None:
    scales = [b.tensors[b.names[name]].scale for name in node.inputs if not b.is_constant(name)]
    inputs = []
    for name in node.inputs:
        if b.is_constant(name):
            needed = _elementwise_scale(b, name, MAX_CONSTANT_BITS)
            inputs.append(b.constant(name, min(needed, max(*scales, b.widths.detail))))
        else:
            inputs.append(b.names[name])
    a, c = (b.tensors[name] for name in inputs)
    finest = max(a.scale, c.scale)
    shifts = {"shift_a": finest - a.scale, "shift_b": finest - c.scale}
    if max(shifts.values()) > MAX_SHIFT:
        raise TooWideError(
            f"node {node.name} ({node.op}): the scales of its operands, {a.scale} and {c.scale}, "
            "differ too much"
        )
    (tensor,) = OPS[node.op].infer(shifts, a, c)
    wide = (tensor.high - tensor.low).bit_length() > WIDE
    only = b.task.only_reader(node.output)
    rounded = bool(raw) or wide or (only is not None and only.op in FUSED)
    output = b.derived(node.output, "/raw") if rounded else b.own(node.output)
    b.emit(node.name, node.op, tuple(inputs), output, **shifts)
    for name in raw:
        del b.raw[name]
    b.names[node.output] = output
    if rounded:
        b.raw[node.output] = node
        b.finish(node)


def _fused(b: Builder, node: Node) -> None:
    """relu and clip."""
    b.requantize(node.name, node.inputs[0], node.output)


def _keep(b: Builder, node: Node) -> None:
    """Views, maxima, negatives."""
    attrs = dict(node.attrs)
    inputs = tuple(b.fixed(name) for name in node.inputs)
    if node.op == "pad":
        attrs["value"] = round(math.ldexp(attrs["value"], b.tensors[inputs[0]].scale))
    output = b.names[node.output] = b.own(node.output)
    b.emit(node.name, node.op, inputs, output, **attrs)


def _concat(b: Builder, node: Node) -> None:
    """The operands are brought to the coarsest of their scales."""
    fixed = {name: b.fixed(name) for name in node.inputs if not b.is_constant(name)}
    coarsest = min(b.tensors[name].scale for name in fixed.values())
    inputs = [
        b.constant(name, coarsest) if b.is_constant(name) else fixed[name] for name in node.inputs
    ]
    for position, name in enumerate(inputs):
        x = b.tensors[name]
        shift = x.scale - coarsest
        if shift:
            low, high = x.low >> shift, (x.high >> shift) + 1
            aligned = b.derived(node.name, f"/aligned/{position}")
            b.emit(aligned, "requantize", (name,), aligned, shift=shift, low=low, high=high)
            inputs[position] = aligned
    output = b.names[node.output] = b.own(node.output)
    b.emit(node.name, "concat", tuple(inputs), output, axis=node.attrs["axis"])


def _reduce(b: Builder, node: Node) -> None:
    """reduce_sum is exact; reduce_mean multiplies the sum by a public reciprocal."""
    x, output = b.fixed(node.inputs[0]), b.unsettled(node)
    axes = tuple(node.attrs["axes"])
    count = math.prod(b.tensors[x].shape[axis] for axis in axes)

    def attempt(bits: int) -> None:
        factors, scale = _reciprocals([count], bits) if node.op == "reduce_mean" else ((1,), 0)
        attrs = {"axes": axes, "keepdims": node.attrs["keepdims"]}
        b.emit(node.name, "reduce_sum", (x,), output, **attrs, multiplier=factors[0], scale=scale)

    _narrowing(b, _detail(b), FEWEST_BITS, attempt)
    b.finish(node)


def _average_pool(b: Builder, node: Node) -> None:
    x, output = b.fixed(node.inputs[0]), b.unsettled(node)
    attrs = {key: tuple(node.attrs[key]) for key in ("kernel", "strides", "dilations")}
    attrs["pads"] = pool_pads(node.attrs)
    counts = window_counts(node.attrs, b.tensors[x].shape[2:])

    def attempt(bits: int) -> None:
        factors, scales = zip(*(_reciprocals(c.tolist(), bits) for c in counts), strict=True)
        b.emit(node.name, node.op, (x,), output, **attrs, multipliers=factors, scale=sum(scales))

    _narrowing(b, _detail(b), FEWEST_BITS, attempt)
    b.finish(node)


def _reciprocals(counts: list[int], detail: int) -> tuple[tuple[int, ...], int]:
    """Integers and a scale that stand for 1 / count: exact if all counts are powers of two."""
    scale = (max(counts) - 1).bit_length()
    if any(count & (count - 1) for count in counts):
        scale += detail
    return tuple(round((1 << scale) / count) for count in counts), scale


def _leaky_relu(b: Builder, node: Node) -> None:
    x, slope, output = b.fixed(node.inputs[0]), node.attrs["alpha"], b.unsettled(node)

    def attempt(shift: int) -> None:
        while shift and (slope * 2.0 ** (shift - 1)) % 1 == 0:
            shift -= 1
        alpha = round(slope * 2.0**shift)
        b.emit(node.name, "leaky_relu", (x,), output, alpha=alpha, shift=shift)

    _narrowing(b, _detail(b), 0, attempt)
    b.finish(node)


def _prelu(b: Builder, node: Node) -> None:
    x, name, output = b.fixed(node.inputs[0]), node.inputs[1], b.unsettled(node)
    most = exponent(float(np.abs(b.task.graph.constants[name]).max()))

    def attempt(bits: int) -> None:
        shift = max(bits - max(most, 0), 0)
        b.emit(node.name, "prelu", (x, b.constant(name, shift)), output, shift=shift)

    _narrowing(b, _detail(b), 0, attempt)
    b.finish(node)


def _detail(b: Builder) -> int:
    """Bits of public reciprocals and of slopes."""
    return min(b.widths.detail, MAX_DETAIL)


HANDLERS: dict[str, Callable[[Builder, Node], None]] = {
    "conv": _product,
    "matmul": _product,
    "mul": _mul,
    "add": _sum,
    "sub": _sum,
    "relu": _fused,
    "clip": _fused,
    "neg": _keep,
    "max_pool": _keep,
    "reshape": _keep,
    "transpose": _keep,
    "slice": _keep,
    "pad": _keep,
    "concat": _concat,
    "reduce_sum": _reduce,
    "reduce_mean": _reduce,
    "average_pool": _average_pool,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
}
