"""The type of a fixed-point tensor, and the arithmetic of bounds.

An integer v of a tensor with scale s stands for v / 2^s. Bounds are guaranteed: no input of the
declared domain and no weights of the declared ranges lead outside of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Attrs = Mapping[str, Any]

KINDS = ("real", "label")


@dataclass(frozen=True)
class FixedTensor:
    """shape; scale in bits; low and high, the bounds of the integers, both inclusive.

    kind: "real", or "label", the index of a class, which no operator takes.
    """

    shape: tuple[int, ...]
    scale: int
    low: int
    high: int
    kind: str = "real"


class ShapeError(ValueError):
    """An operator's operands or attributes do not fit together. The message says how."""


def require(condition: bool, message: str) -> None:
    """Raises ShapeError with the message unless the condition holds."""
    if not condition:
        raise ShapeError(message)


def broadcast(a: FixedTensor, b: FixedTensor) -> tuple[int, ...]:
    """The common shape of two operands under numpy's rules. Raises ShapeError if there is none."""
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise ShapeError(f"{a.shape} and {b.shape} do not broadcast") from error


def product_bounds(a: FixedTensor, b: FixedTensor, *, or_zero: bool = False) -> tuple[int, int]:
    """Bounds of a product of two entries; or_zero: an entry may be missing and count as zero."""
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    corners += [0] if or_zero else []
    return min(corners), max(corners)


def axis_of(axis: int, rank: int, what: str) -> int:
    """An axis in 0 .. rank - 1."""
    require(0 <= axis < rank, f"{what} is {axis} for {rank} axes")
    return axis
