"""formats.md, circuit, and protocol.md, section 2: what a circuit says, where its tensors lie."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.reference.errors import demand
from zkinfer.reference.reader import Reader

SEGMENTS = ("public", "weights", "input", "bits", "trace", "sketch")
PUBLIC, WEIGHTS, INPUT, BITS, TRACE, SKETCH = range(6)

Extents = tuple[int, ...]


@dataclass
class Segment:
    """A segment: used size, committed rows, the logarithm of the padded size, place in z."""

    used: int = 0
    rows: int = 0
    log2: int = -1
    start: int = 0


@dataclass
class Tensor:
    """A tensor of the witness; bounds are those of public tensors, start is its place in z."""

    segment: int
    shape: Extents
    bounds: tuple[int, ...]
    start: int = 0

    @property
    def extents(self) -> Extents:
        """The shape, where a tensor without axes counts as one of extent 1."""
        return self.shape or (1,)


@dataclass
class Term:
    """A term; extents and weights are those of the row axes, then of the summation axes."""

    tensor: Tensor
    coefficient: int
    extents: Extents
    weights: list[tuple[int, tuple[int, ...]]]  # kind; the challenge's index or the constants
    index: list[tuple[int, Extents]]  # base and strides of each axis of the tensor


@dataclass
class Block:
    """A grid of rows, the terms of A, B and C, and its place in the row space."""

    rows: Extents
    terms: list[list[Term]]
    start: int = 0


class Circuit:
    """A circuit, and what follows from it by section 2.1 and for the row space of section 2.2."""

    def __init__(self, data: bytes) -> None:
        """Reads a circuit. Raises FormatError unless the bytes are one within the limits."""
        demand(len(data) <= 2**24, "a circuit exceeds 2^24 bytes")
        self.digest = hashlib.sha3_256(data).digest()
        reader = Reader(data, "the circuit")
        demand(reader.take(8) == b"zkicirc1", "the circuit has another magic")
        self.columns_log2 = reader.uint(1)
        demand(3 <= self.columns_log2 <= 16, "a circuit's rows have not 2^3 to 2^16 columns")
        self.challenges = [reader.uint(1) for _ in range(_count(reader))]
        demand(all(n <= 31 for n in self.challenges), "a challenge exceeds 31 coordinates")
        self.tensors = [_tensor(reader) for _ in range(_count(reader))]
        one = self.tensors[:1] == [Tensor(PUBLIC, (), (1, 1))]
        demand(one, "tensor 0 of a circuit is not the constant 1")
        demand(any(t.segment == BITS for t in self.tensors), "a circuit has no bits")
        self.blocks = [_block(reader, self) for _ in range(_count(reader))]
        demand(bool(self.blocks), "a circuit has no blocks")
        reader.end()
        self.public = [t for t in self.tensors if t.segment == PUBLIC]
        self.segments = [Segment() for _ in SEGMENTS]
        for number, segment in enumerate(self.segments):
            segment.used = place([t for t in self.tensors if t.segment == number])
            segment.rows = -(-segment.used >> self.columns_log2)
            if segment.used:
                segment.log2 = max(self.columns_log2, (segment.used - 1).bit_length())
        total = 0
        for segment in sorted(self.segments, key=lambda segment: -segment.log2):
            segment.start = total
            total += 1 << segment.log2 if segment.used else 0
        for tensor in self.tensors:
            tensor.start += self.segments[tensor.segment].start
        self.nu = (total - 1).bit_length()
        self.mu = max(1, (place(self.blocks) - 1).bit_length())


def padded(extents: Extents) -> Extents:
    """All axes but the first padded to powers of two."""
    return (extents[0], *(1 << (extent - 1).bit_length() for extent in extents[1:]))


def place(grids: Sequence[Tensor | Block]) -> int:
    """Lays grids one after another (section 2.1, rule 1); returns the end of the last."""
    end = 0
    for grid in grids:
        first, *others = padded(grid.rows if isinstance(grid, Block) else grid.extents)
        inner = math.prod(others)
        grid.start = -(-end // inner) * inner
        end = grid.start + first * inner
    demand(end <= 2**34, "a segment or the rows of a circuit exceed 2^34 entries")
    return end


def _count(reader: Reader) -> int:
    count = reader.uint(4)
    demand(count <= 2**16, "a circuit has more than 2^16 challenge vectors, tensors or blocks")
    return count


def _extents(reader: Reader) -> Extents:
    axes = reader.uint(1)
    demand(axes <= 8, "a circuit has more than 8 axes in one place")
    extents = tuple(reader.uint(4) for _ in range(axes))
    demand(all(1 <= n <= 2**31 for n in extents), "an extent is not within 1 and 2^31")
    return extents


def _tensor(reader: Reader) -> Tensor:
    segment = reader.uint(1)
    demand(segment < len(SEGMENTS), "a tensor is in no segment")
    shape = _extents(reader)
    bounds = reader.int64s(2) if segment == PUBLIC else ()
    demand(list(bounds) == sorted(bounds), "a public tensor's bounds are empty")
    return Tensor(segment, shape, bounds)


def _block(reader: Reader, circuit: Circuit) -> Block:
    path = reader.take(reader.uint(2))
    demand(path.decode("utf-8", "replace").encode() == path, "a block's path is not UTF-8")
    rows = _extents(reader)
    terms = [[_term(reader, rows, circuit) for _ in range(reader.uint(2))] for _ in "ABC"]
    return Block(rows or (1,), terms)


def _term(reader: Reader, rows: Extents, circuit: Circuit) -> Term:
    number = reader.uint(4)
    demand(number < len(circuit.tensors), "a term's tensor does not exist")
    tensor = circuit.tensors[number]
    (coefficient,) = reader.scalars(1)
    extents = (*rows, *_extents(reader))
    weights = [_weight(reader, extent, circuit.challenges) for extent in extents]
    index = []
    for _ in range(reader.uint(1)):
        base, *strides = reader.int64s(1 + len(extents))
        demand(all(abs(n) <= 2**34 for n in (base, *strides)), "a base or stride exceeds 2^34")
        index.append((base, tuple(strides)))
    if not index and tensor.extents == (1,):
        index = [(0, (0,) * len(extents))]
    demand(len(index) == len(tensor.extents), "a term has not its tensor's axes")
    if not rows:  # a block without axes is a grid with one axis of extent 1
        extents, weights = (1, *extents), [(0, ()), *weights]
        index = [(base, (0, *strides)) for base, strides in index]
    return Term(tensor, coefficient, extents, weights, index)


def _weight(reader: Reader, extent: int, challenges: list[int]) -> tuple[int, tuple[int, ...]]:
    kind = reader.uint(1)
    demand(kind <= 3, "a weight is of no kind")
    if kind != 2:
        return kind, reader.scalars(extent) if kind == 3 else ()
    challenge = reader.uint(4)
    demand(challenge < len(challenges), "a weight's challenge does not exist")
    demand(extent <= 1 << challenges[challenge], "an axis is longer than its challenge vector")
    return kind, (challenge,)
