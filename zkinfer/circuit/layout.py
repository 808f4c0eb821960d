"""Where tensors and rows lie: segments, tensors, placement and the choice of C.

Placement is derived from the order of the tensors and never stored. All axes but the first are
padded to powers of two; a tensor starts at the next multiple of its inner size (the product of its
padded inner extents) in its segment, and a block of rows likewise in the grid of rows. A segment
is padded to a power of two of at least C entries; the segments lie one after another, the largest
first, so each starts at a multiple of its own size. (docs/protocol.md, section 2.)
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

MIN_COLUMNS = 16
MAX_COLUMNS = 8192
MAX_AXES = 8


class Binding(IntEnum):
    """How the entries of a segment are bound; the numbers are those of the byte format.

    COMMITTED: by rows from before the proof, which come with the statement. SENT, BITS: by rows
    that the proof sends before its challenges; entries of BITS are 0 or 1. SKETCH: by rows that it
    sends after them.
    """

    PUBLIC = 0
    COMMITTED = 1
    SENT = 2
    BITS = 3
    SKETCH = 4


class Segment(Enum):
    """The part of the witness that a tensor lies in, in the order in which circuits list them.

    PROJECTIONS is that of the weights certificate, the others are those of networks. The rows of
    WEIGHTS come with a key, those of RECORD and OUTPUT with each statement.
    """

    PUBLIC = "public"
    WEIGHTS = "weights"
    RECORD = "record"
    OUTPUT = "output"
    PROJECTIONS = "projections"
    INPUT = "input"
    BITS = "bits"
    TRACE = "trace"
    SKETCH = "sketch"

    @property
    def binding(self) -> Binding:
        """How its entries are bound."""
        return _BINDINGS[self]

    @property
    def is_data(self) -> bool:
        """Whether its rows are those of data, made apart from any circuit."""
        return self in (Segment.RECORD, Segment.OUTPUT)


_BINDINGS = {
    Segment.PUBLIC: Binding.PUBLIC,
    Segment.WEIGHTS: Binding.COMMITTED,
    Segment.RECORD: Binding.COMMITTED,
    Segment.OUTPUT: Binding.COMMITTED,
    Segment.PROJECTIONS: Binding.COMMITTED,
    Segment.INPUT: Binding.SENT,
    Segment.BITS: Binding.BITS,
    Segment.TRACE: Binding.SENT,
    Segment.SKETCH: Binding.SKETCH,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the witness.

    extents: all at least 1; the last axis of a bits tensor is the bit's position. low, high: the
    declared bounds of a public tensor's entries, zero elsewhere. path: its name, for messages; not
    part of the bytes.
    """

    path: str
    segment: Segment
    extents: tuple[int, ...]
    low: int = 0
    high: int = 0


def next_power(value: int) -> int:
    """The least power of two that is at least `value` (1 for values below 1)."""
    return 1 << max(value - 1, 0).bit_length()


def inner_size(extents: Sequence[int]) -> int:
    """Addresses per step of the first axis: the product of the padded inner extents."""
    return math.prod(next_power(extent) for extent in extents[1:])


def padded_size(extents: Sequence[int]) -> int:
    """Addresses that a tensor or a block of rows takes."""
    return (extents[0] if extents else 1) * inner_size(extents)


def place(grids: Iterable[Sequence[int]]) -> tuple[list[int], int]:
    """The offsets of grids laid one after another, and the end of the last."""
    offsets, cursor = [], 0
    for extents in grids:
        inner = inner_size(extents)
        offset = -(-cursor // inner) * inner
        offsets.append(offset)
        cursor = offset + padded_size(extents)
    return offsets, cursor


def outermost(extents: Sequence[int]) -> int:
    """The axis to put first so that the padded size is least; the earliest of equals."""
    waste = [next_power(extent) / extent for extent in extents]
    return waste.index(max(waste)) if waste else 0


def strides(extents: Sequence[int]) -> list[int]:
    """The address stride of each axis."""
    result, step = [], 1
    for extent in reversed(extents):
        result.append(step)
        step *= next_power(extent)
    return result[::-1]


def used_entries(tensors: Sequence[Tensor]) -> dict[Segment, int]:
    """Entries of each segment that has tensors, up to the end of the last, in order."""
    present = {tensor.segment for tensor in tensors}
    return {
        segment: place(t.extents for t in tensors if t.segment == segment)[1]
        for segment in Segment
        if segment in present
    }


def choose_columns(tensors: Sequence[Tensor]) -> int:
    """The C that minimises the size of a proof, whose opening has C scalars and which lists one
    commitment a row of every segment that is committed per proof; the smallest of equals. Rows of
    data, narrower ones, fit into those of the circuit.
    """
    per_proof = [
        used
        for segment, used in used_entries(tensors).items()
        if segment.binding > Binding.COMMITTED
    ]
    widths = [tensor.extents[1] for tensor in tensors if tensor.segment.is_data]
    size = max([MIN_COLUMNS, *widths])
    best, columns = None, size
    while size <= MAX_COLUMNS:
        cost = size + sum(-(-entries // size) for entries in per_proof)
        if best is None or cost < best:
            best, columns = cost, size
        size *= 2
    return columns
