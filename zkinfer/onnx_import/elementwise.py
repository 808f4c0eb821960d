"""Converters of the operators that work entry by entry."""

import math

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, finite
from zkinfer.onnx_import.heads import less_log_sum_exp
from zkinfer.onnx_import.node import Refusal

_UNBOUNDED = float(np.finfo(np.float32).max)
"""What exporters write for no bound at all."""


def add(site: Site) -> None:
    """Add, with numpy's broadcasting."""
    site.finish("add", site.operand(0), site.operand(1))


def sub(site: Site) -> None:
    """Sub, with numpy's broadcasting."""
    if less_log_sum_exp(site):
        return
    site.finish("sub", site.operand(0), site.operand(1))


def mul(site: Site) -> None:
    """Mul, with numpy's broadcasting."""
    site.finish("mul", site.operand(0), site.operand(1))


def neg(site: Site) -> None:
    """Neg."""
    site.finish("neg", site.operand(0))


def abs_(site: Site) -> None:
    """Abs: |x| = relu(2 x) - x."""
    x = site.operand(0)
    twice = site.step("add", "twice", x, x)
    site.finish("sub", site.step("relu", "positive", twice), x)


def relu(site: Site) -> None:
    """Relu."""
    site.finish("relu", site.operand(0))


def leaky_relu(site: Site) -> None:
    """LeakyRelu; alpha is 0.01 where the node has none."""
    alpha = float(site.attr("alpha", 0.01))
    finite(np.array(alpha), "alpha")
    site.finish("leaky_relu", site.operand(0), alpha=alpha)


def prelu(site: Site) -> None:
    """PRelu with slopes that broadcast to the input, constant or computed."""
    x, slope = site.operand(0), site.operand(1)
    if site.is_constant(1):
        site.finish("prelu", x, slope)
        return
    above = site.step("relu", "above", x)
    below = site.step("mul", "below", slope, site.step("sub", "negative", x, above))
    site.finish("add", above, below)


def clip(site: Site) -> None:
    """Clip; the bounds are attributes before opset 11. Where low exceeds high, high wins."""
    if site.version < 11:
        low, high = site.attr("min", -math.inf), site.attr("max", math.inf)
    else:
        low, high = _end(site, 1, -math.inf), _end(site, 2, math.inf)
    y = site.operand(0)
    if low is None or high is None:
        y = larger(site, y, site.operand(1)) if low is None else bounded(site, y, low, math.inf)
        low = -math.inf
    site.keep(smaller(site, y, site.operand(2)) if high is None else bounded(site, y, low, high))


def _end(site: Site, place: int, without: float) -> float | None:
    """A bound that is an input; nothing if it is computed."""
    if site.has(place) and not site.is_constant(place):
        return None
    number = site.scalar(place, "bound")
    return without if number is None else number


def bounded(site: Site, x: str, low: float, high: float) -> str:
    """x clipped to bounds, of which the largest floats and infinities are none."""
    low = -math.inf if low <= -_UNBOUNDED else low
    high = math.inf if high >= _UNBOUNDED else high
    if math.isnan(low) or math.isnan(high) or low == math.inf or high == -math.inf:
        raise Refusal(f"expected bounds that leave finite numbers, got {low} and {high}")
    if low == -math.inf and high == math.inf:
        return x
    return site.step("clip", "clip", x, low=min(low, high), high=high)


def larger(site: Site, a: str, b: str) -> str:
    """b + relu(a - b)."""
    beyond = site.step("relu", "beyond", site.step("sub", "difference", a, b))
    return site.step("add", "larger", b, beyond)


def smaller(site: Site, a: str, b: str) -> str:
    """b - relu(b - a)."""
    beyond = site.step("relu", "beyond", site.step("sub", "difference", b, a))
    return site.step("sub", "smaller", b, beyond)


def identity(site: Site) -> None:
    """Identity: nothing to do."""
    site.keep(site.source(0))


def dropout(site: Site) -> None:
    """Dropout in inference form: nothing to do."""
    training = site.scalar(2, "training_mode") if site.version >= 12 else None
    if training:
        raise Refusal("expected inference form, got training mode; export the model after eval()")
    if site.uses_output(1):
        raise Refusal("expected only its first output in use, got a use of the mask")
    site.keep(site.source(0))


CONVERTERS: Converters = {
    ("", "Abs"): abs_,
    ("", "Add"): add,
    ("", "Clip"): clip,
    ("", "Dropout"): dropout,
    ("", "Identity"): identity,
    ("", "LeakyRelu"): leaky_relu,
    ("", "Mul"): mul,
    ("", "Neg"): neg,
    ("", "PRelu"): prelu,
    ("", "Relu"): relu,
    ("", "Sub"): sub,
}
