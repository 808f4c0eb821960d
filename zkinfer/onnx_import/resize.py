"""Converters of Resize and Upsample with constant scales or sizes.

Each axis is resized by itself: nearest takes entries at places, linear and cubic are a product with
a matrix of weights. An output lies at a coordinate of the input, by coordinate_transformation_mode
and in float32 as onnxruntime has it; beyond the input its outermost entries go on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.onnx_import.builder import Converters, Floats, Site, axes_in
from zkinfer.onnx_import.moves import mixed, taken
from zkinfer.onnx_import.node import Refusal

Coordinates = npt.NDArray[np.float32]
ONE, HALF = np.float32(1), np.float32(0.5)
WHOLE = np.float32(0), ONE
"""The region of an axis that is not cropped."""


@dataclass(frozen=True)
class _Axis:
    """An axis and what becomes of it. roi: its begin and end, for tf_crop_and_resize."""

    axis: int
    extent: int
    outputs: int
    scale: np.float32
    roi: tuple[np.float32, np.float32]

    @property
    def places(self) -> Coordinates:
        """The outputs' places."""
        return np.arange(self.outputs, dtype=np.float32)


def _half_pixel(axis: _Axis) -> Coordinates:
    return (axis.places + HALF) / axis.scale - HALF


def _symmetric(axis: _Axis) -> Coordinates:
    """As half_pixel, the center of the input in the center of the output; rounded once."""
    extent = np.float32(axis.extent)
    offset = extent * HALF * (ONE - np.float32(axis.outputs) / (axis.scale * extent))
    places = (axis.places + 0.5).astype(np.float64) / float(axis.scale)
    return (float(offset) + places - 0.5).astype(np.float32)


def _corners(axis: _Axis) -> Coordinates:
    if axis.outputs == 1:
        return np.zeros(1, np.float32)
    return axis.places * np.float32(axis.extent - 1) / np.float32(axis.outputs - 1)


def _cropped(axis: _Axis) -> Coordinates:
    (begin, end), last = axis.roi, np.float32(axis.extent - 1)
    if axis.outputs == 1:
        return HALF * (begin + end) * last * np.ones(1, np.float32)
    return begin * last + axis.places * (end - begin) * last / np.float32(axis.outputs - 1)


CROP = "tf_crop_and_resize"
COORDINATES: Mapping[str, Callable[[_Axis], Coordinates]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": lambda a: _half_pixel(a) if a.outputs > 1 else np.zeros(1, np.float32),
    "align_corners": _corners,
    "asymmetric": lambda axis: axis.places / axis.scale,
    "tf_half_pixel_for_nn": lambda axis: (axis.places + HALF) / axis.scale,
    CROP: _cropped,
}
"""By coordinate_transformation_mode, where the outputs lie in the input."""

ROUND: Mapping[str, Callable[[Coordinates], Coordinates]] = {
    "round_prefer_floor": lambda x: np.ceil(x - HALF),
    "round_prefer_ceil": lambda x: np.floor(x + HALF),
    "floor": np.floor,
    "ceil": np.ceil,
}
"""By nearest_mode, which place is nearest to a coordinate."""


