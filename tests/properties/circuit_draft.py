"""A circuit in the making: tensors with entries, and reads of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tests.properties import circuit_terms as terms
from tests.properties.choices import Choices, Rejected
from tests.properties.circuit_terms import Extents, Layout
from zkinfer.circuit.circuit import Block, Defines
from zkinfer.circuit.expand import term_grid
from zkinfer.circuit.layout import Segment, Tensor, next_power, padded_size
from zkinfer.circuit.term import MODULUS, POWERS, Axis, Constants, Powers, Term

Integers = npt.NDArray[np.int64]

EXTENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 130)
WIDTHS = (8, 1, 2, 3, 5, 7, 9, 12, 16, 17, 31, 33, 62, 63, 64, None)
"""Extents of a bits tensor's last axis; None for one without axes."""
LIMIT = 1 << 62
"""What the integers of a network stay below."""
STORED = (
    Segment.TRACE,
    Segment.INPUT,
    Segment.WEIGHTS,
    Segment.BITS,
    Segment.PUBLIC,
    Segment.PROJECTIONS,
)
"""Segments that hold integers, the commonest first."""


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
            ("small", "small", "small", "unit", "middle", "large", "ends", "all", "top")
        )
        if kind == "top":
            return np.full(extents, self.choices.one((2**63 - 1, -(2**63), LIMIT - 1)))
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
        if self.choices.chance(4):
            return [self.term(rows, challenges=challenges, sketch=sketch)] * 9
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

    def block(
        self, rows: Extents, *sides: Sequence[Term], defines: Defines = Defines.NOTHING
    ) -> None:
        """A block of rows."""
        a, b, c = map(tuple, sides)
        self.blocks.append(Block(f"b{len(self.blocks)}", rows, a, b, c, defines))

    def product(
        self,
        rows: Extents,
        a: Sequence[Term],
        b: Sequence[Term],
        c: Sequence[Term],
        *,
        defines: Defines = Defines.NOTHING,
    ) -> None:
        """A block of rows, its factors in either order. defines: nothing, or the product."""
        if self.choices.chance(40):
            a, b = b, a
        self.block(rows, a, b, c, defines=defines)


def fits(values: npt.NDArray[np.object_]) -> bool:
    """Whether integers are such as tensors hold."""
    return all(abs(value) < LIMIT for value in np.asarray(values, dtype=object).reshape(-1))
