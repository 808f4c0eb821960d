"""Converters of the operators that move entries: shapes, axes, slices, joins."""

from math import prod

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axes_in, axis_in
from zkinfer.onnx_import.moves import MAX_PARTS, end_to_end, slice_attrs
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape


def reshape(site: Site) -> None:
    """Reshape: 0 keeps an extent (unless allowzero), -1 takes what is left."""
    x, given = site.shape(0), site.ints_at(1, "shape")
    if given is None:
        raise Refusal("expected a shape as input 1, got none")
    shape = list(given)
    for axis, extent in enumerate(shape):
        if extent == 0 and not site.attr("allowzero", 0):
            if axis >= len(x):
                raise Refusal(f"expected a shape that fits {x}, got {given}: axis {axis} is 0")
            shape[axis] = x[axis]
    if shape.count(-1) > 1 or min(shape, default=1) < -1:
        raise Refusal(f"expected extents with at most one -1, got {given}")
    if -1 in shape:
        rest = -prod(shape)
        if rest <= 0 or prod(x) % rest:
            raise Refusal(f"expected a shape that fits {x}, got {given}")
        shape[shape.index(-1)] = prod(x) // rest
    _to_shape(site, tuple(shape))


def flatten(site: Site) -> None:
    """Flatten: a matrix whose rows run over the axes before `axis`."""
    shape = site.shape(0)
    axis = int(site.attr("axis", 1))
    if axis != len(shape):
        axis = axis_in(axis, len(shape))
    _to_shape(site, (prod(shape[:axis]), prod(shape[axis:])))


def squeeze(site: Site) -> None:
    """Squeeze: drops axes of extent 1, all of them where no axes are given."""
    shape, axes = site.shape(0), _axes(site)
    if axes is None:
        dropped = tuple(axis for axis, extent in enumerate(shape) if extent == 1)
    else:
        dropped = axes_in(axes, len(shape))
        if any(shape[axis] != 1 for axis in dropped):
            raise Refusal(f"expected extent 1 on the axes {dropped}, got the shape {shape}")
    _to_shape(site, tuple(extent for axis, extent in enumerate(shape) if axis not in dropped))


def unsqueeze(site: Site) -> None:
    """Unsqueeze: new axes of extent 1, counted in the output."""
    axes = _axes(site)
    if axes is None:
        raise Refusal("expected axes, got none")
    rank = len(site.shape(0)) + len(axes)
    added, old = axes_in(axes, rank), iter(site.shape(0))
    _to_shape(site, tuple(1 if axis in added else next(old) for axis in range(rank)))


def transpose(site: Site) -> None:
    """Transpose; reverses the axes where no perm is given."""
    rank = len(site.shape(0))
    perm = site.ints("perm") or tuple(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        raise Refusal(f"expected a permutation of {rank} axes, got {perm}")
    if perm == tuple(range(rank)):
        site.keep(site.any_operand(0))
    else:
        site.move("transpose", site.any_operand(0), perm=perm)


def concat(site: Site) -> None:
    """Concat along an axis; empty parts are left out."""
    axis = axis_in(int(site.attr("axis", 1)), len(site.shape(0)))
    parts = [index for index in range(len(site.node.inputs)) if prod(site.shape(index))]
    integral = [site.is_integral(index) for index in parts if not site.is_constant(index)]
    operands = [site.any_operand(index) for index in parts]
    if len(operands) > MAX_PARTS:
        operands = [end_to_end(site, operands, axis)]
    if len(operands) == 1:
        site.graph.alias(site.node.outputs[0], operands[0])
    else:
        site.finish("concat", *operands, axis=axis)
    if any(integral):
        site.graph.integral.add(site.node.outputs[0])


def slice_(site: Site) -> None:
    """Slice; starts, ends, axes and steps are attributes before opset 10."""
    names = ("starts", "ends", "axes", "steps")
    if site.version < 10:
        given = [site.ints(name) for name in names]
    else:
        given = [site.ints_at(index, name) for index, name in enumerate(names, start=1)]
    starts, ends, axes, steps = given
    shape = site.shape(0)
    if starts is None or ends is None:
        raise Refusal("expected starts and ends, got none")
    axes = axes_in(tuple(range(len(starts))) if axes is None else axes, len(shape))
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Refusal(
            f"expected starts, ends, axes and steps of one length and no step 0, got {starts}, "
            f"{ends}, {axes} and {steps}"
        )
    bounds = {
        axis: slice(start, end, step).indices(shape[axis])
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    }
    _to_slice(site, 0, bounds)


def split(site: Site) -> None:
    """Split: one slice per output. The sizes are an attribute before opset 13."""
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    sizes = site.ints("split") if site.version < 13 else site.ints_at(1, "split")
    count = len(site.node.outputs)
    if sizes is None:
        size = -(-shape[axis] // count)
        if site.version < 18 and shape[axis] % count:
            raise Refusal(f"expected an axis that splits into {count} parts, got {shape[axis]}")
        sizes = (*(size,) * (count - 1), shape[axis] - size * (count - 1))
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 0:
        raise Refusal(f"expected {count} sizes that add up to {shape[axis]}, got {sizes}")
    start = 0
    for index, size in enumerate(sizes):
        if site.uses_output(index):
            _to_slice(site, index, {axis: (start, start + size, 1)})
        start += size


def _axes(site: Site) -> tuple[int, ...] | None:
    """The axes of Squeeze and Unsqueeze: an attribute before opset 13."""
    return site.ints("axes") if site.version < 13 else site.ints_at(1, "axes")


def _to_shape(site: Site, shape: Shape) -> None:
    """Makes the output a reshape of input 0, or input 0 itself where nothing changes."""
    if shape == site.shape(0):
        site.keep(site.any_operand(0))
    else:
        site.move("reshape", site.any_operand(0), shape=shape)


def _to_slice(site: Site, index: int, bounds: dict[int, tuple[int, int, int]]) -> None:
    """Makes an output a slice of input 0; an empty one is a constant.

    bounds: start, stop, step by axis, as slice.indices.
    """
    shape = list(site.shape(0))
    for axis, bound in bounds.items():
        shape[axis] = len(range(*bound))
    if 0 in shape:
        site.graph.arrays[site.node.outputs[index]] = np.zeros(shape, np.float32)
        return
    attrs = slice_attrs(site.shape(0), bounds)
    if attrs["axes"]:
        site.move("slice", site.any_operand(0), index, **attrs)
    else:
        site.keep(site.any_operand(0), index)


CONVERTERS: Converters = {
    ("", "Concat"): concat,
    ("", "Flatten"): flatten,
    ("", "Reshape"): reshape,
    ("", "Slice"): slice_,
    ("", "Split"): split,
    ("", "Squeeze"): squeeze,
    ("", "Transpose"): transpose,
    ("", "Unsqueeze"): unsqueeze,
}
