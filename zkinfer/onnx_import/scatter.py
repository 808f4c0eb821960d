"""Converters of ScatterElements, Scatter and ScatterND with constant indices.

Without a reduction the output takes its entries from the data and the updates end to end. Sums are
a product of the updates with a matrix; products and extremes are taken of each place's updates one
after the other.
"""

from collections.abc import Callable
from math import prod

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.elementwise import larger, smaller
from zkinfer.onnx_import.gather import Places, check_fits, flat_places, indices, rows_of
from zkinfer.onnx_import.moves import end_to_end, mixed, reshaped, taken
from zkinfer.onnx_import.node import Refusal

Pair = Callable[[Site, str, str], str]
PAIRS: dict[str, Pair] = {
    "max": larger,
    "min": smaller,
    "mul": lambda site, a, b: site.step("mul", "product", a, b),
}
"""By reduction, what becomes of an entry and an update."""


def scatter_elements(site: Site) -> None:
    """ScatterElements: each index replaces the place of its update along an axis."""
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    places = indices(site, 1, shape[axis])
    check_fits(places.shape, shape, axis)
    _scattered(site, flat_places(places, shape, axis))


def scatter_nd(site: Site) -> None:
    """ScatterND: the last axis of the indices holds places, one for each of the first axes."""
    shape = site.shape(0)
    rows = rows_of(site, 1, shape, 0)
    own = np.arange(prod(shape)).reshape(shape)
    _scattered(site, own[tuple(np.moveaxis(rows, -1, 0))])


def _scattered(site: Site, places: Places) -> None:
    """Input 0 with the updates of input 2 at places of all of it in order."""
    shape, reduction = site.shape(0), site.attr("reduction", "none")
    if site.shape(2) != places.shape:
        raise Refusal(f"expected updates of the shape {places.shape}, got {site.shape(2)}")
    if reduction not in ("none", "add", *PAIRS):
        raise Refusal(f"expected one of the reductions none, add, mul, max, min, got {reduction}")
    if site.is_constant(0) and site.is_constant(2):
        raise Refusal("expected data or updates that depend on the model's inputs, got constants")
    operand = site.any_operand if reduction == "none" else site.operand
    size = prod(shape)
    data = reshaped(site, operand(0), (size,))
    updates = reshaped(site, operand(2), (places.size,))
    flat = places.reshape(-1)
    if reduction == "none":
        sources = np.arange(size)
        sources[flat] = size + np.arange(flat.size)  # of several updates the last one
        both = end_to_end(site, [data, updates], 0)
        y = taken(site, both, 0, sources.tolist())
    elif reduction == "add":
        site.graph.allowance.check((size, flat.size), "the matrix of its indices")
        matrix = np.zeros((size, flat.size))
        matrix[flat, np.arange(flat.size)] = 1
        if site.is_constant(2):
            array = matrix @ site.floats(2, "updates").reshape(-1)
            y = site.step("add", "sum", data, site.weight("scattered", array))
        else:
            y = site.step("add", "sum", data, mixed(site, updates, 0, matrix))
    else:
        y = _reduced(site, data, updates, flat, PAIRS[reduction])
    site.keep(reshaped(site, y, shape))


def _reduced(site: Site, data: str, updates: str, places: Places, pair: Pair) -> str:
    """Rounds of updates, in each of which a place has one at most."""
    (size,) = site.graph.shape(data)
    left = np.arange(places.size)
    while left.size:
        _, first = np.unique(places[left], return_index=True)
        now = left[np.sort(first)]
        left = np.setdiff1d(left, now)
        some = taken(site, updates, 0, now.tolist())
        entries = taken(site, data, 0, places[now].tolist())
        both = end_to_end(site, [data, pair(site, entries, some)], 0)
        sources = np.arange(size)
        sources[places[now]] = size + np.arange(now.size)
        data = taken(site, both, 0, sources.tolist())
    return data


CONVERTERS: Converters = {
    ("", "Scatter"): scatter_elements,
    ("", "ScatterElements"): scatter_elements,
    ("", "ScatterND"): scatter_nd,
}
