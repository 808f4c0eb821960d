"""Products of hidden matrices: Freivalds' check on both sides.

Y = X W over labelled axes: g in X, W and Y; k in X and W (summed); n in X and Y; m in W and Y.
Challenge vectors are drawn after X, W and Y are committed, one per factor of Y's axes; t, u and v
are their products over the factors of g, n and m:

    (sum_n u X[g,n,k]) * (t_g sum_m v W[g,k,m]) = p[k,g]                 `path/products`
    0 = sum p + sum t u v (bias - Y)                                     `path/total`

Rows: k g + 1, whatever n and m are. The check is a multilinear identity in the coordinates of t, u
and v, so its error is at most their number over l (protocol.md, section 2). Y is not stored here:
it is whatever value the product is said to equal, and lies outside the sketch, so it is committed
before the challenges. By certain bounds both sides stay below l / 2. Several products that make one
sum are stated in one total.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder, check_certain
from zkinfer.circuit.term import Axis, Challenge, Term
from zkinfer.circuit.value import Factors, Interval, Lazy, Value, common_cuts, spans

Labels = Sequence[str]


@dataclass(frozen=True)
class Contraction:
    """The product X W, not stored. factors: of every label, as coarse as the operands have them."""

    b: Builder
    path: str
    x: Value
    x_labels: Labels
    w: Value
    w_labels: Labels
    y_labels: Sequence[Labels]
    factors: Mapping[str, tuple[int, ...]]
    certain: Interval
    joins: bool = True

    def define(self, coefficient: int, y: Value) -> None:
        """States coefficient * X W = y, in the block `path/total`."""
        if self.b.solving:
            return
        check_certain(self.path, self.certain.times(coefficient).plus(y.certain.times(-1)))
        challenges = self.b.challenges(y.rows)
        terms = self.total(coefficient, y.factors, challenges)
        terms += [_weighted_sum(term, challenges) for term in linear.scale(y, -1).terms]
        for factor, part in y.parts:
            if not isinstance(part, Contraction):
                raise ValueError(f"{self.path}: only products of matrices are stated together")
            terms += part.total(-factor, y.factors, challenges)
        self.b.block(f"{self.path}/total", (), (), (), terms)

    def total(
        self, coefficient: int, y_factors: Factors, challenges: Sequence[Challenge]
    ) -> list[Term]:
        """The sum over Y's entries, weighted by one challenge vector per factor of Y.

        Emits the block `path/products`.
        """
        fine, weights = dict(self.factors), {}
        for labels, axis in zip(self.y_labels, y_factors, strict=True):
            for label in labels:
                size, taken = 1, 0
                while size < math.prod(self.factors[label]):
                    size *= axis[taken]
                    taken += 1
                fine[label], axis = axis[:taken], axis[taken:]
                weights[label], challenges = challenges[:taken], challenges[taken:]
        x = views.matched(self.x, tuple(fine[label] for label in self.x_labels))
        w = views.matched(self.w, tuple(fine[label] for label in self.w_labels))
        kept = [label for label in self.x_labels if label in self.w_labels]
        products = self.b.sketch(
            f"{self.path}/products",
            tuple(extent for label in kept for extent in fine[label]),
            [_arranged(term, x, self.x_labels, kept, weights, {}) for term in x.terms],
            [_arranged(term, w, self.w_labels, kept, weights, weights) for term in w.terms],
        )
        return [replace(term, coefficient=coefficient) for term in products]


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
    """The product Y = X W plus a bias; Y is not stored.

    x_labels, w_labels: one label per logical axis of x and w; y_labels: per logical axis of Y the
    labels that it is made of, the most significant first. bias: broadcastable to Y. numbers: Y
    without the bias, while solving.
    """
    kept = {label for labels in y_labels for label in labels}
    depth = math.prod(e for label, e in zip(x_labels, x.shape, strict=True) if label not in kept)
    ends = [depth * p * q for p in (x.low, x.high) for q in (w.low, w.high)]
    certain = x.certain.times(*w.certain).times(depth)
    x, w = _shared(b, path, x, x_labels, w, w_labels)
    x, w = b.unweighted(f"{path}/left", x), b.unweighted(f"{path}/right", w)
    factors = dict(zip(x_labels, x.factors, strict=True)) | dict(
        zip(w_labels, w.factors, strict=True)
    )
    y_factors = tuple(tuple(f for label in labels for f in factors[label]) for labels in y_labels)
    part = Contraction(b, path, x, x_labels, w, w_labels, y_labels, factors, certain)
    y = Value(y_factors, (), min(ends), max(ends), certain, numbers, ((1, part),))
    if bias is None:
        return y
    bias = b.unweighted(f"{path}/bias", bias)
    return linear.add(*b.aligned(path, y, views.broadcast(bias, y.shape)))


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


def _arranged(
    term: Term,
    value: Value,
    labels: Labels,
    kept: Sequence[str],
    weights: Mapping[str, Sequence[Challenge]],
    on_rows: Mapping[str, Sequence[Challenge]],
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


def _weighted_sum(term: Term, challenges: Sequence[Challenge]) -> Term:
    """The term summed over all its rows with challenge weights."""
    if any(axis.weight is not None for axis in term.rows):
        raise ValueError("a product equals a value without constant weights")
    sums = tuple(
        axis._replace(weight=challenge)
        for axis, challenge in zip(term.rows, challenges, strict=True)
    )
    return replace(term, rows=(), sums=sums + term.sums)
