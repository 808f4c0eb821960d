"""Products of hidden matrices: Freivalds' check on both sides.

Y = X W over labelled axes: g in X, W and Y; k in X and W (summed); n in X and Y; m in W and Y.
Challenge vectors are drawn after X, W and Y are committed, one per factor of Y's axes; t, u and v
are their products over the factors of g, n and m:

    (sum_n u X[g,n,k]) * (t_g sum_m v W[g,k,m]) = p[k,g]                 `path/products`
    0 = sum p + sum t u v (bias - Y)                                     `path/total`

Rows: k g + 1, whatever n and m are. Without challenges each product of two entries is a row of its
own, `path/products`, and each entry of Y a sum of them, `path/total`: g n m k rows and g n m.

The check is a multilinear identity in the coordinates of t, u and v, so its error is at most their
number over l (protocol.md, section 2). Y is not stored here: it is whatever value the product is
said to equal, and lies outside the sketch, so it is committed before the challenges. By certain
bounds both sides stay below half the field's size. Several products that make one sum are stated
in one total.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from zkinfer.circuit import linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
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
        self.b.check_certain(self.path, self.certain.times(coefficient).plus(y.certain.times(-1)))
        challenges = self.b.challenges(y.rows) if self.b.target.challenges else None
        terms = self.total(coefficient, y.factors, challenges)
        less = linear.scale(y, -1).terms
        terms += less if challenges is None else [_weighted_sum(t, challenges) for t in less]
        for factor, part in y.parts:
            if not isinstance(part, Contraction):
                raise ValueError(f"{self.path}: only products of matrices are stated together")
            terms += part.total(-factor, y.factors, challenges)
        self.b.block(f"{self.path}/total", y.rows if challenges is None else (), (), (), terms)

    def total(
        self, coefficient: int, y_factors: Factors, challenges: Sequence[Challenge] | None
    ) -> list[Term]:
        """The sum over Y's entries, weighted by one challenge vector per factor of Y; without
        challenges each entry of Y.

        Emits the block `path/products`.
        """
        fine, taken = dict(self.factors), {}
        for labels, axis in zip(self.y_labels, y_factors, strict=True):
            for label in labels:
                size, count = 1, 0
                while size < math.prod(self.factors[label]):
                    size *= axis[count]
                    count += 1
                fine[label], axis, taken[label] = axis[:count], axis[count:], count
        x = views.matched(self.x, tuple(fine[label] for label in self.x_labels))
        w = views.matched(self.w, tuple(fine[label] for label in self.w_labels))
        kept = [label for label in self.x_labels if label in self.w_labels]
        if challenges is None:
            return self._spelled_out(coefficient, fine, x, w, kept)
        weights = {}
        for label, count in taken.items():
            weights[label], challenges = challenges[:count], challenges[count:]
        products = self.b.sketch(
            f"{self.path}/products",
            tuple(extent for label in kept for extent in fine[label]),
            [_arranged(term, x, self.x_labels, kept, weights, {}) for term in x.terms],
            [_arranged(term, w, self.w_labels, kept, weights, weights) for term in w.terms],
        )
        return [replace(term, coefficient=coefficient) for term in products]

    def _spelled_out(
        self,
        coefficient: int,
        fine: Mapping[str, tuple[int, ...]],
        x: Value,
        w: Value,
        kept: Sequence[str],
    ) -> list[Term]:
        """Each entry of Y as a sum of products of two entries, of which each is a row."""
        outer = [label for labels in self.y_labels for label in labels]
        inner = [label for label in kept if label not in outer]
        order = (*outer, *inner)
        stored = self.b.products(
            f"{self.path}/products",
            tuple(extent for label in order for extent in fine[label]),
            *(
                [_spread(term, v, labels, order, fine) for term in v.terms]
                for v, labels in ((x, self.x_labels), (w, self.w_labels))
            ),
        )
        rows = sum(len(fine[label]) for label in outer)
        summed = replace(stored, coefficient=coefficient, rows=stored.rows[:rows])
        return [replace(summed, sums=stored.rows[rows:])]


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


def _spread(
    term: Term,
    value: Value,
    labels: Labels,
    order: Sequence[str],
    fine: Mapping[str, tuple[int, ...]],
) -> Term:
    """The term with the axes of all labels, in order, as rows; it repeats along those it lacks."""
    axes = {
        label: [term.rows[p] for p in span]
        for label, span in zip(labels, spans(value), strict=True)
    }
    still = (0,) * len(term.bases)
    rows: list[Axis] = []
    for label in order:
        rows.extend(axes.get(label, [Axis(extent, None, still) for extent in fine[label]]))
    return replace(term, rows=tuple(rows))


def _weighted_sum(term: Term, challenges: Sequence[Challenge]) -> Term:
    """The term summed over all its rows with challenge weights."""
    if any(axis.weight is not None for axis in term.rows):
        raise ValueError("a product equals a value without constant weights")
    sums = tuple(
        axis._replace(weight=challenge)
        for axis, challenge in zip(term.rows, challenges, strict=True)
    )
    return replace(term, rows=(), sums=sums + term.sums)
