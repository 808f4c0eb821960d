"""Reading arrays that people hand in: .npy, .npz and JSON files, tables, images, standard input.

The format is told by the content, but for a .csv file and a folder of images. A .npy file or a bare
JSON list is the array of a network's only input; a .npz file or a JSON object maps input names to
arrays. Pickled objects are never loaded, and sizes are checked before memory is taken.
"""

import io
import json
import math
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import FormatError, UsageError, flat
from zkinfer.files import read_file
from zkinfer.images import read_images
from zkinfer.tables import PARQUET_MAGIC, parse_csv, parse_parquet

Array = npt.NDArray[Any]

MAX_BYTES = 4 << 30
"""Largest size of an input file and of the arrays in it, in bytes."""

_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK\x03\x04"


def read_input(source: str) -> object:
    """What a file, or standard input if the source is "-", holds; `by_name` makes arrays of it.

    Returns an array, a dict of arrays by name, the lists of a JSON file, a `Table`, or a folder's
    images. Raises UsageError when the file cannot be opened and FormatError when it is no array
    file.
    """
    if Path(source).is_dir():
        return read_images(Path(source), MAX_BYTES)
    where = "standard input" if source == "-" else source
    if source.lower().endswith(".csv"):
        return parse_csv(_read(source), where)
    try:
        return _parse(_read(source), where)
    except RecursionError as error:
        raise FormatError(f"{where} nests its lists too deeply") from error


def by_name(value: object, names: Sequence[str], where: str) -> dict[str, Array]:
    """Arrays by input name from one array, a mapping or a table; values become arrays as numpy has
    it. A table with named columns is that of the only input, or has a column for each.

    Raises UsageError when a name is missing or unknown, or a value holds anything but numbers.
    """
    table: Any = value
    if hasattr(table, "columns") and len(names) > 1:
        value = {name: np.asarray(table[name])[:, None] for name in table.columns}
    if isinstance(value, Mapping):
        given = dict(value)
    elif len(names) == 1:
        given = {names[0]: value}
    else:
        raise UsageError(
            f"{where} holds one array, but the network has the inputs {_listed(names)}; "
            "give an array for each name (.npz, JSON object, or dict)"
        )
    if set(given) != set(names):
        raise UsageError(
            f"{where} names {_listed([str(name) for name in given]) or 'nothing'}; "
            f"the network's inputs are {_listed(names)}"
        )
    return {name: _numbers(given[name], name, where) for name in names}


def _read(source: str) -> bytes:
    if source != "-":
        return read_file(Path(source), MAX_BYTES, "input file")
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise FormatError(f"standard input is longer than {MAX_BYTES} bytes")
    return data


def _parse(data: bytes, where: str) -> object:
    """One array, a dict of them, a table, or JSON lists still to become arrays."""
    if data.startswith(_NPY_MAGIC):
        return _parse_npy(data, where)
    if data.startswith(_ZIP_MAGIC):
        return _parse_npz(data, where)
    if data.startswith(PARQUET_MAGIC):
        return parse_parquet(data, where)
    return _parse_json(data, where)


def _parse_npy(data: bytes, where: str) -> Array:
    """The array of a .npy file, whose header must agree with its length."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = header(stream)
    except (ValueError, KeyError, SyntaxError) as error:
        raise FormatError(f"{where} is a damaged .npy file: {flat(error)}") from error
    if dtype.hasobject:
        raise FormatError(f"{where} holds pickled objects, which are never loaded")
    content = memoryview(data)[stream.tell() :]
    if any(extent < 0 for extent in shape) or len(content) != math.prod(shape) * dtype.itemsize:
        raise FormatError(
            f"{where} is a damaged .npy file: shape {shape} of {dtype} does not fit its "
            f"{len(content)} bytes of data"
        )
    array: Array = np.frombuffer(content, dtype=dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def _parse_npz(data: bytes, where: str) -> dict[str, Array]:
    """The arrays of a .npz file by name."""
    arrays: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise FormatError(f"{where} unpacks to more than {MAX_BYTES} bytes")
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name in arrays:
                    raise FormatError(f"{where} holds {name} twice")
                with archive.open(member) as stream:
                    content = stream.read(member.file_size + 1)
                arrays[name] = _parse_npy(content, f"{name} in {where}")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        raise FormatError(f"{where} is a damaged .npz file: {flat(error)}") from error
    return arrays


def _parse_json(data: bytes, where: str) -> object:
    """A list, or an object of lists without repeated names."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        content = dict(pairs)
        if len(content) != len(pairs):
            raise FormatError(f"{where} names an input twice")
        return content

    try:
        content: object = json.loads(data, object_pairs_hook=unique)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(
            f"{where} is neither a .npy, .npz nor Parquet file, nor JSON: {flat(error)}"
        ) from error
    return content


def _numbers(value: object, name: str, where: str) -> Array:
    """The value as an array of integers, floats or booleans."""
    try:
        array: Array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{name} in {where} is no array: its rows differ in length or depth"
        ) from error
    if array.dtype.kind not in "iufb":
        raise UsageError(f"{name} in {where} holds {array.dtype} values; give integers or floats")
    return array


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
