"""Ranges of tensors as powers of two: only those become public.

A range is declared as the integers [0, 2^k - 1] of a tensor that cannot be negative, else as
[-2^(k-1), 2^(k-1) - 1].
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zkinfer.errors import UsageError
from zkinfer.graph import Graph
from zkinfer.quantize import floats
from zkinfer.quantize.samples import Samples, chunks

Interval = tuple[float, float]

CALIBRATED_MARGIN = 1.25
OUTPUT_MARGIN = 2.0
CHUNK_ENTRIES = 1 << 24


@dataclass(frozen=True)
class Ranges:
    """What the tensors of a float graph can be.

    tensors: the least and the greatest value of every tensor. margin, output_margin: how far
    beyond them values are represented before they saturate. domain: for each input, the exact
    range that is declared, or None where it is the power of two around the tensor's values.
    """

    tensors: Mapping[str, Interval]
    margin: float
    output_margin: float
    domain: Interval | None

    def magnitude(self, name: str, *, output: bool = False) -> float:
        """The largest absolute value to represent; 1 for a tensor that is always zero."""
        low, high = self.tensors[name]
        return max(-low, high) * (self.output_margin if output else self.margin) or 1.0


def calibrated(graph: Graph, samples: Samples) -> Ranges:
    """The ranges that the samples show."""
    tensors: dict[str, Interval] = {}
    for chunk in chunks(samples, chunk_size(graph)):
        for name, array in floats.values(graph, chunk).items():
            low, high = float(array.min()), float(array.max())
            if not math.isfinite(low) or not math.isfinite(high):
                raise UsageError(f"tensor {name} is not finite on the calibration data")
            if name in tensors:
                low, high = min(low, tensors[name][0]), max(high, tensors[name][1])
            tensors[name] = (low, high)
    return Ranges(tensors, CALIBRATED_MARGIN, OUTPUT_MARGIN, None)


def worst_case(graph: Graph, low: float, high: float) -> Ranges:
    """The ranges that follow from the inputs' by interval arithmetic."""
    tensors = floats.intervals(graph, dict.fromkeys(graph.inputs, (low, high)))
    return Ranges(tensors, 1.0, 1.0, (low, high))


def chunk_size(graph: Graph) -> int:
    """How many samples to run at once, so that all tensors of all of them fit in memory."""
    entries = sum(math.prod(shape) for shape in graph.shapes.values())
    return max(1, CHUNK_ENTRIES // entries)


def exponent(magnitude: float) -> int:
    """The least r with magnitude <= 2^r."""
    fraction, power = math.frexp(magnitude)
    return power - 1 if fraction == 0.5 else power


def whole(magnitude: float, scale: int, *, signed: bool) -> tuple[int, int]:
    """The declared range of integers for values up to this magnitude."""
    bits = max(exponent(magnitude) + scale, 1)
    return (-(1 << bits) if signed else 0), (1 << bits) - 1


def input_range(ranges: Ranges, name: str, scale: int) -> tuple[int, int]:
    """The declared integers of an input: the domain, rounded, or a power of two around the data.

    A power of two lies strictly above the data's greatest value, so that this is representable.
    """
    if ranges.domain is not None:
        low, high = (rounded(end, scale) for end in ranges.domain)
        return low, high
    low, high = ranges.tensors[name]
    lowest, highest = rounded(low, scale), rounded(high, scale)
    bits = _bits(lowest, highest)
    return (-(1 << bits) if low < 0 else 0), (1 << bits) - 1


def constant_range(low: int, high: int) -> tuple[int, int]:
    """The declared range of a constant with these ends: the least power of two around them."""
    bits = _bits(low, high)
    return -(1 << bits), (1 << bits) - 1


def rounded(value: float, scale: int) -> int:
    """A number as an integer at a scale, half to even as numpy.rint."""
    return round(math.ldexp(value, scale))


def _bits(low: int, high: int) -> int:
    """The least bits > 0 with -2^bits <= low and high < 2^bits."""
    return max(max(-1 - low, 0).bit_length(), max(high, 0).bit_length(), 1)
