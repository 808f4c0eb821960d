"""Tables of numbers whose columns have names: .csv and Parquet files.

Every column is of numbers, without gaps. Of a Parquet file whose columns are all whole, or truth
values, the numbers are int64; else they are float64.
"""

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import FormatError, UsageError, flat

PARQUET_MAGIC = b"PAR1"
LONGEST = 2**53
"""Larger integers are no float64."""


@dataclass(frozen=True)
class Table:
    """Numbers [rows, columns], and what the columns are called."""

    columns: tuple[str, ...]
    numbers: npt.NDArray[Any]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return np.array(self.numbers, dtype, copy=copy)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A column."""
        column: npt.NDArray[Any] = self.numbers[:, self.columns.index(name)]
        return column


def parse_csv(data: bytes, where: str) -> Table:
    """A table of numbers below one line of names. Raises FormatError."""
    head, _, rest = data.partition(b"\n")
    try:
        (names,) = csv.reader([head.decode("utf-8-sig").rstrip("\r")])
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise FormatError(f"{where} does not begin with a line of names of columns") from error
    if any(map(_is_number, names)):
        names = []
    _check_names(names, where)
    if not rest.strip():
        raise FormatError(f"{where} has no line of numbers")
    try:
        numbers = np.loadtxt(io.BytesIO(rest), delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise FormatError(
            f"{where} holds something other than numbers between commas: {flat(error)}"
        ) from error
    if numbers.shape[1] != len(names):
        raise FormatError(f"{where} names {len(names)} columns and has {numbers.shape[1]}")
    return Table(tuple(names), numbers)


def parse_parquet(data: bytes, where: str) -> Table:
    """The table of a Parquet file. Raises FormatError, and UsageError without pyarrow."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet, types
    except ImportError as error:
        raise UsageError(
            f"{where} is a Parquet file, which needs pyarrow: pip install 'zkinfer[parquet]'"
        ) from error
    try:
        read = parquet.read_table(arrow.BufferReader(data))
    except (arrow.ArrowException, OSError) as error:
        raise FormatError(f"{where} is a damaged Parquet file: {flat(error)}") from error
    _check_names(read.column_names, where)
    if not read.num_rows:
        raise FormatError(f"{where} has no row")
    kinds = types.is_integer, types.is_floating, types.is_boolean
    for name, column in zip(read.column_names, read.columns, strict=True):
        if not any(kind(column.type) for kind in kinds):
            raise FormatError(
                f"the column {name} of {where} holds {column.type}; give integers, floats or "
                "truth values"
            )
        if column.null_count:
            row = column.is_null().to_numpy().argmax()
            raise FormatError(f"the column {name} of {where} has no number in row {row}")
    columns = [column.to_numpy() for column in read.columns]
    whole = all(column.dtype.kind != "f" for column in columns)
    numbers = np.empty((read.num_rows, len(columns)), np.int64 if whole else np.float64)
    for place, (name, column) in enumerate(zip(read.column_names, columns, strict=True)):
        ends = int(column.min()), int(column.max())
        if not whole and column.dtype.kind != "f" and max(-ends[0], ends[1]) > LONGEST:
            raise FormatError(f"the column {name} of {where} has integers beyond 2^53")
        numbers[:, place] = column
    return Table(tuple(read.column_names), numbers)


def _check_names(names: list[str], where: str) -> None:
    """Raises FormatError unless every column has a name of its own."""
    if not names or not all(names) or len(set(names)) != len(names):
        raise FormatError(
            f"{where} must name each column, once, in its first line if it is a .csv file; "
            f"the names are {', '.join(names) or 'none'}"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
