"""Circuits with witnesses that satisfy them by construction, and with lies.

What is drawn over random tensors, a block's other side closes: by a tensor that holds what the
product comes to, by a tensor of the sketch, or by other terms that say the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tests.properties import circuit_terms as terms
from tests.properties.choices import Choices, Rejected
from tests.properties.circuit_terms import Extents, Layout
from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.expand import term_grid
from zkinfer.circuit.layout import Segment, Tensor, next_power, padded_size
from zkinfer.circuit.term import MODULUS, POWERS, Axis, Challenge, Constants, Powers, Term

Integers = npt.NDArray[np.int64]

EXTENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 130)
WIDTHS = (8, 1, 2, 3, 5, 7, 9, 12, 16, 17, 31, 33, 62, 63, 64, None)
"""Extents of a bits tensor's last axis; None for one without axes."""
LIMIT = 1 << 62
STORED = (Segment.TRACE, Segment.INPUT, Segment.WEIGHTS, Segment.BITS, Segment.PUBLIC)
OPTIONAL = (Segment.TRACE, Segment.INPUT, Segment.WEIGHTS, Segment.PUBLIC)


@dataclass(frozen=True)
class Witness:
    """The arrays of the tensors of each segment, int64; `bits` holds numbers."""

    public: list[Integers]
    weights: list[Integers]
    input: list[Integers]
    bits: list[Integers]
    trace: list[Integers]


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
    def witness(self) -> Witness:
        of = {
            segment: [
                array
                for index, array in sorted(self.arrays.items())
                if self.circuit.tensors[index].segment == segment
            ]
            for segment in Segment
        }
        return Witness(*(of[segment] for segment in Segment if segment != Segment.SKETCH))

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


@dataclass
class Twin:
    """A tensor that says the same as another: a copy in another layout, or its bits."""

    tensor: int
    layout: Layout | None
    weight: Constants | Powers | None = None


