"""How many committed bits a proof of a fixed-point graph needs: what the search makes small.

Counts what the gadgets of zkinfer.circuit declare: bits of range checks, remainders, excesses,
orders and selectors.
"""

import math

from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor
from zkinfer.ops.requantize import rounded


def bits(graph: FixedGraph) -> int:
    """Bits in all."""
    total = 0
    if graph.input_mode == "hidden":
        for name in graph.inputs:
            tensor = graph.tensors[name]
            total += math.prod(tensor.shape) * _range(tensor.low, tensor.high)
    return total + sum(node_bits(graph, node) for node in graph.nodes)


def node_bits(graph: FixedGraph, node: FixedNode) -> int:
    """Bits that one node adds."""
    x, y = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    count = math.prod(y.shape)
    if node.op == "requantize":
        return count * _rescale(x, node.attrs["shift"], node.attrs["low"], node.attrs["high"])
    if node.op == "max_pool":
        taps = math.prod(node.attrs["kernel"])
        return count * taps * (1 + (x.high - x.low).bit_length()) if taps > 1 else 0
    if node.op in ("leaky_relu", "prelu"):
        return count * _signed(x.low, x.high) if x.low < 0 else 0
    if node.op == "label":
        entries = math.prod(x.shape)
        return entries * (1 + (entries * (x.high - x.low + 1)).bit_length())
    return 0


def _rescale(x: FixedTensor, shift: int, low: int, high: int) -> int:
    """Remainder, output and excess of one number."""
    least, most = rounded(x.low, shift), rounded(x.high, shift)
    below, above = max(low - least, 0), max(most - high, 0)
    if not below and not above:
        return shift + max((most - least).bit_length(), 1) if shift else 0
    if not below or not above:
        return shift + _range(low, high) + (below or above).bit_length()
    return shift + _range(low, high) + _signed(-below, above)


def _range(low: int, high: int) -> int:
    width = (high - low).bit_length()
    return width if high - low == (1 << width) - 1 else 2 * width


def _signed(low: int, high: int) -> int:
    """Bits in two's complement."""
    return 1 + max((-1 - low).bit_length(), high.bit_length() if high > 0 else 0)
