"""The byte container of every artifact: keys, proofs, and commitments to data.

    magic (8 bytes) | version (u16) | sections | SHA3-256 of everything before (32 bytes)
    section: tag (u8) | length (u64) | data

Integers are little-endian. The sections of a kind come in one fixed order, each exactly once, but
for optional ones, which are left out when they are empty; nothing follows the checksum. So an
artifact has one encoding. The checksum finds accidents (a
flipped byte, a truncated copy); nothing that is secure rests on it. Lengths are checked against
the bytes that are there and the section's limit before anything is copied.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from mmap import mmap

from zkinfer.errors import FormatError

MIB = 1 << 20
MAGIC_SIZE = 8
CHECKSUM_SIZE = 32
_VERSION = struct.Struct("<H")
_SECTION = struct.Struct("<BQ")


@dataclass(frozen=True)
class Section:
    """One section of a kind: its tag, a name for messages and the largest length in bytes.

    optional: whether it is left out when it is empty.
    """

    tag: int
    name: str
    limit: int
    optional: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of artifact: a name for messages, its magic, its version and its sections."""

    name: str
    magic: bytes
    version: int
    sections: tuple[Section, ...]

    @property
    def limit(self) -> int:
        """The largest length in bytes of an artifact of this kind."""
        frame = MAGIC_SIZE + _VERSION.size + CHECKSUM_SIZE
        return frame + sum(_SECTION.size + section.limit for section in self.sections)


VERIFYING_KEY = Kind(
    "verifying key",
    b"zkinf.vk",
    2,
    (
        Section(1, "backend", 16),
        Section(2, "graph", 2 * MIB),
        Section(3, "circuit", 4 * MIB),
        Section(4, "weight commitments", 64 * MIB),
        Section(5, "public weights", 2048 * MIB),
        Section(6, "certificate", 64 * MIB),
    ),
)
PROVING_KEY = Kind(
    "proving key",
    b"zkinf.pk",
    2,
    (
        Section(1, "verifying key", VERIFYING_KEY.limit),
        Section(2, "weights", 2048 * MIB),
        Section(3, "blindings", 64 * MIB),
        Section(4, "setup", 8192 * MIB, optional=True),
    ),
)
DRAFT = Kind(
    "draft",
    b"zkinf.dk",
    1,
    (
        Section(1, "graph", 2 * MIB),
        Section(2, "weight ranges", 16),
        Section(3, "weights", 2048 * MIB),
    ),
)
PROOF = Kind(
    "proof",
    b"zkinf.pf",
    2,
    (
        Section(1, "key digest", 32),
        Section(2, "context", 65536),
        Section(3, "public values", 64 * MIB),
        Section(4, "body", 64 * MIB),
        Section(5, "records", 64 * MIB, optional=True),
        Section(6, "outputs", 64 * MIB, optional=True),
    ),
)
DATA_COMMITMENT = Kind(
    "data commitment",
    b"zkinf.dc",
    1,
    (
        Section(1, "description", 4 * MIB),
        Section(2, "row commitments", 2048 * MIB),
    ),
)
DATA_OPENING = Kind(
    "data opening",
    b"zkinf.do",
    1,
    (
        Section(1, "data commitment", DATA_COMMITMENT.limit),
        Section(2, "records", 8192 * MIB),
        Section(3, "blindings", 2048 * MIB),
    ),
)
REVEALED_RECORD = Kind(
    "revealed record",
    b"zkinf.rr",
    1,
    (
        Section(1, "data digest", 32),
        Section(2, "number", 8),
        Section(3, "record", 64 * MIB),
        Section(4, "blindings", 64 * MIB),
    ),
)
KINDS = (
    VERIFYING_KEY,
    PROVING_KEY,
    DRAFT,
    PROOF,
    DATA_COMMITMENT,
    DATA_OPENING,
    REVEALED_RECORD,
)


def identify(data: bytes) -> Kind | None:
    """The kind whose magic the data begins with, or None."""
    return next((kind for kind in KINDS if data[:MAGIC_SIZE] == kind.magic), None)


