"""Converters of Conv and ConvTranspose over one to three spatial axes.

Three axes are two, with what a window holds along the first among the channels. A transposed
convolution is a convolution whose filters make neighbouring outputs each, as many as the stride:
nothing is multiplied with inserted zeros, and each output is made once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from zkinfer.onnx_import.builder import Converters, Floats, Site
from zkinfer.onnx_import.constants import Allowance
from zkinfer.onnx_import.moves import cut, end_to_end, fitted, permuted, reshaped, sliced
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape, windows
from zkinfer.onnx_import.windows import Window


def conv(site: Site) -> None:
    """Conv with constant weights [M, C/groups, kernel...]."""
    kernel, groups = _checked(site)
    window = Window.read(site, kernel)
    operands = [site.operand(index) for index in range(2 + site.has(2))]
    if len(kernel) < 3:
        site.finish("conv", *operands, groups=groups, **window.attrs)
    else:
        site.keep(_in_space(site, operands, window, groups))


def conv_transpose(site: Site) -> None:
    """ConvTranspose with constant weights [C, M/groups, kernel...]."""
    kernel, groups = _checked(site)
    axes = _axes(site, kernel)
    weights = _phased(site.floats(1, "weights"), groups, axes, site.graph.allowance)
    x, phases = site.operand(0), prod(axis.stride for axis in axes)
    pads = [axis.before for axis in axes] + [axis.after for axis in axes]
    x = cut(site, x, (0, 0, *pads[: len(axes)]), (0, 0, *pads[len(axes) :]))
    operands = [x, site.weight("phases", weights, 1)]
    if site.has(2):
        operands.append(site.weight("repeated", np.repeat(site.floats(2, "bias"), phases), 2))
    ones = (1,) * len(axes)
    window = Window(ones, tuple(max(n, 0) for n in pads), ones)
    if len(axes) < 3:
        y = site.step("conv", "conv", *operands, groups=groups, **window.attrs)
    else:
        y = _in_space(site, operands, window, groups)
    site.keep(_interleaved(site, y, axes))


def _checked(site: Site) -> tuple[Shape, int]:
    """The kernel's extents, and the number of groups. Raises Refusal."""
    shape = site.shape(0)
    rank = len(shape) - 2
    if rank not in (1, 2, 3):
        raise Refusal(
            "expected an input with 1 to 3 spatial axes, such as [N, C, H, W], got the shape "
            f"{shape}"
        )
    if not site.is_constant(1) or (site.has(2) and not site.is_constant(2)):
        raise Refusal("expected constant weights and bias, got computed ones")
    kernel = site.shape(1)[2:]
    if len(kernel) != rank:
        raise Refusal(f"expected weights with {rank + 2} axes, got the shape {site.shape(1)}")
    if min(kernel) < 1:
        raise Refusal(f"expected a positive kernel, got {list(kernel)}")
    declared = site.ints("kernel_shape")
    if declared is not None and declared != kernel:
        raise Refusal(f"expected weights of the kernel_shape {declared}, got {kernel}")
    groups = int(site.attr("group", 1))
    if groups < 1:
        raise Refusal(f"expected a positive group, got {groups}")
    return kernel, groups


def _in_space(site: Site, operands: Sequence[str], window: Window, groups: int) -> str:
    """A convolution over three axes: of [N D', C kD, H, W] over two."""
    graph, (x, w, *bias) = site.graph, operands
    weights = graph.weights[w]
    shape, kernel = graph.shape(x), weights.shape[2:]
    outputs = windows(shape[2:], kernel, window.attrs, window.pads)
    batch, channels = shape[:2]
    if channels != weights.shape[1] * groups:
        raise Refusal(
            f"expected weights [M, C/{groups}, ...] for an input of {channels} channels, got "
            f"{weights.shape}"
        )
    if len(weights) % groups:
        raise Refusal(f"expected filters for {groups} groups, got {len(weights)} filters")
    if groups > 1 and batch > 1:  # a view has axes for the samples or the groups, not for both
        return _one_by_one(site, operands, window, groups)
    pads = window.pads
    x = fitted(site, x, (0, 0, pads[0], 0, 0), (0, 0, pads[3], 0, 0))
    parts = []
    for tap in range(kernel[0]):
        start, step = tap * window.dilations[0], window.strides[0]
        part = sliced(site, x, {2: (start, start + (outputs[0] - 1) * step + 1, step)})
        parts.append(reshaped(site, part, (batch, channels, 1, outputs[0], *shape[3:])))
    x = end_to_end(site, parts, 2)
    x = permuted(site, x, (0, 3, 1, 2, 4, 5))
    x = reshaped(site, x, (batch * outputs[0], channels * kernel[0], *shape[3:]))
    flat = weights.reshape(weights.shape[0], -1, *kernel[1:])
    plane = Window(window.strides[1:], (*pads[1:3], *pads[4:]), window.dilations[1:])
    operands = [x, graph.new_weight(f"{w}.planes", flat), *bias]
    y = site.step("conv", "conv", *operands, groups=groups, **plane.attrs)
    y = reshaped(site, y, (batch, *outputs[:1], len(weights), *outputs[1:]))
    return permuted(site, y, (0, 2, 1, 3, 4))


