"""Which inputs get a scale and a domain by column, and how large each column is.

A table holds ages, incomes and ratios, and no scale holds them all. Where columns of an input
differ, each is brought to one size by a power of two, which the network's first constants take in
(zkinfer.quantize.fold). Inputs of a single column are columns of one table.

A small column that is almost always zero says nothing of its own size: a dark pixel at the border
is no other unit than a bright one in the middle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.encoding import MAX_COLUMNS, Columns
from zkinfer.graph import Graph, Real
from zkinfer.quantize.formats import exponent
from zkinfer.quantize.result import Oracle

Floats = npt.NDArray[np.float64]
Exponents = npt.NDArray[np.int64]

UNLIKE = 16.0
"""By how much the largest numbers of two columns must differ for them to differ."""

FEWEST = 8
SHARE = 1 / 8
"""A column is judged by this many numbers that are not zero, and by this part of all of them."""

COLUMN_MARGIN = 8.0
"""How much larger than the calibration data a column may be: a column shows less of what may come
than a whole tensor does."""


@dataclass(frozen=True)
class Sizes:
    """The columns of an input along an axis: a number of an exponent e lies within 2^e.

    exponents: by column. signed: whether there are negative numbers among its data, by column.
    """

    axis: int
    exponents: tuple[int, ...]
    signed: tuple[bool, ...]

    def along(self, shape: tuple[int, ...]) -> Exponents:
        """The powers of two that numbers of this input are divided by; broadcasts to its shape.

        Numbers with signs then lie within a half, the others within one.
        """
        powers = np.array(self.exponents) + np.array(self.signed, np.int64)
        return powers.reshape([-1 if axis == self.axis else 1 for axis in range(len(shape))])

    def columns(self, bits: int) -> Columns:
        """The declaration, at so many bits a number."""
        pairs = list(zip(self.exponents, self.signed, strict=True))
        lows = tuple(-(1 << bits - 1) if signed else 0 for _, signed in pairs)
        scales = tuple(bits - exponent - signed for exponent, signed in pairs)
        return Columns(self.axis, scales, lows, bits)


def sizes(graph: Graph, data: Mapping[str, Floats]) -> dict[str, Sizes]:
    """The inputs by column; none whose columns are alike, and no columns of integers.

    Integers stay whole at one scale; a column's own could take fractions in. data: calibration
    data, [samples, ...].
    """
    found: dict[str, Sizes] = {}
    real = [name for name in graph.inputs if isinstance(graph.tensors[name].kind, Real)]
    single = {name: a for name in real if (a := _single(graph, name)) is not None}
    table = [_by_column(data[name], axis) for name, axis in single.items()]
    if _differ(table):
        found = {name: _sizes(data[name], axis) for name, axis in single.items()}
    for name in real:
        for axis in _axes(len(graph.shape(name))):
            if name not in found and _differ([_by_column(data[name], axis)]):
                found[name] = _sizes(data[name], axis)
    return {name: one for name, one in found.items() if name not in graph.outputs}


def divided(data: Mapping[str, Floats], powers: Mapping[str, Exponents]) -> dict[str, Floats]:
    """The data over powers of two, which broadcast to an input."""
    return {
        name: np.ldexp(array, -powers[name]) if name in powers else array
        for name, array in data.items()
    }


@dataclass(frozen=True)
class Whole:
    """The float network, of inputs that are divided by powers of two."""

    oracle: Oracle
    powers: Mapping[str, Exponents]

    def run_all(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Every tensor that a node computes, by its ONNX name."""
        inverse = {name: -power for name, power in self.powers.items()}
        return self.oracle.run_all(divided(inputs, inverse))


def _axes(rank: int) -> tuple[int, ...]:
    """Where columns may lie: the last axis of a table or a sequence, the channels of an image."""
    if rank < 3:
        return (rank - 1,) if rank else ()
    return (rank - 1, 1) if rank == 3 else (1, rank - 1)


def _single(graph: Graph, name: str) -> int | None:
    """The axis of the only column, for an input that has one."""
    shape = graph.shape(name)
    return len(shape) - 1 if shape and shape[-1] == 1 else None


def _by_column(data: Floats, axis: int) -> Floats:
    """[columns, numbers]."""
    columns = np.moveaxis(data, axis + 1, 0)
    return columns.reshape(len(columns), -1)


def _differ(tables: Sequence[Floats]) -> bool:
    """Whether the columns of a table in parts differ."""
    if sum(map(len, tables)) > MAX_COLUMNS:
        return False
    columns = [column for table in tables for column in table]
    largest = [float(np.abs(column).max()) for column in columns]
    speaks = [np.count_nonzero(c) >= max(FEWEST, SHARE * c.size) for c in columns]
    small = (most * UNLIKE < max(largest) for most in largest)
    return any(said and less for said, less in zip(speaks, small, strict=True))


def _sizes(data: Floats, axis: int) -> Sizes:
    """A column that is always zero is taken for one of flags."""
    columns = _by_column(data, axis)
    largest = [float(most) or 1.0 for most in np.abs(columns).max(axis=1)]
    exponents = tuple(exponent(COLUMN_MARGIN * most) for most in largest)
    return Sizes(axis, exponents, tuple(bool(column.min() < 0) for column in columns))
