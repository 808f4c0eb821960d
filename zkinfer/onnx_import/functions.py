"""Converters of functions of one number, entry by entry.

Most are the layer `function` by name. What has parameters is rewritten with weights around one that
has none, so that they stay hidden; exponents alone are public.
"""

import math

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, finite
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal


def plain(site: Site) -> None:
    """A function without attributes, which has its operator's name."""
    site.finish("function", site.operand(0), function=site.node.op.lower())


def gelu(site: Site) -> None:
    """Gelu, exact or by the hyperbolic tangent."""
    way = site.attr("approximate", "none")
    if way not in ("none", "tanh"):
        raise Refusal(f"expected approximate to be none or tanh, got {way}")
    site.finish("function", site.operand(0), function="gelu" if way == "none" else "gelu_tanh")


def elu(site: Site) -> None:
    """Elu: alpha (exp(x) - 1) where x is negative."""
    x, alpha = site.operand(0), _number(site, "alpha", 1.0)
    if alpha == 1:
        site.finish("function", x, function="elu")
    else:
        _split(site, x, 1.0, alpha, 1.0)


def selu(site: Site) -> None:
    """Selu: gamma times Elu."""
    alpha = _number(site, "alpha", 1.6732632423543772)
    gamma = _number(site, "gamma", 1.0507009873554805)
    x = site.operand(0)
    if abs(alpha - 1.6732632423543772) < 1e-6 and abs(gamma - 1.0507009873554805) < 1e-6:
        site.finish("function", x, function="selu")
    else:
        _split(site, x, gamma, gamma * alpha, 1.0)


def celu(site: Site) -> None:
    """Celu: alpha (exp(x / alpha) - 1) where x is negative."""
    x, alpha = site.operand(0), _number(site, "alpha", 1.0)
    if alpha <= 0:
        raise Refusal(f"expected a positive alpha, got {alpha:g}")
    if alpha == 1:
        site.finish("function", x, function="elu")
    else:
        _split(site, x, 1.0, alpha, 1 / alpha)


def hard_sigmoid(site: Site) -> None:
    """HardSigmoid: alpha x + beta, kept from 0 to 1."""
    alpha, beta = _number(site, "alpha", 0.2), _number(site, "beta", 0.5)
    site.keep(_hard_sigmoid(site, site.operand(0), alpha, beta))


def hard_swish(site: Site) -> None:
    """HardSwish: x times HardSigmoid with 1/6 and 1/2."""
    x = site.operand(0)
    site.finish("mul", x, _hard_sigmoid(site, x, 1 / 6, 0.5))


def swish(site: Site) -> None:
    """Swish: x sigmoid(alpha x)."""
    _swish(site, _number(site, "alpha", 1.0))


def quick_gelu(site: Site) -> None:
    """QuickGelu: x sigmoid(alpha x)."""
    _swish(site, _number(site, "alpha", 1.702))


def fast_gelu(site: Site) -> None:
    """FastGelu: by the hyperbolic tangent, of x plus a bias if there is one."""
    _biased(site, "gelu_tanh")


def bias_gelu(site: Site) -> None:
    """BiasGelu: Gelu of x plus a bias."""
    _biased(site, "gelu")


def shrink(site: Site) -> None:
    """Shrink: x + bias below -lambd, x - bias above lambd, 0 between; by relu where both are one
    positive number, as it then has no jumps.
    """
    lambd, bias = _number(site, "lambd", 0.5), _number(site, "bias", 0.0)
    x, shift = site.operand(0), site.weight("bias", np.array(bias))
    less = site.step("sub", "less", x, shift)
    if 0 <= bias == lambd:
        opposite = site.step("sub", "more", site.step("neg", "neg", x), shift)
        parts = [site.step("relu", "above", less), site.step("relu", "below", opposite)]
        site.finish("sub", *parts)
        return
    if lambd < 0:
        raise Refusal(f"expected a lambd of at least 0, got {lambd:g}")
    more = site.step("add", "more", x, shift)
    ends = [site.weight("lambd", np.array(end)) for end in (lambd, -lambd)]
    above, below = site.step("less", "far", ends[0], x), site.step("less", "deep", x, ends[1])
    parts = [site.step("mul", "above", above, less), site.step("mul", "below", below, more)]
    site.finish("add", *parts)


