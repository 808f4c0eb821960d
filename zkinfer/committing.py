"""Committing to data: the numbers' scales, then the rows' commitments.

Numbers lie within the next power of two above the largest of their column, with a sign where there
are negative ones, and have as many bits as tell all of them exactly, up to a limit. That much of
the data is public. Columns are those of the last axis, where numbers are not whole by their type
and a record is a list; else a tensor has one scale.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.data import POINT_SIZE, DataCommitment, DataOpening, commit_records
from zkinfer.description import (
    MAX_ENTRIES,
    MAX_NAME,
    MAX_RANK,
    MAX_SCALE,
    MAX_TENSORS,
    DataTensor,
    Description,
)
from zkinfer.encoding import MAX_BITS, MAX_COLUMNS
from zkinfer.errors import UsageError
from zkinfer.progress import Report
from zkinfer.records import RecordGrid

Array = npt.NDArray[Any]

DEFAULT_BITS = 24
"""Most bits of a number that is not whole by its type: those of a float32."""

DEFAULT_NAME = "data"
STAGES = 20
"""How often progress is reported."""

CHUNK_CELLS = 1 << 21
"""Cells that are worked on at a time."""


def commit(
    data: object,
    *,
    bits: int | None = None,
    like: DataCommitment | None = None,
    public: bool = False,
    progress: Report | None = None,
) -> tuple[DataCommitment, DataOpening]:
    """Commits to records, apart from any model.

    data: an array of integers or floats, a table with named columns, or {input name: array}, with
    the records along the first axis. bits: of a number, at most; 24 by default, and as many as it
    takes for arrays of integers. Numbers that have more are rounded, half to even. like: a
    commitment whose scales are to be taken over, so that keys for it take this one too. public:
    whether the data are no secret: rows are blinded by zeros, so that whoever has the same data
    makes the same commitment.

    Raises UsageError for what is no such data, NaN and infinity, and numbers out of range.
    """
    arrays, columns = _arrays(data)
    if bits is not None and (isinstance(bits, bool) or not 1 <= bits <= MAX_BITS):
        raise UsageError(f"a number has 1 to {MAX_BITS} bits, got {bits}")
    if like is not None and bits is not None:
        raise UsageError("the bits are those of the data that these are to be like; leave one out")
    known: Mapping[str, DataTensor] = {}
    if like is not None:
        shapes = {name: array.shape[1:] for name, array in arrays.items()}
        known, columns = like.description.by_input(shapes), columns or like.description.columns
    tensors = tuple(
        _fitting(name, array, bits) if name not in known else _alike(known[name], array)
        for name, array in arrays.items()
    )
    count = len(next(iter(arrays.values())))
    description = Description(count, tensors, columns)
    kept = [np.empty((count, *tensor.shape), tensor.kind) for tensor in tensors]
    grids = tuple(RecordGrid.of(tensor.shape) for tensor in tensors)
    rows, blinds = bytearray(), bytearray()
    step = max(1, CHUNK_CELLS // sum(grid.rows * grid.width for grid in grids))
    reported = 0
    for start in range(0, count, step):
        while progress is not None and reported <= start * STAGES // count:
            progress(f"committing to record {start} of {count}")
            reported += 1
        part = slice(start, start + step)
        for tensor, whole, array in zip(tensors, kept, arrays.values(), strict=True):
            whole[part] = tensor.integers(array[part], start)
        chunk = [whole[part] for whole in kept]
        zeros = bytes(POINT_SIZE * len(chunk[0]) * sum(grid.rows for grid in grids))
        made, used = commit_records(grids, chunk, zeros if public else None)
        rows += made
        blinds += used
    commitment = DataCommitment(description, bytes(rows))
    return commitment, DataOpening(commitment, tuple(kept), bytes(blinds))


def _arrays(data: object) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The arrays by tensor, and the names of the columns of a table."""
    columns: tuple[str, ...] = ()
    if hasattr(data, "columns"):
        columns = tuple(str(name) for name in data.columns)
    given = dict(data) if isinstance(data, Mapping) else {DEFAULT_NAME: data}
    if not 0 < len(given) <= MAX_TENSORS:
        raise UsageError(f"a record is made of 1 to {MAX_TENSORS} tensors, got {len(given)}")
    arrays: dict[str, Array] = {}
    for name, value in given.items():
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError) as error:
            raise UsageError(f"{name} is no array: its rows differ in length or depth") from error
        if not isinstance(name, str) or not 0 < len(name.encode()) <= MAX_NAME:
            raise UsageError(f"a tensor has a name of 1 to {MAX_NAME} bytes, got {name!r}")
        if array.dtype.kind not in "iufb":
            raise UsageError(f"{name} holds {array.dtype} values; give integers or floats")
        if not 0 < array.ndim <= MAX_RANK + 1 or not array.size or array[0].size > MAX_ENTRIES:
            raise UsageError(
                f"{name} has shape {array.shape}; expected records along the first axis, "
                f"at least one, of 1 to {MAX_ENTRIES} numbers and at most {MAX_RANK} axes"
            )
        arrays[name] = array
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(f"the tensors have different numbers of records: {counts}")
    return arrays, columns


