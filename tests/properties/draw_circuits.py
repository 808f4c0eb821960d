"""Circuits with witnesses that satisfy them by construction, and with lies.

What is drawn over random tensors, a block's other side closes: by a tensor that holds what the
product comes to, by a tensor of the sketch, or by other terms that say the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tests.properties import circuit_terms as terms
from tests.properties.choices import Choices, Rejected
from tests.properties.circuit_draft import LIMIT, Draft, Integers, fits
from tests.properties.circuit_terms import Layout
from zkinfer.circuit.circuit import Circuit, Defines
from zkinfer.circuit.layout import Segment, padded_size
from zkinfer.circuit.term import MODULUS, Axis, Challenge, Constants, Term

OPTIONAL = (
    Segment.TRACE,
    Segment.INPUT,
    Segment.WEIGHTS,
    Segment.PROJECTIONS,
    Segment.PUBLIC,
)


@dataclass(frozen=True)
class Drawn:
    """A circuit with a witness, what else a proof of it is about, and choices for its checks.

    hidden: whether the weights are; respelled: whether terms that read a tensor of one entry have
    an axis for it just where it has none; pinned: tensors whose entries follow from others.
    """

    circuit: Circuit
    arrays: dict[int, Integers]
    context: bytes
    certificate: bool
    hidden: bool
    respelled: bool
    pinned: tuple[int, ...]
    choices: Choices

    @property
    def segments(self) -> dict[Segment, list[Integers]]:
        """The arrays of the tensors of each segment but the sketch, int64; bits as numbers."""
        return {
            segment: [
                array
                for index, array in sorted(self.arrays.items())
                if self.circuit.tensors[index].segment == segment
            ]
            for segment in Segment
            if segment != Segment.SKETCH
        }

    @property
    def data(self) -> bytes:
        """The circuit's bytes."""
        if not self.respelled:
            return self.circuit.to_bytes()
        extents = [tensor.extents for tensor in self.circuit.tensors]
        blocks = [
            replace(
                block, **{side: terms.respelled(getattr(block, side), extents) for side in "abc"}
            )
            for block in self.circuit.blocks
        ]
        return replace(self.circuit, blocks=tuple(blocks)).to_bytes()

    def lie(self) -> "Drawn":
        """The same with another entry somewhere."""
        pinned = self.pinned if self.choices.chance(70) else ()
        tensor = self.choices.one(pinned or sorted(self.arrays))
        array = self.arrays[tensor].copy()
        place = self.choices.integer(0, array.size - 1)
        old, extents = int(array.flat[place]), self.circuit.tensors[tensor].extents
        if self.circuit.tensors[tensor].segment == Segment.BITS:
            new = old ^ (1 << self.choices.integer(0, extents[-1] - 1 if extents else 0))
            new = (new + 2**63) % 2**64 - 2**63
        else:
            new = old + self.choices.one((1, -1, 1 << 20, -(1 << 40)))
            new = min(max(new, 1 - LIMIT), LIMIT - 1) if abs(old) < LIMIT else 0
        array.flat[place] = new
        return replace(self, arrays={**self.arrays, tensor: array})


# Blocks.


def linear(draft: Draft) -> None:
    """Terms that cancel, and on one side whatever there is."""
    rows = draft.rows()
    given = draft.terms(rows, sketch=True)
    c = draft.choices.shuffled([*given, *draft.same(given, -1)])
    side = draft.terms(rows) if draft.choices.chance(30) else []
    draft.product(rows, side, [], c)


def one_sided(draft: Draft) -> None:
    """Terms in A alone, B alone, or nothing at all."""
    rows = draft.rows()
    draft.product(rows, draft.terms(rows) if draft.choices.chance(90) else [], [], [])


def vanishing(draft: Draft) -> None:
    """A product with a factor of zero."""
    rows = draft.rows()
    given = draft.terms(rows)
    zero = [draft.choices.one(draft.same(given) or given)]
    zero = (
        [terms.times(zero[0], 0)] if draft.choices.chance(50) else [zero[0], *draft.same(zero, -1)]
    )
    c = [terms.times(draft.term(rows, sketch=True), 0)] if draft.choices.chance(30) else []
    draft.product(rows, draft.terms(rows), zero, c)


