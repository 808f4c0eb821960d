"""Proofs: what they state in the open, and their byte format.

Sections of the container: the digest of the key that the proof is for (32 bytes); the context
bytes; the public values; the argument's body, which only the native module reads; of a proof about
committed records their names: how many there are (u32), what is said of them (u8: 0 which they
are and their rows, 1 which they are and labels, 2 their rows, 3 which they are), the data
commitment's digest and that of the labels' (32 bytes each), the records' numbers (u64 each) and the
commitments to their rows (32 bytes each), whichever of these there are; of one
whose outputs are committed the commitments to their rows, as a data commitment lists them.

Public values are the public tensors of the circuit in order, without the constant one:
count (u32), then per tensor the number of axes (u8), the extents (u32 each), the values (i64 each,
row-major). All integers are little-endian.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zkinfer import container
from zkinfer.errors import FormatError, UsageError
from zkinfer.files import NewFile, StrPath, check_free, check_parent, load_file, write_files

Integers = npt.NDArray[np.int64]

MAX_PUBLIC_TENSORS = 1024
MAX_AXES = 8
DIGEST_SIZE = 32
MAX_CONTEXT = container.PROOF.sections[1].limit
MAX_RECORDS = 2**14
_HEAD = struct.Struct("<IB")
_WITH_ROWS, _LABELLED, _HIDDEN, _NAMED = range(4)


@dataclass(frozen=True)
class RecordNames:
    """Which records of which data commitment a proof is about.

    digest: of the data commitment, 32 bytes. numbers: from 0. rows: commitments to their rows, 32
    bytes each, or nothing where records count. labels: the digest of the commitment that has the
    records' labels or targets, 32 bytes, or nothing. hidden: how many records there are that have
    no number here; then the rows are committed to afresh.
    """

    digest: bytes
    numbers: tuple[int, ...]
    rows: bytes
    labels: bytes = b""
    hidden: int = 0

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.hidden or len(self.numbers)

    @property
    def stated(self) -> bytes:
        """What a proof's statement says besides the rows."""
        return self.digest + self.labels + _numbers(len(self.numbers)).pack(*self.numbers)

    def to_bytes(self) -> bytes:
        """The section of a proof."""
        said = _HIDDEN if self.hidden else _WITH_ROWS if self.rows else _NAMED
        said = _LABELLED if self.labels else said
        return _HEAD.pack(self.count, said) + self.stated + self.rows

    @classmethod
    def from_bytes(cls, data: bytes) -> "RecordNames":
        """Reads the section. Raises FormatError."""
        count, said = _HEAD.unpack(data[: _HEAD.size]) if len(data) >= _HEAD.size else (0, 0)
        labelled, hidden = said == _LABELLED, count if said == _HIDDEN else 0
        digests = _HEAD.size + DIGEST_SIZE * (1 + labelled)
        named = _numbers(count - hidden)
        head = digests + named.size
        rows = data[head:]
        fits = 0 < count <= MAX_RECORDS and said <= _NAMED and len(data) >= head
        fits = fits and bool(rows) == (said in (_WITH_ROWS, _HIDDEN))
        if not fits or len(rows) % DIGEST_SIZE:
            raise FormatError(f"a proof's section of {len(data)} bytes names no records")
        digest, labels = data[_HEAD.size :][:DIGEST_SIZE], data[_HEAD.size + DIGEST_SIZE : digests]
        return cls(digest, named.unpack(data[digests:head]), rows, labels, hidden)


def _numbers(count: int) -> struct.Struct:
    """The numbers of records."""
    return struct.Struct(f"<{min(count, MAX_RECORDS)}Q")


