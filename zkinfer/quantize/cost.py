"""What a fixed-point network costs to prove, by the numbers that it range-checks.

A proof's time goes mostly into bits and stored numbers; its operators say how many they take.
"""

import math

from zkinfer.fixed import FixedGraph, FixedNode
from zkinfer.ops import OPS
from zkinfer.ops.bits import range_check


def cost(graph: FixedGraph) -> int:
    """Range-checked bits and stored numbers, in all."""
    hidden = graph.inputs if graph.input_mode != "public" else ()
    inputs = [graph.tensors[name] for name in hidden]
    total = sum(math.prod(tensor.shape) * range_check(tensor) for tensor in inputs)
    return total + sum(node_cost(graph, node) for node in graph.nodes)


def node_cost(graph: FixedGraph, node: FixedNode) -> int:
    """The same of one node."""
    operands = tuple(graph.tensors[name] for name in node.inputs)
    outputs = tuple(graph.tensors[name] for name in node.outputs)
    return OPS[node.op].cost(node.attrs, operands, outputs)