def _one_by_one(site: Site, operands: Sequence[str], window: Window, groups: int) -> str:
    """A convolution over three axes sample by sample, or group by group if these are fewer."""
    x, w, *bias = operands
    batch, channels = site.graph.shape(x)[:2]
    if batch <= groups:
        samples = [sliced(site, x, {0: (n, n + 1, 1)}) for n in range(batch)]
        parts = [_in_space(site, (part, w, *bias), window, groups) for part in samples]
        return end_to_end(site, parts, 0)
    deep, filters = channels // groups, site.graph.shape(w)[0] // groups
    parts = []
    for group in range(groups):
        part = sliced(site, x, {1: (group * deep, (group + 1) * deep, 1)})
        own = {0: (group * filters, (group + 1) * filters, 1)}
        constants = [sliced(site, name, own) for name in (w, *bias)]
        parts.append(_in_space(site, (part, *constants), window, 1))
    return end_to_end(site, parts, 1)


@dataclass(frozen=True)
class _Axis:
    """A spatial axis of a transposed convolution: y[o] = sum_k x[(o + pad - k dilation) / stride].

    With o = stride q + phase a tap reads x[q - shift], stride shift + phase = k dilation - pad.
    So it is a convolution with stride 1 for each phase, of taps for the shifts from the largest to
    the least.
    """

    extent: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    pad: int

    @property
    def taps(self) -> list[tuple[int, int]]:
        """For each tap its shift and phase."""
        return [divmod(k * self.dilation - self.pad, self.stride) for k in range(self.kernel)]

    @property
    def before(self) -> int:
        """The padding at the begin of the input: the largest shift."""
        return self.taps[-1][0]

    @property
    def after(self) -> int:
        """The padding at its end: what the last outputs read beyond it."""
        return -(-self.outputs // self.stride) - self.taps[0][0] - self.extent

    @property
    def width(self) -> int:
        """The taps of the convolution."""
        return self.before - self.taps[0][0] + 1


def _axes(site: Site, kernel: Shape) -> list[_Axis]:
    """The spatial axes of a ConvTranspose, by its attributes. Raises Refusal."""
    rank = len(kernel)
    neutral = {"strides": 1, "dilations": 1, "output_padding": 0}
    numbers = {name: site.ints(name) or (n,) * rank for name, n in neutral.items()}
    pads, wanted = site.ints("pads") or (0,) * (2 * rank), site.ints("output_shape")
    for name, least in neutral.items():
        if len(numbers[name]) != rank or min(numbers[name]) < least:
            raise Refusal(f"expected {rank} {name} from {least}, got {list(numbers[name])}")
    if len(pads) != 2 * rank:
        raise Refusal(f"expected {2 * rank} pads, got {list(pads)}")
    if wanted is not None and len(wanted) == rank + 2:  # as old exporters write it
        wanted = wanted[2:]
    if wanted is not None and (len(wanted) != rank or min(wanted) < 1):
        raise Refusal(f"expected an output_shape of {rank} positive numbers, got {list(wanted)}")
    mode = site.attr("auto_pad", "NOTSET") or "NOTSET"
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise Refusal(f"expected auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {mode}")
    axes = []
    for axis, extent in enumerate(site.shape(0)[2:]):
        stride, dilation, extra = (numbers[name][axis] for name in neutral)
        whole = stride * (extent - 1) + extra + dilation * (kernel[axis] - 1) + 1
        begin, end = (pads[axis], pads[axis + rank]) if mode == "NOTSET" else (0, 0)
        outputs = whole - begin - end
        if wanted is not None or mode.startswith("SAME"):
            total = max(whole - (extent * stride if wanted is None else wanted[axis]), 0)
            begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
            outputs = whole - total if wanted is None else wanted[axis]
        if outputs < 1:
            raise Refusal(f"expected pads that leave outputs, got {outputs} on spatial axis {axis}")
        axes.append(_Axis(extent, outputs, kernel[axis], stride, dilation, begin))
    return axes


def _phased(weights: Floats, groups: int, axes: Sequence[_Axis], allowance: Allowance) -> Floats:
    """Weights [C, M/groups, kernel...] as [M phases, C/groups, width...]."""
    channels, filters, *kernel = weights.shape
    if channels % groups:
        raise Refusal(f"expected {groups} groups of channels, got {channels} channels")
    strides, widths = [a.stride for a in axes], [a.width for a in axes]
    size = (groups, filters, *strides, channels // groups, *widths)
    allowance.check(size, "its weights, output by output,")
    grouped = weights.reshape(groups, channels // groups, filters, *kernel)
    phased = np.zeros(size)
    for place in product(*map(range, kernel)):
        taps = [axis.taps[k] for axis, k in zip(axes, place, strict=True)]
        phases = tuple(phase for _, phase in taps)
        at = tuple(axis.before - shift for axis, (shift, _) in zip(axes, taps, strict=True))
        whole = slice(None)
        source: tuple[Any, ...] = (whole, whole, whole, *place)
        target: tuple[Any, ...] = (whole, whole, *phases, whole, *at)
        phased[target] = grouped[source].transpose(0, 2, 1)
    return phased.reshape(groups * filters * prod(strides), channels // groups, *widths)


def _interleaved(site: Site, y: str, axes: Sequence[_Axis]) -> str:
    """[N, M phases, outputs / stride...] as [N, M, outputs...]."""
    strides = [axis.stride for axis in axes]
    if prod(strides) > 1:
        batch, filters, *extents = site.graph.shape(y)
        rank, filters = len(axes), filters // prod(strides)
        y = reshaped(site, y, (batch, filters, *strides, *extents))
        perm = [place for axis in range(rank) for place in (2 + rank + axis, 2 + axis)]
        y = permuted(site, y, (0, 1, *perm))
        wide = (n * s for n, s in zip(extents, strides, strict=True))
        y = reshaped(site, y, (batch, filters, *wide))
    return sliced(site, y, {2 + place: (0, axis.outputs, 1) for place, axis in enumerate(axes)})


CONVERTERS: Converters = {
    ("", "Conv"): conv,
    ("", "ConvTranspose"): conv_transpose,
}
