"""The weights certificate: every committed weight lies in its declared range.

Without it a model's owner could commit to field elements that are no fixed-point numbers, so
that sums wrap around l. The certificate is a proof, made once with the key, about the rows that
commit to the weights: a circuit with the same tensors in `weights`, the same C, and nothing else
of the network.

A range [low, low + 2^k) that many weights share is checked by lookups (LogUp, Haboeck, eprint
2022/1530): with a challenge alpha that is drawn after the multiplicities m_j are committed,

    (alpha - w_i) h_i = 1                          `<weight>/lookup`
    (alpha - low - j) g_j = m_j,   j < 2^k         `table<k>/entries`
    sum_i h_i = sum_j g_j                          `table<k>/total`

so each w_i is one of low + j; error (weights + 2^k)/l. Rows and sketch entries: one a weight and
one an entry of the table. Other ranges are checked bit by bit: w - low in k bits, `<weight>/range`.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkinfer.circuit.bits import split_width
from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.layout import Segment, Tensor
from zkinfer.circuit.term import POWERS, Axis, Challenge, Constants, Term
from zkinfer.circuit.value import Integers
from zkinfer.errors import FormatError
from zkinfer.fixed import FixedGraph, FixedTensor

# A digit of a table's index: 2^3 positions along one axis of the table.
DIGIT = 3
MAX_TABLE_BITS = 20
ONE = 0
# alpha is the first entry of a challenge vector of one coordinate.
ALPHA = Axis(1, Challenge(0), ())


@dataclass(frozen=True)
class Range:
    """low and the number of bits of a declared range."""

    low: int
    bits: int


def certificate_circuit(graph: FixedGraph, circuit: Circuit) -> Circuit:
    """The certificate's circuit for a graph and its own circuit.

    Raises FormatError when a weight's declared range has no power of two of integers.
    """
    return _Writer(graph, circuit).circuit()


def certificate_witness(
    graph: FixedGraph, circuit: Circuit, weights: Sequence[Integers]
) -> tuple[list[Integers], list[Integers]]:
    """The arrays of `bits` and `trace`. weights: as `zkinfer.lower.weight_arrays` gives them."""
    ranges = _ranges(graph)
    tables = _tables(ranges, circuit.segment(Segment.WEIGHTS))
    bits: list[Integers] = []
    counts = {table: np.zeros(1 << table.bits, np.int64) for table in tables}
    for span, array in zip(ranges, weights, strict=True):
        offsets = array - span.low
        if span in counts:
            counts[span] += np.bincount(offsets.reshape(-1), minlength=1 << span.bits)
            continue
        start = 0
        for piece in split_width(span.bits):
            bits.append(offsets >> start)
            start += piece
    trace = [counts[table].reshape(_digits(table.bits)) for table in tables]
    return bits or [np.zeros((), np.int64)], trace


def _ranges(graph: FixedGraph) -> list[Range]:
    return [_range(name, graph.tensors[name]) for name in graph.weights]


def _range(name: str, tensor: FixedTensor) -> Range:
    bits = (tensor.high - tensor.low).bit_length()
    if tensor.high - tensor.low + 1 != 1 << bits or not bits:
        raise FormatError(
            f"weights {name} have the range {tensor.low} to {tensor.high}; expected 2^k integers"
        )
    return Range(tensor.low, bits)


def _tables(ranges: Sequence[Range], tensors: Sequence[Tensor]) -> list[Range]:
    """The ranges for which lookups commit to fewer entries than bits, in order of appearance."""
    counts: Counter[Range] = Counter()
    for span, tensor in zip(ranges, tensors, strict=True):
        counts[span] += math.prod(tensor.extents)

    def is_table(span: Range, count: int) -> bool:
        as_bits = count * sum(split_width(span.bits))
        return span.bits <= MAX_TABLE_BITS and count + (2 << span.bits) < as_bits

    return [span for span, count in counts.items() if is_table(span, count)]


def _digits(bits: int) -> tuple[int, ...]:
    """Extents of a table of 2^bits entries, the most significant digit first."""
    first = bits % DIGIT
    return ((1 << first,) if first else ()) + (1 << DIGIT,) * (bits // DIGIT)


class _Writer:
    """Collects the tensors and blocks of a certificate's circuit."""

    def __init__(self, graph: FixedGraph, circuit: Circuit) -> None:
        self.columns = circuit.columns
        self.tensors = [Tensor("one", Segment.PUBLIC, (), 1, 1)]
        self.blocks: list[Block] = []
        weights = circuit.segment(Segment.WEIGHTS)
        self.weights = [self._tensor(w.path, Segment.WEIGHTS, w.extents) for w in weights]
        ranges = _ranges(graph)
        tables = _tables(ranges, weights)
        members: dict[Range, list[int]] = {table: [] for table in tables}
        for span, weight in zip(ranges, self.weights, strict=True):
            if span in members:
                members[span].append(weight)
            else:
                self._by_bits(weight, span)
        for table in tables:
            self._by_lookups(table, members[table])
        if not any(tensor.segment == Segment.BITS for tensor in self.tensors):
            self._tensor("unread", Segment.BITS, (1,))

    def circuit(self) -> Circuit:
        """Everything collected."""
        return Circuit(self.columns, (1,), tuple(self.tensors), tuple(self.blocks))

    def _tensor(self, path: str, segment: Segment, extents: tuple[int, ...]) -> int:
        self.tensors.append(Tensor(path, segment, extents))
        return len(self.tensors) - 1

    def _by_bits(self, weight: int, span: Range) -> None:
        tensor = self.tensors[weight]
        rows = tensor.extents
        terms = [_whole(weight, rows), _constant(-span.low, rows)]
        start = 0
        for piece in split_width(span.bits):
            path = f"{tensor.path}/range/bits/{start}"
            bits = self._tensor(path, Segment.BITS, (*rows, piece))
            position = Axis(piece, POWERS, (0,) * len(rows) + (1,))
            terms.append(
                Term(bits, -1 << start, (0,) * (len(rows) + 1), _axes(rows, 1), (position,))
            )
            start += piece
        self.blocks.append(Block(f"{tensor.path}/range", rows, (), (), tuple(terms)))

    def _by_lookups(self, table: Range, members: Sequence[int]) -> None:
        total: list[Term] = []
        for weight in members:
            tensor = self.tensors[weight]
            rows = tensor.extents
            inverse = self._tensor(f"{tensor.path}/inverses", Segment.SKETCH, rows)
            a = (_alpha(rows), _whole(weight, rows, -1))
            self.blocks.append(
                Block(
                    f"{tensor.path}/lookup",
                    rows,
                    a,
                    (_whole(inverse, rows),),
                    (_constant(1, rows),),
                )
            )
            total.append(_sum(inverse, rows, 1))
        name, rows = f"table{table.bits}", _digits(table.bits)
        counts = self._tensor(f"{name}/multiplicities", Segment.TRACE, rows)
        quotient = self._tensor(f"{name}/quotients", Segment.SKETCH, rows)
        entry = (_alpha(rows), _constant(-table.low, rows), *_position(rows))
        self.blocks.append(
            Block(
                f"{name}/entries", rows, entry, (_whole(quotient, rows),), (_whole(counts, rows),)
            )
        )
        total.append(_sum(quotient, rows, -1))
        self.blocks.append(Block(f"{name}/total", (), (), (), tuple(total)))


