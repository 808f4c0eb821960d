"""Which inputs get a scale and a domain by column, and how large each column is.

A table holds ages, incomes and ratios, and no scale holds them all. Where columns of an input
differ, each is brought to one size by a power of two, which the network's first constants take in
(zkinfer.quantize.fold). Inputs of a single column are columns of one table.

A small column that is almost always zero says nothing of its own size: a dark pixel at the border
is no other unit than a bright one in the middle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.encoding import MAX_BITS, MAX_COLUMNS, Columns
from zkinfer.graph import Graph, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.quantize.domain import Domain
from zkinfer.quantize.formats import exponent
from zkinfer.quantize.result import Oracle

Floats = npt.NDArray[np.float64]
Exponents = npt.NDArray[np.int64]

UNLIKE = 16.0
"""By how much the largest numbers of two columns must differ for them to differ."""

FEWEST = 8
SHARE = 1 / 8
"""A column is judged by this many numbers that are not zero, and by this part of all of them."""

EXACT_BITS = 46
"""Of numbers that are compared as they are: a float32 that is a millionth of the calibration data's
largest at least is itself. They have more, up to MAX_BITS, if the data need them.
"""

COLUMN_MARGIN = 8.0
"""How much larger than the calibration data a column may be: a column shows less of what may come
than a whole tensor does."""


@dataclass(frozen=True)
class Sizes:
    """The columns of an input along an axis: a number of an exponent e lies within 2^e.

    exponents: by column. signed: whether there are negative numbers among its data, by column.
    bits: of its numbers where these are compared as they are, else None.
    """

    axis: int
    exponents: tuple[int, ...]
    signed: tuple[bool, ...]
    bits: int | None = None

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
    """The inputs by column: those whose numbers are compared as they are, and of the others none
    whose columns are alike, and no columns of integers.

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
    fine = [name for name in compared(graph) if name in real and graph.shape(name)]
    found.update(_exact(graph, data, fine))
    return {name: one for name, one in found.items() if name not in graph.outputs}


def compared(graph: Graph) -> list[str]:
    """The inputs whose numbers, moved at most, a layer compares as they are."""
    sources = {name: {name} for name in graph.inputs}
    found: set[str] = set()
    for node in graph.nodes:
        operands = [sources.get(name, set()) for name in node.inputs]
        found.update(*(operands[place] for place in LAYERS[node.op].compared))
        if LAYERS[node.op].entries is Entries.MOVED:
            sources.update(dict.fromkeys(node.outputs, set().union(*operands)))
    return [name for name in graph.inputs if name in found]


def exact_bits(
    graph: Graph, table: Mapping[str, Sizes], domains: Mapping[str, Domain]
) -> dict[str, int]:
    """Fraction bits of the inputs whose numbers are compared as they are."""
    found = {name: EXACT_BITS - domains[name].power for name in compared(graph)}
    return {
        name: (table[name].bits or bits) if name in table else bits for name, bits in found.items()
    }


def _exact(graph: Graph, data: Mapping[str, Floats], names: Sequence[str]) -> dict[str, Sizes]:
    """Inputs by their last axes, of as many bits, all alike, as tell their data apart."""
    made = {name: _sizes(data[name], len(graph.shape(name)) - 1) for name in names}
    needed = [_needed(_by_column(data[name], one.axis), one) for name, one in made.items()]
    bits = min(max([EXACT_BITS, *needed]), MAX_BITS)
    return {name: replace(one, bits=bits) for name, one in made.items()}


def _needed(columns: Floats, size: Sizes) -> int:
    """The bits with which all numbers are whole."""
    bits = 0
    for column, power, signed in zip(columns, size.exponents, size.signed, strict=True):
        mantissas, powers = np.frexp(column[column != 0])
        whole = np.ldexp(mantissas, 53).astype(np.int64)
        if whole.size:
            last = np.log2((whole & -whole).astype(np.float64)).astype(np.int64) - 53 + powers
            bits = max(bits, power + signed - int(last.min()))
    return bits


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
