"""Terms of drawn circuits: reads of a tensor, and other terms that say the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tests.properties.choices import Choices
from zkinfer.circuit.term import (
    MODULUS,
    POWERS,
    Axis,
    Challenge,
    Constants,
    Powers,
    Term,
    Weight,
)

Extents = tuple[int, ...]

MAX_SUMS = 8
FAR = (1 << 34) - (1 << 12)


def coefficient(choices: Choices) -> int:
    """A small number, one near the end of what fits 64 bits, or any element of the field."""
    kind = choices.one(("one", "one", "small", "small", "power", "wide", "field", "zero"))
    if kind == "small":
        return choices.integer(1, 9) * choices.one((1, -1))
    if kind == "power":
        return choices.one((1, -1)) << choices.integer(1, 64)
    if kind == "wide":
        return choices.one((1, -1)) * (2**62 + choices.integer(-2, 2))
    if kind == "field":
        return choices.integer(0, MODULUS - 1)
    return 0 if kind == "zero" else choices.one((1, -1))


def weight(choices: Choices, extent: int, challenges: Sequence[int]) -> Weight | None:
    """A weight along an axis; challenges: the coordinates of those that it may be."""
    fitting = [i for i, coordinates in enumerate(challenges) if extent <= 1 << coordinates]
    kind = choices.one(("one", "one", "one", "powers", "constants", "sign", "challenge"))
    if kind == "powers":
        return POWERS
    if kind == "sign":
        return twos_complement(extent)
    if kind == "constants":
        size = choices.one((9, 9, 1, 2**62 - 1))
        same = choices.one((0, 0, size, -size, MODULUS - 2))
        drawn = choices.numbers().integers(-size, size, extent, endpoint=True)
        return Constants(tuple(same or int(number) for number in drawn))
    if kind == "challenge" and fitting:
        return Challenge(choices.one(fitting))
    return None


def twos_complement(width: int) -> Constants:
    """The place values of a signed number's bits."""
    return Constants((*(1 << k for k in range(width - 1)), -1 << (width - 1)))


def whole(tensor: int, extents: Extents, factor: int = 1) -> Term:
    """Each entry of a tensor at its own row."""
    rank = len(extents)
    axes = (
        Axis(extent, None, tuple(int(i == axis) for i in range(rank)))
        for axis, extent in enumerate(extents)
    )
    return Term(tensor, factor, (0,) * rank, tuple(axes))


def constant(factor: int, rows: Extents, weights: Sequence[Weight | None] = ()) -> Term:
    """A number at every row, times the weights of the row axes: a read of tensor 0."""
    given = weights or [None] * len(rows)
    return Term(0, factor, (), tuple(Axis(n, w, ()) for n, w in zip(rows, given, strict=True)))


def times(term: Term, factor: int) -> Term:
    """The multiple of a term."""
    return replace(term, coefficient=term.coefficient * factor % MODULUS)


def cut(term: Term, rows: Extents) -> Term:
    """The term over the first rows along each axis."""

    def first(axis: Axis, extent: int) -> Axis:
        weight = axis.weight
        if isinstance(weight, Constants):
            weight = Constants(weight.values[:extent])
        return axis._replace(extent=extent, weight=weight)

    return replace(term, rows=tuple(map(first, term.rows, rows)))


def respelled(terms: Sequence[Term], extents: Sequence[Extents]) -> tuple[Term, ...]:
    """Terms that say the same: a tensor without axes is read as one with an axis of extent 1, and
    such a one, if it is read at 0 alone, without axes. extents: of all tensors.
    """

    def other(term: Term) -> Term:
        axes = term.rows + term.sums
        if extents[term.tensor] == ():
            bases, strides = (0,), (0,)
        elif extents[term.tensor] == (1,) and not any((*term.bases, *(a.strides[0] for a in axes))):
            bases, strides = (), ()
        else:
            return term
        rows, sums = (
            tuple(axis._replace(strides=strides) for axis in axes)
            for axes in (term.rows, term.sums)
        )
        return replace(term, bases=bases, rows=rows, sums=sums)

    return tuple(map(other, terms))


