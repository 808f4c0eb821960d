"""Steps that many converters take: moving, repeating and mixing entries along the axes of a tensor.

Entries at given places fall into runs of equal steps, each a slice. A concatenation writes a column
of the circuit for each of its parts, so that many runs are cheaper as a matrix with a one in each
row. A tensor takes a wider shape by the sum with zeros, which have one entry a repetition.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import gcd, prod

import numpy as np

from zkinfer.onnx_import.builder import Floats, Site
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape

MAX_SLICES = 16
"""Of more slices the circuit is larger than that of the product."""

MAX_PARTS = 256
"""The most operands of one concatenation."""

MAX_AXES = 8
"""Of a tensor on the way."""

Run = tuple[int, int, int]
"""A run of places: the first, how many, the step."""


def reshaped(site: Site, x: str, shape: Shape) -> str:
    """x in a shape of as many entries; a constant stays one."""
    graph = site.graph
    if graph.shape(x) == shape:
        return x
    if x in graph.weights:
        return graph.new_weight(f"{x}.reshaped", graph.weights[x].reshape(shape))
    return site.step("reshape", "reshaped", x, shape=shape)


def permuted(site: Site, x: str, perm: Sequence[int]) -> str:
    """x with its axes in another order; a constant stays one."""
    graph, perm = site.graph, tuple(perm)
    if perm == tuple(range(len(perm))):
        return x
    if x in graph.weights:
        return graph.new_weight(f"{x}.permuted", graph.weights[x].transpose(perm))
    return site.step("transpose", "permuted", x, perm=perm)


def sliced(site: Site, x: str, bounds: Mapping[int, tuple[int, int, int]]) -> str:
    """x[start:stop:step] along some axes; a constant stays one.

    bounds: these by axis, as slice.indices gives them.
    """
    graph, attrs = site.graph, slice_attrs(site.graph.shape(x), bounds)
    if x in graph.weights:
        array = graph.weights[x]
        for axis, bound in bounds.items():
            array = array.take(range(*bound), axis)
        return graph.new_weight(f"{x}.slice", array)
    return site.step("slice", "slice", x, **attrs) if attrs["axes"] else x


def slice_attrs(
    shape: Shape, bounds: Mapping[int, tuple[int, int, int]]
) -> dict[str, tuple[int, ...]]:
    """The attributes of a slice, without the axes that it keeps whole. Raises Refusal if empty."""
    for axis, (start, stop, step) in bounds.items():
        if not range(start, stop, step):
            raise Refusal(f"expected entries on axis {axis}, got none of {shape[axis]}")
    kept = [
        (axis, start, stop if stop >= 0 else -shape[axis] - 1, step)
        for axis, (start, stop, step) in sorted(bounds.items())
        if range(start, stop, step) != range(shape[axis])
    ]
    axes, starts, stops, steps = zip(*kept, strict=True) if kept else ((), (), (), ())
    return {"starts": starts, "stops": stops, "axes": axes, "steps": steps}


def end_to_end(site: Site, parts: Sequence[str], axis: int) -> str:
    """Tensors end to end along an axis; of constants it is one."""
    graph, parts = site.graph, list(parts)
    if len(parts) > 1 and all(part in graph.weights for part in parts):
        array = np.concatenate([graph.weights[part] for part in parts], axis)
        return site.weight("join", array)
    while len(parts) > 1:
        groups = [parts[i : i + MAX_PARTS] for i in range(0, len(parts), MAX_PARTS)]
        parts = [
            group[0] if len(group) == 1 else site.step("concat", "join", *group, axis=axis)
            for group in groups
        ]
    return parts[0]


def cut(site: Site, x: str, begins: Sequence[int], ends: Sequence[int]) -> str:
    """x without the entries that negative pads take off. begins, ends: for every axis."""
    shape = site.graph.shape(x)
    bounds = {
        axis: (max(-begin, 0), extent + min(end, 0), 1)
        for axis, (extent, begin, end) in enumerate(zip(shape, begins, ends, strict=True))
    }
    if any(start >= stop for start, stop, _ in bounds.values()):
        raise Refusal(f"expected pads that leave entries of {shape}, got {[*begins, *ends]}")
    return sliced(site, x, bounds)


def fitted(
    site: Site, x: str, begins: Sequence[int], ends: Sequence[int], value: float = 0.0
) -> str:
    """x with so many entries of a value more at the begins and ends of its axes, or fewer."""
    x = cut(site, x, begins, ends)
    pads = tuple(max(amount, 0) for amount in (*begins, *ends))
    return site.step("pad", "pad", x, pads=pads, value=value) if any(pads) else x


def expanded(site: Site, x: str, shape: Shape) -> str:
    """x broadcast to a shape."""
    own = site.graph.shape(x)
    own = (1,) * (len(shape) - len(own)) + own
    zeros = tuple(1 if a == b else b for a, b in zip(own, shape, strict=True))
    if prod(zeros) == 1:
        return reshaped(site, x, shape)
    return site.step("add", "expanded", x, site.weight("zeros", np.broadcast_to(0.0, zeros)))


def tiled(site: Site, x: str, repeats: tuple[int, ...]) -> str:
    """x end to end with itself along each axis, so many times."""
    shape = site.graph.shape(x)
    parts: list[tuple[int, int]] = []  # extents of the input and of the output, none of them one
    for extent, count in zip(shape, repeats, strict=True):
        parts += [(n, m) for n, m in ((1, count), (extent, extent)) if m != 1]
    if len(parts) > MAX_AXES:
        half = len(repeats) // 2
        x = tiled(site, x, repeats[:half] + (1,) * (len(repeats) - half))
        return tiled(site, x, (1,) * half + repeats[half:])
    narrow, wide = zip(*parts, strict=True) if parts else ((), ())
    x = expanded(site, reshaped(site, x, narrow), wide)
    target = tuple(extent * count for extent, count in zip(shape, repeats, strict=True))
    return reshaped(site, x, target)


def taken(site: Site, x: str, axis: int, places: Sequence[int]) -> str:
    """The entries at some places of an axis, which are not negative, in their order.

    A constant stays one.
    """
    if x in site.graph.weights:
        return site.graph.new_weight(f"{x}.taken", site.graph.weights[x].take(places, axis))
    times = gcd(*(len(list(same)) for _, same in groupby(places)))
    runs = _runs(places[::times])
    y = (_joined if len(runs) <= MAX_SLICES else _chosen)(site, x, axis, runs)
    if times == 1:
        return y
    shape = site.graph.shape(y)
    before, after = shape[:axis], shape[axis + 1 :]
    y = reshaped(site, y, (*before, shape[axis], 1, *after))
    y = expanded(site, y, (*before, shape[axis], times, *after))
    return reshaped(site, y, (*before, shape[axis] * times, *after))


def _runs(places: Sequence[int]) -> list[Run]:
    """The places in order, as few runs as taking each as long as possible gives."""
    runs: list[Run] = []
    for place in places:
        first, count, step = runs[-1] if runs else (0, 0, 0)
        if count == 1:
            runs[-1] = (first, 2, place - first)
        elif count > 1 and place == first + count * step:
            runs[-1] = (first, count + 1, step)
        else:
            runs.append((place, 1, 1))
    return runs


def _joined(site: Site, x: str, axis: int, runs: Sequence[Run]) -> str:
    """The slices, end to end."""
    parts = []
    for first, count, step in runs:
        if step:
            parts.append(sliced(site, x, {axis: (first, first + count * step, step)}))
            continue
        one = sliced(site, x, {axis: (first, first + 1, 1)})
        shape = site.graph.shape(one)
        parts.append(expanded(site, one, (*shape[:axis], count, *shape[axis + 1 :])))
    return end_to_end(site, parts, axis)


def _chosen(site: Site, x: str, axis: int, runs: Sequence[Run]) -> str:
    """A matrix with a one for each place, times x."""
    places = [first + place * step for first, count, step in runs for place in range(count)]
    size = (len(places), site.graph.shape(x)[axis])
    site.graph.allowance.check(size, "the matrix of its indices")
    matrix = np.zeros(size)
    matrix[np.arange(len(places)), places] = 1
    return mixed(site, x, axis, matrix)


def mixed(site: Site, x: str, axis: int, matrix: Floats) -> str:
    """A matrix [outputs, extent] times x along an axis."""
    shape = site.graph.shape(x)
    before, after = shape[:axis], shape[axis + 1 :]
    if not after:
        return site.step("matmul", "product", x, site.weight("matrix", matrix.T))
    x = reshaped(site, x, (prod(before), shape[axis], prod(after)))
    y = site.step("matmul", "product", site.weight("matrix", matrix), x)
    return reshaped(site, y, (*before, len(matrix), *after))
