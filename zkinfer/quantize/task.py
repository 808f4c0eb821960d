"""What is to be quantized: the float graph without a final softmax, its readers and its formats."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.graph import Graph, Node
from zkinfer.quantize.formats import MARGIN, OUTPUT_MARGIN, Format, exponent

Floats = npt.NDArray[np.float64]
Ranges = Mapping[str, tuple[float, float]]

FUSED = ("relu", "clip")
"""Operators that are the bounds of a requantize."""

PASSING = ("reshape", "transpose", "slice", "concat", "max_pool", "neg", "pad")
"""Operators whose output has the format of their input."""


@dataclass(frozen=True)
class Task:
    """graph: without a final softmax. names: the outputs, as the model calls them.

    readers: how many nodes and outputs read a tensor. reader: one node that does. shown: the
    tensors whose values reach an output unchanged.
    """

    graph: Graph
    names: tuple[str, ...]
    output_mode: str
    readers: Mapping[str, int]
    reader: Mapping[str, Node]
    shown: frozenset[str]

    def only_reader(self, tensor: str) -> Node | None:
        """The node that alone reads a tensor."""
        return self.reader.get(tensor) if self.readers.get(tensor) == 1 else None


def prepare(graph: Graph, output_mode: str) -> Task:
    """Checks the model and drops its final softmax.

    Raises UnsupportedModelError or UsageError, naming the node, for a model without weights, a
    softmax that would have to be computed, an output that is constant, constants that are not
    finite, and a label of anything but one vector of scores.
    """
    names = graph.outputs
    if output_mode == "label":
        graph = _scores(graph)
    for node in graph.nodes:
        if node.op == "softmax":
            _refuse_softmax(graph, node)
        _check_constants(graph, node)
    made = {node.output for node in graph.nodes}
    for name in graph.outputs:
        if name not in made and name not in graph.inputs:
            raise UnsupportedModelError(
                f"output {name} is constant; there is nothing to prove about it"
            )
    if not any(name in graph.constants for node in graph.nodes for name in node.inputs):
        raise UnsupportedModelError(
            "the model has no weights, so there is no model to commit to; "
            "expected at least one constant that a node reads"
        )
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs)
    reader = {name: node for node in graph.nodes for name in node.inputs}
    shown = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.output in shown and node.op in PASSING:
            shown.update(node.inputs)
    return Task(graph, names, output_mode, readers, reader, frozenset(shown))


def _scores(graph: Graph) -> Graph:
    """The graph that ends in the one vector of scores whose arg-max is proved."""
    if len(graph.outputs) != 1:
        raise UsageError(
            f"the output mode label needs a model with one output; it has "
            f"{', '.join(graph.outputs)}; choose the output mode public"
        )
    (output,) = graph.outputs
    shape = graph.shapes[output]
    if math.prod(shape) < 2 or max(shape) != math.prod(shape):
        raise UsageError(
            f"the output mode label needs one vector of at least two scores; output {output} has "
            f"shape {shape}; choose the output mode public or a batch of one"
        )
    last = next((node for node in graph.nodes if node.output == output), None)
    if last is None or last.op != "softmax":
        return graph
    if shape[last.attrs["axis"]] != math.prod(shape):
        raise UnsupportedModelError(
            f"node {last.name} (softmax) runs along axis {last.attrs['axis']} of {shape}, "
            "where it is constant"
        )
    nodes = tuple(node for node in graph.nodes if node is not last)
    if any(output in node.inputs for node in nodes):
        _refuse_softmax(graph, last)
    return replace(graph, nodes=nodes, outputs=last.inputs)


def _refuse_softmax(graph: Graph, node: Node) -> None:
    if node.output in graph.outputs and len(graph.outputs) == 1:
        raise UnsupportedModelError(
            f"node {node.name} (softmax) is the last of the model, and softmax is not supported; "
            "prove the arg-max, which softmax does not change (--output label), or export the "
            "model without it"
        )
    raise UnsupportedModelError(
        f"node {node.name} (softmax) is in the middle of the model; softmax is not supported there"
    )


def _check_constants(graph: Graph, node: Node) -> None:
    for name in node.inputs:
        if name in graph.constants and not np.isfinite(graph.constants[name]).all():
            raise UnsupportedModelError(
                f"constant {name} of node {node.name} ({node.op}) holds NaN or infinity; "
                "expected finite numbers"
            )


def formats(task: Task, ranges: Ranges, *, guaranteed: bool) -> dict[str, Format]:
    """The format of every tensor of the graph, should it be requantized.

    ranges: least and greatest float value of each. guaranteed: no input exceeds them, so that no
    margin is needed.
    """
    found: dict[str, Format] = {}
    for node in task.graph.nodes:
        low, high = ranges[node.output]
        margin = OUTPUT_MARGIN if node.output in task.shown else MARGIN
        power = exponent(max(-low, high) * (1.0 if guaranteed else margin))
        if node.op == "relu":
            found[node.output] = Format(power, signed=False, low=0.0)
        elif node.op == "clip":
            floor, ceiling = node.attrs["low"], node.attrs["high"]
            found[node.output] = Format(power, floor < 0, floor, ceiling)
        else:
            found[node.output] = Format(power, signed=True)
    return found