@dataclass(frozen=True)
class Layout:
    """A copy of an array with its axes in another order, some of them backwards.

    order: for each axis of the copy the axis of the original.
    """

    order: tuple[int, ...]
    flipped: tuple[bool, ...]

    @staticmethod
    def drawn(choices: Choices, rank: int) -> "Layout":
        if not choices.chance(40):
            return Layout(tuple(range(rank)), (False,) * rank)
        order = tuple(choices.shuffled(range(rank)))
        return Layout(order, tuple(choices.chance(30) for _ in range(rank)))

    def extents(self, extents: Extents) -> Extents:
        return tuple(extents[axis] for axis in self.order)

    def copy(self, array: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        moved = array.transpose(self.order)
        backwards = [axis for axis, flipped in enumerate(self.flipped) if flipped]
        return np.ascontiguousarray(np.flip(moved, backwards)).reshape(moved.shape)

    def moved(self, term: Term, extents: Extents, tensor: int) -> Term:
        """A term that reads the original, of these extents, as one that reads the copy."""
        signs = [-1 if flipped else 1 for flipped in self.flipped]

        def move(axis: Axis) -> Axis:
            pairs = zip(self.order, signs, strict=True)
            return axis._replace(strides=tuple(sign * axis.strides[q] for q, sign in pairs))

        bases = tuple(
            extents[q] - 1 - term.bases[q] if flipped else term.bases[q]
            for q, flipped in zip(self.order, self.flipped, strict=True)
        )
        rows, sums = (tuple(map(move, axes)) for axes in (term.rows, term.sums))
        return replace(term, tensor=tensor, bases=bases, rows=rows, sums=sums)


def read(
    choices: Choices,
    tensor: int,
    extents: Extents,
    rows: Extents,
    challenges: Sequence[int],
    volume: int,
) -> Term:
    """A term over rows that reads a tensor of these extents; most of its reads are inside.

    volume: the most positions of all sums together.
    """
    axes = list(rows)
    moves: list[dict[int, int]] = []  # for each tensor axis: term axis -> stride
    for extent in extents:
        by: dict[int, int] = {}
        if choices.chance(60) and rows:
            same = [a for a in range(len(rows)) if rows[a] == extent]
            axis = (
                choices.one(same)
                if same and choices.chance(80)
                else choices.integer(0, len(rows) - 1)
            )
            by[axis] = choices.one((1, 1, 1, 1, -1, 2, -2, 3))
        if choices.chance(35 if by else 70) and len(axes) - len(rows) < MAX_SUMS:
            part = choices.one((extent, extent, max(extent - 1, 1), extent + 1, 2, 3))
            if 0 < part <= volume:
                volume //= part
                by[len(axes)] = choices.one((1, 1, 1, 1, -1, 2))
                axes.append(part)
        moves.append(by)
    if choices.chance(10) and volume > 1 and len(axes) - len(rows) < MAX_SUMS:
        axes.append(choices.integer(1, min(volume, 3)))
    if choices.chance(12) and extents and axes:  # one axis moves along several
        by = choices.one(moves)
        by[choices.integer(0, len(axes) - 1)] = choices.one((1, -1, 2, -3))
    bases = []
    for extent, by in zip(extents, moves, strict=True):
        ends = [stride * (axes[axis] - 1) for axis, stride in by.items()]
        low, high = -sum(min(end, 0) for end in ends), extent - 1 - sum(max(e, 0) for e in ends)
        if choices.chance(15):
            low, high = low - choices.integer(0, 3), high + choices.integer(0, 3)
        base = choices.integer(*sorted((low, high)))
        bases.append(choices.one((FAR, -FAR, extent, -1)) if choices.chance(2) else base)
    made = [
        Axis(n, weight(choices, n, challenges), tuple(by.get(axis, 0) for by in moves))
        for axis, n in enumerate(axes)
    ]
    rank = len(rows)
    factor = coefficient(choices)
    return Term(tensor, factor, tuple(bases), tuple(made[:rank]), tuple(made[rank:]))


# Other terms that say the same.


def rewritten(choices: Choices, terms: Sequence[Term]) -> list[Term]:
    """Terms with the same sum at every row."""
    result = list(terms)
    for _ in range(choices.integer(0, 3)):
        if result:
            place = choices.integer(0, len(result) - 1)
            result[place : place + 1] = choices.one(REWRITES)(choices, result[place])
    return result


def _values(axis: Axis) -> Sequence[int] | None:
    """The weights of an axis; None for a challenge."""
    if isinstance(axis.weight, Challenge):
        return None
    if isinstance(axis.weight, Constants):
        return axis.weight.values
    return [1 << i if isinstance(axis.weight, Powers) else 1 for i in range(axis.extent)]


def _with(term: Term, place: int, *axes: Axis) -> Term:
    """The term with other axes in place of one of its sums."""
    return replace(term, sums=(*term.sums[:place], *axes, *term.sums[place + 1 :]))


def _forward(term: Term, axis: Axis, steps: int) -> Term:
    """The term that begins some steps further along one of its axes."""
    bases = zip(term.bases, axis.strides, strict=True)
    return replace(term, bases=tuple(base + steps * stride for base, stride in bases))


def _split_coefficient(choices: Choices, term: Term) -> list[Term]:
    part = coefficient(choices)
    return [replace(term, coefficient=part), replace(term, coefficient=term.coefficient - part)]


def _split_sum(choices: Choices, term: Term) -> list[Term]:
    """The sum of two parts of a summation axis."""
    able = [i for i, a in enumerate(term.sums) if a.extent > 1 and _values(a) is not None]
    if not able:
        return [term]
    place = choices.one(able)
    axis = term.sums[place]
    cut = choices.integer(1, axis.extent - 1)
    head, tail = axis._replace(extent=cut), axis._replace(extent=axis.extent - cut)
    rest = _forward(term, axis, cut)
    if isinstance(axis.weight, Powers):
        rest = times(rest, 1 << cut)
    elif isinstance(axis.weight, Constants):
        head = head._replace(weight=Constants(axis.weight.values[:cut]))
        tail = tail._replace(weight=Constants(axis.weight.values[cut:]))
    return [_with(term, place, head), _with(rest, place, tail)]


def _unroll(choices: Choices, term: Term) -> list[Term]:
    """A short summation axis position by position."""
    able = [i for i, a in enumerate(term.sums) if a.extent <= 3 and _values(a) is not None]
    if not able:
        return [term]
    place = choices.one(able)
    axis = term.sums[place]
    rest = _with(term, place)
    values = enumerate(_values(axis) or ())
    return [times(_forward(rest, axis, step), value) for step, value in values]


def _backwards(choices: Choices, term: Term) -> list[Term]:
    able = [i for i, axis in enumerate(term.sums) if _values(axis) is not None]
    if not able:
        return [term]
    place = choices.one(able)
    axis = term.sums[place]
    weights = None if axis.weight is None else Constants(tuple(_values(axis) or ())[::-1])
    turned = Axis(axis.extent, weights, tuple(-stride for stride in axis.strides))
    return [_with(_forward(term, axis, axis.extent - 1), place, turned)]


def _as_constants(choices: Choices, term: Term) -> list[Term]:
    """The weights of an axis in full, with some of the coefficient or all of it."""
    axes = term.rows + term.sums
    able = [i for i, axis in enumerate(axes) if _values(axis) is not None]
    if not able:
        return [term]
    place = choices.one(able)
    factor = choices.one((1, -1, 3, term.coefficient))
    if factor % MODULUS == 0:
        factor = 1
    values = tuple(factor * value % MODULUS for value in _values(axes[place]) or ())
    made = list(axes)
    made[place] = axes[place]._replace(weight=Constants(values))
    rank = len(term.rows)
    changed = replace(term, rows=tuple(made[:rank]), sums=tuple(made[rank:]))
    return [times(changed, pow(factor, -1, MODULUS))]


def _shuffle(choices: Choices, term: Term) -> list[Term]:
    return [replace(term, sums=tuple(choices.shuffled(term.sums)))]


def _widen(choices: Choices, term: Term) -> list[Term]:
    """A summation axis that goes on with weights of zero."""
    able = [i for i, axis in enumerate(term.sums) if _values(axis) is not None]
    if not able:
        return [term]
    place = choices.one(able)
    axis = term.sums[place]
    more = choices.integer(1, 3)
    values = (*(_values(axis) or ()), *[0] * more)
    return [_with(term, place, Axis(axis.extent + more, Constants(values), axis.strides))]


def _repeat(choices: Choices, term: Term) -> list[Term]:
    """A further summation axis that reads the same again, with weights whose sum is divided out."""
    if len(term.sums) == MAX_SUMS:
        return [term]
    weight = choices.one((None, POWERS, twos_complement(3), Constants((5, 0, -7))))
    axis = Axis(3, weight, (0,) * len(term.bases))
    total = sum(_values(axis) or ())
    return [times(replace(term, sums=(*term.sums, axis)), pow(total, -1, MODULUS))]


REWRITES: tuple[Callable[[Choices, Term], list[Term]], ...] = (
    _shuffle,
    _split_coefficient,
    _split_sum,
    _unroll,
    _backwards,
    _as_constants,
    _widen,
    _repeat,
)
