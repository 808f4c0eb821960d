"""Bits: how numbers lie in bits tensors, and how their fields are read.

A number of some width is dealt out to one to three tensors whose innermost axis is the position of
the bit: 17 bits take 16 + 8 entries as two tensors, 32 as one. Neighbouring axes of the numbers'
shape may be joined into one tensor axis where that pads less; a verifier enumerates a joined axis
whole, so it stays short.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations

from zkinfer.circuit import value as views
from zkinfer.circuit.layout import MAX_AXES, next_power, outermost, padded_size
from zkinfer.circuit.term import POWERS, Axis, Term
from zkinfer.circuit.value import Factors, Integers, Interval, Lazy, Value

MAX_PIECES = 3
MIN_PIECE = 8
MAX_WIDTH = 64
MAX_JOINED = 4096

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One bits tensor: the positions `start` to `start + width` of the numbers."""

    tensor: int
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Bits:
    """Numbers given by advice bits.

    shape: of the numbers; groups: the axes behind each tensor axis; factors: of all fields;
    numbers: while solving, int64 of the shape.
    """

    shape: tuple[int, ...]
    groups: Groups
    factors: Factors
    pieces: tuple[Piece, ...]
    numbers: Integers | None

    def field(self, start: int, count: int) -> Value:
        """The unsigned number that `count` bits from position `start` make; 0 for no bits."""
        terms = _read(self.pieces, self.groups, self.shape, start, count)
        numbers = None
        if self.numbers is not None:
            known = self.numbers
            numbers = Lazy(lambda: (known >> start) & ((1 << count) - 1))
        plain = views.factors_of(self.shape)
        ends = Interval(0, (1 << count) - 1)
        value = Value(plain, terms, *ends, ends, numbers)
        return views.matched(value, self.factors)

    def bit(self, position: int) -> Value:
        """One bit."""
        return self.field(position, 1)


@lru_cache(maxsize=1 << 12)
def _read(
    pieces: tuple[Piece, ...], groups: Groups, shape: tuple[int, ...], start: int, count: int
) -> tuple[Term, ...]:
    """The terms of a field."""
    outer = [strides_of(axis, groups, shape) for axis in range(len(shape))]
    rows = tuple(
        Axis(extent, None, (*outer[axis], 0)) for axis, extent in enumerate(shape) if extent != 1
    )
    terms = []
    for piece in pieces:
        low = max(start, piece.start)
        high = min(start + count, piece.start + piece.width)
        if low < high:
            bases = (*(0 for _ in groups), low - piece.start)
            unit = (*(0 for _ in groups), 1)
            sums = (Axis(high - low, POWERS, unit),) if high - low > 1 else ()
            terms.append(Term(piece.tensor, 1 << (low - start), bases, rows, sums))
    return tuple(terms)


def strides_of(axis: int, groups: Groups, shape: Sequence[int]) -> tuple[int, ...]:
    """The stride of a logical axis in each tensor axis."""
    return tuple(
        math.prod(shape[a] for a in group[group.index(axis) + 1 :]) if axis in group else 0
        for group in groups
    )


@cache
def split_width(width: int) -> tuple[int, ...]:
    """The widths of the tensors of a number, the low bits first: the least padding, then the
    fewest. None takes less than `MIN_PIECE` entries.
    """
    if not 1 <= width <= MAX_WIDTH:
        raise ValueError(f"a number of {width} bits; between 1 and {MAX_WIDTH} are supported")
    best: tuple[int, ...] = (width,)
    for count in range(1, MAX_PIECES):
        for cuts in combinations(range(MIN_PIECE, width, MIN_PIECE), count):
            ends = (*cuts, width)
            pieces = tuple(end - start for start, end in zip((0, *cuts), ends, strict=True))
            if _entries(pieces) < _entries(best) and list(pieces) == sorted(pieces)[::-1]:
                best = pieces
    return best


def _entries(pieces: Sequence[int]) -> int:
    return sum(max(next_power(piece), MIN_PIECE) for piece in pieces)


@lru_cache(maxsize=1024)
def join_axes(shape: tuple[int, ...]) -> Groups:
    """The logical axes behind each tensor axis: the least padding, then the least joining."""
    axes = [axis for axis, extent in enumerate(shape) if extent != 1]
    best: tuple[tuple[int, int], Groups] | None = None
    for groups in _groupings(axes):
        sizes = [math.prod(shape[axis] for axis in group) for group in groups]
        joined = max((s for s, g in zip(sizes, groups, strict=True) if len(g) > 1), default=0)
        if joined > MAX_JOINED or len(groups) >= MAX_AXES:
            continue
        first = outermost(sizes)
        order = [first, *(i for i in range(len(groups)) if i != first)] if groups else []
        cost = (padded_size([sizes[i] for i in order]), joined)
        if best is None or cost < best[0]:
            best = (cost, tuple(groups[i] for i in order))
    return best[1] if best is not None else ()


def _groupings(axes: Sequence[int]) -> Iterator[list[tuple[int, ...]]]:
    """All ways to cut a list into runs."""
    if not axes:
        yield []
    for size in range(1, len(axes) + 1):
        for rest in _groupings(axes[size:]):
            yield [tuple(axes[:size]), *rest]
