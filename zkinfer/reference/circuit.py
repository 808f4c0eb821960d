"""formats.md, circuit, and protocol.md, section 2: what a circuit says, where its tensors lie."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER, eq_table, log2_ceil
from zkinfer.reference.reader import Reader

SEGMENTS = ("public", "weights", "input", "bits", "trace", "sketch")
PUBLIC, WEIGHTS, INPUT, BITS, TRACE, SKETCH = range(6)

Extents = tuple[int, ...]


@dataclass
class Segment:
    """The place of a segment in z; padded is 0 for one without tensors."""

    used: int = 0
    padded: int = 0
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
class Weight:
    """A weight along an axis: its kind, and the challenge's index or the constants."""

    kind: int
    challenge: int = 0
    constants: tuple[int, ...] = ()

    def along(self, extent: int, thetas: Sequence[Sequence[int]]) -> list[int]:
        """The weights of all positions."""
        if self.kind == 1:
            return [pow(2, i, ORDER) for i in range(extent)]
        if self.kind == 2:
            return eq_table(thetas[self.challenge], 0, extent)
        return list(self.constants) if self.kind == 3 else [1] * extent


@dataclass
class Term:
    """A term; extents and weights are those of the row axes, then of the summation axes.

    index has the base and the strides of each axis of the tensor.
    """

    tensor: int
    coefficient: int
    extents: Extents
    weights: list[Weight]
    index: list[tuple[int, Extents]]


@dataclass
class Block:
    """A grid of rows, its place in the row space, and the terms of A, B and C."""

    rows: Extents
    terms: list[list[Term]]
    start: int = 0


@dataclass
class Circuit:
    """A circuit, read by `parse`."""

    columns_log2: int
    challenges: list[int]
    tensors: list[Tensor]
    blocks: list[Block]
    segments: list[Segment] = field(default_factory=lambda: [Segment() for _ in SEGMENTS])
    mu: int = 1
    nu: int = 0

    def __post_init__(self) -> None:
        """Section 2.1 and the row space of section 2.2."""
        for number, segment in enumerate(self.segments):
            members = [t for t in self.tensors if t.segment == number]
            offsets, segment.used = place([t.extents for t in members])
            for tensor, tensor.start in zip(members, offsets, strict=True):
                segment.padded = max(1 << self.columns_log2, 1 << log2_ceil(segment.used))
        total = 0
        for segment in sorted(self.segments, key=lambda s: -s.padded):
            segment.start = total
            total += segment.padded
        for tensor in self.tensors:
            tensor.start += self.segments[tensor.segment].start
        self.nu = log2_ceil(total)
        starts, rows = place([block.rows for block in self.blocks])
        for block, block.start in zip(self.blocks, starts, strict=True):
            self.mu = max(1, log2_ceil(rows))

    @property
    def beta(self) -> int:
        """The number of coordinates of the bits segment."""
        return log2_ceil(self.segments[BITS].padded)

    @property
    def public(self) -> list[Tensor]:
        """The public tensors but tensor 0, in order."""
        return [t for t in self.tensors[1:] if t.segment == PUBLIC]

    def row_count(self, segment: int) -> int:
        """The committed rows of a segment."""
        return -(-self.segments[segment].used >> self.columns_log2)


def padded(extents: Extents) -> Extents:
    """All axes but the first padded to powers of two."""
    return (extents[0], *(1 << log2_ceil(extent) for extent in extents[1:]))


def place(grids: list[Extents]) -> tuple[list[int], int]:
    """Offsets of grids laid one after another, and the end of the last (section 2.1, rule 1)."""
    offsets, end = [], 0
    for first, *others in map(padded, grids):
        inner = math.prod(others)
        offsets.append(-(-end // inner) * inner)
        end = offsets[-1] + first * inner
    demand(end <= 2**34, "a segment or the rows of a circuit exceed 2^34 entries")
    return offsets, end


def parse(data: bytes) -> Circuit:
    """Reads a circuit. Raises FormatError unless the bytes are one within the limits."""
    demand(len(data) <= 2**24, "a circuit exceeds 2^24 bytes")
    reader = Reader(data, "the circuit")
    demand(reader.take(8) == b"zkicirc1", "the circuit has another magic")
    columns_log2 = reader.uint(1)
    demand(columns_log2 <= 16, "a circuit's rows exceed 2^16 columns")
    challenges = [reader.uint(1) for _ in range(_count(reader))]
    demand(all(n <= 31 for n in challenges), "a challenge vector exceeds 31 coordinates")
    tensors = [_tensor(reader) for _ in range(_count(reader))]
    one = tensors[:1] == [Tensor(PUBLIC, (), (1, 1))]
    demand(one, "tensor 0 of a circuit is not the constant 1")
    demand(any(t.segment == BITS for t in tensors), "a circuit has no bits")
    blocks = [_block(reader, challenges, tensors) for _ in range(_count(reader))]
    demand(bool(blocks), "a circuit has no blocks")
    reader.end()
    return Circuit(columns_log2, challenges, tensors, blocks)


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


def _block(reader: Reader, challenges: list[int], tensors: list[Tensor]) -> Block:
    path = reader.take(reader.uint(2))
    demand(path.decode("utf-8", "replace").encode() == path, "a block's path is not UTF-8")
    rows = _extents(reader)
    terms = [
        [_term(reader, rows, challenges, tensors) for _ in range(reader.uint(2))] for _ in range(3)
    ]
    return Block(rows or (1,), terms)


def _term(reader: Reader, rows: Extents, challenges: list[int], tensors: list[Tensor]) -> Term:
    tensor = reader.uint(4)
    demand(tensor < len(tensors), "a term's tensor does not exist")
    (coefficient,) = reader.scalars(1)
    extents = (*rows, *_extents(reader))
    weights = [_weight(reader, extent, challenges) for extent in extents]
    index = []
    for _ in range(reader.uint(1)):
        base, *strides = reader.int64s(1 + len(extents))
        demand(all(abs(n) <= 2**40 for n in (base, *strides)), "a base or stride exceeds 2^40")
        index.append((base, tuple(strides)))
    if not index and tensors[tensor].extents == (1,):
        index = [(0, (0,) * len(extents))]
    demand(len(index) == len(tensors[tensor].extents), "a term has not its tensor's axes")
    if not rows:  # a block without axes is a grid with one axis of extent 1
        extents, weights = (1, *extents), [Weight(0), *weights]
        index = [(base, (0, *strides)) for base, strides in index]
    return Term(tensor, coefficient, extents, weights, index)


def _weight(reader: Reader, extent: int, challenges: list[int]) -> Weight:
    kind = reader.uint(1)
    demand(kind <= 3, "a weight is of no kind")
    if kind == 2:
        challenge = reader.uint(4)
        demand(challenge < len(challenges), "a weight's challenge does not exist")
        demand(extent <= 1 << challenges[challenge], "an axis is longer than its challenge vector")
        return Weight(kind, challenge=challenge)
    return Weight(kind, constants=reader.scalars(extent) if kind == 3 else ())
