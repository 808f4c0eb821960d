"""The fixed-point network under construction: tensors, formats, constants, outputs.

A product, an average or a sum of such is first "raw": exact, at the scale that the operator gives.
A requantize brings it to the format of its tensor. A relu or clip that alone reads a raw tensor is
that requantize's bounds; an add or sub that alone reads it takes it as it is, so that one
requantize serves both. Views, maxima, negatives and narrow sums keep their operands' scale and need
none. What could reach 2^62 is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import LIMIT, FixedGraph, FixedNode
from zkinfer.graph import Node
from zkinfer.ops import OPS
from zkinfer.ops.tensor import FixedTensor, Integers
from zkinfer.quantize.formats import (
    OUTPUT_BITS,
    Format,
    Widths,
    declared,
    to_integers,
)
from zkinfer.quantize.task import FUSED, Task


class TooWideError(UnsupportedModelError):
    """Integers could reach 2^62 at these widths."""


@dataclass
class Rounded:
    """Constants rounded once and used again: for each use the last scale and the integers."""

    latest: dict[tuple[str, str], tuple[int, Integers]] = field(default_factory=dict)

    def get(self, use: tuple[str, str], array: Any, scale: int) -> Integers:
        """The integers of a constant at a scale. use: its name, and the one of these integers."""
        if use not in self.latest or self.latest[use][0] != scale:
            self.latest[use] = (scale, to_integers(array, scale))
        return self.latest[use][1]


@dataclass(frozen=True)
class Built:
    """A fixed-point network: its graph, its weights by name, the names of the float tensors.

    raw: the float tensors that are in no format, because what reads them takes them exact.
    """

    graph: FixedGraph
    weights: Mapping[str, Integers]
    names: Mapping[str, str]
    raw: frozenset[str]


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
    _derived: dict[tuple[str, str], str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Reserves the names of the float graph."""
        graph = self.task.graph
        self._taken.update(graph.inputs, graph.constants, self.task.names)
        for node in graph.nodes:
            self._taken.update((node.name, node.output))

    def derived(self, base: str, suffix: str) -> str:
        """The name of what is made of a node or tensor; longer where the model has that name."""
        if (base, suffix) not in self._derived:
            name = base + suffix
            while name in self._taken:
                name += "'"
            self._taken.add(name)
            self._derived[base, suffix] = name
        return self._derived[base, suffix]

    def declare(self, domains: Mapping[str, FixedTensor]) -> None:
        """Takes the declared inputs in."""
        for name, tensor in domains.items():
            self.tensors[name] = tensor
            self.names[name] = name

    def built(self, domains: Mapping[str, FixedTensor], modes: Mapping[str, str]) -> Built:
        """The network, once all nodes are made. modes: as FixedGraph has them."""
        outputs = self._label() if self.task.output_mode == "label" else self._outputs()
        graph = FixedGraph(
            inputs=tuple(domains),
            weights=tuple(self.weights),
            nodes=tuple(self.nodes),
            outputs=outputs,
            declared={name: self.tensors[name] for name in (*domains, *self.weights)},
            **modes,
        )
        raw = {t for t, name in self.names.items() if name == self._derived.get((t, "/raw"))}
        return Built(graph, self.weights, self.names, frozenset(raw))

    def emit(self, name: str, op: str, inputs: tuple[str, ...], output: str, **attrs: Any) -> None:
        """Appends a node. Raises TooWideError instead when its output could reach 2^62."""
        (tensor,) = OPS[op].infer(attrs, *(self.tensors[tensor] for tensor in inputs))
        if tensor.low <= -LIMIT or tensor.high >= LIMIT:
            bits = max(-tensor.low, tensor.high).bit_length()
            raise TooWideError(
                f"node {name} ({op}): its integers could take {bits} bits, at most 62 are "
                "supported; allow a larger error or give calibration data of a smaller range"
            )
        self.nodes.append(FixedNode(name, op, inputs, (output,), attrs))
        self.tensors[output] = tensor

    def fixed(self, tensor: str) -> str:
        """The fixed-point tensor of a float tensor, in its format."""
        if tensor in self.raw:
            node = self.raw[tensor]
            self.requantize(self.derived(node.name, "/requantize"), tensor, tensor)
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
        return self.derived(tensor, "/scores") if hidden else tensor

    def unsettled(self, node: Node) -> str:
        """The name of a node's raw output, which is requantized before anything else reads it."""
        self.raw[node.output] = node
        self.names[node.output] = self.derived(node.output, "/raw")
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
        if name in self.weights and self.tensors[name].scale != scale:
            unique = self.derived(name, f"/{scale}")
        if unique not in self.weights:
            self.weights[unique] = self.rounded.get((name, unique), array, scale)
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
                node = self.derived(name, "/output")
                self.emit(node, "reshape", (fixed,), name, shape=shape)
        return self.task.graph.outputs

    def _label(self) -> tuple[str, ...]:
        (scores,), (name,) = self.task.graph.outputs, self.task.names
        self.emit(self.derived(name, "/label"), "label", (self.fixed(scores),), name)
        return (name,)
