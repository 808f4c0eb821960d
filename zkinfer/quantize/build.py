"""From a float graph and a plan to the fixed-point graph and its integer weights."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import LIMIT, FixedGraph, FixedNode, FixedTensor
from zkinfer.graph import Graph, Node
from zkinfer.ops import OPS
from zkinfer.ops.tensor import Integers, ShapeError
from zkinfer.quantize import ranges as _ranges
from zkinfer.quantize.floats import window_counts
from zkinfer.quantize.plan import VIEWS, Places, Plan
from zkinfer.quantize.prepare import ACTIVATIONS
from zkinfer.quantize.ranges import Ranges

KEEP_STEP = (*VIEWS, "max_pool", "add", "sub", "concat")
"""Operators whose output is no finer than their finest input."""
# A sum of narrow tensors is rescaled when that saves this many bits; a wide one always is.
WORTHWHILE = 4
# Where nothing else asks for it, a tensor is rescaled before its integers leave int64.
CROWDED = 2**52
OUTPUT_BITS = 20
FINE = 64
"""A rounding that is chosen by rule, not by search, is this many times finer than the target."""
GUARD = 2
"""Extra bits of a constant that is added to a narrow tensor."""


class TooWideError(UnsupportedModelError):
    """Integers of the planned widths would leave int64."""


@dataclass(frozen=True)
class Target:
    """What stays the same for all plans of one graph. modes: the fixed-point graph's three."""

    graph: Graph
    places: Places
    ranges: Ranges
    max_error: float
    modes: Mapping[str, str]

    @property
    def labels(self) -> bool:
        """Whether the output is the index of the largest score."""
        return self.modes["output_mode"] == "label"


@dataclass(frozen=True)
class Built:
    """A fixed-point network. scores: the tensors to compare with the float outputs, by output."""

    graph: FixedGraph
    weights: Mapping[str, Integers]
    scores: Mapping[str, str]


def build(target: Target, plan: Plan) -> Built:
    """The network of a plan. Raises TooWideError naming the node whose integers get too large."""
    return _Writer(target, plan).built()


