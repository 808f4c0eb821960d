"""Functions of one number, by name: what the float operator `function` computes.

Each is a function of float64 arrays, entry by entry, with what intervals need to know of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zkinfer.layers.contract import Bounds, Floats

_GRID = 1024
"""Nodes of the table of erf, a unit of x."""

_REACH = 6
"""Beyond it erf is 1 in double precision."""

EVERYWHERE = (-math.inf, math.inf)


@dataclass(frozen=True)
class Function:
    """One function.

    value: of arrays. bounds: what no value leaves. turning: where it turns from falling to rising
    or back; it is monotone between these points. None if there are too many of them, so that the
    bounds are all there is to say. domain: where it is defined, but for ends where it is infinite.
    """

    value: Callable[[Floats], Floats]
    bounds: Bounds = EVERYWHERE
    turning: tuple[float, ...] | None = ()
    domain: Bounds = EVERYWHERE


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), by the hyperbolic tangent, for which no x is too large."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def softplus(x: Floats) -> Floats:
    """log(1 + exp(x))."""
    return np.logaddexp(0.0, x)


def erf(x: Floats) -> Floats:
    """The error function, by cubics between its values, off by less than 2e-14."""
    place = np.clip(np.abs(x), 0, _REACH - 1 / _GRID) * _GRID
    node = np.nan_to_num(place).astype(np.int64)
    t = np.clip(place - node, 0, 1)
    y, slope = _ERF[node], _SLOPE[node]
    y_end, slope_end = _ERF[node + 1], _SLOPE[node + 1]
    rise = y_end - y
    third = slope + slope_end - 2 * rise
    cubic = y + t * (slope + t * (rise - slope - third + t * third))
    return np.copysign(np.where(np.abs(x) < _REACH, cubic, 1.0), x)


_NODES = np.arange(_REACH * _GRID + 1) / _GRID
_ERF = np.array([math.erf(x) for x in _NODES])
_SLOPE = 2 / math.sqrt(math.pi) * np.exp(-(_NODES**2)) / _GRID


def gelu(x: Floats) -> Floats:
    """x times the standard normal distribution function (Hendrycks and Gimpel, 2016)."""
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x: Floats) -> Floats:
    """The usual approximation of gelu."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Floats) -> Floats:
    """x sigmoid(x)."""
    return x * sigmoid(x)


def quick_gelu(x: Floats) -> Floats:
    """x sigmoid(1.702 x)."""
    return x * sigmoid(1.702 * x)


def mish(x: Floats) -> Floats:
    """x tanh(softplus(x)) (Misra, 2019)."""
    return x * np.tanh(softplus(x))


def elu(x: Floats) -> Floats:
    """x, or exp(x) - 1 where x is negative."""
    return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)


def selu(x: Floats) -> Floats:
    """The self-normalizing elu (Klambauer et al., 2017)."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def softsign(x: Floats) -> Floats:
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def coupled(x: Floats) -> Floats:
    """The probability of the first of two classes, by pairwise coupling (Wu, Lin and Weng, 2004) of
    r = sigmoid(x) and 1 - r, iterated from 1/2 until libsvm stops.
    """
    r = np.clip(sigmoid(x), 1e-7, 1 - 1e-7)
    q = np.array([[(1 - r) ** 2, (r - 1) * r], [(r - 1) * r, r**2]])
    p = np.full((2, *r.shape), 0.5)
    for _ in range(100):
        slopes = (q * p).sum(axis=1)
        total = (p * slopes).sum(axis=0)
        going = np.abs(slopes - total).max(axis=0) >= 0.005 / 2
        if not going.any():
            break
        for t in range(2):
            step = np.where(going, (total - slopes[t]) / q[t, t], 0.0)
            p[t] += step
            total = (total + step * (step * q[t, t] + 2 * slopes[t])) / (1 + step) ** 2
            slopes, p = (slopes + step * q[t]) / (1 + step), p / (1 + step)
    return p[0]


def probit(x: Floats) -> Floats:
    """The inverse of the standard normal distribution function, by Winitzki's approximation."""
    y = 2 * x - 1
    logarithm = np.log((1 - y) * (1 + y))
    half = 2 / (math.pi * 0.147) + logarithm / 2
    root = np.sqrt(half * half - logarithm / 0.147)
    return math.sqrt(2) * np.copysign(np.sqrt(root - half), y)


@lru_cache(maxsize=512)
def power(exponent: float) -> Function:
    """x^exponent of numbers that are not negative; the same object for equal exponents."""
    return Function(lambda x: x**exponent, (0.0, math.inf), domain=(0.0, math.inf))


FUNCTIONS: dict[str, Function] = {
    "acos": Function(np.arccos, (0.0, math.pi), domain=(-1.0, 1.0)),
    "acosh": Function(np.arccosh, (0.0, math.inf), domain=(1.0, math.inf)),
    "asin": Function(np.arcsin, (-math.pi / 2, math.pi / 2), domain=(-1.0, 1.0)),
    "asinh": Function(np.arcsinh),
    "atan": Function(np.arctan, (-math.pi / 2, math.pi / 2)),
    "atanh": Function(np.arctanh, domain=(-1.0, 1.0)),
    "cos": Function(np.cos, (-1.0, 1.0), turning=None),
    "cosh": Function(np.cosh, (1.0, math.inf), turning=(0.0,)),
    "coupled": Function(coupled, (0.0, 1.0)),
    "elu": Function(elu, (-1.0, math.inf)),
    "erf": Function(erf, (-1.0, 1.0)),
    "exp": Function(np.exp, (0.0, math.inf)),
    "gelu": Function(gelu, (-0.17, math.inf), turning=(-0.7517915246935645,)),
    "gelu_tanh": Function(gelu_tanh, (-0.171, math.inf), turning=(-0.7524614220710162,)),
    "log": Function(np.log, domain=(0.0, math.inf)),
    "mish": Function(mish, (-0.309, math.inf), turning=(-1.1924312145120155,)),
    "probit": Function(probit, domain=(0.0, 1.0)),
    "quick_gelu": Function(quick_gelu, (-0.164, math.inf), turning=(-0.7511542554412889,)),
    "selu": Function(selu, (-1.7580993408473766, math.inf)),
    "silu": Function(silu, (-0.2785, math.inf), turning=(-1.2784645427610738,)),
    "sin": Function(np.sin, (-1.0, 1.0), turning=None),
    "sinh": Function(np.sinh),
    "softplus": Function(softplus, (0.0, math.inf)),
    "softsign": Function(softsign, (-1.0, 1.0)),
    "tanh": Function(np.tanh, (-1.0, 1.0)),
}
