"""The converter of Gather: by constant indices slices end to end, or a product; by others rows of a
table.

Constant indices fall into runs of equal steps, each a slice. A concatenation writes a column of the
circuit for each of its parts, so that many runs are cheaper as a matrix with a one in each row.
"""

from math import prod

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.repeat import reshaped

MAX_SLICES = 16
"""Of more slices the circuit is larger than that of the product."""

Run = tuple[int, int, int]
"""A run of indices: the first, how many, the step."""


def gather(site: Site) -> None:
    """Gather of the entries at constant indices of any shape along an axis; negative ones count
    from the end.
    """
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    if not site.is_constant(1):
        _by_index(site, axis)
        return
    given = site.ints_at(1, "indices")
    if not given:
        raise Refusal("expected indices, got none")
    extent = shape[axis]
    for index in given:
        if not -extent <= index < extent:
            raise Refusal(f"expected indices from {-extent} to {extent - 1}, got {index}")
    x = site.any_operand(0)
    runs = _runs([index % extent for index in given])
    target = (*shape[:axis], *site.shape(1), *shape[axis + 1 :])
    joined = _joined if len(runs) <= MAX_SLICES else _product
    site.keep(reshaped(site, joined(site, x, axis, runs), target))


def _by_index(site: Site, axis: int) -> None:
    """Rows of a table by a computed index, which counts from the front."""
    shape, index = site.shape(0), site.shape(1)
    order = (axis, *(a for a in range(len(shape)) if a != axis))
    rows = (shape[axis], prod(shape) // shape[axis])
    if site.is_constant(0):
        table = site.floats(0, "table").transpose(order).reshape(rows)
        x = site.weight("table", table, 0)
    else:
        moved = site.step("transpose", "rows", site.any_operand(0), perm=order)
        x = site.step("reshape", "table", moved, shape=rows)
    y = site.step("gather", "gather", x, site.source(1))
    wide = site.step("reshape", "wide", y, shape=(*index, *(shape[a] for a in order[1:])))
    middle = range(len(index))
    rest = range(len(index), len(index) + len(shape) - 1)
    perm = (*rest[:axis], *middle, *rest[axis:])
    site.finish("transpose", wide, perm=perm)


def _runs(indices: list[int]) -> list[Run]:
    """The indices in order, as few runs as taking each as long as possible gives."""
    runs: list[Run] = []
    for index in indices:
        first, count, step = runs[-1] if runs else (0, 0, 0)
        if count == 1 and index != first:
            runs[-1] = (first, 2, index - first)
        elif count > 1 and index == first + count * step:
            runs[-1] = (first, count + 1, step)
        else:
            runs.append((index, 1, 1))
    return runs


def _joined(site: Site, x: str, axis: int, runs: list[Run]) -> str:
    """The slices, end to end."""
    extent = site.graph.shape(x)[axis]
    parts = []
    for first, count, step in runs:
        if (first, count, step) == (0, extent, 1):
            parts.append(x)
            continue
        stop = first + count * step
        attrs = {"starts": first, "stops": stop if stop >= 0 else -extent - 1, "steps": step}
        pairs = {name: (number,) for name, number in attrs.items()}
        parts.append(site.step("slice", "slice", x, axes=(axis,), **pairs))
    return parts[0] if len(parts) == 1 else site.step("concat", "join", *parts, axis=axis)


def _product(site: Site, x: str, axis: int, runs: list[Run]) -> str:
    """A matrix [indices, extent] with a one for each index, times x [before, extent, after]."""
    shape = site.graph.shape(x)
    indices = [first + place * step for first, count, step in runs for place in range(count)]
    size = (len(indices), shape[axis])
    site.graph.allowance.check(size, "the matrix of its indices")
    chosen = np.zeros(size)
    chosen[np.arange(len(indices)), indices] = 1
    matrix = site.weight("chosen", chosen)
    x = reshaped(site, x, (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])))
    return site.step("matmul", "product", matrix, x)


CONVERTERS: Converters = {
    ("", "Gather"): gather,
}
