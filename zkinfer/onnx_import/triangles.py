"""Converters of CumSum and Trilu: triangles of ones, to multiply with along an axis or entry by
entry.
"""

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.moves import mixed
from zkinfer.onnx_import.node import Refusal


def cum_sum(site: Site) -> None:
    """CumSum: a sum over all places before each, itself among them unless exclusive."""
    shape, given = site.shape(0), site.ints_at(1, "axis")
    if given is None or len(given) != 1:
        raise Refusal(f"expected one axis as input 1, got {given}")
    axis = axis_in(given[0], len(shape))
    extent = shape[axis]
    site.graph.allowance.check((extent, extent), "its matrix")
    matrix = np.tril(np.ones((extent, extent)), -1 if site.attr("exclusive", 0) else 0)
    if site.attr("reverse", 0):
        matrix = matrix.T
    site.keep(mixed(site, site.operand(0), axis, matrix))


def trilu(site: Site) -> None:
    """Trilu: zeros below a diagonal of the last two axes, or above it."""
    shape = site.shape(0)
    if len(shape) < 2:
        raise Refusal(f"expected an input with two axes or more, got the shape {shape}")
    given = site.ints_at(1, "diagonal")
    if given is not None and len(given) != 1:
        raise Refusal(f"expected one number as the diagonal, got {given}")
    rows, columns = shape[-2:]
    diagonal = min(max(given[0], -rows), columns) if given else 0
    site.graph.allowance.check(shape[-2:], "its mask")
    cut = np.triu if site.attr("upper", 1) else np.tril
    x, mask = site.any_operand(0), cut(np.ones(shape[-2:]), diagonal)
    site.keep(x if mask.all() else site.step("mul", "kept", x, site.weight("mask", mask)))


CONVERTERS: Converters = {
    ("", "CumSum"): cum_sum,
    ("", "Trilu"): trilu,
}