def _axes(rows: Sequence[int], more: int = 0) -> tuple[Axis, ...]:
    """Row axes that are a tensor's own axes, which has `more` further ones."""
    rank = len(rows) + more
    return tuple(
        Axis(extent, None, tuple(int(i == axis) for i in range(rank)))
        for axis, extent in enumerate(rows)
    )


def _whole(tensor: int, rows: Sequence[int], coefficient: int = 1) -> Term:
    """Each entry of a tensor at its own row."""
    return Term(tensor, coefficient, (0,) * len(rows), _axes(rows))


def _sum(tensor: int, rows: Sequence[int], coefficient: int) -> Term:
    """All entries of a tensor in one row."""
    return Term(tensor, coefficient, (0,) * len(rows), (), _axes(rows))


def _constant(number: int, rows: Sequence[int]) -> Term:
    return Term(ONE, number, (), tuple(Axis(extent, None, ()) for extent in rows))


def _alpha(rows: Sequence[int]) -> Term:
    return Term(ONE, 1, (), tuple(Axis(extent, None, ()) for extent in rows), (ALPHA,))


def _position(rows: Sequence[int]) -> list[Term]:
    """Minus the row-major position of a row, digit by digit."""
    terms = []
    for axis, extent in enumerate(rows):
        place = math.prod(rows[axis + 1 :])
        digits = Constants.of(extent, (place * digit for digit in range(extent)))
        axes = tuple(Axis(count, digits if i == axis else None, ()) for i, count in enumerate(rows))
        terms.append(Term(ONE, -1, (), axes))
    return terms
