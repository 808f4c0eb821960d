"""Converters of what takes entries at places: Gather, by computed indices too, GatherElements,
GatherND, Compress, ReverseSequence.
"""

from math import prod

import numpy as np
import numpy.typing as npt

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.moves import permuted, reshaped, sliced, taken
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape

Places = npt.NDArray[np.int64]


MOST_STEPS = 1 << 18
"""Of the sequences that a ReverseSequence turns."""


def gather(site: Site) -> None:
    """Gather of the entries at indices of any shape along an axis."""
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    if not site.is_constant(1):
        _by_index(site, axis)
        return
    places = indices(site, 1, shape[axis])
    target = (*shape[:axis], *places.shape, *shape[axis + 1 :])
    y = taken(site, site.any_operand(0), axis, places.reshape(-1).tolist())
    site.keep(reshaped(site, y, target))


def _by_index(site: Site, axis: int) -> None:
    """Rows of a table by a computed index, which counts from the front."""
    shape, index = site.shape(0), site.shape(1)
    order = (axis, *(a for a in range(len(shape)) if a != axis))
    rows = (shape[axis], prod(shape) // shape[axis])
    x = reshaped(site, permuted(site, site.any_operand(0), order), rows)
    y = site.step("gather", "gather", x, site.source(1), extent=shape[axis])
    wide = reshaped(site, y, (*index, *(shape[a] for a in order[1:])))
    middle = range(len(index))
    rest = range(len(index), len(index) + len(shape) - 1)
    perm = (*rest[:axis], *middle, *rest[axis:])
    site.keep(permuted(site, wide, perm))


def indices(site: Site, index: int, extent: int) -> Places:
    """A constant input's indices of an axis, negative ones counted from its end."""
    given = site.array(index, "indices")
    if given.dtype.kind not in "iu":
        raise Refusal(f"expected integers as indices, got {given.dtype}")
    if not given.size:
        raise Refusal("expected indices, got none")
    wrong = given[(given < -extent) | (given >= extent)]
    if wrong.size:
        raise Refusal(f"expected indices from {-extent} to {extent - 1}, got {wrong.flat[0]}")
    return given.astype(np.int64) % extent


def gather_elements(site: Site) -> None:
    """GatherElements: each index replaces its own place along an axis."""
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    check_fits(site.shape(1), shape, axis)
    if site.is_constant(1):
        from_all(site, flat_places(indices(site, 1, shape[axis]), shape, axis))
        return
    site.keep(elements(site, site.any_operand(0), site.source(1), axis))


def elements(site: Site, x: str, index: str, axis: int) -> str:
    """The entries of x along an axis by a computed index, each of which replaces its own place."""
    shape = site.graph.shape(index)
    order = (*(a for a in range(len(shape)) if a != axis), axis)
    bounds = {a: (0, shape[a], 1) for a in order[:-1]}
    lines, numbers = (permuted(site, name, order) for name in (sliced(site, x, bounds), index))
    *lead, count = site.graph.shape(numbers)
    extent = site.graph.shape(x)[axis]
    table = reshaped(site, lines, (prod(lead), extent, 1))
    y = _by_line(site, table, reshaped(site, numbers, (prod(lead), count)))
    back = tuple(int(a) for a in np.argsort(order))
    return permuted(site, reshaped(site, y, (*lead, count)), back)


def _by_line(site: Site, x: str, index: str) -> str:
    """The rows [lines, m, length] of x [lines, n, length] by a computed index [lines, m]."""
    lines, extent, length = site.graph.shape(x)
    table = reshaped(site, x, (lines * extent, length))
    starts = site.weight("starts", extent * np.arange(lines)[:, None])
    return site.step("gather", "gather", table, index, starts, extent=extent)


def flat_places(places: Places, shape: Shape, axis: int) -> Places:
    """What indices of an axis, each in its own place, are among all places of a tensor in order."""
    at: list[Places] = [np.asarray(own) for own in np.indices(places.shape)]
    at[axis] = places
    return np.asarray(np.ravel_multi_index(tuple(at), shape))


def check_fits(places: Shape, shape: Shape, axis: int) -> None:
    """Raises Refusal unless indices of a shape go with a tensor."""
    fits = [n <= m or i == axis for i, (n, m) in enumerate(zip(places, shape, strict=False))]
    if len(places) != len(shape) or not all(fits):
        raise Refusal(f"expected indices that fit the shape {shape}, got the shape {places}")


def gather_nd(site: Site) -> None:
    """GatherND: the last axis of the indices holds places, one for each axis after the batch."""
    shape, batch = site.shape(0), int(site.attr("batch_dims", 0))
    if not site.is_constant(1):
        _rows_by_index(site, batch)
        return
    rows = rows_of(site, 1, shape, batch)
    own = np.arange(prod(shape)).reshape(shape)
    if not batch:
        from_all(site, own[tuple(np.moveaxis(rows, -1, 0))])
        return
    lead = rows.shape[:batch]
    if lead != shape[:batch]:
        raise Refusal(f"expected indices of the batch {shape[:batch]}, got {lead}")
    flat = own.reshape(-1, *shape[batch:])
    parts = [
        part[tuple(np.moveaxis(row, -1, 0))]
        for part, row in zip(flat, rows.reshape(len(flat), *rows.shape[batch:]), strict=True)
    ]
    from_all(site, np.stack(parts).reshape(*lead, *parts[0].shape))


def _rows_by_index(site: Site, batch: int) -> None:
    """GatherND by computed places of the first axis after the batch."""
    shape, index = site.shape(0), site.shape(1)
    if not 0 <= batch < min(len(shape), len(index)) or index[:batch] != shape[:batch]:
        raise Refusal(f"expected indices of the batch {shape[:batch]}, got the shape {index}")
    if index[-1] != 1:
        raise Refusal(
            f"expected constant indices, or computed ones of one axis, got {index[-1]} axes; "
            "put a Gather along each in its place"
        )
    lines = prod(shape[:batch])
    x = reshaped(site, site.any_operand(0), (lines, shape[batch], prod(shape[batch + 1 :])))
    numbers = reshaped(site, site.source(1), (lines, prod(index[batch:])))
    y = _by_line(site, x, numbers)
    site.keep(reshaped(site, y, (*index[:-1], *shape[batch + 1 :])))


def rows_of(site: Site, index: int, shape: Shape, batch: int) -> Places:
    """A constant input whose last axis holds places of axes after the batch, none negative."""
    given = site.array(index, "indices")
    if given.dtype.kind not in "iu" or not given.ndim:
        raise Refusal(f"expected integers with axes as indices, got {given.dtype} {given.shape}")
    depth = given.shape[-1]
    if not 0 <= batch < given.ndim or not 1 <= depth <= len(shape) - batch:
        raise Refusal(
            f"expected indices of 1 to {len(shape) - batch} axes of {shape}, got the shape "
            f"{given.shape}"
        )
    extents = np.array(shape[batch : batch + depth])
    if ((given < -extents) | (given >= extents)).any():
        raise Refusal(f"expected indices of places in {shape}, got others")
    return given.astype(np.int64) % extents


def from_all(site: Site, places: Places) -> None:
    """Makes the output the entries of input 0 at places of all of it in order."""
    if not places.size:
        raise Refusal("expected indices, got none")
    x, shape = site.any_operand(0), site.shape(0)
    flat = reshaped(site, x, (prod(shape),))
    site.keep(reshaped(site, taken(site, flat, 0, places.reshape(-1).tolist()), places.shape))


def compress(site: Site) -> None:
    """Compress: the entries where a constant condition holds."""
    shape, axis = site.shape(0), site.attr("axis", None)
    condition = site.array(1, "condition").reshape(-1)
    places = np.flatnonzero(condition)
    if axis is None:
        if condition.size > prod(shape):
            raise Refusal(f"expected a condition of at most {prod(shape)} entries, got more")
        from_all(site, places)
        return
    axis = axis_in(int(axis), len(shape))
    if condition.size > shape[axis]:
        raise Refusal(f"expected a condition of at most {shape[axis]} entries, got more")
    if not places.size:
        raise Refusal("its output is empty: the condition holds nowhere")
    site.keep(taken(site, site.any_operand(0), axis, places.tolist()))


def reverse_sequence(site: Site) -> None:
    """ReverseSequence: the first entries of each sequence, as many as a constant says."""
    shape = site.shape(0)
    time, batch = int(site.attr("time_axis", 0)), int(site.attr("batch_axis", 1))
    if len(shape) < 2 or sorted((time, batch)) != [0, 1]:
        raise Refusal(f"expected the time and batch axes 0 and 1, got {time} and {batch}")
    lengths = site.ints_at(1, "lengths") or ()
    if len(lengths) != shape[batch] or not all(0 <= n <= shape[time] for n in lengths):
        raise Refusal(f"expected {shape[batch]} lengths from 0 to {shape[time]}, got {lengths}")
    if shape[0] * shape[1] > MOST_STEPS:
        raise Refusal(f"expected at most {MOST_STEPS} steps in all, got {shape[0]} x {shape[1]}")
    places = np.arange(shape[0] * shape[1]).reshape(shape[:2])
    places = places if batch == 0 else places.T
    for row, length in zip(places, lengths, strict=True):
        row[:length] = row[:length][::-1].copy()
    places = places if batch == 0 else places.T
    x = reshaped(site, site.any_operand(0), (shape[0] * shape[1], *shape[2:]))
    site.keep(reshaped(site, taken(site, x, 0, places.reshape(-1).tolist()), shape))


CONVERTERS: Converters = {
    ("", "Compress"): compress,
    ("", "Gather"): gather,
    ("", "GatherElements"): gather_elements,
    ("", "GatherND"): gather_nd,
    ("", "ReverseSequence"): reverse_sequence,
}
