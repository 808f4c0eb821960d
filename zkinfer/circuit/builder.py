"""The builder: the one way to declare tensors, advice and blocks.

The same code builds a circuit (no integers; `circuit()` gives the result) and solves one (every
value carries its integers; `witness` lists the arrays of each segment, and blocks are skipped).
Unconstrained advice enters by `advice` and `bits` only, where a lying prover may replace it.
What is made of integers otherwise than by sums, products and views is made of `integers`.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.bits import MAX_WIDTH, Bits, Groups, Piece, join_axes, split_width
from zkinfer.circuit.circuit import Block, Circuit, Defines
from zkinfer.circuit.layout import MAX_AXES, Segment, Tensor, choose_columns, outermost
from zkinfer.circuit.target import TRANSPARENT, Target
from zkinfer.circuit.term import Axis, Challenge, Term, can_join, simplify_sums
from zkinfer.circuit.value import Factors, Integers, Interval, Lazy, Value
from zkinfer.errors import UnsupportedModelError

Lies = Mapping[str, Callable[[Integers], Integers]]

MAX_TERM_BYTES = 1 << 21
"""What the terms of all blocks and of all named values may take, encoded."""


class Shared(Protocol):
    """What several nodes use, and what is stated of it once all have."""

    def finish(self) -> None:
        """States it."""


class Builder:
    """Collects tensors, challenge vectors and blocks, and while solving the witness.

    lies: for tests, by path: what a dishonest prover puts in place of the array of advice or of a
    public tensor. A path that ends in `/boolean` names a bits tensor, whose single entries are
    replaced. target: what the rows are for.
    """

    def __init__(
        self, *, solving: bool = False, lies: Lies | None = None, target: Target = TRANSPARENT
    ) -> None:
        self.solving = solving
        self.target = target
        self.tensors: list[Tensor] = []
        self.witness: dict[Segment, list[Integers]] = {segment: [] for segment in Segment}
        self._lies: Lies = lies or {}
        self._blocks: list[Block] = []
        self._coordinates: list[int] = []
        self._term_bytes = 0
        self._shared: dict[Hashable, Shared] = {}
        self._declare("one", Segment.PUBLIC, (), 1, 1)

    def circuit(self) -> Circuit:
        """The circuit built so far."""
        columns = choose_columns(self.tensors)
        tensors = (
            replace(tensor, extents=(tensor.extents[0], columns))
            if tensor.segment.is_data
            else tensor
            for tensor in self.tensors
        )
        return Circuit(
            columns=columns,
            challenges=tuple(self._coordinates),
            tensors=tuple(tensors),
            blocks=tuple(self._blocks),
        )

    # -- tensors -----------------------------------------------------------------------------

    def _declare(
        self, path: str, segment: Segment, extents: tuple[int, ...], low: int = 0, high: int = 0
    ) -> int:
        if len(extents) > MAX_AXES:
            raise UnsupportedModelError(
                f"{path}: a tensor of {len(extents)} axes; at most {MAX_AXES} are supported"
            )
        self.tensors.append(Tensor(path, segment, extents, low, high))
        return len(self.tensors) - 1

    def public(
        self, path: str, shape: tuple[int, ...], low: int, high: int, array: Integers | None
    ) -> Value:
        """A public tensor of exactly this shape; the verifier checks its bounds."""
        if array is not None and path in self._lies:
            array = self._lies[path](array)
        tensor = self._declare(path, Segment.PUBLIC, shape, low, high)
        if array is not None:
            self.witness[Segment.PUBLIC].append(array)
        factors = views.factors_of(shape)
        certain = Interval(low, high)
        return self._read(tensor, factors, range(len(shape)), low, high, certain, array)

    def advice(
        self,
        path: str,
        segment: Segment,
        shape: tuple[int, ...],
        low: int,
        high: int,
        array: Integers | None,
        *,
        certain: Interval,
        keep_axes: bool = False,
    ) -> Value:
        """A tensor that the prover fills, of a logical shape; nothing but its readers bind it.

        certain: bounds that its readers enforce. array: int64 of the shape while solving, else
        None. The axis that wastes most when padded is put first. keep_axes: axes of extent 1
        remain, so that indices can leave them.
        """
        check_exact(path, low, high)
        if array is not None and path in self._lies:
            array = self._lies[path](array)
        order = physical_order(shape, keep_axes=keep_axes)
        tensor = self._declare(path, segment, tuple(shape[axis] for axis in order))
        if array is not None:
            self.witness[segment].append(regroup(array, tuple((axis,) for axis in order)))
        factors = tuple((extent,) for extent in shape) if keep_axes else views.factors_of(shape)
        return self._read(tensor, factors, order, low, high, certain, array)

    def record(
        self,
        path: str,
        segment: Segment,
        cells: tuple[int, int],
        like: Value,
        array: Integers | None,
    ) -> Value:
        """Cells [rows, width] of committed rows, with the bounds of the value that they make up.

        Each row is the start of a row of the circuit, the rest of which nothing reads.
        """
        if array is not None and path in self._lies:
            array = self._lies[path](array)
        tensor = self._declare(path, segment, cells)
        if array is not None:
            self.witness[segment].append(array)
        factors = views.factors_of(cells)
        certain = like.certain.or_zero()
        low, high = min(like.low, 0), max(like.high, 0)
        return self._read(tensor, factors, (0, 1), low, high, certain, array)

    def _read(
        self,
        tensor: int,
        factors: Factors,
        order: Sequence[int],
        low: int,
        high: int,
        certain: Interval,
        array: Integers | None,
    ) -> Value:
        rows = tuple(
            Axis(extent, None, tuple(int(axis == o) for o in order))
            for axis, single in enumerate(factors)
            for extent in single
        )
        term = Term(tensor, 1, (0,) * len(order), rows)
        numbers = None if array is None else Lazy(lambda: array)
        return Value(factors, (term,), low, high, certain, numbers)

    def bits(self, path: str, like: Value, width: int, numbers: Integers | None) -> Bits:
        """Numbers of `width` bits at every index of another value, with its factors.

        The bits are advice; that each is 0 or 1 is the argument's own check. numbers: int64 of the
        value's shape while solving, else None; bit k is `numbers >> k & 1`.
        """
        if width > MAX_WIDTH:
            raise UnsupportedModelError(
                f"{path}: an integer of {width} bits; at most {MAX_WIDTH} are supported, so narrow "
                "the bounds of the operands"
            )
        if numbers is not None and path in self._lies:
            numbers = self._lies[path](numbers)
        shape = like.shape
        groups = join_axes(shape)
        extents = tuple(math.prod(shape[axis] for axis in group) for group in groups)
        widths = split_width(width)
        pieces, start = [], 0
        for piece in widths:
            name = path if len(widths) == 1 else f"{path}/{start}"
            tensor = self._declare(name, Segment.BITS, (*extents, piece))
            pieces.append(Piece(tensor, start, piece))
            if numbers is not None:
                stored = regroup(numbers >> start if start else numbers, groups)
                self.witness[Segment.BITS].append(self._bits_array(name, stored, piece))
            start += piece
        return Bits(shape, groups, like.factors, tuple(pieces), numbers)

    def _bits_array(self, name: str, numbers: Integers, width: int) -> Integers:
        lie = self._lies.get(f"{name}/boolean")
        if lie is None:
            return numbers
        return lie((numbers[..., None] >> np.arange(width)) & 1)

    def ensure_bits(self) -> None:
        """Adds one bit, which nothing reads, to a circuit without any: the format wants some."""
        if all(tensor.segment != Segment.BITS for tensor in self.tensors):
            one = linear.constant(
                0,
                Value((), (), 0, 0, Interval(0, 0), self.lazily(lambda: np.zeros((), np.int64))),
            )
            self.bits("unread", one, 1, one.array if self.solving else None)

    def shared(self, key: Hashable, make: Callable[[], Shared]) -> Shared:
        """What is known by a key, made when it is first asked for."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def finish(self) -> None:
        """What remains to be stated when every node and output is there."""
        for shared in self._shared.values():
            shared.finish()
        self.ensure_bits()

    def integers(self, path: str, value: Value) -> Integers | None:
        """The integers of a value while solving, else None; they are exact.

        Raises UnsupportedModelError when its bounds do not fit int64.
        """
        check_exact(path, value.low, value.high)
        return value.array if self.solving else None

    # -- blocks ------------------------------------------------------------------------------

    def product(self, path: str, a: Value, b: Value, c: Value) -> None:
        """A row a * b = c at every index; the values have one shape and the same factors."""
        self.check_certain(path, a.certain.times(*b.certain).plus(c.certain.times(-1)))
        self.block(path, a.rows, a.terms, b.terms, c.terms)

    def check_certain(self, path: str, difference: Interval) -> None:
        """Raises UnsupportedModelError unless what is zero modulo the field's prime is zero.

        difference: of an equation's sides, for any witness that satisfies the rows before it.
        Weights that may be any elements make every equation one modulo the prime.
        """
        most = max(-difference.low, difference.high)
        if self.target.exact and most > self.target.modulus // 2:
            raise UnsupportedModelError(
                f"{path}: with weights as large as what is known of them allows, an equation is "
                f"between integers of {most.bit_length()} bits, more than the field holds; narrow "
                "their bounds"
            )

    def lazily(self, compute: Callable[[], Integers]) -> Lazy | None:
        """The integers of a value while solving, else None."""
        return Lazy(compute) if self.solving else None

    def equal(self, path: str, x: Value, y: Value) -> None:
        """States x = y at every index: the linear row 0 * 0 = x - y.

        If x has a part that is not stored, that part's own equation says so instead. The factors
        of y may be finer than those of x.
        """
        if self.solving and not x.parts:
            return
        x = views.matched(x, y.factors)
        if not x.parts:
            difference = linear.add(x, linear.scale(y, -1))
            self.check_certain(path, difference.certain)
            self.block(path, x.rows, (), (), difference.terms)
            return
        *others, (coefficient, last) = x.parts
        rest = replace(x, parts=tuple(others), numbers=None)
        last.define(coefficient, linear.add(y, linear.scale(rest, -1)))

    def block(
        self,
        path: str,
        rows: tuple[int, ...],
        a: Sequence[Term],
        b: Sequence[Term],
        c: Sequence[Term],
    ) -> None:
        """Rows (sum of a) * (sum of b) = (sum of c) over a grid. Skipped while solving."""
        if self.solving:
            return
        extents, (a, b, c) = canonical_rows(rows, (tuple(a), tuple(b), tuple(c)))
        self._append(Block(path, extents, a, b, c))

    def sketch(
        self, path: str, rows: tuple[int, ...], a: Sequence[Term], b: Sequence[Term]
    ) -> tuple[Term, ...]:
        """Rows (sum of a) * (sum of b), stored in the sketch; returns the term of their total."""
        if self.solving:
            return ()
        extents, (a, b) = canonical_rows(rows, (tuple(a), tuple(b)))
        stored, total = self._stored(path, extents)
        self._append(Block(path, extents, a, b, (stored,), Defines.PRODUCT))
        return (total,)

    def products(
        self, path: str, rows: tuple[int, ...], a: Sequence[Term], b: Sequence[Term]
    ) -> Term:
        """Rows (sum of a) * (sum of b), stored in the sketch; returns the term that reads them."""
        tensor = self._declare(path, Segment.SKETCH, (math.prod(rows),))
        stored = Term(tensor, 1, (0,), along(rows))
        extents, (a, b, c) = canonical_rows(rows, (tuple(a), tuple(b), (stored,)))
        self._append(Block(path, extents, a, b, c, Defines.PRODUCT))
        return stored

    def quotients(
        self, path: str, rows: tuple[int, ...], a: Sequence[Term], c: Sequence[Term]
    ) -> tuple[Term, ...]:
        """Rows (sum of c) / (sum of a), stored in the sketch; returns the term of their total."""
        if self.solving:
            return ()
        extents, (a, c) = canonical_rows(rows, (tuple(a), tuple(c)))
        stored, total = self._stored(path, extents)
        self._append(Block(path, extents, a, (stored,), c, Defines.QUOTIENT))
        return (total,)

    def _stored(self, path: str, extents: tuple[int, ...]) -> tuple[Term, Term]:
        """A tensor of the sketch: the term of a row's entry, and that of the sum of all."""
        tensor = self._declare(path, Segment.SKETCH, extents)
        identity = tuple(
            Axis(extent, None, tuple(int(q == axis) for q in range(len(extents))))
            for axis, extent in enumerate(extents)
        )
        bases = (0,) * len(extents)
        return Term(tensor, 1, bases, identity), Term(tensor, 1, bases, (), identity)

    def _append(self, block: Block) -> None:
        sums = [len(t.sums) for terms in (block.a, block.b, block.c) for t in terms]
        axes = max([len(block.extents), *sums])
        if axes > MAX_AXES:
            raise UnsupportedModelError(
                f"{block.path}: a view of {axes} axes; at most {MAX_AXES} are supported"
            )
        self.count(block.path, (*block.a, *block.b, *block.c))
        self._blocks.append(block)

    def count(self, path: str, terms: Iterable[Term]) -> None:
        """Keeps the size of a circuit, and the time and memory to make it, within bounds.

        Skipped while solving, when the circuit is known to be.
        """
        if self.solving:
            return
        self._term_bytes += sum(term.size for term in terms)
        if self._term_bytes > MAX_TERM_BYTES:
            raise UnsupportedModelError(
                f"{path}: up to here the circuit takes more than {MAX_TERM_BYTES} bytes; "
                "split the model or simplify its reshaping, padding and concatenation"
            )

    def challenges(self, rows: Sequence[int]) -> list[Challenge]:
        """A challenge vector for each factor of a value; values share them by position."""
        for position, extent in enumerate(rows):
            if position == len(self._coordinates):
                self._coordinates.append(0)
            known = self._coordinates[position]
            self._coordinates[position] = max(known, (extent - 1).bit_length())
        return [Challenge(position) for position in range(len(rows))]

    # -- storing -----------------------------------------------------------------------------

    def store(self, path: str, value: Value, *, keep_axes: bool = False) -> Value:
        """The value as a tensor of its own, each axis one factor."""
        array = self.integers(path, value)
        stored = self.advice(
            path,
            Segment.TRACE,
            value.shape,
            value.low,
            value.high,
            array,
            certain=value.certain,
            keep_axes=keep_axes,
        )
        self.equal(path, value, views.matched(stored, value.factors))
        return stored

    def settle(self, path: str, value: Value) -> Value:
        """The value itself, or one with parts that are not stored as a tensor of its own."""
        return self.store(path, value) if value.parts else value

    def unweighted(self, path: str, value: Value) -> Value:
        """The value, stored if the axes of its terms carry constant weights."""
        if not value.is_weighted:
            return value
        return views.matched(self.store(path, value), value.factors)

    def flat(self, path: str, value: Value) -> Value:
        """A stored copy of the value as one axis."""
        array = self.integers(path, value)
        size = math.prod(value.shape)
        flat = None if array is None else array.reshape(-1)
        stored = self.advice(
            path, Segment.TRACE, (size,), value.low, value.high, flat, certain=value.certain
        )
        self.equal(
            path, value, replace(views.matched(stored, (value.rows,)), factors=value.factors)
        )
        return stored

    def aligned(self, path: str, *values: Value) -> tuple[Value, ...]:
        """Values of one shape with the same factors; what does not fit, or into too many axes, is
        stored first.
        """
        found = views.align(*values)
        own = len(physical_order(values[0].shape))
        if found is None or len(found[0].rows) > MAX_AXES >= own:
            stored = [
                value
                if value.factors == views.factors_of(value.shape)
                else self.store(f"{path}/copy{number}", value)
                for number, value in enumerate(values)
            ]
            found = views.align(*stored)
        if found is None:
            raise UnsupportedModelError(f"{path}: values of shape {values[0].shape} do not align")
        return found

    def reshape(self, path: str, value: Value, shape: tuple[int, ...]) -> Value:
        """The value in another shape; stored as one axis first where the view is not affine."""
        found = views.reshape(value, shape)
        if found is None:
            found = views.reshape(self.flat(f"{path}/copy", value), shape)
        if found is None:
            raise ValueError(f"{path}: a flat value does not take the shape {shape}")
        return found