class _Writer:
    """Writes the fixed-point graph node by node.

    Float tensors keep their names; the wide form of a tensor that is rescaled is `name/wide`.
    """

    def __init__(self, target: Target, plan: Plan) -> None:
        self.target, self.plan, self.graph = target, plan, target.graph
        self.tensors: dict[str, FixedTensor] = {}
        self.nodes: list[FixedNode] = []
        self.weights: dict[str, Integers] = {}
        self.wide: set[str] = set()
        self._constants: dict[tuple[str, int], str] = {}
        self._taken = {*self.graph.shapes, *(node.output for node in self.graph.nodes)}
        self._node_names: set[str] = set()
        for name in self.graph.inputs:
            low, high = _ranges.input_range(target.ranges, name, plan.inputs[name])
            shape = self.graph.shapes[name]
            self.tensors[name] = FixedTensor(shape, plan.inputs[name], low, high)

    def built(self) -> Built:
        """Writes everything."""
        for node in self.graph.nodes:
            if node.op in ACTIVATIONS:
                self.activation(node)
            else:
                self.finish(node, *OPERATORS[node.op](self, node))
        scores = {name: name for name in self.graph.outputs}
        outputs = self.graph.outputs
        if self.target.labels:
            outputs = (self.label(outputs[0]),)
        declared = [*self.graph.inputs, *self.weights]
        graph = FixedGraph(
            inputs=self.graph.inputs,
            weights=tuple(self.weights),
            nodes=tuple(self.nodes),
            outputs=outputs,
            declared={name: self.tensors[name] for name in declared},
            input_mode=self.target.modes["input_mode"],
            output_mode=self.target.modes["output_mode"],
            weights_mode=self.target.modes["weights_mode"],
        )
        return Built(graph, self.weights, scores)

    def infer(self, name: str, op: str, inputs: tuple[str, ...], attrs: Attrs) -> FixedTensor:
        """What an operator would make."""
        try:
            tensor: FixedTensor = OPS[op].infer(attrs, *(self.tensors[x] for x in inputs))
        except ShapeError as error:
            raise TooWideError(f"node {name} ({op}): {error}") from error
        if tensor.low <= -LIMIT or tensor.high >= LIMIT:
            reach = max(-tensor.low, tensor.high).bit_length()
            raise TooWideError(
                f"node {name} ({op}) could reach 2^{reach}; integers must stay below 2^62"
            )
        return tensor

    def emit(self, name: str, op: str, inputs: tuple[str, ...], output: str, **attrs: Any) -> str:
        """Adds a node; returns its output."""
        while name in self._node_names:
            name += "_"
        self._node_names.add(name)
        self.tensors[output] = self.infer(name, op, inputs, attrs)
        self.nodes.append(FixedNode(name, op, inputs, output, attrs))
        return output

    def fresh(self, name: str) -> str:
        """A tensor name that nothing else has."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def finish(self, node: Node, op: str, inputs: tuple[str, ...], attrs: Attrs) -> None:
        """Adds the node that makes a float node's output, and its rescaling if it needs one."""
        tensor = self.infer(node.name, op, inputs, attrs)
        form = self.form(node, tensor)
        if form is None:
            self.emit(node.name, op, inputs, node.output, **attrs)
            if node.op not in KEEP_STEP or self.wide.intersection(inputs):
                self.wide.add(node.output)
            return
        wide = self.emit(node.name, op, inputs, self.fresh(f"{node.output}/wide"), **attrs)
        shift, low, high = form
        self.emit(
            f"{node.name}/rescale", "requantize", (wide,), node.output,
            shift=shift, low=low, high=high,
        )  # fmt: skip

    def form(self, node: Node, tensor: FixedTensor) -> tuple[int, int, int] | None:
        """Shift and range of the rescaling that a tensor gets, None if it stays as it is."""
        name = node.output
        if name in self.graph.outputs and not self.target.labels:
            shift, low, high = self.narrow(name, tensor, self.output_scale(name), output=True)
            inside = shift == 0 and low <= tensor.low and tensor.high <= high
            return None if inside else (shift, low, high)
        if name not in self.target.places.rescaled:
            return None
        shift, low, high = self.narrow(name, tensor, self.plan.tensors[name])
        before, after = (b.bit_length() for b in (tensor.high - tensor.low, high - low))
        crowded = max(-tensor.low, tensor.high) >= CROWDED
        return (shift, low, high) if crowded or before - after >= WORTHWHILE else None

    def narrow(
        self, name: str, tensor: FixedTensor, scale: int, *, output: bool = False
    ) -> tuple[int, int, int]:
        """Shift and range that bring a tensor to a scale, or leave it at a coarser one."""
        shift = min(max(tensor.scale - scale, 0), 62)
        magnitude = self.target.ranges.magnitude(name, output=output)
        signed = tensor.low < 0
        return shift, *_ranges.whole(magnitude, tensor.scale - shift, signed=signed)

    def output_scale(self, name: str) -> int:
        """Fine enough not to limit the fidelity, and at least OUTPUT_BITS wide."""
        low, high = self.target.ranges.tensors[name]
        step = self.target.max_error * (max(-low, high) or 1.0) / FINE
        reach = _ranges.exponent(self.target.ranges.magnitude(name, output=True))
        return max(OUTPUT_BITS - 1 - reach, -_ranges.exponent(step))

    def activation(self, node: Node) -> None:
        """relu and clip: rescaling with other bounds."""
        (x,), name = self.operands(node), node.output
        tensor, output = self.tensors[x], name in self.graph.outputs and not self.target.labels
        scale = self.output_scale(name) if output else self.plan.tensors[name]
        least, most = node.attrs.get("low", 0.0), node.attrs.get("high", math.inf)
        positive = FixedTensor(tensor.shape, tensor.scale, 0, tensor.high)
        bounds = positive if least >= 0 else tensor
        shift, low, high = self.narrow(name, bounds, scale, output=output)
        if least > -math.inf:
            low = max(low, self.rounded(least, tensor.scale - shift))
        if most < math.inf:
            high = min(high, self.rounded(most, tensor.scale - shift))
        self.emit(node.name, "requantize", (x,), name, shift=shift, low=low, high=high)

    def label(self, scores: str) -> str:
        """The arg-max of the scores."""
        tensor = self.tensors[scores]
        count = math.prod(tensor.shape)
        if max(-tensor.low, tensor.high) * count >= CROWDED:
            scale = self.output_scale(scores)
            shift, low, high = self.narrow(scores, tensor, scale, output=True)
            narrow = self.fresh(f"{scores}/narrow")
            scores = self.emit(
                "label/rescale", "requantize", (scores,), narrow, shift=shift, low=low, high=high
            )
        return self.emit("label", "label", (scores,), self.fresh("label"))

    def operands(self, node: Node) -> tuple[str, ...]:
        """The inputs of a node without constants."""
        return tuple(name for name in node.inputs if name not in self.graph.constants)

    def factor(self, name: str, least: int = -256, most: int = 256) -> str:
        """A constant that is multiplied by, or the tensor of that name."""
        if name not in self.graph.constants:
            return name
        return self.constant(name, min(max(self.plan.factors[name], least), most))

    def constant(self, name: str, scale: int) -> str:
        """A constant at a scale, as a weight."""
        if (name, scale) not in self._constants:
            integers = np.rint(np.ldexp(self.graph.constants[name], scale))
            if np.abs(integers).max() >= LIMIT:
                raise TooWideError(f"constant {name} does not fit 62 bits at scale {scale}")
            weight = name if name not in self.weights else self.fresh(f"{name}/{scale}")
            self.weights[weight] = integers.astype(np.int64)
            low, high = _ranges.constant_range(self.weights[weight])
            self.tensors[weight] = FixedTensor(integers.shape, scale, low, high)
            self._constants[name, scale] = weight
        return self._constants[name, scale]

    def term(self, name: str, other: str) -> str:
        """An operand of a sum; a constant takes the scale of the other one, or a finer one."""
        if name not in self.graph.constants:
            return name
        return self.constant(name, self.tensors[other].scale + (other not in self.wide) * GUARD)

    def rounded(self, value: float, scale: int) -> int:
        """A public number at a scale."""
        return round(math.ldexp(value, scale))

    def reciprocal(self, count: int) -> tuple[int, int]:
        """multiplier and scale with multiplier / 2^scale close to 1 / count."""
        scale = (count - 1).bit_length()
        if 1 << scale != count:
            scale += max(0, -_ranges.exponent(self.target.max_error / FINE))
        return round((1 << scale) / count), scale


