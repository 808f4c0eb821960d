"""Commitments to data: who owns records commits to them once, before and apart from any model.

A record is what one input of a network is made of: one tensor, or several. Its entries are
fixed-point numbers of stated scales, in rows of cells that depend on its shape alone (records.py).
A row w_0, w_1, ... with a secret blinding b of its own is committed to as

    w_0 G_0 + w_1 G_1 + ... + b H

with the generators of docs/protocol.md, so whoever opens one row opens no other. A proof about a
record opens its rows without showing them (input mode "committed").

Data commitment (public), sections: the description, canonical JSON; the rows, record by record and
in it tensor by tensor, 32 bytes each. The digest is SHA3-256 of the container up to the checksum,
which is the checksum itself. Data opening (secret): the commitment's bytes; the records, tensor by
tensor, each in the fewest of 1, 2, 4 or 8 bytes an entry that its range fits; 32 bytes of blinding
a row. Revealed record: the commitment's digest; the record's number (u64); its tensors and its
blindings as in an opening.
"""

import itertools
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer import container
from zkinfer.backends import transparent
from zkinfer.description import Description
from zkinfer.errors import FormatError, UsageError, VerificationError
from zkinfer.files import SECRET_MODE, NewFile, StrPath, check_free, load_file, write_files
from zkinfer.records import RecordGrid

Integers = npt.NDArray[np.int64]
Packed = npt.NDArray[np.signedinteger[Any]]

POINT_SIZE = 32
_NUMBER = struct.Struct("<Q")