def along(rows: Sequence[int]) -> tuple[Axis, ...]:
    """The axes of a grid that steps through one axis of a tensor in row-major order."""
    steps = [math.prod(rows[axis + 1 :]) for axis in range(len(rows))]
    return tuple(Axis(extent, None, (step,)) for extent, step in zip(rows, steps, strict=True))


def check_exact(path: str, low: int, high: int) -> None:
    """Raises UnsupportedModelError unless int64 holds every integer within the bounds."""
    if low < -(2**63) or high >= 2**63:
        raise UnsupportedModelError(
            f"{path}: an integer could reach {max(-low, high)}, beyond 64 bits; narrow the bounds "
            "of the operands"
        )


def physical_order(shape: Sequence[int], *, keep_axes: bool = False) -> list[int]:
    """The axes of a stored tensor: those of extent 1 dropped, the one that wastes most first."""
    order = [axis for axis, extent in enumerate(shape) if keep_axes or extent != 1]
    if order:
        order.insert(0, order.pop(outermost([shape[axis] for axis in order])))
    return order


def regroup(array: Integers, groups: Groups) -> Integers:
    """An array of a logical shape as its stored tensor, whose axes are groups of logical axes."""
    dropped = [axis for axis in range(array.ndim) if all(axis not in group for group in groups)]
    order = [axis for group in groups for axis in group]
    extents = [math.prod(array.shape[axis] for axis in group) for group in groups]
    return array.transpose([*dropped, *order]).reshape(extents)


def canonical_rows(
    rows: tuple[int, ...], matrices: tuple[tuple[Term, ...], ...]
) -> tuple[tuple[int, ...], tuple[tuple[Term, ...], ...]]:
    """The same rows on a grid that wastes less: joined neighbours, the worst axis first.

    Sums are joined too. The order of the rows inside a block means nothing.
    """
    terms = [term for matrix in matrices for term in matrix]
    groups: list[int] = []
    for position in range(len(rows)):
        if groups and all(can_join(t.rows[position - 1], t.rows[position]) for t in terms):
            groups[-1] = position
        else:
            groups.append(position)
    extents, start = [], 0
    for last in groups:
        extents.append(math.prod(rows[start : last + 1]))
        start = last + 1
    order = list(range(len(extents)))
    if order:
        order.insert(0, order.pop(outermost(extents)))

    def rewritten(term: Term) -> Term:
        grouped = [
            term.rows[last]._replace(extent=extent)
            for last, extent in zip(groups, extents, strict=True)
        ]
        return replace(term, rows=tuple(grouped[i] for i in order), sums=simplify_sums(term.sums))

    return tuple(extents[i] for i in order), tuple(
        tuple(rewritten(term) for term in matrix) for matrix in matrices
    )