def resize(site: Site) -> None:
    """Resize; of opset 10 it is asymmetric, and its nearest place is below when scaling up."""
    rank, old = len(site.shape(0)), site.version < 11
    given = site.ints("axes")
    axes = axes_in(given, rank) if given is not None else tuple(range(rank))
    if old:
        scales, sizes, roi = _numbers(site, 1, "scales", len(axes)), None, None
    else:
        roi = _numbers(site, 1, "roi", 2 * len(axes))
        scales = _numbers(site, 2, "scales", len(axes))
        sizes = _numbers(site, 3, "sizes", len(axes))
    transform = "asymmetric" if old else site.attr("coordinate_transformation_mode", "half_pixel")
    if transform not in COORDINATES:
        known = ", ".join(COORDINATES)
        raise Refusal(f"expected a coordinate_transformation_mode of {known}, got {transform}")
    if transform == CROP and roi is None:
        raise Refusal("expected a constant roi for tf_crop_and_resize, got none")
    if (scales is None) == (sizes is None):
        raise Refusal("expected either scales or sizes, got both or neither")
    if scales is None:
        policy = site.attr("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch" and (transform == CROP or min(given or (0,)) < 0):
            raise Refusal(
                f"expected the policy stretch with {CROP} and with negative axes, which "
                f"onnxruntime takes for others, got {policy}"
            )
        scales, sizes = _by_sizes(site, axes, sizes, policy)
    resized = _axes(site, axes, scales, sizes, roi if transform == CROP else None)
    for axis in resized:
        if axis.outputs == axis.extent and axis.roi != WHOLE:
            raise Refusal(
                f"expected another size of the cropped axis {axis.axis}, got the input's, for "
                "which onnxruntime does not crop; use Slice"
            )
    _resized(site, resized, transform, "simple" if old else None)


def upsample(site: Site) -> None:
    """Upsample; the scales are an attribute before opset 9."""
    rank = len(site.shape(0))
    scales = site.attr("scales", None) if site.version < 9 else _numbers(site, 1, "scales", rank)
    if scales is None or len(scales) != rank:
        raise Refusal(f"expected {rank} scales, got {scales}")
    scales = np.array(scales, np.float32)
    _resized(site, _axes(site, tuple(range(rank)), scales, None, None), "asymmetric", "simple")


def _numbers(site: Site, index: int, what: str, count: int) -> npt.NDArray[Any] | None:
    """A constant input of so many numbers; None where it is left out or empty."""
    if not site.has(index):
        return None
    array = site.floats(index, what).reshape(-1)
    if array.size not in (0, count):
        raise Refusal(f"expected {count} numbers as {what}, got {array.size}")
    return array.astype(np.float32) if array.size else None


def _by_sizes(
    site: Site, axes: Sequence[int], sizes: Any, policy: str
) -> tuple[Coordinates, Coordinates]:
    """The scales and sizes by the wanted sizes of axes."""
    extents = np.array([site.shape(0)[axis] for axis in axes], np.float32)
    scales = np.asarray(sizes, np.float32) / extents
    if policy == "stretch":
        return scales, sizes
    if policy not in ("not_larger", "not_smaller"):
        raise Refusal(
            f"expected a keep_aspect_ratio_policy of stretch, not_larger, not_smaller, got {policy}"
        )
    scale = scales.min() if policy == "not_larger" else scales.max()
    return np.full_like(scales, scale), np.floor(scale * extents + HALF)


def _axes(site: Site, axes: Sequence[int], scales: Any, sizes: Any, roi: Any) -> list[_Axis]:
    """What becomes of the axes. Raises Refusal unless scales are positive and leave entries."""
    if np.any(scales <= 0):
        raise Refusal(f"expected positive scales or sizes, got {scales.tolist()}")
    made = []
    for place, axis in enumerate(axes):
        extent, scale = site.shape(0)[axis], np.float32(scales[place])
        ends = WHOLE
        if roi is not None:
            ends = (roi[place], roi[place + len(axes)])
        outputs = int(sizes[place]) if sizes is not None else int(np.float32(extent) * scale)
        if outputs < 1:
            raise Refusal(f"expected entries on axis {axis}, got none of {extent}")
        site.graph.allowance.check((outputs,), "its output")
        made.append(_Axis(axis, extent, outputs, scale, ends))
    return made


def _resized(site: Site, axes: Sequence[_Axis], transform: str, rounding: str | None) -> None:
    """Makes the output input 0 with its axes resized. rounding: "simple" before opset 11."""
    mode, antialias = str(site.attr("mode", "nearest")), bool(site.attr("antialias", 0))
    if antialias and transform == CROP:
        raise Refusal(f"expected antialias = 0 with {CROP}, got 1")
    if all(axis.outputs == axis.extent for axis in axes):  # as onnxruntime has it, at any scale
        site.keep(site.any_operand(0))
        return
    outside: Any = np.zeros((1,) * len(site.shape(0)), bool)
    x = site.any_operand(0) if mode == "nearest" and transform != CROP else site.operand(0)
    for axis in axes:
        if axis.outputs == axis.extent and (antialias or axis.scale == 1):
            continue
        at = COORDINATES[transform](axis)
        beyond = (at < 0) | (at > axis.extent - 1) if transform == CROP else np.zeros(len(at), bool)
        if mode == "nearest":
            places = _nearest(site, axis, at, rounding)
            if not beyond.any():
                x = taken(site, x, axis.axis, places.tolist())
                continue
            matrix = _matrix(site, axis, places[:, None], np.ones((len(at), 1)))
        else:
            matrix = _weights(site, axis, at, mode)
        matrix[beyond] = 0
        outside = outside | np.expand_dims(beyond, _others(axis.axis, outside.ndim))
        x = mixed(site, x, axis.axis, matrix)
    value = float(site.attr("extrapolation_value", 0.0))
    if value and outside.any():
        x = site.step("add", "extrapolated", x, site.weight("beyond", value * outside))
    site.keep(x)


def _others(axis: int, rank: int) -> tuple[int, ...]:
    return tuple(other for other in range(rank) if other != axis)


def _nearest(
    site: Site, axis: _Axis, at: Coordinates, rounding: str | None
) -> npt.NDArray[np.int64]:
    """The places nearest to coordinates."""
    name = site.attr("nearest_mode", "round_prefer_floor")
    if rounding == "simple":
        name = "floor" if axis.scale >= 1 else "ceil"
    if name not in ROUND:
        raise Refusal(f"expected a nearest_mode of {', '.join(ROUND)}, got {name}")
    return ROUND[name](at).clip(0, axis.extent - 1).astype(np.int64)


def _weights(site: Site, axis: _Axis, at: Coordinates, mode: str) -> Floats:
    """The matrix [outputs, extent] of linear or cubic interpolation. Raises Refusal.

    A tap's weight follows from its distance to the coordinate, over the scale where antialias asks
    for it and entries are fewer.
    """
    if mode not in ("linear", "cubic"):
        raise Refusal(f"expected the mode nearest, linear or cubic, got {mode}")
    shrunk = min(float(axis.scale), 1.0) if site.attr("antialias", 0) else 1.0
    reach = (1 if mode == "linear" else 2) / shrunk
    site.graph.allowance.check((axis.outputs, int(2 * reach) + 1), "the weights of its taps")
    taps = np.arange(int(np.floor(-reach)) + 1, int(np.ceil(reach)) + 1)
    whole = np.floor(at)
    rest = (at - whole).astype(np.float64)
    d = np.abs(taps - rest[:, None]) * shrunk
    if mode == "linear":
        weights = np.maximum(1 - d, 0)
    else:
        a = float(site.attr("cubic_coeff_a", -0.75))
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        weights = np.where(d <= 1, near, np.where(d < 2, a * (d**3 - 5 * d**2 + 8 * d - 4), 0))
    places = whole.astype(np.int64)[:, None] + taps
    if site.attr("exclude_outside", 0):
        weights *= (places >= 0) & (places < axis.extent)
    weights /= weights.sum(axis=1, keepdims=True)
    return _matrix(site, axis, places.clip(0, axis.extent - 1), weights)


def _matrix(site: Site, axis: _Axis, places: npt.NDArray[np.int64], weights: Floats) -> Floats:
    """A matrix [outputs, extent] with weights [outputs, taps] at places of the same shape."""
    site.graph.allowance.check((axis.outputs, axis.extent), "the matrix of its weights")
    matrix = np.zeros((axis.outputs, axis.extent))
    np.add.at(matrix, (np.arange(axis.outputs)[:, None], places), weights)
    return matrix


CONVERTERS: Converters = {
    ("", "Resize"): resize,
    ("", "Upsample"): upsample,
}