Attrs = Mapping[str, Any]
Written = tuple[str, tuple[str, ...], Attrs]


def _product(w: _Writer, node: Node) -> Written:
    """conv, matmul: the bias has the scale of the product."""
    factors = [w.factor(name) for name in node.inputs[:2]]
    inputs = factors
    if len(node.inputs) == 3:
        scale = sum(w.tensors[name].scale for name in factors)
        inputs = [*factors, w.constant(node.inputs[2], scale)]
    return node.op, tuple(inputs), dict(node.attrs)


def _mul(w: _Writer, node: Node) -> Written:
    return "mul", tuple(w.factor(name) for name in node.inputs), {}


def _sum(w: _Writer, node: Node) -> Written:
    a, b = node.inputs
    a, b = w.term(a, b), w.term(b, a)
    scale = max(w.tensors[a].scale, w.tensors[b].scale)
    shifts = {"shift_a": scale - w.tensors[a].scale, "shift_b": scale - w.tensors[b].scale}
    return node.op, (a, b), shifts


def _same(w: _Writer, node: Node) -> Written:
    return node.op, node.inputs, dict(node.attrs)


def _pad(w: _Writer, node: Node) -> Written:
    value = w.rounded(node.attrs["value"], w.tensors[node.inputs[0]].scale)
    return "pad", node.inputs, {"pads": node.attrs["pads"], "value": value}


def _leaky_relu(w: _Writer, node: Node) -> Written:
    """The slope has the fewest bits that bring it close enough."""
    alpha, shift = node.attrs["alpha"], 0
    while abs(w.rounded(alpha, shift) / (1 << shift) - alpha) * FINE > 4 * w.target.max_error:
        shift += 1
    return "leaky_relu", node.inputs, {"alpha": w.rounded(alpha, shift), "shift": shift}


def _prelu(w: _Writer, node: Node) -> Written:
    slope = w.factor(node.inputs[1], 0, 40)
    return "prelu", (node.inputs[0], slope), {"shift": w.tensors[slope].scale}


def _average_pool(w: _Writer, node: Node) -> Written:
    """Counts that are the same everywhere are divided by at once, others along each axis."""
    counts = [
        axis.tolist() for axis in window_counts(node.attrs, w.graph.shapes[node.inputs[0]][2:])
    ]
    if all(len(set(axis)) == 1 for axis in counts):
        whole = math.prod(axis[0] for axis in counts)
        counts = [[whole] * len(counts[0]), *([1] * len(axis) for axis in counts[1:])]
    multipliers, total = [], 0
    for axis in counts:
        scale = max(w.reciprocal(count)[1] for count in axis)
        multipliers.append(tuple(round((1 << scale) / count) for count in axis))
        total += scale
    names = ("kernel", "strides", "pads", "dilations")
    attrs = {name: node.attrs[name] for name in names}
    return "average_pool", node.inputs, {**attrs, "multipliers": tuple(multipliers), "scale": total}


def _reduce(w: _Writer, node: Node) -> Written:
    axes = node.attrs["axes"]
    multiplier, scale = 1, 0
    if node.op == "reduce_mean":
        shape = w.graph.shapes[node.inputs[0]]
        multiplier, scale = w.reciprocal(math.prod(shape[axis] for axis in axes))
    attrs = {"axes": axes, "keepdims": node.attrs["keepdims"]}
    return "reduce_sum", node.inputs, {**attrs, "multiplier": multiplier, "scale": scale}


def _concat(w: _Writer, node: Node) -> Written:
    """All parts are brought to the finest of their scales."""
    scale = max(w.tensors[name].scale for name in w.operands(node))
    parts = []
    for place, name in enumerate(node.inputs):
        part = w.constant(name, scale) if name in w.graph.constants else name
        up = scale - w.tensors[part].scale
        if up:
            aligned = w.fresh(f"{node.output}/part{place}")
            part = w.emit(
                f"{node.name}/align{place}", "reduce_sum", (part,), aligned,
                axes=(), keepdims=True, multiplier=1 << up, scale=up,
            )  # fmt: skip
        parts.append(part)
    return "concat", tuple(parts), {"axis": node.attrs["axis"]}


OPERATORS: Mapping[str, Callable[[_Writer, Node], Written]] = {
    "conv": _product,
    "matmul": _product,
    "add": _sum,
    "sub": _sum,
    "mul": _mul,
    "neg": _same,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "max_pool": _same,
    "average_pool": _average_pool,
    "reduce_mean": _reduce,
    "reduce_sum": _reduce,
    "reshape": _same,
    "transpose": _same,
    "slice": _same,
    "concat": _concat,
    "pad": _pad,
}
