"""The builder: the one way to declare tensors, advice and blocks.

The same code builds a circuit (no integers; `circuit()` gives the result) and solves one (every
value carries its integers; `witness` lists the arrays of each segment, and blocks are skipped).
Unconstrained advice enters by `advice` and `bits` only, where a lying prover may replace it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.bits import split_width
from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.layout import MAX_AXES, Segment, Tensor, choose_columns, outermost
from zkinfer.circuit.term import POWERS, Axis, Challenge, Term, can_join, simplify_sums
from zkinfer.circuit.value import Factors, Integers, Lazy, Value
from zkinfer.errors import UnsupportedModelError

Lies = Mapping[str, Callable[[Integers], Integers]]


class Builder:
    """Collects tensors, challenge vectors and blocks, and while solving the witness.

    lies: for tests, by path: what a dishonest prover puts in place of an advice array. A path that
    ends in `/boolean` names a bits tensor, whose single entries are replaced.
    """

    def __init__(self, *, solving: bool = False, lies: Lies | None = None) -> None:
        self.solving = solving
        self.tensors: list[Tensor] = []
        self.witness: dict[Segment, list[Integers]] = {segment: [] for segment in Segment}
        self._lies: Lies = lies or {}
        self._blocks: list[Block] = []
        self._challenges: dict[tuple[str, int], Challenge] = {}
        self._coordinates: list[int] = []
        self._declare("one", Segment.PUBLIC, (), 1, 1)

    def circuit(self) -> Circuit:
        """The circuit built so far."""
        return Circuit(
            columns=choose_columns(self.tensors),
            challenges=tuple(self._coordinates),
            tensors=tuple(self.tensors),
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
        tensor = self._declare(path, Segment.PUBLIC, shape, low, high)
        if array is not None:
            self.witness[Segment.PUBLIC].append(array)
        factors = views.factors_of(shape)
        return self._read(tensor, factors, range(len(shape)), low, high, array)

    def advice(
        self,
        path: str,
        segment: Segment,
        shape: tuple[int, ...],
        low: int,
        high: int,
        array: Integers | None,
        *,
        keep_axes: bool = False,
    ) -> Value:
        """A tensor that the prover fills, of a logical shape; nothing but its readers bind it.

        array: int64 of the shape while solving, else None. The axis that wastes most when padded
        is put first. keep_axes: axes of extent 1 remain, so that indices can leave them.
        """
        if array is not None and path in self._lies:
            array = self._lies[path](array)
        order = physical_order(shape, keep_axes=keep_axes)
        tensor = self._declare(path, segment, tuple(shape[axis] for axis in order))
        if array is not None:
            self.witness[segment].append(reorder(array, order))
        factors = tuple((extent,) for extent in shape) if keep_axes else views.factors_of(shape)
        return self._read(tensor, factors, order, low, high, array)

    def _read(
        self,
        tensor: int,
        factors: Factors,
        order: Sequence[int],
        low: int,
        high: int,
        array: Integers | None,
    ) -> Value:
        rows = tuple(
            Axis(extent, None, tuple(int(axis == o) for o in order))
            for axis, single in enumerate(factors)
            for extent in single
        )
        term = Term(tensor, 1, (0,) * len(order), rows)
        numbers = None if array is None else Lazy(lambda: array)
        return Value(factors, (term,), low, high, numbers)

    def bits(
        self,
        path: str,
        like: Value,
        width: int,
        numbers: Integers | None,
        *,
        signed: bool = False,
    ) -> tuple[Value, Value]:
        """A number of `width` bits at every index of another value, and its top bit.

        The bits are advice; that each is 0 or 1 is the argument's own check. signed: two's
        complement. numbers: int64 of the value's shape while solving, else None. Both results have
        the other value's factors.
        """
        if numbers is not None and path in self._lies:
            numbers = self._lies[path](numbers)
        shape = like.shape
        order = physical_order(shape)
        inner = tuple(shape[axis] for axis in order)
        terms: list[Term] = []
        offset = 0
        pieces = split_width(width, scalar=not inner)
        for piece in pieces:
            name = path if len(pieces) == 1 else f"{path}/{offset}"
            tensor = self._declare(name, Segment.BITS, (*inner, piece))
            rows = tuple(
                Axis(extent, None, (*(int(axis == o) for o in order), 0))
                for axis, extent in enumerate(shape)
                if extent != 1
            )
            unit = (0,) * len(inner) + (1,)
            bases = (0,) * (len(inner) + 1)
            sums = (Axis(piece, POWERS, unit),) if piece > 1 else ()
            terms.append(Term(tensor, 1 << offset, bases, rows, sums))
            if numbers is not None:
                self.witness[Segment.BITS].append(
                    self._bits_array(name, reorder(numbers >> offset, order), piece)
                )
            offset += piece
        top = Term(tensor, 1, (*bases[:-1], piece - 1), rows)
        factors = views.factors_of(shape)
        low, high = 0, (1 << width) - 1
        if signed:
            terms.append(replace(top, coefficient=-(1 << width)))
            low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
        total, sign = None, None
        if numbers is not None:
            known = numbers
            total, sign = Lazy(lambda: known), Lazy(lambda: (known >> (width - 1)) & 1)
        return (
            self.matched(Value(factors, tuple(terms), low, high, total), like.factors),
            self.matched(Value(factors, (top,), 0, 1, sign), like.factors),
        )

    def _bits_array(self, name: str, numbers: Integers, width: int) -> Integers:
        lie = self._lies.get(f"{name}/boolean")
        if lie is None:
            return numbers
        return lie((numbers[..., None] >> np.arange(width)) & 1)

    # -- blocks ------------------------------------------------------------------------------

    def product(self, path: str, a: Value, b: Value, c: Value) -> None:
        """A row a * b = c at every index; the values have one shape and the same factors."""
        if not self.solving:
            rows = a.rows
            self._add_block(path, rows, a.terms, b.terms, c.terms)

    def lazily(self, compute: Callable[[], Integers]) -> Lazy | None:
        """The integers of a value while solving, else None."""
        return Lazy(compute) if self.solving else None

    def equal(self, path: str, a: Value, b: Value) -> None:
        """States a = b at every index: the linear row 0 * 0 = a - b, or a product's definition."""
        if a.define is not None:
            a.define(b)
        elif not self.solving:
            self._add_block(path, a.rows, (), (), views.add(a, views.scale(b, -1)).terms)

    def block(
        self,
        path: str,
        rows: tuple[int, ...],
        a: Sequence[Term],
        b: Sequence[Term],
        c: Sequence[Term],
    ) -> None:
        """Rows (sum of a) * (sum of b) = (sum of c) over a grid. Skipped while solving."""
        if not self.solving:
            self._add_block(path, rows, a, b, c)

    def sketch(
        self, path: str, rows: tuple[int, ...], a: Sequence[Term], b: Sequence[Term]
    ) -> tuple[Term, ...]:
        """Rows (sum of a) * (sum of b), stored in the sketch; returns the term of their total."""
        if self.solving:
            return ()
        extents, (a, b) = canonical_rows(rows, (tuple(a), tuple(b)))
        tensor = self._declare(path, Segment.SKETCH, extents)
        identity = tuple(
            Axis(extent, None, tuple(int(q == axis) for q in range(len(extents))))
            for axis, extent in enumerate(extents)
        )
        bases = (0,) * len(extents)
        self._append(Block(path, extents, a, b, (Term(tensor, 1, bases, identity),)))
        return (Term(tensor, 1, bases, (), identity),)

    def _add_block(
        self,
        path: str,
        rows: tuple[int, ...],
        a: Sequence[Term],
        b: Sequence[Term],
        c: Sequence[Term],
    ) -> None:
        extents, (a, b, c) = canonical_rows(rows, (tuple(a), tuple(b), tuple(c)))
        self._append(Block(path, extents, a, b, c))

    def _append(self, block: Block) -> None:
        sums = [len(t.sums) for terms in (block.a, block.b, block.c) for t in terms]
        axes = max([len(block.extents), *sums])
        if axes > MAX_AXES:
            raise UnsupportedModelError(
                f"{block.path}: a view of {axes} axes; at most {MAX_AXES} are supported"
            )
        self._blocks.append(block)

    def challenge(self, role: str, number: int, extent: int) -> Challenge:
        """The challenge vector of one axis of a product.

        The axes of one product have different roles or numbers; products share vectors.
        """
        coordinates = (extent - 1).bit_length()
        found = self._challenges.get((role, number))
        if found is None:
            found = Challenge(len(self._coordinates))
            self._challenges[role, number] = found
            self._coordinates.append(coordinates)
        self._coordinates[found.vector] = max(self._coordinates[found.vector], coordinates)
        return found

    # -- storing -----------------------------------------------------------------------------

    def store(self, path: str, value: Value, *, keep_axes: bool = False) -> Value:
        """The value as a tensor of its own, each axis one factor."""
        array = value.array if value.numbers is not None else None
        stored = self.advice(
            path, Segment.TRACE, value.shape, value.low, value.high, array, keep_axes=keep_axes
        )
        self.equal(path, value, self.matched(stored, value.factors))
        return stored

    def settle(self, path: str, value: Value) -> Value:
        """The value itself, or a product that is not yet stored as a tensor of its own."""
        return value if value.define is None else self.store(path, value)

    def flat(self, path: str, value: Value) -> Value:
        """A stored copy of the value as one axis."""
        array = value.array.reshape(-1) if value.numbers is not None else None
        size = math.prod(value.shape)
        stored = self.advice(path, Segment.TRACE, (size,), value.low, value.high, array)
        self.equal(path, value, replace(self.matched(stored, (value.rows,)), factors=value.factors))
        return stored

    def matched(self, fresh: Value, factors: Factors) -> Value:
        """A freshly stored value with its axes split into the given factors; always possible."""
        result = views.split(fresh, factors)
        if result is None:
            raise ValueError(f"factors {factors} do not divide a value of shape {fresh.shape}")
        return result

    def aligned(self, path: str, *values: Value) -> tuple[Value, ...]:
        """Values of one shape with the same factors; what does not fit is stored first."""
        found = views.align(*values)
        if found is None:
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


def physical_order(shape: Sequence[int], *, keep_axes: bool = False) -> list[int]:
    """The axes of a stored tensor: those of extent 1 dropped, the one that wastes most first."""
    order = [axis for axis, extent in enumerate(shape) if keep_axes or extent != 1]
    if order:
        order.insert(0, order.pop(outermost([shape[axis] for axis in order])))
    return order


def reorder(array: Integers, order: Sequence[int]) -> Integers:
    """An array of a logical shape as its stored tensor."""
    dropped = tuple(axis for axis in range(array.ndim) if axis not in order)
    kept = [axis for axis in range(array.ndim) if axis in order]
    return array.squeeze(dropped).transpose([kept.index(axis) for axis in order])


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
