"""Circuits: tensors, blocks of constraint rows `A.z * B.z = C.z`, and their canonical bytes.

The layout of the bytes is stated in docs/formats.md; the native verifier parses the same bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.circuit.layout import Segment, Tensor, place, used_entries
from zkinfer.circuit.term import Term
from zkinfer.errors import UnsupportedModelError

MAGIC = b"zkicirc1"


@dataclass(frozen=True, slots=True)
class Block:
    """A grid of rows of one shape: at every index of `extents`, (sum of a) * (sum of b) = sum of c.

    path: its name, such as `conv1/rescale`.
    """

    path: str
    extents: tuple[int, ...]
    a: tuple[Term, ...]
    b: tuple[Term, ...]
    c: tuple[Term, ...]

    def to_bytes(self) -> bytes:
        """The encoding inside a circuit's bytes."""
        path = self.path.encode()
        parts = [
            struct.pack("<H", len(path)),
            path,
            struct.pack(f"<B{len(self.extents)}I", len(self.extents), *self.extents),
        ]
        for terms in (self.a, self.b, self.c):
            parts.append(struct.pack("<H", len(terms)))
            parts.extend(term.to_bytes() for term in terms)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Circuit:
    """A statement about a witness, the same for every input.

    columns: C, the entries of a committed row; challenges: the coordinates of each challenge
    vector; tensors: the first is the public constant one; blocks: in the order of their rows.
    """

    columns: int
    challenges: tuple[int, ...]
    tensors: tuple[Tensor, ...]
    blocks: tuple[Block, ...]

    @property
    def rows(self) -> int:
        """Constraint rows, with the padding inside and between blocks."""
        return place(block.extents for block in self.blocks)[1]

    def entries(self, segment: Segment) -> int:
        """Entries of a segment up to the end of its last tensor."""
        return used_entries(self.tensors)[segment]

    def segment(self, segment: Segment) -> list[Tensor]:
        """The tensors of one segment, in order."""
        return [tensor for tensor in self.tensors if tensor.segment == segment]

    def to_bytes(self) -> bytes:
        """The canonical bytes. Raises UnsupportedModelError if a number does not fit its field."""
        try:
            return b"".join(self._parts())
        except struct.error as error:
            raise UnsupportedModelError(f"the circuit is too large: {error}") from error

    def _parts(self) -> list[bytes]:
        parts = [
            MAGIC,
            struct.pack("<B", self.columns.bit_length() - 1),
            struct.pack(f"<I{len(self.challenges)}B", len(self.challenges), *self.challenges),
            struct.pack("<I", len(self.tensors)),
        ]
        parts.extend(_tensor_bytes(tensor) for tensor in self.tensors)
        parts.append(struct.pack("<I", len(self.blocks)))
        parts.extend(block.to_bytes() for block in self.blocks)
        return parts


def _tensor_bytes(tensor: Tensor) -> bytes:
    extents: Sequence[int] = tensor.extents
    head = struct.pack(f"<BB{len(extents)}I", tensor.segment, len(extents), *extents)
    if tensor.segment == Segment.PUBLIC:
        return head + struct.pack("<qq", tensor.low, tensor.high)
    return head
