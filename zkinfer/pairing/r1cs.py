"""Circuits and witnesses for a setup or a prover elsewhere: iden3's .r1cs, .wtns and .sym.

A circuit is three sparse matrices over F_r, a constraint a row: <A_i, z> <B_i, z> = <C_i, z> for
the values z of the wires, of which wire 0 is the constant one. The wires after it are the public
signals. Sources: iden3's specification of the binary formats r1cs (version 1) and wtns (version 2).
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.errors import FormatError
from zkinfer.pairing.curve import R

Words = npt.NDArray[np.uint32]
Blocks = npt.NDArray[np.uint8]
"""Integers below r, shape (n, 32): each little-endian."""

Whole = npt.NDArray[np.int64] | npt.NDArray[np.object_]
"""Integers, as Python's own where one does not fit 64 bits."""

_FIELD = struct.pack("<I", 32) + R.to_bytes(32, "little")
_HEADER = struct.Struct("<IIIIQI")
_TERM = 9
"""The words of four bytes in a term: its wire, and its coefficient in eight."""


@dataclass(frozen=True)
class Matrix:
    """A sparse matrix: row i has the terms starts[i] ... starts[i + 1] - 1.

    starts: int64 (rows + 1,). wires: uint32 (terms,), ascending within a row.
    coefficients: uint8 (terms, 32), each from 1 to r - 1.
    """

    starts: npt.NDArray[np.int64]
    wires: Words
    coefficients: Blocks

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many terms each row has."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class R1cs:
    """A circuit. wires: how many, wire 0 included. public: how many signals after it are public."""

    wires: int
    public: int
    a: Matrix
    b: Matrix
    c: Matrix


def blocks(values: Iterable[int]) -> Blocks:
    """Integers modulo r, each in 32 bytes: shape (n, 32)."""
    data = b"".join((value % R).to_bytes(32, "little") for value in values)
    return np.frombuffer(data, np.uint8).reshape(-1, 32)


def elements(integers: Whole) -> Blocks:
    """Integers modulo r: each in 32 bytes, little-endian."""
    if integers.dtype == object:
        return blocks(map(int, integers))
    limbs = np.zeros((len(integers), 4), np.uint64)
    negative = integers < 0
    limbs[:, 0] = integers.view(np.uint64)
    order = [R >> 64 * limb & (2**64 - 1) for limb in range(4)]
    low = np.uint64(order[0]) + limbs[negative, 0]  # modulo 2^64: r - |x|
    borrowed = low > order[0]
    limbs[negative, 0] = low
    limbs[negative, 1] = np.uint64(order[1]) - borrowed.astype(np.uint64)
    limbs[negative, 2:] = np.array(order[2:], np.uint64)
    return limbs.view(np.uint8)


def matrix(starts: npt.NDArray[np.int64], wires: npt.NDArray[np.int64], factors: Whole) -> Matrix:
    """The matrix whose row i has the terms starts[i] ... starts[i + 1] - 1, in any order.

    wires, factors: of the terms; factors are taken modulo r, and none is zero there.
    """
    order = np.lexsort((wires, np.repeat(np.arange(len(starts) - 1), np.diff(starts))))
    return Matrix(starts, wires[order].astype(np.uint32), elements(factors[order]))


def write_r1cs(circuit: R1cs) -> bytes:
    """The bytes of a .r1cs file: sections header, constraints, and labels, by which wire i is i.

    All public signals are inputs. Raises FormatError if the matrices are not those of a circuit.
    """
    _check(circuit)
    private = circuit.wires - 1 - circuit.public
    rows = len(circuit.a.starts) - 1
    header = _FIELD + _HEADER.pack(circuit.wires, 0, circuit.public, private, circuit.wires, rows)
    labels = np.arange(circuit.wires, dtype="<u8").tobytes()
    return _file(b"r1cs", 1, header, _terms(circuit), labels)


def read_r1cs(data: bytes) -> R1cs:
    """The circuit that write_r1cs writes as these bytes; raises FormatError if there is none."""
    header, terms, labels = _sections(data, b"r1cs", 1, 3)
    if len(header) != len(_FIELD) + _HEADER.size or not header.startswith(_FIELD):
        raise FormatError("a .r1cs file is not over the scalar field of BN254")
    wires, outputs, public, private, count, rows = _HEADER.unpack_from(header, len(_FIELD))
    if outputs or wires != 1 + public + private or count != wires or len(labels) != 8 * wires:
        raise FormatError("the counts in the header of a .r1cs file disagree")
    if not np.array_equal(np.frombuffer(labels, "<u8"), np.arange(wires)):
        raise FormatError("the wires of a .r1cs file are not in the order of their labels")
    circuit = R1cs(wires, public, *_matrices(terms, rows))
    _check(circuit)
    return circuit