def thresholded_relu(site: Site) -> None:
    """ThresholdedRelu: x where it is above alpha, else 0."""
    x, alpha = site.operand(0), _number(site, "alpha", 1.0)
    if alpha == 0:
        site.finish("relu", x)
    else:
        above = site.step("less", "above", site.weight("alpha", np.array(alpha)), x)
        site.finish("mul", above, x)


def _number(site: Site, name: str, default: float) -> float:
    value = float(site.attr(name, default))
    finite(np.array(value), name)
    return value


def _split(site: Site, x: str, above: float, below: float, inner: float) -> None:
    """above relu(x) + below (exp(inner min(x, 0)) - 1), which has no positive part."""
    negative = x
    if inner != 1:
        negative = site.step("mul", "inner", x, site.weight("inner", np.array(inner)))
    falling = site.step("function", "elu", negative, function="elu")
    part = site.step("clip", "negative", falling, low=-math.inf, high=0.0)
    scaled = site.step("mul", "below", part, site.weight("below", np.array(below)))
    positive = site.step("relu", "positive", x)
    if above != 1:
        positive = site.step("mul", "above", positive, site.weight("above", np.array(above)))
    site.finish("add", positive, scaled)


def _hard_sigmoid(site: Site, x: str, alpha: float, beta: float) -> str:
    scaled = site.step("mul", "alpha", x, site.weight("alpha", np.array(alpha)))
    shifted = site.step("add", "beta", scaled, site.weight("beta", np.array(beta)))
    return site.step("clip", "clip", shifted, low=0.0, high=1.0)


def _swish(site: Site, alpha: float) -> None:
    x = site.operand(0)
    if alpha in (1.0, 1.702) or abs(alpha - 1.702) < 1e-6:
        name = "silu" if alpha == 1 else "quick_gelu"
        site.finish("function", x, function=name)
        return
    scaled = site.step("mul", "alpha", x, site.weight("alpha", np.array(alpha)))
    site.finish("mul", x, site.step("sigmoid", "sigmoid", scaled))


def tan(site: Site) -> None:
    """Tan: the sine over the cosine."""
    x = site.operand(0)
    parts = [site.step("function", name, x, function=name) for name in ("sin", "cos")]
    site.finish("divide", *parts)


def _biased(site: Site, function: str) -> None:
    x = site.operand(0)
    if site.has(1):
        x = site.step("add", "bias", x, site.operand(1))
    site.finish("function", x, function=function)


CONVERTERS: Converters = {
    ("", "Acos"): plain,
    ("", "Acosh"): plain,
    ("", "Asin"): plain,
    ("", "Asinh"): plain,
    ("", "Atan"): plain,
    ("", "Atanh"): plain,
    ("", "Celu"): celu,
    ("", "Cos"): plain,
    ("", "Cosh"): plain,
    ("", "Elu"): elu,
    ("", "Erf"): plain,
    ("", "Exp"): plain,
    ("", "Gelu"): gelu,
    ("", "HardSigmoid"): hard_sigmoid,
    ("", "HardSwish"): hard_swish,
    ("", "Log"): plain,
    ("", "Mish"): plain,
    ("", "Selu"): selu,
    ("", "Shrink"): shrink,
    ("", "Sin"): plain,
    ("", "Sinh"): plain,
    ("", "Softplus"): plain,
    ("", "Softsign"): plain,
    ("", "Swish"): swish,
    ("", "Tan"): tan,
    ("", "Tanh"): plain,
    ("", "ThresholdedRelu"): thresholded_relu,
    (MICROSOFT_DOMAIN, "BiasGelu"): bias_gelu,
    (MICROSOFT_DOMAIN, "FastGelu"): fast_gelu,
    (MICROSOFT_DOMAIN, "Gelu"): plain,
    (MICROSOFT_DOMAIN, "QuickGelu"): quick_gelu,
}