def _alike(tensor: DataTensor, array: Array) -> DataTensor:
    """The tensor with its scales, and with the signs and bits that the numbers of an array take."""
    if array.shape[1:] != tensor.shape:
        raise UsageError(f"records have shape {array.shape[1:]}, expected {tensor.shape}")
    most, least, _ = _extremes(tensor.name, array, tensor.axis)
    with np.errstate(over="ignore"):
        most, least = (np.rint(np.ldexp(end, tensor.scales)) for end in (most, least))
    signed = least < 0
    bits = int((np.frexp(np.maximum(most, -least))[1] + signed).max())
    if bits > MAX_BITS:
        raise UsageError(
            f"at the scales that are to be taken over, {tensor.name} has integers of {bits} bits; "
            f"at most {MAX_BITS} are supported"
        )
    return replace(tensor, signed=tuple(bool(sign) for sign in signed), bits=max(bits, 1))


def _fitting(name: str, array: Array, bits: int | None) -> DataTensor:
    """How the numbers of an array are integers."""
    shape = array.shape[1:]
    whole = array.dtype.kind != "f"
    by_column = not whole and len(shape) == 1 and shape[0] <= MAX_COLUMNS
    most, least, lowest = _extremes(name, array, 0 if by_column else None)
    exponents = np.frexp(np.maximum(most, -least))[1].astype(np.int64)
    signed = least < 0
    needed = int((exponents + signed - np.minimum(lowest, 0)).max())
    width = min(max(needed, 1), bits or (MAX_BITS if whole else DEFAULT_BITS))
    # Where the largest number of a column rounds up to a power of two, it takes one more.
    scales = width - exponents - signed
    ends = np.rint(np.ldexp([most, least], scales))
    full = (ends[0] >= 2.0 ** (width - signed)) | (ends[1] < -(2.0 ** (width - 1)) * signed)
    scales = np.clip(scales - full, -MAX_SCALE, MAX_SCALE)
    return DataTensor(
        name,
        shape,
        0 if by_column else None,
        tuple(int(scale) for scale in scales),
        tuple(bool(sign) for sign in signed),
        width,
    )


def _extremes(name: str, array: Array, axis: int | None) -> tuple[Array, Array, Array]:
    """By column along an axis the greatest and the least number, and the lowest bit's power of two.

    No bit counts as lower than a whole number's. Raises UsageError for NaN and infinity.
    """
    columns = 1 if axis is None else array.shape[axis + 1]
    most, least = np.full(columns, -np.inf), np.full(columns, np.inf)
    lowest = np.full(columns, 0.0)
    for start, part in _parts(array):
        numbers = np.moveaxis(part.astype(np.float64), -1 if axis is None else axis + 1, -1)
        numbers = numbers.reshape(-1, columns)
        if not np.isfinite(numbers).all():
            number, *index = (int(i) for i in np.argwhere(~np.isfinite(part.astype(np.float64)))[0])
            raise UsageError(
                f"record {start + number}, {name} at index {tuple(index)} is "
                f"{part[(number, *index)]}; expected a number"
            )
        most, least = np.maximum(most, numbers.max(axis=0)), np.minimum(least, numbers.min(axis=0))
        mantissas, powers = np.frexp(numbers)
        whole = np.ldexp(mantissas, 53).astype(np.int64)
        last = np.log2(np.maximum(whole & -whole, 1).astype(np.float64)) - 53 + powers
        lowest = np.minimum(lowest, np.where(whole == 0, 0, last).min(axis=0))
    return most, least, lowest.astype(np.int64)


def _parts(array: Array) -> Iterator[tuple[int, Array]]:
    """Pieces of an array, with the number of their first record."""
    step = max(1, CHUNK_CELLS // max(array[0].size, 1))
    for start in range(0, len(array), step):
        yield start, array[start : start + step]
