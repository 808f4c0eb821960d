"""What quantization decides, and where.

A tensor is narrow when it has its calibrated width, wide when it still has the width of a sum or a
product. Sums, views and averages take wide tensors; products, maxima and slopes take narrow ones.
So a tensor is rescaled once, where it is first needed narrow, and a relu or clip after it is part of
that rescaling.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zkinfer.graph import Graph, Node
from zkinfer.quantize.prepare import ACTIVATIONS

VIEWS = ("reshape", "transpose", "slice", "pad", "neg")
NEED_NARROW = ("conv", "matmul", "mul", "max_pool", "leaky_relu", "prelu", "concat")
FACTORS = {"conv": (1,), "matmul": (0, 1), "mul": (0, 1), "prelu": (1,)}
"""For each operator that multiplies by constants, the positions of those inputs."""


@dataclass(frozen=True)
class Plan:
    """Scales, in bits after the binary point.

    inputs: of the graph's inputs. tensors: of the tensors where rescaling is possible. factors: of
    the constants that others are multiplied by. Other constants take the scale of what they are
    added to.
    """

    inputs: Mapping[str, int]
    tensors: Mapping[str, int]
    factors: Mapping[str, int]


@dataclass(frozen=True)
class Places:
    """Where a graph may be rescaled.

    narrowed: tensors that some reader needs narrow, or that have several readers. rescaled: the
    tensors whose scale is a choice. factors: the constants whose scale is a choice.
    """

    narrowed: frozenset[str]
    rescaled: tuple[str, ...]
    factors: tuple[str, ...]


def places(graph: Graph) -> Places:
    """The choices that a graph leaves."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    narrowed: set[str] = set()
    for node in reversed(graph.nodes):
        name = node.output
        found = readers.get(name, [])
        needed = any(
            reader.op in NEED_NARROW or (reader.op in VIEWS and reader.output in narrowed)
            for reader in found
        )
        if needed or len(found) + (name in graph.outputs) > 1:
            narrowed.add(name)
    rescaled = tuple(
        node.output
        for node in graph.nodes
        if node.op in ACTIVATIONS
        or (node.output in narrowed and node.op not in (*VIEWS, "max_pool"))
    )
    factors = dict.fromkeys(
        node.inputs[position]
        for node in graph.nodes
        for position in FACTORS.get(node.op, ())
        if node.inputs[position] in graph.constants
    )
    return Places(frozenset(narrowed), rescaled, tuple(factors))