def closed(draft: Draft) -> None:
    """A product, and other terms, whose sum a tensor holds."""
    rows = draft.rows()
    a, b, rest = (draft.bounded(rows) for _ in range(3))
    by = draft.choices.one((1, -1, 3, 1 << 20)) if draft.choices.chance(50) else None
    if by is not None:
        b = [terms.constant(by, rows)]
    if not draft.choices.chance(30):
        rest = []
    total = draft.value(a, rows) * draft.value(b, rows) - draft.value(rest, rows)
    if not fits(total):
        by, b, rest = 1, [terms.constant(1, rows)], []
        total = draft.value(a, rows)
    array = np.asarray(total, dtype=np.int64)
    layout = Layout.drawn(draft.choices, array.ndim)
    stored = draft.store(layout.copy(array))
    draft.pinned.append(stored)
    extents = draft.tensors[stored].extents
    term = layout.moved(terms.whole(stored, rows), rows, stored)
    if len(extents) > len(rows):
        term = draft.by_bits(term, draft.twins[stored])
    factor = terms.coefficient(draft.choices) if draft.choices.chance(30) else 1
    held = draft.same([term], factor)
    if by is not None and draft.choices.chance(40):
        c = [*draft.same(a, by * factor), *draft.same(rest, -factor)]
        return draft.block(rows, [], [], [*c, *(terms.times(term, -1) for term in held)])
    c = draft.choices.shuffled([*held, *draft.same(rest, factor)])
    return draft.product(rows, draft.same(a, factor), b, c)


def scaled(draft: Draft) -> None:
    """A product with weights along the rows, which other terms have too."""
    rows = draft.rows()
    a = draft.terms(rows)
    weights = [
        terms.weight(draft.choices, extent, draft.challenges)
        if all(term.rows[axis].weight is None for term in a)
        else None
        for axis, extent in enumerate(rows)
    ]
    factor = terms.coefficient(draft.choices)
    c = [
        replace(
            term,
            rows=tuple(
                axis if w is None else axis._replace(weight=w)
                for axis, w in zip(term.rows, weights, strict=True)
            ),
        )
        for term in a
    ]
    b = draft.same([terms.constant(factor, rows, weights)])
    draft.product(rows, draft.same(a), b, draft.same(c, factor))


def boolean(draft: Draft) -> None:
    """That bits are bits."""
    known = [i for i, t in enumerate(draft.tensors) if t.segment == Segment.BITS]
    index = draft.choices.one(known)
    extents = draft.tensors[index].extents
    if padded_size(extents) > draft.volume:
        return linear(draft)
    term = terms.whole(index, extents)
    return draft.product(extents, draft.same([term]), [term, terms.constant(-1, extents)], [])


