"""Values: what an op computes, as a linear expression over the witness, seen through views.

A value has a logical shape. Each logical axis is a tuple of factors (mixed radix, the most
significant first; extent 1 has none). Its terms read tensors at strides over all factors, in order.
Reshaping, transposing, slicing, broadcasting, windows and sums rearrange factors and strides and
cost no constraints. While solving, a value also carries its integers modulo 2^64: those of sums,
products and views are so by int64 arithmetic, and they are exact where its bounds fit int64, which
`Builder.integers` sees to for everything else.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.term import Axis, Constants, Term

Integers = npt.NDArray[np.int64]
Factors = tuple[tuple[int, ...], ...]


class Interval(NamedTuple):
    """The integers from low to high, of any size."""

    low: int
    high: int

    @classmethod
    def hull(cls, *ends: int) -> "Interval":
        """The least interval that holds all these."""
        return cls(min(ends), max(ends))

    @classmethod
    def around(cls, *intervals: "Interval") -> "Interval":
        """The least interval that holds all of these."""
        return cls.hull(*(end for interval in intervals for end in interval))

    def plus(self, other: "Interval") -> "Interval":
        """The sums."""
        return Interval(self.low + other.low, self.high + other.high)

    def times(self, *factors: int) -> "Interval":
        """The products with any of the factors."""
        return self.hull(*(end * factor for end in self for factor in factors))

    def or_zero(self) -> "Interval":
        """With zero."""
        return self.hull(*self, 0)


class Lazy:
    """An array that is computed when it is first read, or never."""

    __slots__ = ("_array", "_compute")

    def __init__(self, compute: Callable[[], Integers]) -> None:
        self._compute: Callable[[], Integers] | None = compute
        self._array: Integers | None = None

    def get(self) -> Integers:
        """The array."""
        if self._compute is not None:
            self._array, self._compute = self._compute(), None
        if self._array is None:
            raise RuntimeError("a lazy array was read while it was computed")
        return self._array


class Part(Protocol):
    """Something of a value's shape that is not stored, such as a product.

    joins: whether several such parts of one value can be stated together.
    """

    @property
    def joins(self) -> bool:
        """See above."""

    def define(self, coefficient: int, y: "Value") -> None:
        """States that `coefficient` times it equals a value, which has no integers.

        The value's factors may be finer. While solving, this stores what it stores without.
        """


@dataclass(frozen=True, slots=True)
class Value:
    """A linear expression of a logical shape.

    factors: per logical axis; terms: their rows are all factors in order; low, high: bounds of the
    integers of an honest witness, on which completeness rests; certain: those of any witness that
    satisfies the rows, by what proofs and certificates show, on which soundness rests; numbers: the
    integers modulo 2^64 in the logical shape, only while solving. parts: products that are not
    stored, each with its integer coefficient; only sums and multiples of such a value can be formed
    until `Builder.equal` or `Builder.settle` has it.
    """

    factors: Factors
    terms: tuple[Term, ...]
    low: int
    high: int
    certain: Interval
    numbers: Lazy | None = None
    parts: tuple[tuple[int, "Part"], ...] = field(default=(), compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape."""
        return tuple(math.prod(factors) for factors in self.factors)

    @property
    def rows(self) -> tuple[int, ...]:
        """All factors in order: the extents of the terms' rows."""
        return tuple(extent for factors in self.factors for extent in factors)

    @property
    def is_weighted(self) -> bool:
        """Whether an axis of its terms carries constant weights, which keep it from being split."""
        return any(axis.weight is not None for term in self.terms for axis in term.rows)

    @property
    def array(self) -> Integers:
        """The integers modulo 2^64, int64 of the logical shape. Only while solving."""
        if self.numbers is None:
            raise RuntimeError("a value has integers only while solving")
        return self.numbers.get()

    def lazily(self, compute: Callable[[Integers], Integers]) -> Lazy | None:
        """What `compute` makes of the integers, or None when there are none."""
        numbers = self.numbers
        return None if numbers is None else Lazy(lambda: compute(numbers.get()))

    def bounded(self, low: int, high: int) -> "Value":
        """The same value with other bounds of an honest witness."""
        return replace(self, low=low, high=high)

    def within(self, ends: Interval) -> "Value":
        """The same value, which no witness that satisfies the rows has outside of these ends."""
        return replace(self, low=ends.low, high=ends.high, certain=ends)


