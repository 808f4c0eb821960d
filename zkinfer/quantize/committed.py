"""Inputs whose numbers are committed to: the network has the scales of the data.

It reads them as they are, by column or at one scale, so that nothing is rounded between the record
and the input. Its domain holds the ranges that the commitment says, and the calibration data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.description import DataTensor
from zkinfer.encoding import MAX_BITS
from zkinfer.errors import UsageError
from zkinfer.graph import Graph, Real
from zkinfer.quantize.columns import Sizes
from zkinfer.quantize.domain import Domain
from zkinfer.quantize.formats import exponent

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Committed:
    """By input: its columns, or its domain; and the fraction bits of its numbers."""

    table: Mapping[str, Sizes]
    domains: Mapping[str, Domain]
    bits: Mapping[str, int]


def committed(
    graph: Graph, data: Mapping[str, DataTensor], samples: Mapping[str, Floats]
) -> Committed:
    """What the commitment to a network's inputs, if there is any, says of them.

    data: by input. samples: calibration data, [samples, ...]. Raises UsageError where the network
    cannot read such numbers.
    """
    table, domains, bits = {}, {}, {}
    for name, tensor in data.items():
        if not isinstance(graph.tensors[name].kind, Real) and set(tensor.scales) != {0}:
            raise UsageError(
                f"input {name} takes whole numbers, and the data are committed at the scales "
                f"{tensor.scales}; commit to an array of integers"
            )
        if tensor.axis is None:
            domains[name], bits[name] = _domain(tensor, samples[name]), tensor.scales[0]
            continue
        if name in graph.outputs:
            raise UsageError(f"input {name} is an output too; commit to it at one scale")
        axis = tensor.axis + len(graph.shape(name)) - len(tensor.shape)
        table[name] = _sizes(tensor, axis, samples[name])
        bits[name] = table[name].bits or 0
    return Committed(table, domains, bits)


def _domain(tensor: DataTensor, samples: Floats) -> Domain:
    """Of a tensor of one scale."""
    (power,), (sign,) = tensor.exponents, tensor.signed
    end = 2.0 ** max(power, exponent(float(np.abs(samples).max())))
    return Domain(
        -end if sign or samples.min() < 0 else 0.0, end, float(samples.max()), exact=False
    )


def _sizes(tensor: DataTensor, axis: int, samples: Floats) -> Sizes:
    """Of a tensor by column: as many bits as the column takes that needs most at its scale."""
    columns = np.moveaxis(samples, axis + 1, 0).reshape(samples.shape[axis + 1], -1)
    signed = tuple(
        sign or bool(c.min() < 0) for sign, c in zip(tensor.signed, columns, strict=True)
    )
    powers = [
        max(power, exponent(float(np.abs(column).max())))
        for power, column in zip(tensor.exponents, columns, strict=True)
    ]
    needed = map(sum, zip(powers, tensor.scales, signed, strict=True))
    bits = max(tensor.bits, *needed)
    if bits > MAX_BITS:
        raise UsageError(
            f"at the scales of the data, calibration data are integers of {bits} bits; at most "
            f"{MAX_BITS} are supported: leave out samples that are so much larger"
        )
    pairs = zip(tensor.scales, signed, strict=True)
    return Sizes(axis, tuple(bits - scale - sign for scale, sign in pairs), signed, bits)