def sketched(draft: Draft) -> None:
    """A product that a tensor of the sketch holds, as A B or as C / A."""
    rows = draft.rows()
    factor = draft.choices.one((1, -1, 7, MODULUS // 3))
    fixed = draft.choices.chance(40)
    given = draft.terms(rows)
    other = [terms.constant(factor, rows)] if fixed else draft.terms(rows)
    layout = Layout.drawn(draft.choices, len(rows))
    extents, bases = list(layout.extents(rows)), [0] * len(rows)
    if rows and draft.choices.chance(40):  # only a part of the tensor, and zero elsewhere
        axis, room = draft.choices.integer(0, len(rows) - 1), draft.choices.integer(1, 3)
        extents[axis] += room
        bases[axis] = draft.choices.integer(0, room)
    sketch = draft.add_sketch(tuple(extents))
    held = layout.moved(terms.whole(sketch, rows), rows, sketch)
    held = replace(held, bases=tuple(map(sum, zip(held.bases, bases, strict=True))))
    if draft.choices.chance(35) and (fixed or draft.challenges):
        if not fixed:  # a divisor that depends on a challenge
            vector = draft.choices.integer(0, len(draft.challenges) - 1)
            alpha = Axis(1, Challenge(vector), ())
            rest = draft.terms(rows, challenges=False)
            if not draft.challenges[vector]:
                raise Rejected("a challenge vector without coordinates is 1")
            other = [replace(terms.constant(factor, rows), sums=(alpha,)), *rest]
        draft.block(rows, draft.same(other), [held], draft.same(given), defines=Defines.QUOTIENT)
        if fixed and draft.choices.chance(60):
            draft.block(rows, [], [], [*draft.same(given, -1), *draft.same([held], factor)])
        return None
    draft.product(rows, draft.same(given), draft.same(other), [held], defines=Defines.PRODUCT)
    if fixed and draft.choices.chance(60):
        draft.block(rows, [], [], [*draft.same(given, factor), *draft.same([held], -1)])
    elif draft.choices.chance(30):
        # The same product again, held by another tensor or by the same, or a part of it by that.
        if draft.choices.chance(40):
            part = tuple(draft.choices.integer(1, extent) for extent in rows)
            a, b, c = ([terms.cut(t, part) for t in side] for side in (given, other, [held]))
            return draft.product(part, a, b, c)
        again, defines = held, Defines.NOTHING
        if draft.choices.chance(50):
            again = replace(held, tensor=draft.add_sketch(tuple(extents)))
            defines = Defines.PRODUCT
        draft.product(rows, draft.same(given), draft.same(other), [again], defines=defines)
        draft.block(rows, [], [], [*draft.same([held]), *draft.same([again], -1)])
    return None


def matrices(draft: Draft) -> None:
    """A matrix product, checked by Freivalds' method on one side or on both."""
    choices = draft.choices
    n, k, m = (choices.one((1, 2, 3, 5, 8, 9, 17, 33)) for _ in range(3))
    if n * k * m > 8 * draft.volume or n * k + k * m + n * m > 2 * draft.volume:
        return linear(draft)
    numbers = choices.numbers()
    x, w = numbers.integers(-99, 100, (n, k)), numbers.integers(-99, 100, (k, m))
    index = [draft.store(array) for array in (x, w, x @ w)]
    if any(draft.tensors[i].segment == Segment.BITS for i in index):
        return linear(draft)
    by_row, by_column = (
        [i for i, c in enumerate(draft.challenges) if extent <= 1 << c] for extent in (n, m)
    )
    if not by_row or not by_column:
        return linear(draft)
    u = Axis(n, Challenge(choices.one(by_row)), ())
    v = Axis(m, Challenge(choices.one(by_column)), ())
    inner = Axis(k, None, ())

    def at(axis: Axis, *strides: int) -> Axis:
        return axis._replace(strides=strides)

    left = Term(index[0], 1, (0, 0), (at(inner, 0, 1),), (at(u, 1, 0),))
    right = Term(index[1], 1, (0, 0), (at(inner, 1, 0),), (at(v, 0, 1),))
    sketch = draft.add_sketch((k,))
    held = terms.whole(sketch, (k,))
    draft.product((k,), draft.same([left]), draft.same([right]), [held], defines=Defines.PRODUCT)
    total = Term(sketch, 1, (0,), (), (Axis(k, None, (1,)),))
    held = Term(index[2], -1, (0, 0), (), (at(u, 1, 0), at(v, 0, 1)))
    return draft.block((), [], [], [*draft.same([total]), *draft.same([held])])


def lookups(draft: Draft) -> None:
    """Numbers that lie in a table, by LogUp."""
    choices = draft.choices
    able = [i for i, c in enumerate(draft.challenges) if c]
    if not able or Segment.TRACE not in draft.segments:
        return linear(draft)
    low, size = choices.integer(-9, 9), choices.one((2, 4, 5, 16))
    extents = draft.extents(min(draft.volume, draft.size))
    w = np.asarray(choices.numbers().integers(low, low + size, extents))
    count = np.bincount(w.reshape(-1) - low, minlength=size).astype(np.int64)
    numbers, counts = draft.add(Segment.TRACE, w), draft.add(Segment.TRACE, count)
    alpha = Axis(1, Challenge(choices.one(able)), ())
    h, g = draft.add_sketch(w.shape), draft.add_sketch((size,))
    place = Constants(tuple(range(low, low + size)))
    draft.block(
        w.shape,
        [replace(terms.constant(1, w.shape), sums=(alpha,)), terms.whole(numbers, w.shape, -1)],
        [terms.whole(h, w.shape)],
        [terms.constant(1, w.shape)],
        defines=Defines.QUOTIENT,
    )
    draft.block(
        (size,),
        [replace(terms.constant(1, (size,)), sums=(alpha,)), terms.constant(-1, (size,), (place,))],
        [terms.whole(g, (size,))],
        [terms.whole(counts, (size,))],
        defines=Defines.QUOTIENT,
    )
    both = [
        replace(terms.whole(i, e, s), rows=(), sums=terms.whole(i, e).rows)
        for i, e, s in ((h, w.shape, 1), (g, (size,), -1))
    ]
    return draft.block((), [], [], both)


BLOCKS: tuple[Callable[[Draft], None], ...] = (
    linear, closed, closed, closed, scaled, sketched, sketched, one_sided, vanishing, boolean,
    matrices, lookups,
)  # fmt: skip

SIZES = ((48, 64), (200, 300), (200, 300), (700, 1000), (3000, 4000))
LARGE = (15000, 15000)


def circuit(choices: Choices) -> Drawn:
    """A circuit and a witness of it. Raises Rejected."""
    large = choices.chance(1)
    size, volume = LARGE if large else choices.one(SIZES)
    widths = (7, 8, 10) if large else (4, 3, 3, 4, 4, 5, 5, 6, 7, choices.integer(8, 10))
    columns = 1 << choices.one(widths)
    challenges = tuple(choices.integer(0, 7) for _ in range(choices.one((1, 0, 2, 2, 3))))
    segments = tuple(s for s in OPTIONAL if choices.chance(75))
    draft = Draft(choices, size, volume, challenges, (*segments, Segment.BITS))
    draft.add(Segment.PUBLIC, np.array(1, np.int64), 1, 1)
    del draft.arrays[0]
    for _ in range(choices.integer(1, 5)):
        draft.tensor()
    if not any(t.segment == Segment.BITS for t in draft.tensors):
        draft.any_bits()
    for _ in range(choices.integer(1, 6)):
        choices.one(BLOCKS)(draft)
    made = Circuit(columns, challenges, tuple(draft.tensors), tuple(draft.blocks))
    shown = any(t.segment == Segment.PUBLIC for t in draft.tensors[1:])
    certificate = not shown and choices.chance(50)
    context = b"" if certificate else choices.one((b"", b"context", bytes(choices.integer(1, 300))))
    hidden, respelled = choices.chance(80), choices.chance(30)
    pinned = tuple(draft.pinned)
    return Drawn(made, draft.arrays, context, certificate, hidden, respelled, pinned, choices)


def shown(drawn: Drawn) -> str:
    """A case as text."""
    lines = [f"C {drawn.circuit.columns}, challenges {drawn.circuit.challenges}"]
    for index, tensor in enumerate(drawn.circuit.tensors):
        array = drawn.arrays.get(index)
        listed = "" if array is None else f" {array.tolist()}"
        bounds = f" {tensor.low}..{tensor.high}" if tensor.segment == Segment.PUBLIC else ""
        lines.append(f"{tensor.path} {tensor.segment.name} {tensor.extents}{bounds}{listed[:400]}")
    for block in drawn.circuit.blocks:
        lines.append(f"{block.path} {block.extents}")
        lines += [f"  {side} {t}" for side in "abc" for t in getattr(block, side)]
    return "\n".join(lines)