def prefix(kind: Kind, parts: Sequence[bytes | memoryview]) -> bytes:
    """Magic, version and the first sections of a kind; the key digest is taken over such bytes.

    Raises FormatError when a part is longer than its section's limit.
    """
    pieces: list[bytes | memoryview] = [kind.magic, _VERSION.pack(kind.version)]
    for section, part in zip(kind.sections, parts, strict=False):
        if len(part) > section.limit:
            raise FormatError(
                f"the {section.name} section of a {kind.name} would have {len(part)} bytes, "
                f"at most {section.limit} are allowed"
            )
        if part or not section.optional:
            pieces += [_SECTION.pack(section.tag, len(part)), part]
    return b"".join(pieces)


def write(kind: Kind, parts: Sequence[bytes | memoryview]) -> bytes:
    """The container with one part for every section of the kind, in order."""
    if len(parts) != len(kind.sections):
        raise ValueError(f"a {kind.name} has {len(kind.sections)} sections, got {len(parts)}")
    body = prefix(kind, parts)
    return body + hashlib.sha3_256(body).digest()


def read(kind: Kind, data: bytes) -> tuple[bytes, ...]:
    """The sections of a container, in order. Raises FormatError as `views` does."""
    return tuple(map(bytes, views(kind, data)))


def views(kind: Kind, data: bytes | mmap) -> tuple[memoryview, ...]:
    """The sections of a container, in order, as views of it.

    Raises FormatError when the data is another kind of file, of another version, truncated,
    damaged, longer than a limit, or encoded in any way but the canonical one.
    """
    _check_frame(kind, data)
    view = memoryview(data)[:-CHECKSUM_SIZE]
    position = MAGIC_SIZE + _VERSION.size
    parts: list[memoryview] = []
    for section in kind.sections:
        if section.optional and view[position : position + 1] != bytes([section.tag]):
            parts.append(view[:0])
            continue
        if len(view) - position < _SECTION.size:
            raise FormatError(f"this {kind.name} ends before its {section.name} section")
        tag, length = _SECTION.unpack_from(view, position)
        position += _SECTION.size
        if tag != section.tag:
            raise FormatError(
                f"this {kind.name} has section {tag} where its {section.name} section "
                f"({section.tag}) was expected"
            )
        if length > section.limit or length > len(view) - position:
            raise FormatError(
                f"the {section.name} section of this {kind.name} claims {length} bytes, "
                f"at most {min(section.limit, len(view) - position)} are possible"
            )
        if section.optional and not length:
            raise FormatError(f"this {kind.name} has an empty {section.name} section; it has none")
        parts.append(view[position : position + length])
        position += length
    if position != len(view):
        raise FormatError(
            f"this {kind.name} has {len(view) - position} bytes after its last section"
        )
    return tuple(parts)


def _check_frame(kind: Kind, data: bytes | mmap) -> None:
    """Raises FormatError unless magic, version, length and checksum are right for the kind."""
    if not isinstance(data, bytes | mmap):
        raise FormatError(f"a {kind.name} is read from bytes, got {type(data).__name__}")
    found = identify(data[:MAGIC_SIZE])
    if found is not kind:
        was = f"a zkinfer {found.name}" if found else "no zkinfer file"
        raise FormatError(f"a {kind.name} was expected, but this is {was}")
    if len(data) < MAGIC_SIZE + _VERSION.size + CHECKSUM_SIZE:
        raise FormatError(f"this {kind.name} is truncated after {len(data)} bytes")
    if len(data) > kind.limit:
        raise FormatError(
            f"this {kind.name} has {len(data)} bytes, at most {kind.limit} are allowed"
        )
    (version,) = _VERSION.unpack_from(data, MAGIC_SIZE)
    if version != kind.version:
        raise FormatError(
            f"this {kind.name} has format version {version}, this zkinfer reads {kind.version}"
        )
    checksum = hashlib.sha3_256(memoryview(data)[:-CHECKSUM_SIZE]).digest()
    if checksum != data[-CHECKSUM_SIZE:]:
        raise FormatError(f"this {kind.name} is damaged or truncated: its checksum does not match")
