"""Inputs whose numbers are committed to: scales and domains are those of the data.

A network reads them as they are, at the scales of their commitment, so that nothing is rounded
between the record and the input. By column, or at one scale.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from zkinfer.description import DataTensor
from zkinfer.errors import UsageError
from zkinfer.graph import Graph, Real
from zkinfer.quantize.columns import Sizes
from zkinfer.quantize.domain import Domain


@dataclass(frozen=True)
class Committed:
    """By input: its columns, or its domain; and the fraction bits of its numbers."""

    table: Mapping[str, Sizes]
    domains: Mapping[str, Domain]
    bits: Mapping[str, int]


def committed(graph: Graph, data: Mapping[str, DataTensor]) -> Committed:
    """What the commitment to a network's inputs, if there is any, says of them.

    Raises UsageError where the network cannot read such numbers.
    """
    table, domains, bits = {}, {}, {}
    for name, tensor in data.items():
        if not isinstance(graph.tensors[name].kind, Real) and set(tensor.scales) != {0}:
            raise UsageError(
                f"input {name} takes whole numbers, and the data are committed at the scales "
                f"{tensor.scales}; commit to an array of integers"
            )
        if tensor.axis is None:
            (power,), (sign,), (scale,) = tensor.exponents, tensor.signed, tensor.scales
            end = 2.0**power
            domains[name] = Domain(-end if sign else 0.0, end, 0.0, exact=False)
            bits[name] = scale
            continue
        if name in graph.outputs:
            raise UsageError(f"input {name} is an output too; commit to it at one scale")
        axis = tensor.axis + len(graph.shape(name)) - len(tensor.shape)
        table[name] = Sizes(axis, tensor.exponents, tensor.signed, tensor.bits)
        bits[name] = tensor.bits
    return Committed(table, domains, bits)