@dataclass(frozen=True, eq=False, repr=False)
class Proof:
    """A proof for one verifying key; nothing in it is secret.

    key_digest: 32 bytes; context: the caller's bytes; public_values: int64 arrays, claimed and
    not yet verified; body: the argument; records: of a proof about committed records their names,
    claimed likewise; outputs: of one whose outputs are committed their rows, 32 bytes each.
    """

    key_digest: bytes
    context: bytes
    public_values: tuple[Integers, ...]
    body: bytes
    records: RecordNames | None = None
    outputs: bytes = b""

    def to_bytes(self) -> bytes:
        """The container."""
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        values = _pack_values(self.public_values)
        named = b"" if self.records is None else self.records.to_bytes()
        parts = (self.key_digest, self.context, values, self.body, named, self.outputs)
        return container.write(container.PROOF, parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Proof":
        """Reads a container. Raises FormatError; a proof that is read is not yet verified."""
        key_digest, context, values, body, named, outputs = container.read(container.PROOF, data)
        if len(key_digest) != DIGEST_SIZE:
            raise FormatError(
                f"a proof's key digest has {DIGEST_SIZE} bytes, got {len(key_digest)}"
            )
        records = RecordNames.from_bytes(named) if named else None
        return cls(key_digest, context, _unpack_values(values), body, records, outputs)

    @classmethod
    def load(cls, path: StrPath) -> "Proof":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        return load_file(path, container.PROOF.limit, "proof", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file. An existing proof is replaced, another file only with force."""
        check_output(path, force=force)
        write_files([NewFile(path, self.to_bytes())])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proof) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __reduce__(self) -> tuple[Callable[[bytes], "Proof"], tuple[bytes]]:
        """Pickles as its bytes."""
        return Proof.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return (
            f"<zkinfer proof for key {self.key_digest.hex()[:16]}…, "
            f"{len(self.public_values)} public tensors, {len(self.to_bytes())} bytes>"
        )


def check_output(path: StrPath, *, force: bool = False) -> None:
    """Raises UsageError if a proof cannot be saved there or would replace anything but a proof."""

    def is_proof(head: bytes) -> bool:
        return force or head == container.PROOF.magic

    check_parent(path)
    check_free(path, is_proof)


def check_context(context: bytes) -> bytes:
    """The context, if it is bytes of an allowed length. Raises UsageError."""
    if not isinstance(context, bytes):
        raise UsageError(
            f"context must be bytes, got {type(context).__name__}; encode text with .encode()"
        )
    if len(context) > MAX_CONTEXT:
        raise UsageError(
            f"context has {len(context)} bytes, at most {MAX_CONTEXT} are allowed; pass a hash"
        )
    return context


def _pack_values(values: Sequence[Integers]) -> bytes:
    pieces = [struct.pack("<I", len(values))]
    for array in values:
        pieces.append(struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape))
        pieces.append(array.astype("<i8").tobytes())
    return b"".join(pieces)


def _unpack_values(data: bytes) -> tuple[Integers, ...]:
    """The arrays, read-only. Raises FormatError before allocating when a length is impossible."""
    reader = _Reader(data)
    (count,) = reader.take("<I")
    if count > MAX_PUBLIC_TENSORS:
        raise FormatError(
            f"a proof has at most {MAX_PUBLIC_TENSORS} public tensors, this one claims {count}"
        )
    values = tuple(reader.array() for _ in range(count))
    reader.finish()
    return values


class _Reader:
    """Takes the fields of the public values one after another from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self._bytes(struct.calcsize(layout)))

    def array(self) -> Integers:
        (axes,) = self.take("<B")
        if axes > MAX_AXES:
            raise FormatError(f"a public tensor has at most {MAX_AXES} axes, got {axes}")
        shape = self.take(f"<{axes}I")
        if 0 in shape:
            raise FormatError(f"a public tensor has no empty axes, got shape {shape}")
        flat = np.frombuffer(self._bytes(8 * math.prod(shape)), dtype="<i8")
        values: Integers = flat.astype(np.int64).reshape(shape)
        values.setflags(write=False)
        return values

    def finish(self) -> None:
        if self._position != len(self._data):
            raise FormatError("a proof's public values are followed by unexpected bytes")

    def _bytes(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise FormatError("a proof's public values end too early")
        piece = self._data[self._position : end]
        self._position = end
        return piece
