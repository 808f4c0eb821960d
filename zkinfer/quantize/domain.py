"""The declared domain of the inputs: what can be proved at all."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.graph import Boolean, Graph, Integer, Kind
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.ops.tensor import FixedTensor
from zkinfer.quantize.formats import MARGIN, exponent

Floats = npt.NDArray[np.float64]


def check_range(input_range: tuple[float, float]) -> tuple[float, float]:
    """The range as floats. Raises UsageError unless it is finite and not empty."""
    low, high = (float(end) for end in input_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"the input range is {low:g} to {high:g}; expected finite LO < HI")
    return low, high


def check_inside(samples: Mapping[str, Floats], low: float, high: float) -> None:
    """Raises UsageError when calibration data leave the input range."""
    for name, array in samples.items():
        outside = (array < low) | (array > high)
        if outside.any():
            value = array[outside][0]
            raise UsageError(
                f"calibration data for {name} hold {value:g}, outside of the input range "
                f"{low:g} to {high:g}; widen the range"
            )


@dataclass(frozen=True)
class Domain:
    """The numbers that an input may be: low to high.

    exact: whether every one of them is, and no other; else the high end, a power of two, is left
    out, unless `most`, the largest number of the data, rounds to it.
    """

    low: float
    high: float
    most: float
    exact: bool

    @property
    def power(self) -> int:
        """The power of two within which they lie."""
        return exponent(max(-self.low, self.high))

    def tensor(self, shape: tuple[int, ...], scale: int) -> FixedTensor:
        """The declaration of an input at a scale."""
        if self.exact:
            low, high = (int(np.rint(math.ldexp(end, scale))) for end in (self.low, self.high))
            return FixedTensor(shape, scale, low, max(high, low + 1))
        bits = max(self.power + scale, 0 if self.low < 0 else 1)
        if np.rint(math.ldexp(self.most, scale)) >= 1 << bits:
            bits += 1
        return FixedTensor(shape, scale, -(1 << bits) if self.low < 0 else 0, (1 << bits) - 1)


def domains(
    graph: Graph, data: Mapping[str, Floats], input_range: tuple[float, float] | None
) -> dict[str, Domain]:
    """The declared domain of every input.

    With an input range that; else MARGIN times what the data hold, and on to the next power of two,
    without negative numbers if the data have none, and within the input's type. Whole numbers that
    are places in a table are all of the table's, whatever else is said of them.
    """
    found = {
        name: _domain(data[name], graph.tensors[name].kind, input_range) for name in graph.inputs
    }
    return found | places(graph)


def places(graph: Graph) -> dict[str, Domain]:
    """The inputs, or what is made of them by moving entries alone, that are places in a table."""
    source = {name: name for name in graph.inputs}
    ends: dict[str, list[tuple[float, float]]] = {}
    for node in graph.nodes:
        layer = LAYERS[node.op]
        shapes = [graph.shape(name) for name in node.inputs]
        for place, bounds in layer.within(node.attrs, shapes).items():
            if node.inputs[place] in source:
                ends.setdefault(source[node.inputs[place]], []).append(bounds)
        if layer.entries is Entries.MOVED and len(node.inputs) == 1 and node.inputs[0] in source:
            source.update(dict.fromkeys(node.outputs, source[node.inputs[0]]))
    return {
        name: Domain(max(low), min(high), min(high), exact=True)
        for name, (low, high) in ((n, tuple(zip(*b, strict=True))) for n, b in ends.items())
    }


def _domain(data: Floats, kind: Kind, input_range: tuple[float, float] | None) -> Domain:
    if isinstance(kind, Boolean):
        return Domain(kind.low, kind.high, kind.high, exact=True)
    if input_range is not None:
        return Domain(*input_range, input_range[1], exact=True)
    power = exponent(MARGIN * float(np.abs(data).max()))
    if isinstance(kind, Integer):
        power = min(power, exponent(max(-kind.low, kind.high + 1)))
    end = 2.0**power
    return Domain(-end if data.min() < 0 else 0.0, end, float(data.max()), exact=False)
