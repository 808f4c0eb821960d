"""Linear combinations of values: sums, multiples, constants, weights. None costs a constraint."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from zkinfer.circuit.term import Axis, Constants, Term, reduced
from zkinfer.circuit.value import Integers, Interval, Lazy, Value, spans, wrapped


def scale(value: Value, factor: int) -> Value:
    """The value times an integer."""
    if factor == 1:
        return value
    low, high = sorted((value.low * factor, value.high * factor))
    return Value(
        factors=value.factors,
        terms=tuple(
            Term(t.tensor, reduced(t.coefficient * factor), t.bases, t.rows, t.sums)
            for t in value.terms
        ),
        low=low,
        high=high,
        certain=value.certain.times(factor),
        numbers=value.lazily(lambda x: x * wrapped(factor)),
        parts=tuple((reduced(coefficient * factor), part) for coefficient, part in value.parts),
    )


def add(*values: Value) -> Value:
    """The sum of values of the same factors."""
    numbers = None
    if all(value.numbers is not None for value in values):
        numbers = Lazy(lambda: _total([value.array for value in values]))
    return Value(
        factors=values[0].factors,
        terms=tuple(term for value in values for term in value.terms),
        parts=tuple(part for value in values for part in value.parts),
        low=sum(value.low for value in values),
        high=sum(value.high for value in values),
        certain=reduce(Interval.plus, (value.certain for value in values)),
        numbers=numbers,
    )


def _total(arrays: Sequence[Integers]) -> Integers:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


def constant(number: int, like: Value) -> Value:
    """An integer at every index, with the factors of another value; free of constraints."""
    rows = tuple(Axis(extent, None, ()) for extent in like.rows)
    terms = (Term(0, number, (), rows),) if number else ()
    shape = like.shape
    numbers = like.lazily(lambda _: np.broadcast_to(np.int64(wrapped(number)), shape))
    return Value(like.factors, terms, number, number, Interval(number, number), numbers)


def shifted(value: Value, number: int) -> Value:
    """The value plus an integer."""
    if not number:
        return value
    moved = add(value, constant(number, value))
    return replace(moved, numbers=value.lazily(lambda x: x + wrapped(number)))


def sum_over(value: Value, axes: Sequence[int]) -> Value:
    """The sum over logical axes, which remain with extent 1."""
    positions = spans(value)
    moved = {position for axis in axes for position in positions[axis]}
    terms = tuple(
        replace(
            term,
            rows=tuple(row for p, row in enumerate(term.rows) if p not in moved),
            sums=tuple(row for p, row in enumerate(term.rows) if p in moved) + term.sums,
        )
        for term in value.terms
    )
    factors = tuple(() if axis in axes else f for axis, f in enumerate(value.factors))
    count = math.prod(value.shape[axis] for axis in axes)
    numbers = value.lazily(lambda x: x.sum(axis=tuple(axes), keepdims=True))
    certain = value.certain.times(count)
    return Value(factors, terms, value.low * count, value.high * count, certain, numbers)


def weight(value: Value, axis: int, series: Sequence[int]) -> Value | None:
    """The value times one integer per position of a logical axis.

    None when the axis has several factors or carries weights, unless all integers are equal.
    """
    if all(number == series[0] for number in series):
        return scale(value, series[0])
    position = spans(value)[axis].start
    if len(value.factors[axis]) != 1 or any(t.rows[position].weight for t in value.terms):
        return None
    marks = Constants.of(len(series), series)
    terms = []
    for term in value.terms:
        row = term.rows[position]._replace(weight=marks)
        terms.append(replace(term, rows=(*term.rows[:position], row, *term.rows[position + 1 :])))
    shape = [-1 if a == axis else 1 for a in range(len(value.factors))]
    multipliers = np.array(list(map(wrapped, series)), dtype=np.int64).reshape(shape)
    ends = [
        end * number for end in (value.low, value.high) for number in (min(series), max(series))
    ]
    numbers = value.lazily(lambda x: x * multipliers)
    certain = value.certain.times(min(series), max(series))
    return Value(value.factors, tuple(terms), min(ends), max(ends), certain, numbers)
