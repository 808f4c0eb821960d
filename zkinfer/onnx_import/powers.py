"""Converters of powers: Pow, Sqrt, Reciprocal."""

import math
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import expanded
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import broadcast

MOST_FACTORS = 64
"""Powers of more factors than this are tabulated; no number below zero has one then."""

MOST_DIFFERENT = 8
"""The largest of exponents that differ from entry to entry."""


def sqrt(site: Site) -> None:
    """Sqrt."""
    site.finish("sqrt", site.operand(0))


def reciprocal(site: Site) -> None:
    """Reciprocal."""
    site.keep(_inverse(site, site.operand(0)))


def pow_(site: Site) -> None:
    """Pow: products where the exponent is whole or a half more, a table of x^c where it is another
    constant, exp(c log x) where it is computed.
    """
    integral = site.is_integral(0)
    if not site.is_constant(1):
        if integral:
            raise Refusal("expected a constant exponent of integers, got a computed one")
        site.finish("function", _exponent(site), function="exp")
        return
    exponents = site.floats(1, "exponent")
    one = float(exponents.flat[0]) if exponents.size else 1.0
    if integral and ((exponents < 0) | (exponents % 1 != 0)).any():
        raise Refusal(f"expected whole exponents of integers, got {one:g}; put a Cast before it")
    shape = broadcast(site.shape(0), exponents.shape)
    if one and math.isfinite(one) and (exponents == one).all():
        site.keep(expanded(site, power(site, site.operand(0), one), shape))
        return
    wrong = exponents[~np.isin(exponents, range(MOST_DIFFERENT + 1))]
    if wrong.size:
        raise Refusal(
            f"expected one exponent for all entries, or whole ones up to {MOST_DIFFERENT}, got "
            f"{wrong.flat[0]:g} among others"
        )
    site.keep(_different(site, site.operand(0), exponents, shape))


def power(site: Site, x: str, exponent: float) -> str:
    """x^exponent, which is not 0."""
    whole, rest = divmod(abs(exponent), 1.0)
    if rest not in (0.0, 0.5) or whole > MOST_FACTORS:
        return site.step("power", "power", x, exponent=exponent)
    factors = [site.step("sqrt", "root", x)] if rest else []
    square, left = x, int(whole)
    while left:
        factors += [square] if left % 2 else []
        left //= 2
        if left:
            square = site.step("mul", "square", square, square)
    y = reduce(partial(site.step, "mul", "power"), factors)
    return _inverse(site, y) if exponent < 0 else y


def _inverse(site: Site, x: str) -> str:
    """1 / x."""
    return site.step("divide", "inverse", site.weight("one", np.ones(())), x)


def _exponent(site: Site) -> str:
    """c log x, for a computed c: the natural logarithm of x^c."""
    c = site.operand(1)
    if not site.is_constant(0):
        logarithm = site.step("function", "logarithm", site.operand(0), function="log")
        return site.step("mul", "exponent", c, logarithm)
    base = site.floats(0, "base")
    if (base <= 0).any():
        raise Refusal(f"expected a base above zero, got {base.min():g}")
    return site.step("mul", "exponent", c, site.weight("logarithm", np.log(base), 0))


def _different(site: Site, x: str, exponents: npt.NDArray[Any], shape: tuple[int, ...]) -> str:
    """x to powers that differ from entry to entry."""
    y = ""
    if not exponents.any():
        y = expanded(site, site.step("clip", "ones", x, low=1.0, high=1.0), shape)
    for least in range(1, int(exponents.max(initial=0)) + 1):
        more = exponents >= least
        factor = x
        if not more.all():  # x where there is one more factor, else one
            factor = site.step("mul", "factor", x, site.weight("more", more.astype(float)))
            factor = site.step("add", "factor", factor, site.weight("one", 1.0 - more))
        y = site.step("mul", "power", y, factor) if y else expanded(site, factor, shape)
    return y


CONVERTERS: Converters = {
    ("", "Pow"): pow_,
    ("", "Reciprocal"): reciprocal,
    ("", "Sqrt"): sqrt,
}
