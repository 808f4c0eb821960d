"""What a fixed-point network costs to prove, by the numbers that it range-checks.

A proof's time goes mostly into bits and stored numbers. A requantize costs the bits of remainder,
output and excess and one number; a maximum the differences of each window; a negative part its
input's width. Widths are counted as bits tensors are padded.
"""

import math

from zkinfer.circuit.bits import MAX_WIDTH, split_width
from zkinfer.circuit.layout import next_power
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor


def cost(graph: FixedGraph) -> int:
    """Range-checked bits and stored numbers, in all."""
    total = 0
    if graph.input_mode == "hidden":
        total += sum(
            math.prod(graph.tensors[name].shape) * _range(graph.tensors[name])
            for name in graph.inputs
        )
    return total + sum(node_cost(graph, node) for node in graph.nodes)


def node_cost(graph: FixedGraph, node: FixedNode) -> int:
    """The same of one node."""
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    count = math.prod(y.shape)
    if node.op == "requantize":
        shift = node.attrs["shift"]
        half = 1 << shift >> 1
        below = max(y.low - ((x.low + half) >> shift), 0)
        above = max(((x.high + half) >> shift) - y.high, 0)
        signed = bool(below) and bool(above)
        excess = max(below, above).bit_length() + signed
        return count * (_padded(shift) + _range(y) + _padded(excess) + 1)
    width = (x.high - x.low).bit_length()
    if node.op == "max_pool":
        return count * (math.prod(node.attrs["kernel"]) * (_padded(width) + 1) + 1)
    if node.op == "label":
        return math.prod(x.shape) * (_padded(width + math.prod(x.shape).bit_length()) + 1) + 1
    if node.op in ("leaky_relu", "prelu"):
        return count * (_padded(width) + 1)
    return 0


def _range(tensor: FixedTensor) -> int:
    """Bits of the check that a number lies in its bounds."""
    span = tensor.high - tensor.low
    checks = 1 if span & (span + 1) == 0 else 2
    return checks * _padded(span.bit_length())


def _padded(width: int) -> int:
    if not width:
        return 0
    return sum(next_power(piece) for piece in split_width(min(width, MAX_WIDTH)))
