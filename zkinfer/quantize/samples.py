"""The samples that widths are chosen on, and the input domain that they imply."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.graph import Graph
from zkinfer.ops.tensor import FixedTensor

Floats = npt.NDArray[np.float64]

SYNTHETIC_SAMPLES = 64


def stacked(graph: Graph, calibration: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
    """The calibration data as [samples, *input shape], float64.

    Samples lie along the batch axis where the input has one, else along a new first axis. Raises
    UsageError for wrong names, shapes or types, for unequal counts, and for NaN or infinity.
    """
    if set(calibration) != set(graph.inputs):
        raise UsageError(
            f"the calibration data hold {', '.join(sorted(calibration)) or 'nothing'}; "
            f"expected {', '.join(graph.inputs)}"
        )
    samples = {name: _stacked(graph, name, calibration[name]) for name in graph.inputs}
    counts = {name: len(array) for name, array in samples.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise UsageError(f"the calibration data differ in their number of samples: {listed}")
    return samples


def _stacked(graph: Graph, name: str, data: npt.NDArray[Any]) -> Floats:
    array = np.asarray(data)
    shape = graph.shapes[name]
    if array.dtype.kind not in "fiub":
        raise UsageError(f"calibration data for {name} have dtype {array.dtype}; expected numbers")
    batched = graph.batch_axis.get(name, False)
    tail, group = (shape[1:], shape[0]) if batched else (shape, 1)
    wanted = ", ".join(["samples", *map(str, tail)])
    if array.ndim != 1 + len(tail) or array.shape[1:] != tail:
        raise UsageError(
            f"calibration data for {name} have shape {array.shape}; expected ({wanted})"
        )
    if not len(array) or len(array) % group:
        raise UsageError(
            f"calibration data for {name} hold {len(array)} samples; expected a positive multiple "
            f"of {group}"
        )
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise UsageError(
            f"calibration data for {name} at index {index} are {values[index]}; "
            "expected finite numbers, not NaN or infinity"
        )
    return values.reshape(-1, *shape)


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


def synthetic(graph: Graph, low: float, high: float) -> dict[str, Floats]:
    """Samples drawn uniformly from the input range; always the same."""
    rng = np.random.default_rng(0)
    return {
        name: rng.uniform(low, high, (SYNTHETIC_SAMPLES, *graph.shapes[name]))
        for name in graph.inputs
    }


def domain(
    shape: tuple[int, ...], scale: int, data: Floats, input_range: tuple[float, float] | None
) -> FixedTensor:
    """The declared domain of an input at a scale.

    With an input range exactly its rounded ends; else the power-of-two hull of the data, without
    negative values if the data have none.
    """
    if input_range is not None:
        low, high = (int(np.rint(math.ldexp(end, scale))) for end in input_range)
        return FixedTensor(shape, scale, low, max(high, low + 1))
    least, most = (int(np.rint(math.ldexp(float(end), scale))) for end in (data.min(), data.max()))
    if least >= 0:
        bits = max(most.bit_length(), 1)
        return FixedTensor(shape, scale, 0, (1 << bits) - 1)
    bits = max((-least - 1).bit_length(), most.bit_length() if most > 0 else 0)
    return FixedTensor(shape, scale, -(1 << bits), (1 << bits) - 1)
