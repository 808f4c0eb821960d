"""Inputs that a model takes through a QuantizeLinear only: the network begins behind it.

Its integers are the input, so that they are those that onnxruntime makes of the same numbers, and
not of rounded ones, which are now and then a step away. What moves entries alone may stand between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.encoding import MAX_QUANTIZED, Quantization
from zkinfer.graph import Graph, Integer, Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.quantize.domain import Domain
from zkinfer.quantize.result import Oracle

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class QuantizedInput:
    """How its integers are made, and which ones these may be."""

    quantization: Quantization
    kind: Integer

    @property
    def domain(self) -> Domain:
        """All of them: every number has one."""
        return Domain(self.kind.low, self.kind.high, self.kind.high, exact=True)

    def integers(self, samples: Floats) -> Floats:
        """The integers of numbers."""
        whole = self.quantization.integers(samples, self.kind.low, self.kind.high)
        return whole.astype(np.float64)


def quantized_inputs(graph: Graph) -> dict[str, QuantizedInput]:
    """Those of a graph."""
    moved = _moved(graph)
    found: dict[str, QuantizedInput | None] = {
        moved[name]: None for name in graph.outputs if name in moved
    }
    for node in graph.nodes:
        for source in {moved[name] for name in node.inputs if name in moved}:
            if node.outputs[0] in moved:
                continue
            taken = _taken(graph, node)
            if found.setdefault(source, taken) != taken:
                found[source] = None
    return {
        name: taken
        for name, taken in found.items()
        if taken is not None and isinstance(graph.tensors[name].kind, Real)
    }


def begun_behind(graph: Graph, inputs: Mapping[str, QuantizedInput]) -> Graph:
    """The graph of these inputs' integers."""
    if not inputs:
        return graph
    moved = {name: source for name, source in _moved(graph).items() if source in inputs}
    tensors = {
        name: replace(type_, kind=inputs[moved[name]].kind) if name in moved else type_
        for name, type_ in graph.tensors.items()
    }
    nodes: list[Node] = []
    same: dict[str, str] = {}
    for node in graph.nodes:
        if node.inputs[0] in moved and node.outputs[0] not in moved:
            same[node.outputs[0]] = node.inputs[0]
        else:
            read = tuple(same.get(name, name) for name in node.inputs)
            nodes.append(replace(node, inputs=read))
    return replace(graph, nodes=tuple(nodes), tensors=tensors)


@dataclass(frozen=True)
class Restored:
    """The float network, of these inputs' integers: it makes them again of what they stand for."""

    oracle: Oracle
    inputs: Mapping[str, QuantizedInput]

    def run_all(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Every tensor that a node computes, by its ONNX name."""
        numbers = {
            name: self.inputs[name].quantization.numbers(array.astype(np.int64))
            if name in self.inputs
            else array
            for name, array in inputs.items()
        }
        return self.oracle.run_all(numbers)


def _taken(graph: Graph, node: Node) -> QuantizedInput | None:
    """How a node takes what it reads, if it is a QuantizeLinear of one scale."""
    layer = LAYERS[node.op]
    quantization = layer.quantization(node.attrs)
    if quantization is None or node.outputs[0] in graph.outputs:
        return None
    ((low, high),) = layer.bounds(node.attrs)
    if max(map(abs, (quantization.zero_point, low, high))) > MAX_QUANTIZED:
        return None
    return QuantizedInput(quantization, Integer(int(low), int(high)))


def _moved(graph: Graph) -> dict[str, str]:
    """The inputs, and what is made of one by moving its entries alone, by the inputs."""
    moved = {name: name for name in graph.inputs}
    for node in graph.nodes:
        if node.inputs[0] in moved and _moves(graph, node):
            moved[node.outputs[0]] = moved[node.inputs[0]]
    return moved


def _moves(graph: Graph, node: Node) -> bool:
    """Whether all entries of what a node makes are some of the one operand: of no numbers it makes
    none.
    """
    layer = LAYERS[node.op]
    if layer.entries is not Entries.MOVED or len(node.inputs) > 1:
        return False
    nothing = np.full((1, *graph.shape(node.inputs[0])), np.nan)
    (made,) = layer.value(node.attrs, [(nothing, True)])
    return bool(np.isnan(made).all())
