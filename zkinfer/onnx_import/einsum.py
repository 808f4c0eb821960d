"""The converter of Einsum: sums within an operand, then products of two operands at a time.

Of a pair, labels that both have and that are read later count the matrices of a product; those that
nothing reads later are what it sums over; those of one alone are its rows or columns.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import permuted, reshaped, sliced
from zkinfer.onnx_import.node import Refusal

Labels = tuple[str, ...]


@dataclass(frozen=True)
class _Operand:
    """A tensor or a constant, and the labels of its axes."""

    name: str
    labels: Labels


def einsum(site: Site) -> None:
    """Einsum with any number of operands, ellipses, diagonals and an implicit output."""
    terms, output, extents = _read(site)
    operands = [
        _plain(site, _Operand(site.operand(place), labels), extents)
        for place, labels in enumerate(terms)
    ]
    first, *rest = operands
    for place, other in enumerate(rest):
        later = {*output}.union(*(operand.labels for operand in rest[place + 1 :]))
        first = _product(site, _summed(site, first, {*later, *other.labels}),
                         _summed(site, other, {*later, *first.labels}), later)  # fmt: skip
    last = _summed(site, first, {*output})
    wide = [label for label in output if label not in last.labels]  # of extent 1 everywhere
    order = [last.labels.index(label) for label in output if label not in wide]
    y = permuted(site, last.name, order)
    site.keep(reshaped(site, y, tuple(extents[label] for label in output)))


def _read(site: Site) -> tuple[list[Labels], Labels, dict[str, int]]:
    """The labels of each operand's axes and of the output's, and their extents. Raises Refusal."""
    equation = str(site.attr("equation", "")).replace(" ", "")
    left, arrow, right = equation.partition("->")
    texts = left.split(",")
    if len(texts) != len(site.node.inputs):
        raise Refusal(
            f"expected an equation for {len(site.node.inputs)} operands, got {equation!r}"
        )
    ranks = [len(site.shape(place)) for place in range(len(texts))]
    dots = [rank - len(t.replace("...", "")) if "..." in t else 0
            for t, rank in zip(texts, ranks, strict=True)]  # fmt: skip
    terms = [_labels(t, n, equation) for t, n in zip(texts, dots, strict=True)]
    extents: dict[str, int] = {}
    for place, labels in enumerate(terms):
        shape = site.shape(place)
        if len(labels) != len(shape):
            raise Refusal(f"expected {len(labels)} axes as {equation!r} says, got {shape}")
        if 0 in shape:
            raise Refusal(f"expected operands with entries, got the shape {shape}")
        for label, extent in zip(labels, shape, strict=True):
            known = extents.setdefault(label, extent)
            if known != extent and 1 not in (known, extent):
                raise Refusal(f"expected one extent for {label!r}, got {known} and {extent}")
            extents[label] = max(known, extent)
    every = [label for labels in terms for label in labels]
    if arrow:
        output = _labels(right, max(dots, default=0), equation)
    else:
        dotted = sorted({label for label in every if not label.isalpha()}, key=int)
        output = (*dotted, *sorted(n for n in {*every} if n.isalpha() and every.count(n) == 1))
    if len({*output}) != len(output) or not {*output} <= extents.keys():
        raise Refusal(f"expected an output of labels of the operands, got {equation!r}")
    return terms, output, extents


def _labels(text: str, dots: int, equation: str) -> Labels:
    """The labels of a term; the axes of an ellipsis are numbered so that the last one is -1."""
    before, ellipsis, after = text.partition("...")
    if not (before + after).isalpha() and before + after:
        raise Refusal(f"expected letters and at most one ellipsis a term, got {equation!r}")
    numbered = (str(axis) for axis in range(-dots, 0)) if ellipsis else ()
    return (*before, *numbered, *after)


def _plain(site: Site, operand: _Operand, extents: dict[str, int]) -> _Operand:
    """Without repeated labels, and without axes that are to be repeated."""
    x, labels = operand.name, list(operand.labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            axes = [axis for axis, other in enumerate(labels) if other == label][:2]
            x, labels = _diagonal(site, x, labels, axes)
    shape = site.graph.shape(x)
    kept = [axis for axis, label in enumerate(labels) if shape[axis] == extents[label]]
    x = reshaped(site, x, tuple(shape[axis] for axis in kept))
    return _Operand(x, tuple(labels[axis] for axis in kept))


def _diagonal(site: Site, x: str, labels: list[str], axes: list[int]) -> tuple[str, list[str]]:
    """The entries whose places along two axes are the same; that axis comes first."""
    graph, label = site.graph, labels[axes[0]]
    rest = [axis for axis in range(len(labels)) if axis not in axes]
    extent, other = (graph.shape(x)[axis] for axis in axes)
    if extent != other:
        raise Refusal(f"expected one extent for {label!r}, got {extent} and {other}")
    x = permuted(site, x, (*axes, *rest))
    tail = graph.shape(x)[2:]
    if x in graph.weights:
        array = graph.weights[x]
        x = graph.new_weight(f"{x}.diagonal", array[np.arange(extent), np.arange(extent)])
    else:
        x = reshaped(site, x, (extent * extent, *tail))
        x = sliced(site, x, {0: (0, extent * extent, extent + 1)})
    return x, [label, *(labels[axis] for axis in rest)]


def _summed(site: Site, operand: _Operand, kept: set[str]) -> _Operand:
    """The sum over the axes of all other labels."""
    graph, x = site.graph, operand.name
    axes = tuple(axis for axis, label in enumerate(operand.labels) if label not in kept)
    if not axes:
        return operand
    if x in graph.weights:
        x = graph.new_weight(f"{x}.summed", graph.weights[x].sum(axis=axes))
    else:
        x = site.step("reduce_sum", "sum", x, axes=axes, keepdims=False)
    return _Operand(x, tuple(label for label in operand.labels if label in kept))


def _product(site: Site, a: _Operand, b: _Operand, later: set[str]) -> _Operand:
    """The product of two operands, summed over what both have and nothing reads later."""
    shared = [label for label in a.labels if label in b.labels]
    batch = [label for label in shared if label in later]
    summed = [label for label in shared if label not in later]
    rows = [label for label in a.labels if label not in shared]
    columns = [label for label in b.labels if label not in shared]
    graph = site.graph
    extents = dict(zip(a.labels, graph.shape(a.name), strict=True))
    extents.update(zip(b.labels, graph.shape(b.name), strict=True))

    def arranged(operand: _Operand, *groups: list[str]) -> str:
        order = [operand.labels.index(label) for group in groups for label in group]
        sizes = tuple(prod(extents[label] for label in group) for group in groups)
        lead = sizes if batch else sizes[1:]
        return reshaped(site, permuted(site, operand.name, order), lead)

    op = "matmul" if summed else "mul"  # [.., n, 1] by [.., 1, m] entry by entry where nothing is
    left, right = arranged(a, batch, rows, summed), arranged(b, batch, summed, columns)
    if left in graph.weights and right in graph.weights:
        graph.allowance.check([extents[n] for n in (*batch, *rows, *columns)], "a product")
        array = np.matmul(graph.weights[left], graph.weights[right])
        y = site.weight("product", array)
    else:
        y = site.step(op, "product", left, right)
    labels = (*batch, *rows, *columns)
    return _Operand(reshaped(site, y, tuple(extents[label] for label in labels)), labels)


CONVERTERS: Converters = {
    ("", "Einsum"): einsum,
}
