"""Converters of normalizations: the centred entries of each group over its deviation, scaled.

A group is what the mean is taken of. Scale and bias are operators of their own.
"""

import math

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axes_in, axis_in
from zkinfer.onnx_import.moves import mixed
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal
from zkinfer.onnx_import.shapes import Shape

NEVER_ZERO = 1e-18
"""The variance that is added where a node adds none, so that equal entries give 0 and not NaN."""


def layer_normalization(site: Site) -> None:
    """LayerNormalization, with the mean and one over the deviation where they are used."""
    x, axes = site.operand(0), _last_axes(site)
    site.keep(_scaled(site, _normalized(site, x, axes, centered=True), 1, 2))
    _statistics(site, x, axes)


def rms_normalization(site: Site) -> None:
    """RMSNormalization: without a mean."""
    y = _normalized(site, site.operand(0), _last_axes(site), centered=False)
    site.keep(_scaled(site, y, 1, 2))


def skip_layer_normalization(site: Site) -> None:
    """SkipLayerNormalization: of a sum of two operands and a bias, which is output 3."""
    x = _skipped(site, 4)
    site.keep(over_last(site, x, 2, 3, 1e-5))
    _statistics(site, x, (len(site.graph.shape(x)) - 1,))


def skip_simplified_layer_normalization(site: Site) -> None:
    """The same without a mean."""
    x = _skipped(site, 3)
    y = _normalized(site, x, (len(site.graph.shape(x)) - 1,), centered=False)
    site.keep(_scaled(site, y, 2, None))


def instance_normalization(site: Site) -> None:
    """InstanceNormalization: over all spatial axes of a channel."""
    x, shape = site.operand(0), site.shape(0)
    if len(shape) < 3:
        raise Refusal(f"expected spatial axes after two others, got the shape {shape}")
    y = _normalized(site, x, tuple(range(2, len(shape))), centered=True)
    site.keep(_by_channel(site, y, shape))


