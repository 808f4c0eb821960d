"""Operators between DequantizeLinear and QuantizeLinear become those on integers that they mean.

    q -> DequantizeLinear -> op -> QuantizeLinear -> q'        a QLinear operator, from q to q'

What moves entries or takes the largest, or zero in place of what is negative, does so to integers:
DequantizeLinear comes after it. One that QuantizeLinear undoes is nothing. onnxruntime does the
same when it optimizes graphs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from onnx import helper

from zkinfer.graph import unused
from zkinfer.onnx_import import model as models
from zkinfer.onnx_import.constants import Allowance, Array, fold
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, OnnxNode, Refusal, read_node

MOVES = frozenset(
    (
        "DepthToSpace", "Flatten", "Identity", "MaxPool", "Reshape", "Slice", "SpaceToDepth",
        "Squeeze", "Transpose", "Unsqueeze",
    )
)  # fmt: skip
"""Operators that commute with DequantizeLinear of one scale, in operand 0."""

PAIRS = {"Add": "QLinearAdd", "Mul": "QLinearMul"}
SINGLE = {
    "AveragePool": "QLinearAveragePool",
    "GlobalAveragePool": "QLinearGlobalAveragePool",
    "LeakyRelu": "QLinearLeakyRelu",
    "Sigmoid": "QLinearSigmoid",
}
"""Operators of one operand, and those of com.microsoft that they are between integers."""


@dataclass(frozen=True)
class Grid:
    """A tensor (q - zero) scale. Names; zero is empty where it is left out."""

    integers: str
    scale: str
    zero: str
    axis: int

    @property
    def names(self) -> tuple[str, str, str]:
        """Of the integers, the scale and the zero point."""
        return self.integers, self.scale, self.zero


@dataclass
class _Joining:
    """arrays: constants. readers: how many read a tensor. taken: names. grids: of what is
    dequantized. makers: of other tensors. made: the nodes so far.
    """

    arrays: dict[str, Array]
    opsets: Mapping[str, int]
    readers: Counter[str]
    taken: set[str]
    grids: dict[str, Grid] = field(default_factory=dict)
    makers: dict[str, OnnxNode] = field(default_factory=dict)
    made: list[OnnxNode] = field(default_factory=list)

    def take(self, node: OnnxNode) -> None:
        """A node of the model."""
        if node.op == "QuantizeLinear" and self._joined(node):
            return
        moved = node.op in MOVES or node.op == "Relu"
        if moved and not node.domain and self._moved(node):
            return
        if node.op == "Concat" and not node.domain and self._concat(node):
            return
        if node.op == "DequantizeLinear" and self._known(node):
            q, scale, zero = (*node.inputs, "")[:3]
            self.grids[node.outputs[0]] = Grid(q, scale, zero, int(node.attrs.get("axis", 1)))
        self.makers.update(dict.fromkeys(node.outputs, node))
        self.made.append(node)

    def _known(self, node: OnnxNode) -> bool:
        """Whether the scale and the zero point are constants, and are no blocks."""
        scale = self.arrays.get(node.inputs[1])
        constant = all(name in self.arrays for name in node.inputs[2:] if name)
        return scale is not None and constant and scale.ndim < 2 and scale.size > 0

    def _add(
        self,
        node: OnnxNode,
        op: str,
        inputs: Sequence[str],
        output: str,
        domain: str = "",
        **attrs: Any,
    ) -> None:
        proto = helper.make_node(op, inputs, [output], name=node.name, domain=domain, **attrs)
        self.made.append(read_node(proto, {MICROSOFT_DOMAIN: 1, **self.opsets}))

    def _single(self, name: str) -> Grid | None:
        """The grid of a tensor that depends on the input, of one scale."""
        grid = self.grids.get(name)
        fits = grid is not None and grid.integers not in self.arrays
        return grid if fits and grid is not None and self.arrays[grid.scale].size == 1 else None

    def _same(self, a: Grid, b: Grid) -> bool:
        """Whether two grids are of one type and have one scale and zero point."""
        if not a.zero or not b.zero or self.arrays[a.scale].shape != self.arrays[b.scale].shape:
            return False
        types = self.arrays[a.zero].dtype == self.arrays[b.zero].dtype
        zeros = np.array_equal(self.arrays[a.zero], self.arrays[b.zero])
        return types and zeros and np.array_equal(self.arrays[a.scale], self.arrays[b.scale])

    def _moved(self, node: OnnxNode) -> bool:
        """An operator on the integers, and DequantizeLinear after it."""
        grid = self._single(node.inputs[0])
        if grid is None or len(node.outputs) != 1 or not grid.zero:
            return False
        integers = self._name(node)
        if node.op == "Relu":
            self._relu(node, grid, integers)
        else:
            inputs = (grid.integers, *node.inputs[1:])
            self._add(node, node.op, inputs, integers, **node.attrs)
        self._dequantized(node, integers, grid)
        return True

    def _relu(self, node: OnnxNode, grid: Grid, integers: str) -> None:
        inputs = (*grid.names, *grid.names[1:])
        self._add(node, "QLinearLeakyRelu", inputs, integers, MICROSOFT_DOMAIN, alpha=0.0)

    def _concat(self, node: OnnxNode) -> bool:
        grids = [self._single(name) for name in node.inputs]
        first = grids[0]
        if first is None or not all(g is not None and self._same(first, g) for g in grids):
            return False
        integers = self._name(node)
        self._add(node, "Concat", [g.integers for g in grids if g], integers, **node.attrs)
        self._dequantized(node, integers, first)
        return True

    def _dequantized(self, node: OnnxNode, integers: str, grid: Grid) -> None:
        (output,) = node.outputs
        self.grids[output] = Grid(integers, grid.scale, grid.zero, grid.axis)
        self._add(node, "DequantizeLinear", (integers, *grid.names[1:]), output)

    def _name(self, node: OnnxNode) -> str:
        name = unused(f"{node.outputs[0]}/integers", self.taken)
        self.taken.add(name)
        return name

    def _joined(self, node: OnnxNode) -> bool:
        """The integers that a QuantizeLinear makes, without it."""
        x, scale, *rest = node.inputs
        if not self._known(node) or not any(rest) or self.arrays[scale].size != 1:
            return False
        to = Grid("", scale, rest[0], 0)
        source = self.grids.get(x)
        if source is not None and self._same(source, to):
            self._add(node, "Identity", (source.integers,), node.outputs[0])
            return True
        maker, relu = self.makers.get(x), False
        if maker is not None and maker.op == "Relu" and self.readers[x] == 1:
            relu, maker = True, self.makers.get(maker.inputs[0])
        if maker is None or maker.domain or self.readers[maker.outputs[0]] != 1:
            return False
        found = self._quantized(maker, to)
        if found is None:
            return False
        op, inputs, domain, attrs = found
        self._add(
            node, op, inputs, node.outputs[0], domain, **attrs, **({"relu": 1} if relu else {})
        )
        return True

    def _quantized(
        self, node: OnnxNode, to: Grid
    ) -> tuple[str, list[str], str, dict[str, Any]] | None:
        """The operator on integers that a node is before a QuantizeLinear: its name, operands,
        domain and attributes.
        """
        grids = [self.grids.get(name) for name in node.inputs if name]
        if not grids or None in grids:
            return None
        known = [grid for grid in grids if grid is not None]
        ends = [to.scale, to.zero]
        single = all(self.arrays[grid.scale].size == 1 for grid in known)
        if node.op in ("Conv", "Gemm", "MatMul") and len(known) > 1:
            return self._product(node, known, ends)
        if node.op in PAIRS and len(known) == 2 and single:
            return PAIRS[node.op], [*known[0].names, *known[1].names, *ends], MICROSOFT_DOMAIN, {}
        if node.op in SINGLE and len(known) == 1 and single:
            attrs = dict(node.attrs)
            return SINGLE[node.op], [*known[0].names, *ends], MICROSOFT_DOMAIN, attrs
        return None

    def _by_output(self, node: OnnxNode, b: Grid) -> bool:
        """Whether factors of one scale, or of one for each output channel of a product."""
        if self.arrays[b.scale].size == 1:
            return True
        if b.integers not in self.arrays:
            return False
        rank = self.arrays[b.integers].ndim
        first = node.op == "Conv" or bool(node.attrs.get("transB", 0))
        return rank > 1 and b.axis % rank == (0 if first else rank - 1)

    def _product(
        self, node: OnnxNode, grids: Sequence[Grid], ends: Sequence[str]
    ) -> tuple[str, list[str], str, dict[str, Any]] | None:
        a, b = grids[:2]
        if self.arrays[a.scale].size != 1 or not self._by_output(node, b):
            return None
        bias = []
        if len(grids) == 3:
            scales = self.arrays[a.scale] * self.arrays[b.scale]
            near = np.allclose(self.arrays[grids[2].scale], scales, rtol=1e-5, atol=0)
            zero = grids[2].zero
            if (
                not near
                or (zero and self.arrays[zero].any())
                or grids[2].integers not in self.arrays
            ):
                return None
            bias = [grids[2].integers]
        operands = [*a.names, *b.names]
        if node.op == "Gemm":
            if node.attrs.get("beta", 1.0) != 1.0:
                return None
            attrs = {n: v for n, v in node.attrs.items() if n != "beta"}
            return "QGemm", [*operands, *(bias or [""]), *ends], MICROSOFT_DOMAIN, attrs
        op = "QLinearConv" if node.op == "Conv" else "QLinearMatMul"
        return op, [*operands, *ends, *bias], "", dict(node.attrs)


def _is_weight(node: OnnxNode, arrays: Mapping[str, Array]) -> bool:
    """Whether a node makes a constant of two axes or more of its integers, as no scale has."""
    return node.op == "DequantizeLinear" and arrays[node.inputs[0]].ndim > 1


def joined(
    nodes: Sequence[OnnxNode],
    constants: Mapping[str, Array],
    outputs: Sequence[str],
    opsets: Mapping[str, int],
    allowance: Allowance,
) -> list[OnnxNode]:
    """The nodes, with what stands between integers joined. Those that nothing reads may remain."""
    if not any(node.op == "DequantizeLinear" for node in nodes):
        return list(nodes)
    arrays, spare = dict(constants), replace(allowance)
    for node in nodes:
        if models.is_foldable(node, arrays) and not _is_weight(node, arrays):
            known = {name: arrays[name] for name in node.inputs if name}
            with suppress(Refusal):  # which is said where the node is converted
                arrays.update(fold(node, known, opsets, spare))
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(outputs)
    taken = {*arrays, *readers}.union(*(node.outputs for node in nodes))
    joining = _Joining(arrays, opsets, readers, taken)
    for node in nodes:
        joining.take(node)
    return joining.made
