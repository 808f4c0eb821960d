"""Converters of the operators that make one number of the entries along axes."""

import math
from functools import reduce

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axes_in
from zkinfer.onnx_import.moves import reshaped
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.normalization import absolute
from zkinfer.onnx_import.shapes import Shape

LEAST_EXPONENT = -40.0
"""Where the exponential is as good as nothing beside 1."""

MOST_FACTORS = 64
"""The most numbers that are multiplied with each other."""


def reduce_mean(site: Site) -> None:
    """ReduceMean; the axes are an attribute before opset 18, as for all but ReduceSum."""
    axes = _axes(site)
    site.keep(_reduced(site, "reduce_mean", site.operand(0), axes))


def reduce_sum(site: Site) -> None:
    """ReduceSum; the axes are an attribute before opset 13."""
    axes = _axes(site, 13)
    site.keep(_reduced(site, "reduce_sum", site.operand(0), axes))


def reduce_l1(site: Site) -> None:
    """ReduceL1: the sum of absolute values."""
    axes = _axes(site)
    site.keep(_reduced(site, "reduce_sum", absolute(site, site.operand(0)), axes))


def reduce_l2(site: Site) -> None:
    """ReduceL2: the root of the sum of squares, which is that of the mean times a constant."""
    axes, x, shape = _axes(site), site.operand(0), site.shape(0)
    if not axes:
        site.keep(absolute(site, x))
        return
    attrs = {"axes": axes, "centered": False, "epsilon": 0.0}
    root = site.step("deviation", "root", x, **attrs)
    count = math.prod(shape[axis] for axis in axes)
    factor = site.weight("factor", np.array(math.sqrt(count)))
    site.keep(reshaped(site, site.step("mul", "norm", root, factor), _target(site, axes)))


def reduce_sum_square(site: Site) -> None:
    """ReduceSumSquare."""
    axes, x = _axes(site), site.operand(0)
    site.keep(_reduced(site, "reduce_sum", site.step("mul", "square", x, x), axes))


def reduce_log_sum_exp(site: Site) -> None:
    """ReduceLogSumExp: the largest entry m, plus the logarithm of the sum of exp(x - m)."""
    axes, x, shape = _axes(site), site.operand(0), site.shape(0)
    if not axes:
        site.keep(x)
        return
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))
    most = _largest(site, x, axes)
    below = site.step("sub", "below", x, reshaped(site, most, kept))
    parts = exponentials(site, below)
    total = reshaped(site, _reduced(site, "reduce_sum", parts, axes), _target(site, axes))
    count = math.prod(shape[axis] for axis in axes)
    total = site.step("clip", "at least one", total, low=1.0, high=float(count))
    site.finish("add", most, site.step("function", "logarithm", total, function="log"))


def exponentials(site: Site, x: str) -> str:
    """exp(x) where no x is positive, those far below zero counting as one number."""
    x = site.step("clip", "kept", x, low=LEAST_EXPONENT, high=0.0)
    return site.step("function", "exponentials", x, function="exp")


def reduce_max(site: Site) -> None:
    """ReduceMax: the maximum of windows that the axes make."""
    site.keep(_largest(site, site.operand(0), _axes(site)))


def reduce_min(site: Site) -> None:
    """ReduceMin: the negative of the maximum of the negatives."""
    largest = _largest(site, site.step("neg", "negative", site.operand(0)), _axes(site))
    site.keep(site.step("neg", "least", largest))


def reduce_prod(site: Site) -> None:
    """ReduceProd of few numbers: products of halves."""
    axes = _axes(site)
    x = _last(site, site.operand(0), axes)
    count = site.graph.shape(x)[-1]
    if count > MOST_FACTORS:
        raise Refusal(f"expected at most {MOST_FACTORS} factors, got {count}")
    cuts = [{"starts": (i,), "stops": (i + 1,), "axes": (1,), "steps": (1,)} for i in range(count)]
    factors = [site.step("slice", "factor", x, **cut) for cut in cuts]
    while len(factors) > 1:
        pairs = [factors[i : i + 2] for i in range(0, len(factors), 2)]
        factors = [reduce(lambda a, b: site.step("mul", "product", a, b), p) for p in pairs]
    site.keep(reshaped(site, factors[0], _target(site, axes)))


def _axes(site: Site, since: int = 18) -> tuple[int, ...]:
    """The axes, in order: all where none are given, unless the node says that it does nothing."""
    rank = len(site.shape(0))
    axes = site.ints("axes") if site.version < since else site.ints_at(1, "axes")
    if not axes:
        axes = () if site.attr("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted(axes_in(axes, rank)))


def _reduced(site: Site, op: str, x: str, axes: tuple[int, ...]) -> str:
    """A sum or a mean; x itself without axes."""
    if not axes:
        return x
    return site.step(op, "reduced", x, axes=axes, keepdims=bool(site.attr("keepdims", 1)))


def _target(site: Site, axes: tuple[int, ...]) -> Shape:
    """The output's shape."""
    kept = (1,) if site.attr("keepdims", 1) else ()
    target: Shape = ()
    for axis, extent in enumerate(site.shape(0)):
        target += kept if axis in axes else (extent,)
    return target


def _last(site: Site, x: str, axes: tuple[int, ...]) -> str:
    """x as a matrix whose columns are along the axes."""
    shape = site.graph.shape(x)
    rest = tuple(axis for axis in range(len(shape)) if axis not in axes)
    if (*rest, *axes) != tuple(range(len(shape))):
        x = site.step("transpose", "turned", x, perm=(*rest, *axes))
    rows, columns = (math.prod(shape[axis] for axis in part) for part in (rest, axes))
    return reshaped(site, x, (rows, columns))


def _largest(site: Site, x: str, axes: tuple[int, ...]) -> str:
    """The largest entry along axes."""
    rows = _last(site, x, axes)
    count, width = site.graph.shape(rows)
    window = {"kernel": (width,), "strides": (width,), "dilations": (1,), "pads": (0, 0)}
    pooled = site.step("max_pool", "largest", reshaped(site, rows, (1, count, width)), **window)
    return reshaped(site, pooled, _target(site, axes))


CONVERTERS: Converters = {
    ("", "ReduceL1"): reduce_l1,
    ("", "ReduceL2"): reduce_l2,
    ("", "ReduceLogSumExp"): reduce_log_sum_exp,
    ("", "ReduceMax"): reduce_max,
    ("", "ReduceMean"): reduce_mean,
    ("", "ReduceMin"): reduce_min,
    ("", "ReduceProd"): reduce_prod,
    ("", "ReduceSum"): reduce_sum,
    ("", "ReduceSumSquare"): reduce_sum_square,
}