@dataclass
class Draft:
    """A circuit in the making. entries: what each tensor holds, bits one by one, None for a sketch;
    volume: the most positions of a term; size: the most entries of a tensor.
    """

    choices: Choices
    size: int
    volume: int
    challenges: tuple[int, ...]
    segments: tuple[Segment, ...]
    tensors: list[Tensor] = field(default_factory=list)
    entries: list[npt.NDArray[np.object_] | None] = field(default_factory=list)
    arrays: dict[int, Integers] = field(default_factory=dict)
    twins: dict[int, Twin] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    pinned: list[int] = field(default_factory=list)

    # tensors

    def add(self, segment: Segment, array: Integers, low: int = 0, high: int = 0) -> int:
        """A tensor with these entries."""
        index = len(self.tensors)
        self.tensors.append(Tensor(f"t{index}", segment, array.shape, low, high))
        self.entries.append(array.astype(object))
        self.arrays[index] = np.asarray(array)
        return index

    def add_public(self, array: Integers) -> int:
        """A public tensor with bounds that its entries keep."""
        slack = self.choices.one((0, 1, 1 << 40))
        low = max(int(array.min()) - slack, -(2**63))
        return self.add(Segment.PUBLIC, array, low, min(int(array.max()) + slack, 2**63 - 1))

    def add_bits(self, numbers: Integers, width: int | None) -> int:
        """A tensor of the bits of numbers; without axes, and the number a bit, if width is None."""
        extents = () if width is None else (*numbers.shape, width)
        index = len(self.tensors)
        self.tensors.append(Tensor(f"t{index}", Segment.BITS, extents))
        bits = (numbers[..., None] >> np.arange(width or 1)) & 1
        self.entries.append(bits.reshape(extents).astype(object))
        self.arrays[index] = np.asarray(numbers)
        return index

    def add_sketch(self, extents: Extents) -> int:
        """A tensor of the sketch."""
        index = len(self.tensors)
        self.tensors.append(Tensor(f"t{index}", Segment.SKETCH, extents))
        self.entries.append(None)
        return index

    def extents(self, most: int) -> Extents:
        """Extents whose padded product is at most so much, but for one axis."""
        axes = self.choices.one((1, 2, 2, 3, 3, 4, 0, 6, 8))
        result: list[int] = []
        for _ in range(axes):
            fitting = [n for n in EXTENTS if next_power(n) <= most]
            result.append(self.choices.one(fitting[-14:] if axes < 5 else fitting[:3]))
            most //= next_power(result[-1])
        return tuple(self.choices.shuffled(result))

    def numbers(self, extents: Extents) -> Integers:
        """Integers: mostly small, some up to the ends of what is stored."""
        numbers = self.choices.numbers()
        kind = self.choices.one(
            ("small", "small", "small", "unit", "middle", "large", "ends", "all")
        )
        if kind == "ends":
            return np.asarray(numbers.choice([LIMIT - 1, 1 - LIMIT, LIMIT // 2, -1, 0], extents))
        low, high = {
            "small": (-9, 10),
            "unit": (0, 2),
            "middle": (-(2**24), 2**24),
            "large": (1 - LIMIT, LIMIT),
            "all": (-(2**63), 2**63 - 1),
        }[kind]
        return np.asarray(numbers.integers(low, high, extents, endpoint=kind == "all"))

    def store(self, array: Integers) -> int:
        """A new tensor with this array in some segment; perhaps with a twin."""
        segment = self.choices.one([s for s in STORED if s in self.segments])
        width = max(~int(array.min()), int(array.max()), 0).bit_length() + 1
        room = padded_size(array.shape) * next_power(width) <= 8 * self.size
        has_bits = room and array.ndim < 8 and width <= 64
        if segment == Segment.BITS and not has_bits:
            segment = self.choices.one([s for s in self.segments if s != Segment.BITS] or [segment])
            if segment == Segment.BITS:
                raise Rejected("no room for bits")
        if segment == Segment.BITS:
            return self.store_bits(array, width)
        add = self.add_public if segment == Segment.PUBLIC else lambda a: self.add(segment, a)
        index = add(array)
        if self.choices.chance(60):
            if has_bits and self.choices.chance(60):
                twin = self.store_bits(array, width)
                self.twins[index] = self.twins.pop(twin)
            else:
                layout = Layout.drawn(self.choices, array.ndim)
                others = [s for s in self.segments if s not in (Segment.BITS, Segment.PUBLIC)]
                if others:
                    twin = self.add(self.choices.one(others), layout.copy(array))
                    self.twins[index] = Twin(twin, layout)
        return index

    def store_bits(self, array: Integers, width: int) -> int:
        """The bits of an array; the twin says how they are read as it."""
        unsigned = bool(array.min() >= 0)
        width = min(max(width + self.choices.one((0, 0, 1, 5)) - unsigned, 1), 64)
        numbers = (
            array if unsigned or self.choices.chance(50) else array & (2 ** min(width, 63) - 1)
        )
        if width > 62:
            numbers = array
        index = self.add_bits(numbers, width)
        weight = POWERS if unsigned else terms.twos_complement(width)
        self.twins[index] = Twin(index, None, weight)
        return index

    def tensor(self) -> int:
        """A tensor with any entries."""
        if self.choices.chance(25):
            return self.any_bits()
        return self.store(self.numbers(self.extents(self.size)))

    def any_bits(self) -> int:
        """A tensor of bits."""
        width = self.choices.one(WIDTHS)
        if width is None:
            return self.add_bits(np.array(self.choices.integer(0, 1), np.int64), None)
        extents = self.extents(max(self.size // next_power(width), 1))[:7]
        numbers = self.choices.numbers().integers(-(2**63), 2**63 - 1, extents, endpoint=True)
        if self.choices.chance(70):
            numbers = numbers & (2 ** min(width, 63) - 1)
        return self.add_bits(np.asarray(numbers), width)

    # terms

    def rows(self) -> Extents:
        """Extents of a block: those of some tensor, or any."""
        extents = list(self.choices.one(self.tensors).extents)
        if self.choices.chance(30):
            extents = list(self.extents(min(self.volume, 130)))
        elif self.choices.chance(50):
            extents = self.choices.shuffled(extents)
            del extents[: self.choices.integer(0, 2)]
        while extents and padded_size(extents) > self.volume:
            extents.remove(max(extents))
        return tuple(extents)

    def term(self, rows: Extents, *, challenges: bool = True, sketch: bool = False) -> Term:
        """A read of some tensor."""
        known = [i for i, e in enumerate(self.entries) if e is not None or sketch]
        index = self.choices.one(known)
        challenge = self.challenges if challenges else ()
        room = max(self.volume // max(padded_size(rows), 1), 1)
        extents = self.tensors[index].extents
        return terms.read(self.choices, index, extents, rows, challenge, room)

    def terms(self, rows: Extents, *, challenges: bool = True, sketch: bool = False) -> list[Term]:
        """One term or several."""
        count = self.choices.one((1, 1, 2, 3))
        return [self.term(rows, challenges=challenges, sketch=sketch) for _ in range(count)]

    def same(self, given: Sequence[Term], factor: int = 1) -> list[Term]:
        """Other terms with the same sum, times a factor."""
        result = [terms.times(self._twin(term), factor) for term in given]
        return self.choices.shuffled(terms.rewritten(self.choices, result))

    def _twin(self, term: Term) -> Term:
        twin = self.twins.get(term.tensor)
        if twin is None or self.choices.chance(30):
            return term
        extents = self.tensors[term.tensor].extents
        if twin.layout is not None:
            return twin.layout.moved(term, extents, twin.tensor)
        if twin.tensor == term.tensor or len(term.sums) == terms.MAX_SUMS:
            return term
        return self.by_bits(term, twin)

    def by_bits(self, term: Term, twin: Twin) -> Term:
        """The term that reads each number from its bits."""

        def longer(axis: Axis) -> Axis:
            return axis._replace(strides=(*axis.strides, 0))

        width = self.tensors[twin.tensor].extents[-1]
        position = Axis(width, twin.weight, (0,) * len(term.bases) + (1,))
        rows, sums = (tuple(map(longer, axes)) for axes in (term.rows, term.sums))
        bases = (*term.bases, 0)
        return replace(term, tensor=twin.tensor, bases=bases, rows=rows, sums=(*sums, position))

    def bounded(self, rows: Extents) -> list[Term]:
        """Terms without challenges, the sum of which fits; none if what is drawn is too large."""
        given = self.terms(rows, challenges=False)
        if self.choices.chance(80):
            given = [replace(t, coefficient=self.choices.integer(-5, 5)) for t in given]
        while not fits(self.value(given, rows)):
            given.pop()
        return given

    def value(self, given: Sequence[Term], rows: Extents) -> npt.NDArray[np.object_]:
        """What terms without challenges come to, as integers around zero."""
        total = np.zeros(rows, dtype=object).reshape(-1)
        for term in given:
            entries = self.entries[term.tensor]
            assert entries is not None
            indices, inside, factors = term_grid(term, entries.shape, [])
            flat = np.zeros(inside.shape, dtype=np.int64)
            for index, extent in zip(indices, entries.shape, strict=True):
                flat = flat * extent + index
            reads = entries.reshape(-1)[np.where(inside, flat, 0).reshape(-1)]
            reads = np.where(inside.reshape(-1), reads * factors.reshape(-1), 0)
            total = total + reads.reshape(len(total), -1).sum(axis=1)
        half = MODULUS // 2
        return np.asarray((total + half) % MODULUS - half, dtype=object).reshape(rows)

    def block(self, rows: Extents, *sides: Sequence[Term]) -> None:
        """A block of rows."""
        a, b, c = map(tuple, sides)
        self.blocks.append(Block(f"b{len(self.blocks)}", rows, a, b, c))

    def product(
        self, rows: Extents, a: Sequence[Term], b: Sequence[Term], c: Sequence[Term]
    ) -> None:
        """A block of rows, its factors in either order."""
        if self.choices.chance(40):
            a, b = b, a
        self.block(rows, a, b, c)


def fits(values: npt.NDArray[np.object_]) -> bool:
    """Whether integers are such as tensors hold."""
    return all(abs(value) < LIMIT for value in np.asarray(values, dtype=object).reshape(-1))


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
        draft.block(rows, draft.same(other), [held], draft.same(given))
        if fixed and draft.choices.chance(60):
            draft.block(rows, [], [], [*draft.same(given, -1), *draft.same([held], factor)])
        return None
    draft.product(rows, draft.same(given), draft.same(other), [held])
    if fixed and draft.choices.chance(60):
        draft.block(rows, [], [], [*draft.same(given, factor), *draft.same([held], -1)])
    elif draft.choices.chance(30):
        # The same product again, held by another tensor or by the same, or a part of it by that.
        if draft.choices.chance(40):
            part = tuple(draft.choices.integer(1, extent) for extent in rows)
            a, b, c = ([terms.cut(t, part) for t in side] for side in (given, other, [held]))
            return draft.product(part, a, b, c)
        again = (
            replace(held, tensor=draft.add_sketch(tuple(extents)))
            if draft.choices.chance(50)
            else held
        )
        draft.product(rows, draft.same(given), draft.same(other), [again])
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
    draft.product((k,), draft.same([left]), draft.same([right]), [terms.whole(sketch, (k,))])
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
    )
    draft.block(
        (size,),
        [replace(terms.constant(1, (size,)), sums=(alpha,)), terms.constant(-1, (size,), (place,))],
        [terms.whole(g, (size,))],
        [terms.whole(counts, (size,))],
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
