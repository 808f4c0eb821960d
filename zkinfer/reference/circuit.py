"""formats.md, circuit, and protocol.md, section 2: what a circuit says, where its tensors lie."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER
from zkinfer.reference.reader import Reader

PUBLIC, COMMITTED, SENT, BITS, SKETCH = range(5)
HALF = ORDER // 2

Extents = tuple[int, ...]


@dataclass
class Segment:
    """A segment: name, binding, used size, rows, logarithm of the padded size, place in z."""

    name: str
    binding: int
    used: int = 0
    rows: int = 0
    log2: int = -1
    start: int = 0


@dataclass
class Tensor:
    """A tensor of the witness; bounds are those of public tensors, start is its place in z."""

    segment: Segment
    shape: Extents
    bounds: tuple[int, ...]
    start: int = 0

    @property
    def extents(self) -> Extents:
        """The shape, where a tensor without axes counts as one of extent 1."""
        return self.shape or (1,)


@dataclass
class Weight:
    """What an axis is weighted by: constants, or those of a challenge vector or a projection."""

    kind: int
    constants: tuple[int, ...] = ()
    challenge: int = 0
    count: int = 0
    seed: bytes = b""


@dataclass
class Term:
    """A term; extents and weights are those of the row axes, then of the summation axes."""

    tensor: Tensor
    coefficient: int
    extents: Extents
    weights: list[Weight]
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
        demand(len(data) <= 2**22, "a circuit exceeds 2^22 bytes")
        self.digest = hashlib.sha3_256(data).digest()
        reader = Reader(data, "the circuit")
        demand(reader.take(8) == b"zkicirc2", "the circuit has another magic")
        self.columns_log2 = reader.number()
        demand(3 <= self.columns_log2 <= 16, "a circuit's rows have not 2^3 to 2^16 columns")
        self.segments = [_segment(reader) for _ in range(_count(reader, 16))]
        bindings = [segment.binding for segment in self.segments]
        once = bindings[:1] == [PUBLIC] and bindings.count(PUBLIC) == bindings.count(BITS) == 1
        demand(once and bindings.count(SKETCH) < 2, "a circuit's segments are not as they must be")
        distinct = {segment.name for segment in self.segments}
        demand(len(distinct) == len(bindings), "two segments have one name")
        self.challenges = [_count(reader, 31) for _ in range(_count(reader))]
        self.tensors = [_tensor(reader, self.segments) for _ in range(_count(reader))]
        one = self.tensors[:1] == [Tensor(self.segments[0], (), (1, 1))]
        demand(one, "tensor 0 of a circuit is not the constant 1")
        self.blocks = [_block(reader, self) for _ in range(_count(reader))]
        demand(bool(self.blocks), "a circuit has no blocks")
        reader.end()
        self.public = self.members(self.segments[0])
        for segment in self.segments:
            segment.used = place(self.members(segment))
            demand(segment.used > 0, "a segment has no tensor")
            segment.rows = -(-segment.used >> self.columns_log2)
            segment.log2 = max(self.columns_log2, (segment.used - 1).bit_length())
        total = 0
        for segment in sorted(self.segments, key=lambda segment: -segment.log2):
            segment.start = total
            total += 1 << segment.log2
        for tensor in self.tensors:
            tensor.start += tensor.segment.start
        self.nu = (total - 1).bit_length()
        self.mu = max(1, (place(self.blocks) - 1).bit_length())

    def members(self, segment: Segment) -> list[Tensor]:
        """The tensors of a segment."""
        return [tensor for tensor in self.tensors if tensor.segment is segment]

    def bound(self, *bindings: int) -> list[Segment]:
        """The segments of these bindings."""
        return [segment for segment in self.segments if segment.binding in bindings]


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


def _count(reader: Reader, most: int = 2**16) -> int:
    count = reader.number()
    demand(count <= most, f"a circuit has a count above {most}")
    return count


def _extents(reader: Reader) -> Extents:
    extents = tuple(reader.number() for _ in range(_count(reader, 8)))
    demand(all(1 <= n <= 2**31 for n in extents), "an extent is not within 1 and 2^31")
    return extents


def _segment(reader: Reader) -> Segment:
    name = reader.take(_count(reader, 16))
    known = bool(name) and all(97 <= letter <= 122 for letter in name)
    demand(known, "a segment's name is not of 1 to 16 small letters")
    binding = reader.uint(1)
    demand(binding <= SKETCH, "a segment has no binding")
    return Segment(name.decode(), binding)


def _tensor(reader: Reader, segments: list[Segment]) -> Tensor:
    number = reader.number()
    demand(number < len(segments), "a tensor is in no segment")
    segment, shape = segments[number], _extents(reader)
    count = 2 if segment.binding == PUBLIC else 0
    bounds = tuple(reader.integer(2**63) for _ in range(count))
    fits = list(bounds) == sorted(bounds) and max(bounds, default=0) < 2**63
    demand(fits, "a public tensor's bounds are empty, or beyond 64 bits")
    return Tensor(segment, shape, bounds)


def _block(reader: Reader, circuit: Circuit) -> Block:
    path = reader.take(_count(reader))
    demand(path.decode("utf-8", "replace").encode() == path, "a block's path is not UTF-8")
    rows = _extents(reader)
    demand(reader.uint(1) <= 2, "a block's definition is of no kind")  # else only a prover's
    terms = [[_term(reader, rows, circuit) for _ in range(_count(reader))] for _ in "ABC"]
    return Block(rows or (1,), terms)


def _term(reader: Reader, rows: Extents, circuit: Circuit) -> Term:
    number = reader.number()
    demand(number < len(circuit.tensors), "a term's tensor does not exist")
    tensor = circuit.tensors[number]
    coefficient = reader.integer(HALF)
    extents = (*rows, *_extents(reader))
    weights = [_weight(reader, extent, circuit.challenges) for extent in extents]
    index = []
    for _ in range(_count(reader, 8)):
        base, *strides = (reader.integer(2**34) for _ in range(1 + len(extents)))
        index.append((base, tuple(strides)))
    if not index and tensor.extents == (1,):
        index = [(0, (0,) * len(extents))]
    demand(len(index) == len(tensor.extents), "a term has not its tensor's axes")
    if not rows:  # a block without axes is a grid with one axis of extent 1
        extents, weights = (1, *extents), [Weight(0), *weights]
        index = [(base, (0, *strides)) for base, strides in index]
    return Term(tensor, coefficient, extents, weights, index)


def _weight(reader: Reader, extent: int, challenges: list[int]) -> Weight:
    kind = reader.uint(1)
    demand(kind <= 4, "a weight is of no kind")
    if kind < 2:
        return Weight(kind)
    if kind == 3:
        demand(extent <= 2**16, "an axis has more than 2^16 constants")
        return Weight(3, tuple(reader.integer(HALF) for _ in range(extent)))
    count = _count(reader, 1024) if kind == 4 else extent
    demand(kind == 2 or (count > 0 and count % 4 == 0), "a projection has no multiple of 4 rows")
    challenge = reader.number()
    demand(challenge < len(challenges), "a weight's challenge does not exist")
    demand(count <= 1 << challenges[challenge], "an axis is longer than its challenge vector")
    return Weight(kind, (), challenge, count, reader.take(32) if kind == 4 else b"")