def wrapped(number: int) -> int:
    """The number modulo 2^64, as int64 arithmetic has it."""
    return (number + 2**63) % 2**64 - 2**63


def factors_of(shape: Sequence[int]) -> Factors:
    """One factor an axis; none for extent 1."""
    return tuple((extent,) if extent != 1 else () for extent in shape)


def spans(value: Value) -> list[range]:
    """The positions of each logical axis' factors in the terms' rows."""
    result, start = [], 0
    for factors in value.factors:
        result.append(range(start, start + len(factors)))
        start += len(factors)
    return result


# -- splitting and joining axes ------------------------------------------------------------------


def common_cuts(*lists: Sequence[int]) -> list[int] | None:
    """The coarsest factorization that refines all the given ones of the same number.

    None when there is none: 3 * 4 and 4 * 3.
    """
    cuts: set[int] = set()
    for factors in lists:
        step = 1
        for factor in reversed(factors):
            step *= factor
            cuts.add(step)
    ordered = sorted(cuts)
    result, last = [], 1
    for cut in ordered:
        if cut % last:
            return None
        if cut != last:
            result.append(cut // last)
        last = cut
    return result[::-1]


def split(value: Value, factors: Factors) -> Value | None:
    """The value with its factors split further into the given ones.

    None when that is not affine: a factor is not a product of the given ones, or it is weighted.
    """
    if factors == value.factors:
        return value
    pieces: list[tuple[int, ...]] = []
    for old, new in zip(value.factors, factors, strict=True):
        position = len(new)
        axis_pieces: list[tuple[int, ...]] = []
        for factor in reversed(old):
            end, product = position, 1
            while product < factor and position:
                position -= 1
                product *= new[position]
            if product != factor:
                return None
            axis_pieces.append(new[position:end])
        if position:
            return None
        pieces.extend(reversed(axis_pieces))
    terms = []
    for term in value.terms:
        rows: list[Axis] = []
        for axis, piece in zip(term.rows, pieces, strict=True):
            if len(piece) == 1:
                rows.append(axis)
            elif axis.weight is not None:
                return None
            else:
                rows.extend(_split_axis(axis, piece))
        terms.append(replace(term, rows=tuple(rows)))
    return replace(value, factors=factors, terms=tuple(terms))


def matched(value: Value, factors: Factors) -> Value:
    """The value split into factors that are known to fit."""
    result = split(value, factors)
    if result is None:
        raise ValueError(f"factors {factors} do not divide a value with factors {value.factors}")
    return result


def _split_axis(axis: Axis, piece: Sequence[int]) -> list[Axis]:
    result, step = [], 1
    for extent in reversed(piece):
        result.append(Axis(extent, None, tuple(s * step for s in axis.strides)))
        step *= extent
    return result[::-1]


def reshape(value: Value, shape: tuple[int, ...]) -> Value | None:
    """The value in another shape of the same size, or None when that is not affine."""
    cuts = common_cuts(value.rows, [extent for extent in shape if extent != 1])
    if cuts is None:
        return None
    fine = split(value, _group(cuts, value.shape))
    if fine is None:
        return None
    return replace(
        fine, factors=_group(cuts, shape), numbers=value.lazily(lambda x: x.reshape(shape))
    )


def _group(cuts: Sequence[int], shape: Sequence[int]) -> Factors:
    """Consecutive cuts dealt out to the axes of a shape that they refine."""
    result, position = [], 0
    for extent in shape:
        start, product = position, 1
        while product < extent:
            product *= cuts[position]
            position += 1
        result.append(tuple(cuts[start:position]))
    return tuple(result)


def regrouped(value: Value, factors: Factors) -> Value:
    """The value with the same factors in the same order, grouped into other logical axes."""
    shape = tuple(math.prod(f) for f in factors)
    return replace(value, factors=factors, numbers=value.lazily(lambda x: x.reshape(shape)))


def merge(value: Value, first: int, count: int) -> Value:
    """The value with `count` neighbouring logical axes, from `first`, seen as one."""
    last = first + count
    joined = tuple(extent for factors in value.factors[first:last] for extent in factors)
    return regrouped(value, (*value.factors[:first], joined, *value.factors[last:]))


def align(*values: Value) -> tuple[Value, ...] | None:
    """The values, of one shape, with the same factors; None when there are no common ones."""
    if all(value.factors == values[0].factors for value in values):
        return values
    factors = []
    for parts in zip(*(value.factors for value in values), strict=True):
        cuts = common_cuts(*parts)
        if cuts is None:
            return None
        factors.append(tuple(cuts))
    aligned = [split(value, tuple(factors)) for value in values]
    if any(value is None for value in aligned):
        return None
    return tuple(value for value in aligned if value is not None)


# -- views ---------------------------------------------------------------------------------------


def transpose(value: Value, perm: Sequence[int]) -> Value:
    """The value with its logical axes permuted as by numpy.transpose."""
    positions = spans(value)
    order = [position for axis in perm for position in positions[axis]]
    return replace(
        value,
        factors=tuple(value.factors[axis] for axis in perm),
        terms=tuple(replace(t, rows=tuple(t.rows[i] for i in order)) for t in value.terms),
        numbers=value.lazily(lambda x: x.transpose(perm)),
    )


def broadcast(value: Value, shape: tuple[int, ...]) -> Value:
    """The value broadcast to a shape as by numpy.broadcast_to."""
    if shape == value.shape:
        return value
    missing = len(shape) - len(value.factors)
    old: Factors = ((),) * missing + value.factors
    grown = [math.prod(f) == 1 and extent != 1 for f, extent in zip(old, shape, strict=True)]
    factors = tuple(
        (extent,) if grow else f for f, extent, grow in zip(old, shape, grown, strict=True)
    )
    terms = []
    for term in value.terms:
        rows: list[Axis] = []
        source = iter(term.rows)
        for f, extent, grow in zip(old, shape, grown, strict=True):
            if grow:
                rows.append(Axis(extent, None, (0,) * len(term.bases)))
            else:
                rows.extend(next(source) for _ in f)
        terms.append(replace(term, rows=tuple(rows)))
    return replace(
        value,
        factors=factors,
        terms=tuple(terms),
        numbers=value.lazily(lambda x: np.broadcast_to(x, shape)),
    )


def widened(value: Value, extents: Sequence[int]) -> Value:
    """The value with new last logical axes, along which it repeats."""
    inner = factors_of(extents)
    numbers = value.lazily(
        lambda x: np.broadcast_to(x[(..., *(None for _ in inner))], (*x.shape, *extents))
    )
    return Value(
        (*value.factors, *inner),
        tuple(
            replace(
                term,
                rows=term.rows
                + tuple(Axis(f, None, (0,) * len(term.bases)) for fs in inner for f in fs),
            )
            for term in value.terms
        ),
        value.low,
        value.high,
        value.certain,
        numbers,
    )


def take(value: Value, axis: int, start: int, count: int, step: int) -> Value | None:
    """`count` positions of a logical axis from `start` in steps of `step` (not zero).

    None when the axis has several factors and is really cut.
    """
    extent = value.shape[axis]
    if (start, count, step) == (0, extent, 1):
        return value
    if len(value.factors[axis]) > 1:
        return None
    numbers = value.lazily(lambda x: x.take(range(start, start + count * step, step), axis))
    if extent == 1:
        return replace(value, numbers=numbers)
    position = spans(value)[axis].start
    terms = []
    for term in value.terms:
        old = term.rows[position]
        weight = old.weight
        if isinstance(weight, Constants):
            weight = Constants(tuple(weight.values[start + i * step] for i in range(count)))
        bases = tuple(b + start * s for b, s in zip(term.bases, old.strides, strict=True))
        new = Axis(count, weight, tuple(step * s for s in old.strides))
        if count == 1:
            coefficient = term.coefficient
            if isinstance(weight, Constants):
                coefficient *= weight.values[0]
            rows = term.rows[:position] + term.rows[position + 1 :]
            terms.append(replace(term, coefficient=coefficient, bases=bases, rows=rows))
        else:
            rows = (*term.rows[:position], new, *term.rows[position + 1 :])
            terms.append(replace(term, bases=bases, rows=rows))
    factors = list(value.factors)
    factors[axis] = (count,) if count != 1 else ()
    return replace(value, factors=tuple(factors), terms=tuple(terms), numbers=numbers)


def drop(value: Value, axes: Sequence[int]) -> Value:
    """The value without some logical axes of extent 1."""
    factors = tuple(f for axis, f in enumerate(value.factors) if axis not in axes)
    return replace(value, factors=factors, numbers=value.lazily(lambda x: x.squeeze(tuple(axes))))
