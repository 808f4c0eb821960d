"""Products of hidden matrices: Freivalds' check on both sides.

Y = X W over labelled axes: g in X, W and Y; k in X and W (summed); n in X and Y; m in W and Y.
With challenge vectors t, u, v drawn after X, W and Y are committed (one per factor of each axis),

    (sum_n u X[g,n,k]) * (t_g sum_m v W[g,k,m]) = p[k,g]                 `path/products`
    0 = sum p + sum t u v bias - sum t u v Y                             `path/total`

Rows: k g + 1, whatever n and m are. Error at most (coordinates of t, u and v)/l: the check is a
multilinear identity in them (protocol.md, section 2). Y is not stored here: `Value.define` states
it, and whichever value Y equals must be committed before the challenges, which holds for everything
outside the sketch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.term import Axis, Challenge, Term
from zkinfer.circuit.value import Factors, Lazy, Value, common_cuts, spans

Labels = Sequence[str]


def contract(
    b: Builder,
    path: str,
    x: Value,
    x_labels: Labels,
    w: Value,
    w_labels: Labels,
    y_labels: Sequence[Labels],
    bias: Value | None,
    numbers: Lazy | None,
) -> Value:
    """The product Y [+ bias], not stored.

    x_labels, w_labels: one letter per logical axis of x and w; y_labels: per logical axis of Y the
    letters that it is made of, the most significant first. bias: broadcastable to Y. numbers: Y
    with bias, while solving. The result's bounds are for the caller to set; what defines it may
    have finer factors.
    """
    x, w = _shared(b, path, x, x_labels, w, w_labels)
    x = _unweighted(b, f"{path}/left", x)
    w = _unweighted(b, f"{path}/right", w)
    factors = dict(zip(x_labels, x.factors, strict=True)) | dict(
        zip(w_labels, w.factors, strict=True)
    )
    y_factors = tuple(tuple(f for label in labels for f in factors[label]) for labels in y_labels)

    def define(y: Value) -> None:
        if not b.solving:
            fine = factors | _dealt(y.factors, y_labels, factors)
            left = views.matched(x, tuple(fine[label] for label in x_labels))
            right = views.matched(w, tuple(fine[label] for label in w_labels))
            _state(b, path, (left, x_labels), (right, w_labels), (y, y_labels), bias)

    return Value(y_factors, (), 0, 0, numbers, define)


def _dealt(
    factors: Factors, y_labels: Sequence[Labels], coarse: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The factors of Y's axes dealt out to the labels that these are made of."""
    result = {}
    for labels, axis in zip(y_labels, factors, strict=True):
        position = 0
        for label in labels:
            start, size = position, 1
            while size < math.prod(coarse[label]):
                size *= axis[position]
                position += 1
            result[label] = axis[start:position]
    return result


def _state(
    b: Builder,
    path: str,
    left: tuple[Value, Labels],
    right: tuple[Value, Labels],
    product: tuple[Value, Sequence[Labels]],
    bias: Value | None,
) -> None:
    """Emits the blocks, the factors of all three agreeing."""
    (x, x_labels), (w, w_labels), (y, y_labels) = left, right, product
    factors = dict(zip(x_labels, x.factors, strict=True)) | dict(
        zip(w_labels, w.factors, strict=True)
    )
    order = [label for labels in y_labels for label in labels]
    weights = _challenges(b, order, factors, x_labels, w_labels)
    kept = [label for label in x_labels if label in w_labels]
    rows = tuple(extent for label in kept for extent in factors[label])
    unmarked: dict[str, list[Challenge]] = {}
    sketch = b.sketch(
        f"{path}/products",
        rows,
        [_arranged(t, x, x_labels, kept, weights, unmarked) for t in x.terms],
        [_arranged(t, w, w_labels, kept, weights, weights) for t in w.terms],
    )
    every = [challenge for label in order for challenge in weights[label]]
    terms = [*sketch, *(_summed(t, every) for t in views.scale(y, -1).terms)]
    if bias is not None:
        wide = views.matched(views.broadcast(bias, y.shape), y.factors)
        terms.extend(_summed(t, every) for t in wide.terms)
    b.block(f"{path}/total", (), (), (), terms)


def _shared(
    b: Builder, path: str, x: Value, x_labels: Labels, w: Value, w_labels: Labels
) -> tuple[Value, Value]:
    """Both operands with the same factors on the axes that they share."""
    for attempt in range(2):
        cuts = {
            label: common_cuts(f, w.factors[list(w_labels).index(label)])
            for label, f in zip(x_labels, x.factors, strict=True)
            if label in w_labels
        }
        if None not in cuts.values():
            wanted = {label: tuple(cut) for label, cut in cuts.items() if cut is not None}
            fine = [
                views.split(
                    v, tuple(wanted.get(k, f) for k, f in zip(labels, v.factors, strict=True))
                )
                for v, labels in ((x, x_labels), (w, w_labels))
            ]
            if fine[0] is not None and fine[1] is not None:
                return fine[0], fine[1]
        if not attempt:
            x, w = b.store(f"{path}/left", x), b.store(f"{path}/right", w)
    raise ValueError(f"{path}: stored operands do not share their axes")


def _unweighted(b: Builder, path: str, value: Value) -> Value:
    """The value, stored first if an axis carries weights."""
    if all(axis.weight is None for term in value.terms for axis in term.rows):
        return value
    return views.matched(b.store(path, value), value.factors)


def _challenges(
    b: Builder,
    order: Sequence[str],
    factors: dict[str, tuple[int, ...]],
    x_labels: Labels,
    w_labels: Labels,
) -> dict[str, list[Challenge]]:
    """A challenge vector for every factor of every axis of Y; those of one product differ."""
    used = {"t": 0, "u": 0, "v": 0}
    weights: dict[str, list[Challenge]] = {}
    for label in order:
        role = "u" if label not in w_labels else "v" if label not in x_labels else "t"
        weights[label] = []
        for extent in factors[label]:
            weights[label].append(b.challenge(role, used[role], extent))
            used[role] += 1
    return weights


def _arranged(
    term: Term,
    value: Value,
    labels: Labels,
    kept: Sequence[str],
    weights: dict[str, list[Challenge]],
    on_rows: dict[str, list[Challenge]],
) -> Term:
    """The term with the kept axes as rows (weighted by `on_rows`) and the others summed."""
    axes = {
        label: [term.rows[p] for p in span]
        for label, span in zip(labels, spans(value), strict=True)
    }
    rows: list[Axis] = []
    for label in kept:
        marks = on_rows.get(label, [])
        rows.extend(axis._replace(weight=mark) for axis, mark in zip_longest(axes[label], marks))
    sums = [
        axis._replace(weight=challenge)
        for label in labels
        if label not in kept
        for axis, challenge in zip(axes[label], weights[label], strict=True)
    ]
    return replace(term, rows=tuple(rows), sums=(*sums, *term.sums))


def _summed(term: Term, weights: Sequence[Challenge]) -> Term:
    """The term summed over all its rows with challenge weights."""
    for axis in term.rows:
        if axis.weight is not None:
            raise ValueError("a product equals a value without constant weights")
    sums = tuple(
        axis._replace(weight=weight) for axis, weight in zip(term.rows, weights, strict=True)
    )
    return replace(term, rows=(), sums=sums + term.sums)
