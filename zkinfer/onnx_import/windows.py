"""Converters of the pools, and the geometry that they share with Conv."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import reshaped
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.normalization import absolute
from zkinfer.onnx_import.powers import power
from zkinfer.onnx_import.shapes import Shape

MAX_OUTER_WINDOWS = 1 << 16
"""Along one axis, where an input is shorter than the dilation."""


@dataclass(frozen=True)
class Window:
    """A sliding window, one number per spatial axis; pads: begins, then ends."""

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def attrs(self) -> dict[str, Any]:
        """As attributes of the graph's operators."""
        return {"strides": self.strides, "pads": self.pads, "dilations": self.dilations}

    @staticmethod
    def read(site: Site, kernel: tuple[int, ...]) -> "Window":
        """From the attributes strides, pads, dilations and auto_pad. Raises Refusal."""
        rank = len(kernel)
        strides = site.ints("strides") or (1,) * rank
        dilations = site.ints("dilations") or (1,) * rank
        if len(strides) != rank or len(dilations) != rank:
            raise Refusal(
                f"expected {rank} strides and dilations, got {list(strides)} and {list(dilations)}"
            )
        if min((*kernel, *strides, *dilations)) < 1:
            raise Refusal(
                f"expected a positive kernel, strides and dilations, got {list(kernel)}, "
                f"{list(strides)} and {list(dilations)}"
            )
        pads = _pads(site, kernel, strides, dilations)
        return Window(strides, pads, dilations)


def max_pool(site: Site) -> None:
    """MaxPool; ceil mode becomes end padding."""
    if site.uses_output(1):
        raise Refusal("expected only its first output in use, got a use of the indices")
    window, kernel, extra = _pool(site)
    rank = len(kernel)
    ends = tuple(pad + more for pad, more in zip(window.pads[rank:], extra, strict=True))
    pads = window.pads[:rank] + ends
    _check_reach(site.shape(0)[2:], kernel, window, pads)
    site.move("max_pool", site.any_operand(0), kernel=kernel, **{**window.attrs, "pads": pads})


def average_pool(site: Site) -> None:
    """AveragePool; ceil mode becomes end padding that never counts."""
    window, kernel, extra = _pool(site)
    counted = bool(site.attr("count_include_pad", 0))
    if not counted:
        ends = tuple(p + more for p, more in zip(window.pads[len(kernel) :], extra, strict=True))
        _check_reach(site.shape(0)[2:], kernel, window, window.pads[: len(kernel)] + ends)
    site.finish(
        "average_pool",
        site.operand(0),
        kernel=kernel,
        **window.attrs,
        count_include_pad=counted,
        extra_pads=extra,
    )


def lp_pool(site: Site) -> None:
    """LpPool: the mean times the window's size; what is around the input is 0."""
    window, kernel, extra = _pool(site)
    rank = len(kernel)
    ends = tuple(pad + more for pad, more in zip(window.pads[rank:], extra, strict=True))
    attrs = {**window.attrs, "pads": window.pads[:rank] + ends}
    powers = _powers(site)
    whole = {"kernel": kernel, "count_include_pad": True, "extra_pads": (0,) * rank}
    mean = site.step("average_pool", "mean", powers, **attrs, **whole)
    site.keep(_rooted(site, mean, prod(kernel)))


def global_lp_pool(site: Site) -> None:
    """GlobalLpPool."""
    extents = _spatial(site)
    axes = tuple(range(2, 2 + len(extents)))
    mean = site.step("reduce_mean", "mean", _powers(site), axes=axes, keepdims=True)
    site.keep(_rooted(site, mean, prod(extents)))


def _powers(site: Site) -> str:
    """|x|^p."""
    x, p = site.operand(0), int(site.attr("p", 2))
    if p < 1:
        raise Refusal(f"expected a positive p, got {p}")
    return power(site, absolute(site, x) if p % 2 else x, p)


def _rooted(site: Site, mean: str, count: int) -> str:
    """The p-th root of a mean times a count."""
    total = site.step("mul", "total", mean, site.weight("count", np.array(float(count))))
    return power(site, total, 1 / int(site.attr("p", 2)))


def global_average_pool(site: Site) -> None:
    """GlobalAveragePool: the mean over the spatial axes."""
    axes = tuple(range(2, 2 + len(_spatial(site))))
    site.finish("reduce_mean", site.operand(0), axes=axes, keepdims=True)