def group_normalization(site: Site) -> None:
    """GroupNormalization: over some channels and all spatial axes.

    Before opset 21 scales and biases are those of groups.
    """
    x, shape = site.operand(0), site.shape(0)
    groups = int(site.attr("num_groups", 0))
    if len(shape) < 2 or groups < 1 or shape[1] % groups:
        raise Refusal(f"expected groups that divide the channels, got {groups} for {shape}")
    grouped = (shape[0], groups, math.prod(shape[1:]) // groups)
    y = site.step("reshape", "grouped", x, shape=grouped)
    y = _normalized(site, y, (2,), centered=True)
    y = site.step("reshape", "whole", y, shape=shape)
    site.keep(_by_channel(site, y, shape, 1 if site.version >= 21 else shape[1] // groups))


def mean_variance_normalization(site: Site) -> None:
    """MeanVarianceNormalization: over the batch and the spatial axes where none are given."""
    axes = axes_in(site.ints("axes") or (0, 2, 3), len(site.shape(0)))
    site.keep(_normalized(site, site.operand(0), axes, centered=True, epsilon=NEVER_ZERO))


def local_response_normalization(site: Site) -> None:
    """LRN: the entries over a power of the bias and the squares of the channels around them."""
    x, shape, size = site.operand(0), site.shape(0), int(site.attr("size", 0))
    alpha, beta, bias = (
        float(site.attr(name, default))
        for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    if len(shape) < 3 or size < 1:
        raise Refusal(f"expected a size of at least 1 and spatial axes, got {size} and {shape}")
    if not (0 <= alpha < math.inf and 0 < bias < math.inf and 0 < beta < math.inf):
        raise Refusal(f"expected positive numbers, got {alpha:g}, {beta:g} and {bias:g}")
    after = np.arange(shape[1]) - np.arange(shape[1])[:, None]
    near = (after >= -((size - 1) // 2)) & (after <= size // 2)
    squares = site.step("mul", "squares", x, x)
    around = mixed(site, squares, 1, near * alpha / size)
    base = site.step("add", "base", around, site.weight("bias", np.array(bias)))
    if beta not in (0.25, 0.5, 0.75, 1.0):
        logarithm = site.step("function", "logarithm", base, function="log")
        inner = site.step("mul", "inner", logarithm, site.weight("beta", np.array(-beta)))
        site.finish("mul", x, site.step("function", "power", inner, function="exp"))
        return
    parts = [base]
    if beta < 1:
        root = site.step("sqrt", "root", base)
        parts = [root] if beta >= 0.5 else []
        parts += [site.step("sqrt", "fourth root", root)] if beta in (0.25, 0.75) else []
    for part in parts:
        x = site.step("divide", "quotient", x, part)
    site.keep(x)


def lp_normalization(site: Site) -> None:
    """LpNormalization with p = 2: the entries over the root of the sum of their squares; with
    p = 1: over the sum of their absolute values.
    """
    x, shape, p = site.operand(0), site.shape(0), int(site.attr("p", 2))
    axis = axis_in(int(site.attr("axis", -1)), len(shape))
    if p == 2:
        y = _normalized(site, x, (axis,), centered=False, epsilon=NEVER_ZERO)
        share = np.array(1 / math.sqrt(shape[axis]))
        site.finish("mul", y, site.weight("share", share))
    elif p == 1:
        norm = site.step("reduce_sum", "norm", absolute(site, x), axes=(axis,), keepdims=True)
        site.finish("divide", x, norm)
    else:
        raise Refusal(f"expected p to be 1 or 2, got {p}")


def absolute(site: Site, x: str) -> str:
    """|x| = relu(2 x) - x."""
    positive = site.step("relu", "positive", site.step("add", "twice", x, x))
    return site.step("sub", "absolute", positive, x)


def over_last(site: Site, x: str, scale: int, bias: int, epsilon: float) -> str:
    """x normalized along the last axis, with the scale and the bias at these places.

    epsilon: where the node has none.
    """
    axes, epsilon = (len(site.graph.shape(x)) - 1,), float(site.attr("epsilon", epsilon))
    y = _normalized(site, x, axes, centered=True, epsilon=epsilon)
    return _scaled(site, y, scale, bias)


def _normalized(
    site: Site, x: str, axes: tuple[int, ...], *, centered: bool, epsilon: float | None = None
) -> str:
    """The normalized entries, without scale and bias. epsilon: the node's own where None."""
    if epsilon is None:
        epsilon = float(site.attr("epsilon", 1e-5))
    if not 0 <= epsilon < math.inf:
        raise Refusal(f"expected an epsilon of at least 0, got {epsilon}")
    attrs = {"axes": axes, "centered": centered}
    deviation = site.step("deviation", "deviation", x, **attrs, epsilon=epsilon or NEVER_ZERO)
    return site.step("normalize", "normalized", x, deviation, **attrs)


def _statistics(site: Site, x: str, axes: tuple[int, ...]) -> None:
    """The outputs 1 and 2: the mean and one over the deviation."""
    if site.uses_output(1):
        site.finish("reduce_mean", x, index=1, axes=axes, keepdims=True)
    if site.uses_output(2):
        epsilon = float(site.attr("epsilon", 1e-5)) or NEVER_ZERO
        attrs = {"axes": axes, "centered": True, "epsilon": epsilon}
        deviation = site.step("deviation", "deviation", x, **attrs)
        site.finish("divide", site.weight("one", np.ones(())), deviation, index=2)


def _last_axes(site: Site) -> tuple[int, ...]:
    """From the attribute's axis on."""
    rank = len(site.shape(0))
    return tuple(range(axis_in(int(site.attr("axis", -1)), rank), rank))


def _skipped(site: Site, bias: int) -> str:
    """The sum of operands 0 and 1, and of a bias if there is one."""
    x = site.step("add", "skipped", site.operand(0), site.operand(1))
    if site.has(bias):
        x = site.step("add", "biased", x, site.operand(bias))
    if site.uses_output(3):
        site.keep(x, 3)
    return x


def _scaled(site: Site, y: str, scale: int, bias: int | None) -> str:
    """y times the operand at one place, plus that at another."""
    if site.has(scale):
        y = site.step("mul", "scaled", y, site.operand(scale))
    if bias is not None and site.has(bias):
        y = site.step("add", "shifted", y, site.operand(bias))
    return y


def _by_channel(site: Site, y: str, shape: Shape, share: int = 1) -> str:
    """y times operand 1, plus operand 2, constants of one number for so many channels each."""
    count = shape[1] // share
    for place, op in ((1, "mul"), (2, "add")):
        array = site.floats(place, "scales and biases")
        if array.shape != (count,):
            raise Refusal(f"expected {count} numbers, got the shape {array.shape}")
        column = array.repeat(share).reshape(-1, *(1,) * (len(shape) - 2))
        name = site.weight("column", column, place)
        y = site.step(op, "scaled" if place == 1 else "shifted", y, name)
    return y


CONVERTERS: Converters = {
    ("", "GroupNormalization"): group_normalization,
    ("", "InstanceNormalization"): instance_normalization,
    ("", "LRN"): local_response_normalization,
    ("", "LayerNormalization"): layer_normalization,
    ("", "LpNormalization"): lp_normalization,
    ("", "MeanVarianceNormalization"): mean_variance_normalization,
    ("", "RMSNormalization"): rms_normalization,
    (MICROSOFT_DOMAIN, "SkipLayerNormalization"): skip_layer_normalization,
    (MICROSOFT_DOMAIN, "SkipSimplifiedLayerNormalization"): skip_simplified_layer_normalization,
}
