"""Stacks: values of one shape as one value with a new first axis, and back.

Terms that step through one tensor from value to value become one term with another axis; any other
has the weight 1 at the positions of its values and 0 at the others.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.term import Axis, Constants, Term
from zkinfer.circuit.value import Interval, Value


def stack(b: Builder, path: str, values: Sequence[Value]) -> Value:
    """Values of one shape, without parts, along a new first axis."""
    values = b.aligned(path, *values)
    count = len(values)
    return Value(
        factors=((count,), *values[0].factors),
        terms=tuple(_along(count, start, terms) for start, terms in _runs(values)),
        low=min(value.low for value in values),
        high=max(value.high for value in values),
        certain=Interval.around(*(value.certain for value in values)),
        numbers=b.lazily(lambda: np.stack([value.array for value in values])),
    )


def unstack(b: Builder, path: str, value: Value) -> list[Value]:
    """The values along the first axis; a value whose first axis has several factors is stored."""
    if len(value.factors[0]) > 1:
        value = b.store(path, value)
    pieces = [views.take(value, 0, position, 1, 1) for position in range(value.shape[0])]
    return [views.drop(piece, (0,)) for piece in pieces if piece is not None]


def _runs(values: Sequence[Value]) -> list[tuple[int, list[Term]]]:
    """Terms of values one after the other that differ by equal steps, and where each begins."""
    ended: list[tuple[int, list[Term]]] = []
    going: list[tuple[int, list[Term]]] = []
    for position, value in enumerate(values):
        waiting, going = going, []
        for term in value.terms:
            found = next((i for i, (_, terms) in enumerate(waiting) if _goes_on(terms, term)), None)
            start, terms = (position, []) if found is None else waiting.pop(found)
            going.append((start, [*terms, term]))
        ended += waiting
    return ended + going


def _goes_on(terms: Sequence[Term], term: Term) -> bool:
    last = terms[-1]
    if (last.tensor, last.coefficient) != (term.tensor, term.coefficient):
        return False
    if (last.rows, last.sums) != (term.rows, term.sums):
        return False
    return len(terms) == 1 or _step(terms[0], terms[1]) == _step(last, term)


def _step(first: Term, second: Term) -> tuple[int, ...]:
    return tuple(b - a for a, b in zip(first.bases, second.bases, strict=True))


def _along(count: int, start: int, terms: Sequence[Term]) -> Term:
    """The terms as one, with a first axis of `count` positions."""
    first, length = terms[0], len(terms)
    step = _step(*terms[:2]) if length > 1 else (0,) * len(first.bases)
    weight = None if length == count else Constants.placed(start, length, count)
    bases = tuple(base - start * s for base, s in zip(first.bases, step, strict=True))
    rows = (Axis(count, weight, step), *first.rows)
    return Term(first.tensor, first.coefficient, bases, rows, first.sums)