def write_wtns(assignment: bytes) -> bytes:
    """The bytes of a .wtns file.

    assignment: the wires' values, 32 bytes each, little-endian and below r; wire 0 is one.

    Raises FormatError if they are not such values.
    """
    _check_assignment(assignment)
    header = _FIELD + struct.pack("<I", len(assignment) // 32)
    return _file(b"wtns", 2, header, assignment)


def read_wtns(data: bytes) -> bytes:
    """The assignment that write_wtns writes as these bytes; raises FormatError if there is none."""
    header, assignment = _sections(data, b"wtns", 2, 2)
    if header != _FIELD + struct.pack("<I", len(assignment) // 32):
        raise FormatError("the header of a .wtns file is not that of its values, over F_r")
    _check_assignment(assignment)
    return assignment


def write_sym(names: Sequence[str]) -> str:
    """The text of a .sym file. names: of the wires from 1 on, in order."""
    return "".join(f"{i},{i},0,main.{name}\n" for i, name in enumerate(names, 1))


def _file(magic: bytes, version: int, *sections: bytes) -> bytes:
    parts = [magic, struct.pack("<II", version, len(sections))]
    for kind, section in enumerate(sections, 1):
        parts += struct.pack("<IQ", kind, len(section)), section
    return b"".join(parts)


def _sections(data: bytes, magic: bytes, version: int, count: int) -> list[bytes]:
    """The sections of a file in which they are numbered from 1 on, in this order."""
    name, start = magic.decode(), magic + struct.pack("<II", version, count)
    if not data.startswith(start):
        raise FormatError(f"not a .{name} file of version {version} with {count} sections")
    sections, at = [], len(start)
    for kind in range(1, count + 1):
        body = at + 12
        if len(data) < body:
            raise FormatError(f"a .{name} file ends too early")
        found, size = struct.unpack_from("<IQ", data, at)
        if found != kind or size > len(data) - body:
            raise FormatError(f"section {kind} of a .{name} file is missing or too short")
        sections.append(data[body : body + size])
        at = body + size
    if at != len(data):
        raise FormatError(f"a .{name} file has trailing bytes")
    return sections


def _terms(circuit: R1cs) -> bytes:
    """The section of constraints: of A, B and C in turn the number of terms, and the terms."""
    matrices = (circuit.a, circuit.b, circuit.c)
    counts = np.stack([matrix.counts for matrix in matrices], axis=1)
    ends = np.cumsum(1 + _TERM * counts.ravel()).reshape(counts.shape)
    words = np.zeros(ends[-1, -1] if ends.size else 0, "<u4")
    begins = ends - (1 + _TERM * counts)
    words[begins] = counts
    for number, matrix in enumerate(matrices):
        at = _places(begins[:, number], matrix.counts)
        words[at] = matrix.wires
        coefficients = np.ascontiguousarray(matrix.coefficients).view("<u4")
        for word in range(_TERM - 1):
            words[at + 1 + word] = coefficients[:, word]
    return words.tobytes()


def _matrices(section: bytes, rows: int) -> tuple[Matrix, Matrix, Matrix]:
    """The three matrices that a section of constraints holds."""
    short = FormatError("the constraints of a .r1cs file do not have the length that they say")
    if len(section) % 4 or 12 * rows > len(section):
        raise short
    words = np.frombuffer(section, "<u4")
    begins, at = np.zeros(3 * rows, np.int64), 0
    for index in range(3 * rows):
        if at >= len(words):
            raise short
        begins[index] = at
        at += 1 + _TERM * int(words[at])
    if at != len(words):
        raise short
    a, b, c = (_matrix(words, begins[number::3]) for number in range(3))
    return a, b, c


def _matrix(words: Words, begins: npt.NDArray[np.int64]) -> Matrix:
    """The matrix of which row i begins at so many words."""
    counts = words[begins].astype(np.int64)
    at = _places(begins, counts)
    coefficients = words[at[:, None] + np.arange(1, _TERM)].astype("<u4").view(np.uint8)
    return Matrix(np.concatenate([[0], np.cumsum(counts)]), words[at], coefficients)


def _places(begins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where the terms lie, in words, of rows that begin there and have so many terms."""
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(begins, counts) + 1 + _TERM * within


def _check(circuit: R1cs) -> None:
    """Raises FormatError unless there are three matrices of as many rows over these wires."""
    if not 0 <= circuit.public < circuit.wires < 1 << 32:
        raise FormatError(f"{circuit.wires} wires with {circuit.public} public ones")
    if len({len(part.starts) for part in (circuit.a, circuit.b, circuit.c)}) != 1:
        raise FormatError("the matrices of a circuit have different numbers of rows")
    for name, part in (("A", circuit.a), ("B", circuit.b), ("C", circuit.c)):
        terms = len(part.wires)
        if part.starts[0] or part.starts[-1] != terms or np.any(part.counts < 0):
            raise FormatError(f"the rows of matrix {name} are not those of its {terms} terms")
        if part.coefficients.shape != (terms, 32):
            raise FormatError(f"matrix {name} does not have a coefficient a term")
        row = np.repeat(np.arange(len(part.starts) - 1), part.counts)
        ascending = (np.diff(part.wires.astype(np.int64)) > 0) | (np.diff(row) > 0)
        if np.any(part.wires >= circuit.wires) or not np.all(ascending):
            raise FormatError(f"a row of matrix {name} does not have its wires in order")
        if not np.all(part.coefficients.any(axis=1) & _below_r(part.coefficients)):
            raise FormatError(f"a coefficient of matrix {name} is not from 1 to r - 1")


def _check_assignment(assignment: bytes) -> None:
    values = np.frombuffer(assignment[: len(assignment) // 32 * 32], np.uint8).reshape(-1, 32)
    if len(assignment) % 32 or assignment[:32] != (1).to_bytes(32, "little"):
        raise FormatError("an assignment is 32 bytes a wire, and wire 0 is one")
    if not np.all(_below_r(values)):
        raise FormatError("the value of a wire is not below r")


def _below_r(values: Blocks) -> npt.NDArray[np.bool_]:
    """Which of the integers of 32 bytes each are below r, by their words from the highest down."""
    words = np.ascontiguousarray(values).view("<u8")
    below, equal = np.zeros(len(words), np.bool_), np.ones(len(words), np.bool_)
    for index, limit in reversed(list(enumerate(struct.unpack("<4Q", R.to_bytes(32, "little"))))):
        below |= equal & (words[:, index] < limit)
        equal &= words[:, index] == limit
    return below
