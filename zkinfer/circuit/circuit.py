"""Circuits: tensors, blocks of constraint rows `A.z * B.z = C.z`, and their canonical bytes.

The layout of the bytes is stated in docs/formats.md; the native verifier parses the same bytes.
"""

from dataclasses import dataclass
from enum import IntEnum

from zkinfer.circuit.layout import Segment, Tensor, place, used_entries
from zkinfer.circuit.term import Term, integer, number, numbers

MAGIC = b"zkicirc2"


class Defines(IntEnum):
    """The tensor of the sketch that an honest prover fills in by a block; as in the byte format.

    PRODUCT: the only term of C, set to A B. QUOTIENT: the only term of B, set to C / A.
    """

    NOTHING = 0
    PRODUCT = 1
    QUOTIENT = 2


@dataclass(frozen=True, slots=True)
class Block:
    """A grid of rows of one shape: at every index of `extents`, (sum of a) * (sum of b) = sum of c.

    path: its name, such as `conv1/rescale`. defines: what of the sketch follows from it.
    """

    path: str
    extents: tuple[int, ...]
    a: tuple[Term, ...]
    b: tuple[Term, ...]
    c: tuple[Term, ...]
    defines: Defines = Defines.NOTHING

    @property
    def defined(self) -> Term | None:
        """The term of the sketch that it defines."""
        sides = {Defines.PRODUCT: self.c, Defines.QUOTIENT: self.b}
        return sides[self.defines][0] if self.defines else None

    def to_bytes(self) -> bytes:
        """The encoding inside a circuit's bytes."""
        path = self.path.encode()
        parts = [number(len(path)), path, numbers(self.extents), number(self.defines)]
        for terms in (self.a, self.b, self.c):
            parts.append(number(len(terms)))
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

    @property
    def segments(self) -> list[Segment]:
        """Those that have tensors, in order."""
        return list(used_entries(self.tensors))

    def entries(self, segment: Segment) -> int:
        """Entries of a segment up to the end of its last tensor."""
        return used_entries(self.tensors).get(segment, 0)

    def committed_rows(self, segment: Segment) -> int:
        """The rows of C entries that commit to a segment."""
        return -(-self.entries(segment) // self.columns)

    def segment(self, segment: Segment) -> list[Tensor]:
        """The tensors of one segment, in order."""
        return [tensor for tensor in self.tensors if tensor.segment == segment]

    def to_bytes(self) -> bytes:
        """The canonical bytes."""
        segments = self.segments
        parts = [MAGIC, number(self.columns.bit_length() - 1), number(len(segments))]
        for segment in segments:
            name = segment.value.encode()
            parts += [number(len(name)), name, number(segment.binding)]
        parts += [numbers(self.challenges), number(len(self.tensors))]
        for tensor in self.tensors:
            parts += [number(segments.index(tensor.segment)), numbers(tensor.extents)]
            if tensor.segment == Segment.PUBLIC:
                parts += [integer(tensor.low), integer(tensor.high)]
        parts.append(number(len(self.blocks)))
        parts.extend(block.to_bytes() for block in self.blocks)
        return b"".join(parts)
