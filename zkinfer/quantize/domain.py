"""The declared domain of the inputs: what can be proved at all."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.ops.tensor import FixedTensor

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