@dataclass(frozen=True, eq=False, repr=False)
class DataCommitment:
    """What everybody may see of data. description: of the records; rows: the commitments."""

    description: Description
    rows: bytes

    def __post_init__(self) -> None:
        """Checks the number of rows. Raises FormatError."""
        expected = POINT_SIZE * self.rows_each * len(self)
        if len(self.rows) != expected:
            raise FormatError(
                f"this data commitment has {len(self.rows)} bytes of rows, {expected} expected"
            )

    def __len__(self) -> int:
        """How many records there are."""
        return self.description.records

    @cached_property
    def grids(self) -> tuple[RecordGrid, ...]:
        """Where the entries of each tensor lie."""
        return tuple(RecordGrid.of(tensor.shape) for tensor in self.description.tensors)

    @property
    def rows_each(self) -> int:
        """Rows of one record."""
        return sum(grid.rows for grid in self.grids)

    @cached_property
    def native(self) -> transparent.Data:
        """The rows as the native module holds them; made once, then ready for any number of proofs
        that hide their records. Raises FormatError when a row is no point.
        """
        return transparent.make_data(len(self), self.rows)

    def record_rows(self, number: int) -> bytes:
        """The rows of a record. Raises UsageError if there is no such record."""
        return _piece(self.rows, check_number(number, len(self)), self.rows_each)

    def rows_of(self, numbers: Sequence[int]) -> bytes:
        """The rows of records, tensor by tensor, as a circuit reads them.

        Raises UsageError if there is no such record.
        """
        return _by_tensor(self, self.rows, numbers)

    @property
    def digest_bytes(self) -> bytes:
        """The digest, 32 bytes."""
        return self.to_bytes()[-container.CHECKSUM_SIZE :]

    @property
    def digest(self) -> str:
        """SHA3-256 of all that it says, in hex: the name of the data."""
        return self.digest_bytes.hex()

    def verify(self, revealed: "RevealedRecord") -> dict[str, npt.NDArray[np.float64]]:
        """The numbers of a revealed record, by tensor, if they are what is committed to.

        Raises VerificationError.
        """
        if revealed.digest != self.digest_bytes:
            raise VerificationError(
                f"the record is of the data {revealed.digest.hex()}, not of {self.digest}"
            )
        if revealed.number >= len(self):
            raise VerificationError(f"there is no record {revealed.number} among {len(self)}")
        try:
            arrays = unpack(self.description, revealed.packed, 1)
            record = record_of(self.description, arrays, 0)
            rows, _ = commit_records(self.grids, arrays, revealed.blinds)
        except FormatError as error:
            raise VerificationError(str(error)) from error
        if rows != self.record_rows(revealed.number):
            raise VerificationError(
                f"these numbers are not those of record {revealed.number} of the data"
            )
        tensors = zip(self.description.tensors, record, strict=True)
        return {tensor.name: tensor.encoding.numbers(array) for tensor, array in tensors}

    def to_bytes(self) -> bytes:
        """The container."""
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        parts = (self.description.to_json(), self.rows)
        return container.write(container.DATA_COMMITMENT, parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "DataCommitment":
        """Reads a commitment from untrusted bytes. Raises FormatError."""
        described, rows = container.read(container.DATA_COMMITMENT, data)
        return cls(Description.from_json(described), rows)

    @classmethod
    def load(cls, path: StrPath) -> "DataCommitment":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        limit = container.DATA_COMMITMENT.limit
        return load_file(path, limit, "data commitment", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file. Raises UsageError if it exists, unless forced."""
        check_free(path, lambda _: force)
        write_files([NewFile(path, self.to_bytes())])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataCommitment) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.digest_bytes)

    def __reduce__(self) -> tuple[Callable[[bytes], "DataCommitment"], tuple[bytes]]:
        """Pickles as its bytes."""
        return DataCommitment.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"<zkinfer data commitment {self.digest[:16]}…, {len(self)} records>"


@dataclass(frozen=True, eq=False, repr=False)
class DataOpening:
    """The records with what opens their commitments. Secret; so is a pickled one.

    arrays: by tensor of the description, [records, ...], integers. blinds: 32 bytes a row.
    """

    commitment: DataCommitment
    arrays: tuple[Packed, ...]
    blinds: bytes

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.commitment)

    def record(self, number: int) -> list[Integers]:
        """The integers of a record, by tensor, in the tensors' shapes.

        Raises UsageError if there is no such record, FormatError if a number is out of range.
        """
        check_number(number, len(self))
        return record_of(self.commitment.description, self.arrays, number)

    def opened(self, numbers: Sequence[int], columns: int) -> transparent.Opened:
        """What a circuit with so many columns opens the rows of records with."""
        records = [self.record(number) for number in numbers]
        cells = [
            grid.cells(np.stack(arrays))
            for grid, arrays in zip(self.commitment.grids, zip(*records, strict=True), strict=True)
        ]
        widened = [np.pad(array, [(0, 0), (0, columns - array.shape[1])]) for array in cells]
        rows, blinds = (
            self.commitment.rows_of(numbers),
            _by_tensor(self.commitment, self.blinds, numbers),
        )
        return transparent.Opened(widened, rows, blinds)

    def reveal(self, number: int) -> "RevealedRecord":
        """One record with what opens its rows; it says nothing of the others.

        Raises UsageError if there is no such record.
        """
        check_number(number, len(self))
        packed = b"".join(array[number].tobytes() for array in self.arrays)
        digest = self.commitment.digest_bytes
        return RevealedRecord(digest, number, packed, self._blinds(number))

    def _blinds(self, number: int) -> bytes:
        return _piece(self.blinds, number, self.commitment.rows_each)

    def to_bytes(self) -> bytes:
        """The container. Whoever has it has the records."""
        packed = b"".join(array.tobytes() for array in self.arrays)
        parts = (self.commitment.to_bytes(), packed, self.blinds)
        return container.write(container.DATA_OPENING, parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "DataOpening":
        """Reads an opening. Raises FormatError."""
        inner, packed, blinds = container.read(container.DATA_OPENING, data)
        commitment = DataCommitment.from_bytes(inner)
        if len(blinds) != len(commitment.rows):
            raise FormatError(
                f"this data opening has {len(blinds)} bytes of blindings, "
                f"{len(commitment.rows)} expected"
            )
        arrays = unpack(commitment.description, packed, len(commitment))
        return cls(commitment, tuple(arrays), blinds)

    @classmethod
    def load(cls, path: StrPath) -> "DataOpening":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        return load_file(path, container.DATA_OPENING.limit, "data opening", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file that only its owner can read. Raises UsageError if it exists."""
        check_free(path, lambda _: force)
        write_files([NewFile(path, self.to_bytes(), SECRET_MODE)])

    def __reduce__(self) -> tuple[Callable[[bytes], "DataOpening"], tuple[bytes]]:
        """Pickles as its bytes. The pickle is secret."""
        return DataOpening.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"<zkinfer data opening for {self.commitment.digest[:16]}…, secret>"


@dataclass(frozen=True, repr=False)
class RevealedRecord:
    """A record that its owner shows. digest: of the data commitment; number: from 0.

    packed: its tensors' integers; blinds: what opens its rows. `DataCommitment.verify` says what
    the numbers are, if they are the record's.
    """

    digest: bytes
    number: int
    packed: bytes
    blinds: bytes

    def to_bytes(self) -> bytes:
        """The container."""
        parts = (self.digest, _NUMBER.pack(self.number), self.packed, self.blinds)
        return container.write(container.REVEALED_RECORD, parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "RevealedRecord":
        """Reads a container, of which nothing is verified yet. Raises FormatError."""
        digest, number, packed, blinds = container.read(container.REVEALED_RECORD, data)
        if len(digest) != container.CHECKSUM_SIZE or len(number) != _NUMBER.size:
            raise FormatError("this revealed record names no record")
        return cls(digest, _NUMBER.unpack(number)[0], packed, blinds)

    @classmethod
    def load(cls, path: StrPath) -> "RevealedRecord":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        return load_file(path, container.REVEALED_RECORD.limit, "revealed record", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file. Raises UsageError if it exists, unless forced."""
        check_free(path, lambda _: force)
        write_files([NewFile(path, self.to_bytes())])

    def __repr__(self) -> str:
        return f"<zkinfer record {self.number} of the data {self.digest.hex()[:16]}…>"


def check_number(number: int, count: int) -> int:
    """The number of a record. Raises UsageError unless there is one of `count`."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise UsageError(f"a record has a number, got {type(number).__name__}")
    if not 0 <= number < count:
        raise UsageError(f"there is no record {number}; the data have records 0 to {count - 1}")
    return number


def commit_records(
    grids: Sequence[RecordGrid], arrays: Sequence[Packed], blinds: bytes | None = None
) -> tuple[bytes, bytes]:
    """The rows of records, by tensor [n, ...], and their blindings, which are fresh unless given.

    Raises FormatError when the blindings are not as many canonical scalars.
    """
    count, start, made = len(arrays[0]), 0, []
    given = None
    if blinds is not None:
        if len(blinds) != POINT_SIZE * count * sum(grid.rows for grid in grids):
            raise FormatError(f"{len(blinds)} bytes are not the blindings of {count} records")
        given = np.frombuffer(blinds, np.uint8).reshape(count, -1, POINT_SIZE)
    for grid, array in zip(grids, arrays, strict=True):
        known = None if given is None else given[:, start : start + grid.rows].tobytes()
        start += grid.rows
        pair = transparent.commit_rows(grid.cells(array), known)
        made.append([np.frombuffer(part, np.uint8).reshape(count, -1) for part in pair])
    rows, used = (np.concatenate(parts, axis=1).tobytes() for parts in zip(*made, strict=True))
    return rows, used


def record_of(description: Description, arrays: Sequence[Packed], number: int) -> list[Integers]:
    """The integers of a record. Raises FormatError if one is out of its range."""
    record = []
    for tensor, array in zip(description.tensors, arrays, strict=True):
        values: Integers = array[number].astype(np.int64)
        if tensor.encoding.outside(values).any():
            raise FormatError(f"record {number} has a number of {tensor.name} out of its range")
        record.append(values)
    return record


def unpack(description: Description, data: bytes, count: int) -> list[Packed]:
    """Records, by tensor [count, ...], as they are packed. Raises FormatError for another size."""
    sizes = [count * math.prod(t.shape) * t.kind.itemsize for t in description.tensors]
    if len(data) != sum(sizes):
        raise FormatError(f"{len(data)} bytes are not {count} records, which have {sum(sizes)}")
    arrays, start = [], 0
    for tensor, size in zip(description.tensors, sizes, strict=True):
        piece = memoryview(data)[start : start + size]
        start += size
        arrays.append(np.frombuffer(piece, tensor.kind).reshape(count, *tensor.shape))
    return arrays


def _by_tensor(commitment: DataCommitment, data: bytes, numbers: Sequence[int]) -> bytes:
    """What records have of a list of 32 bytes a row, tensor by tensor."""
    for number in numbers:
        check_number(number, len(commitment))
    pieces = [_piece(data, number, commitment.rows_each) for number in numbers]
    ends = np.cumsum([0, *(POINT_SIZE * grid.rows for grid in commitment.grids)])
    return b"".join(piece[start:end] for start, end in itertools.pairwise(ends) for piece in pieces)


def _piece(data: bytes, number: int, rows: int) -> bytes:
    """What a record has of a list of 32 bytes a row."""
    size = POINT_SIZE * rows
    return data[number * size : (number + 1) * size]
