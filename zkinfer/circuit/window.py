"""Views that read outside a tensor: windows with padding, shifted placement, indicator weights.

A term reads an axis fully if one stride of 1 covers exactly one whole tensor axis that nothing
else in the term moves along. Then an index outside the value is an index outside the tensor, which
reads zero by definition. Otherwise indices outside are masked by constant weights of 0 and 1, where
one axis of the term suffices to say so, or the value must be stored first.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zkinfer.circuit.layout import Tensor
from zkinfer.circuit.term import Axis, Constants, Term
from zkinfer.circuit.value import Integers, Value, spans


def reads_fully(term: Term, position: int, tensors: Sequence[Tensor]) -> int | None:
    """The tensor axis that row axis `position` covers fully and alone, if it does."""
    axis = term.rows[position]
    moved = [q for q, stride in enumerate(axis.strides) if stride]
    if axis.weight is not None or len(moved) != 1:
        return None
    q = moved[0]
    alone = sum(bool(other.strides[q]) for other in term.rows + term.sums) == 1
    whole = (axis.strides[q], term.bases[q]) == (1, 0)
    return q if alone and whole and tensors[term.tensor].extents[q] == axis.extent else None


def windows(
    value: Value,
    axis: int,
    out: int,
    kernel: int,
    stride: int,
    dilation: int,
    pad: int,
    tensors: Sequence[Tensor],
) -> Value | None:
    """A logical axis as two, (out, kernel): position (o, k) is index o*stride + k*dilation - pad.

    Indices outside the value are zero. None when the axis has several factors or weights, or when
    some index is outside and a term does not read the axis fully. (An axis of extent 1 that is to
    be left must be a factor of its own.)
    """
    extent = value.shape[axis]
    reach = (out - 1) * stride + (kernel - 1) * dilation
    outside = pad > 0 or reach - pad >= extent
    position = spans(value)[axis].start
    terms = value.terms
    if value.factors[axis] != (extent,):
        if extent != 1 or outside:
            return None
    else:
        opened = []
        for term in value.terms:
            old = term.rows[position]
            q = reads_fully(term, position, tensors)
            if old.weight is not None or (outside and q is None):
                return None
            bases = tuple(b - pad * s for b, s in zip(term.bases, old.strides, strict=True))
            pair = [
                Axis(count, None, tuple(step * s for s in old.strides))
                for count, step in ((out, stride), (kernel, dilation))
                if count != 1
            ]
            rows = (*term.rows[:position], *pair, *term.rows[position + 1 :])
            opened.append(replace(term, bases=bases, rows=rows))
        terms = tuple(opened)
    pair_factors = tuple((count,) if count != 1 else () for count in (out, kernel))
    return Value(
        factors=value.factors[:axis] + pair_factors + value.factors[axis + 1 :],
        terms=terms,
        low=min(value.low, 0) if outside else value.low,
        high=max(value.high, 0) if outside else value.high,
        certain=value.certain.or_zero() if outside else value.certain,
        numbers=value.lazily(lambda x: _window_array(x, axis, out, kernel, stride, dilation, pad)),
    )


def _window_array(
    array: Integers, axis: int, out: int, kernel: int, stride: int, dilation: int, pad: int
) -> Integers:
    extent = array.shape[axis]
    end = max((out - 1) * stride + (kernel - 1) * dilation - pad + 1 - extent, 0)
    if pad or end:
        array = np.pad(array, [(pad, end) if a == axis else (0, 0) for a in range(array.ndim)])
    step = array.strides[axis]
    shape = (*array.shape[:axis], out, kernel, *array.shape[axis + 1 :])
    steps = (step * stride, step * dilation)
    strides = (*array.strides[:axis], *steps, *array.strides[axis + 1 :])
    return np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)


def place_in(
    value: Value, axis: int, start: int, extent: int, tensors: Sequence[Tensor]
) -> Value | None:
    """The value at `start` of a logical axis of another extent, zero elsewhere on it.

    None when the axis has several factors.
    """
    old_extent = value.shape[axis]
    if (start, extent) == (0, old_extent):
        return value
    if len(value.factors[axis]) > 1:
        return None
    position = spans(value)[axis].start
    terms = []
    for term in value.terms:
        if old_extent == 1:
            rows = (*term.rows[:position], Axis(1, None, (0,) * len(term.bases)))
            term = replace(term, rows=rows + term.rows[position:])
        old = term.rows[position]
        bases = tuple(b - start * s for b, s in zip(term.bases, old.strides, strict=True))
        weight: Constants | None = None
        if old_extent == 1 or reads_fully(term, position, tensors) is None:
            inside = old.weight.values if isinstance(old.weight, Constants) else None
            weight = Constants.placed(start, old_extent, extent, inside)
        row = Axis(extent, weight, old.strides)
        rows = (*term.rows[:position], row, *term.rows[position + 1 :])
        terms.append(replace(term, bases=bases, rows=rows))
    factors = list(value.factors)
    factors[axis] = (extent,)
    pads = (start, extent - start - old_extent)

    def padded(array: Integers) -> Integers:
        return np.pad(array, [pads if a == axis else (0, 0) for a in range(array.ndim)])

    return Value(
        tuple(factors),
        tuple(terms),
        min(value.low, 0),
        max(value.high, 0),
        value.certain.or_zero(),
        value.lazily(padded),
    )