def global_max_pool(site: Site) -> None:
    """GlobalMaxPool: one window over the spatial axes, of which those after the first are one."""
    first, *rest = _spatial(site)
    lead, ones = site.shape(0)[:2], (1,) * (1 + len(rest))
    kernel = (first, prod(rest))[: len(ones)]
    x = reshaped(site, site.operand(0), (*lead, *kernel))
    unit = (1,) * len(kernel)
    window = {"strides": unit, "pads": (0,) * (2 * len(kernel)), "dilations": unit}
    y = site.step("max_pool", "pool", x, kernel=kernel, **window)
    site.keep(reshaped(site, y, (*lead, *ones)))


def _spatial(site: Site) -> Shape:
    """The spatial extents of input 0, of which there must be one at least."""
    shape = site.shape(0)
    if len(shape) < 3:
        raise Refusal(f"expected an input [N, C, spatial...], got the shape {shape}")
    return shape[2:]


def _pool(site: Site) -> tuple[Window, tuple[int, ...], tuple[int, ...]]:
    """A pool's window and kernel, and the end padding that ceil mode adds."""
    extents = _spatial(site)
    kernel = site.ints("kernel_shape")
    if kernel is None or len(kernel) != len(extents):
        raise Refusal(f"expected a kernel_shape of {len(extents)} numbers, got {kernel}")
    window = Window.read(site, kernel)
    same = site.attr("auto_pad", "NOTSET").startswith("SAME")
    extra = (0,) * len(kernel)
    if site.attr("ceil_mode", 0) and not same:
        extra = tuple(_ceil_pad(extents, kernel, window, axis) for axis in range(len(kernel)))
    return window, kernel, extra


def _pads(
    site: Site, kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[int, ...]:
    """The padding that pads or auto_pad say: begins, then ends."""
    rank, mode = len(kernel), site.attr("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = site.ints("pads") or (0,) * (2 * rank)
        if len(pads) != 2 * rank or min(pads) < 0:
            raise Refusal(f"expected {2 * rank} pads that are not negative, got {list(pads)}")
        return pads
    if mode == "VALID":
        return (0,) * (2 * rank)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Refusal(f"expected auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {mode}")
    if max(dilations) > 1:  # onnxruntime refuses it for Conv and leaves ONNX's rule for pools
        raise Refusal(f"expected dilations of 1 with auto_pad {mode}, got more; use pads instead")
    begins, ends = [], []
    for axis, extent in enumerate(site.shape(0)[2:]):
        outputs = -(-extent // strides[axis])
        total = max((outputs - 1) * strides[axis] + kernel[axis] - extent, 0)
        smaller, larger = total // 2, total - total // 2
        begins.append(smaller if mode == "SAME_UPPER" else larger)
        ends.append(larger if mode == "SAME_UPPER" else smaller)
    return (*begins, *ends)


def _ceil_pad(extents: Shape, kernel: tuple[int, ...], window: Window, axis: int) -> int:
    """The end padding of ceil mode along an axis.

    A last window that would start beyond the input and its first padding is left out (ONNX).
    """
    begin, end = window.pads[axis], window.pads[axis + len(kernel)]
    stride = window.strides[axis]
    reach = window.dilations[axis] * (kernel[axis] - 1) + 1
    room = extents[axis] + begin + end - reach
    missing = -room % stride
    last = room + missing
    return missing if 0 <= last < extents[axis] + begin else 0


def _check_reach(
    extents: Shape, kernel: tuple[int, ...], window: Window, pads: tuple[int, ...]
) -> None:
    """Raises Refusal if a window lies wholly in the padding."""
    for axis, extent in enumerate(extents):
        stride, dilation, begin = window.strides[axis], window.dilations[axis], pads[axis]
        reach = dilation * (kernel[axis] - 1) + 1
        room = extent + begin + pads[axis + len(kernel)] - reach
        last = room // stride * stride - begin
        outside = begin >= reach or last >= extent
        if not outside and extent < dilation:  # the entries may lie between a window's taps
            starts = range(-begin, min(last + 1, 0), stride)
            if len(starts) > MAX_OUTER_WINDOWS:
                raise Refusal(
                    f"expected at most {MAX_OUTER_WINDOWS} windows that begin in the padding of "
                    f"spatial axis {axis}, got {len(starts)}"
                )
            outside = any(start % dilation >= extent for start in starts)
        if outside:
            raise Refusal(
                f"expected padding smaller than the kernel, got a window that lies wholly in the "
                f"padding of spatial axis {axis}"
            )


CONVERTERS: Converters = {
    ("", "AveragePool"): average_pool,
    ("", "GlobalAveragePool"): global_average_pool,
    ("", "GlobalLpPool"): global_lp_pool,
    ("", "GlobalMaxPool"): global_max_pool,
    ("", "LpPool"): lp_pool,
    ("", "MaxPool"): max_pool,
}
