"""From the float graph and chosen widths to the fixed-point network.

A product, an average or a sum of such is first "raw": exact, at the scale that the operator gives.
A requantize brings it to the format of its tensor. A relu or clip that alone reads a raw tensor is
that requantize's bounds; an add or sub that alone reads it takes it as it is, so that one
requantize serves both. Views, maxima, negatives and narrow sums keep their operands' scale and need
none. What could reach 2^62 is refused, after narrower constants have been tried.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import LIMIT, FixedGraph, FixedNode
from zkinfer.graph import Node
from zkinfer.ops import OPS
from zkinfer.ops.tensor import FixedTensor, Integers
from zkinfer.quantize.floats import window_counts
from zkinfer.quantize.formats import (
    MAX_CONSTANT_BITS,
    OUTPUT_BITS,
    Format,
    Widths,
    declared,
    detail_scale,
    exponent,
    to_integers,
    weight_scale,
)
from zkinfer.quantize.task import FUSED, Task

WIDE = 40
"""A sum of more bits than this is requantized."""

FEWEST_BITS = 2
MAX_SHIFT = 62

MAX_DETAIL = 24
"""Most bits of public reciprocals and of slopes."""


class TooWideError(UnsupportedModelError):
    """Integers could reach 2^62 at these widths."""


@dataclass
class Rounded:
    """Constants rounded once and used again: by constant, the last scale and its integers."""

    latest: dict[str, tuple[int, Integers]] = field(default_factory=dict)

    def get(self, name: str, array: Any, scale: int) -> Integers:
        """The integers of a constant at a scale."""
        if name not in self.latest or self.latest[name][0] != scale:
            self.latest[name] = (scale, to_integers(array, scale))
        return self.latest[name][1]


@dataclass(frozen=True)
class Built:
    """A fixed-point network: its graph, its weights by name, the names of the float tensors."""

    graph: FixedGraph
    weights: Mapping[str, Integers]
    names: Mapping[str, str]


@dataclass
class Builder:
    """Emits fixed-point nodes for the nodes of a task, in their order."""

    task: Task
    formats: Mapping[str, Format]
    widths: Widths
    rounded: Rounded
    tensors: dict[str, FixedTensor] = field(default_factory=dict)
    nodes: list[FixedNode] = field(default_factory=list)
    weights: dict[str, Integers] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Node] = field(default_factory=dict)

    def build(self, domains: Mapping[str, FixedTensor], modes: Mapping[str, str]) -> Built:
        """The whole network. domains: the declared inputs. modes: as FixedGraph has them.

        Raises TooWideError, naming the node, when integers could reach 2^62.
        """
        for name, tensor in domains.items():
            self.tensors[name] = tensor
            self.names[name] = name
        for node in self.task.graph.nodes:
            HANDLERS[node.op](self, node)
        outputs = self._label() if self.task.output_mode == "label" else self._outputs()
        declarations = {name: self.tensors[name] for name in (*domains, *self.weights)}
        graph = FixedGraph(
            inputs=tuple(domains),
            weights=tuple(self.weights),
            nodes=tuple(self.nodes),
            outputs=outputs,
            declared=declarations,
            **modes,
        )
        return Built(graph, self.weights, self.names)

    def emit(self, name: str, op: str, inputs: tuple[str, ...], output: str, **attrs: Any) -> None:
        """Appends a node. Raises TooWideError instead when its output could reach 2^62."""
        tensor = OPS[op].infer(attrs, *(self.tensors[tensor] for tensor in inputs))
        if tensor.low <= -LIMIT or tensor.high >= LIMIT:
            bits = max(-tensor.low, tensor.high).bit_length()
            raise TooWideError(
                f"node {name} ({op}): its integers could take {bits} bits, at most 62 are "
                "supported; allow a larger error or give calibration data of a smaller range"
            )
        self.nodes.append(FixedNode(name, op, inputs, output, attrs))
        self.tensors[output] = tensor

    def fixed(self, tensor: str) -> str:
        """The fixed-point tensor of a float tensor, in its format."""
        if tensor in self.raw:
            node = self.raw[tensor]
            self.requantize(f"{node.name}/requantize", tensor, tensor)
        return self.names[tensor]

    def requantize(self, name: str, source: str, target: str) -> None:
        """Brings a float tensor's integers into the format of another (or the same) tensor."""
        fixed = self.names[source]
        x, form = self.tensors[fixed], self.formats[target]
        bits = self.widths.activation(target)
        if target in self.task.shown and self.task.output_mode == "public":
            bits = max(bits, OUTPUT_BITS)
        scale = min(form.scale(bits), x.scale)
        low, high = form.bounds(scale)
        self.raw.pop(source, None)
        if scale == x.scale and low <= x.low and x.high <= high:
            self.names[target] = fixed
            return
        output = self.own(target)
        shift = x.scale - scale
        self.emit(name, "requantize", (fixed,), output, shift=shift, low=low, high=high)
        self.names[target] = output

    def own(self, tensor: str) -> str:
        """The fixed-point tensor's name: the float one's, or the scores' behind a label."""
        hidden = self.task.output_mode == "label" and tensor in self.task.names
        return f"{tensor}/scores" if hidden else tensor

    def unsettled(self, node: Node) -> str:
        """The name of a node's raw output, which is requantized before anything else reads it."""
        self.raw[node.output] = node
        self.names[node.output] = f"{node.output}/raw"
        return self.names[node.output]

    def finish(self, node: Node) -> None:
        """Requantizes the raw output unless its only reader will."""
        only = self.task.only_reader(node.output)
        if only is None or only.op not in (*FUSED, "add", "sub"):
            self.fixed(node.output)

    def constant(self, name: str, scale: int, bits: int = 1) -> str:
        """Declares a constant at a scale as a weight, once."""
        array = self.task.graph.constants[name]
        if np.abs(array).max() * 2.0**scale >= LIMIT:
            raise TooWideError(f"constant {name} does not fit 62 bits at scale {scale}")
        unique = name
        while unique in self.tensors and (
            unique not in self.weights or self.tensors[unique].scale != scale
        ):
            unique += f"/{scale}"
        if unique not in self.weights:
            self.weights[unique] = self.rounded.get(unique, array, scale)
            self.tensors[unique] = declared(self.weights[unique], scale, bits)
        return unique

    def forget(self, weights: int) -> None:
        """Removes the weights declared after the first `weights`."""
        for name in list(self.weights)[weights:]:
            del self.weights[name], self.tensors[name]

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is a constant of the float graph."""
        return name in self.task.graph.constants

    def _outputs(self) -> tuple[str, ...]:
        for name in self.task.graph.outputs:
            fixed = self.fixed(name)
            if fixed != name:
                shape = self.tensors[fixed].shape
                self.emit(f"{name}/output", "reshape", (fixed,), name, shape=shape)
        return self.task.graph.outputs

    def _label(self) -> tuple[str, ...]:
        (scores,), (name,) = self.task.graph.outputs, self.task.names
        self.emit(f"{name}/label", "label", (self.fixed(scores),), name)
        return (name,)


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
    array = b.task.graph.constants[name]
    return b.constant(name, detail_scale(array, b.widths.detail, bits))


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
            array = b.task.graph.constants[name]
            needed = detail_scale(array, b.widths.detail, MAX_CONSTANT_BITS)
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
    tensor = OPS[node.op].infer(shifts, a, c)
    wide = (tensor.high - tensor.low).bit_length() > WIDE
    only = b.task.only_reader(node.output)
    rounded = bool(raw) or wide or (only is not None and only.op in FUSED)
    output = f"{node.output}/raw" if rounded else b.own(node.output)
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
            aligned = f"{node.name}/aligned/{position}"
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
    attrs = {key: tuple(node.attrs[key]) for key in ("kernel", "strides", "pads", "dilations")}
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
