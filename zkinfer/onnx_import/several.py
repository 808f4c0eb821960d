"""Converters of the operators that take any number of operands: Sum, Mean, Max, Min.

All constant operands are made one. max(a, b) = b + relu(a - b) and min(a, b) = b - relu(b - a);
against a single number they are a Clip.
"""

import math
from collections.abc import Callable
from functools import reduce

import numpy as np

from zkinfer.onnx_import.builder import Converters, Floats, Site, finite
from zkinfer.onnx_import.elementwise import bounded, larger, smaller
from zkinfer.onnx_import.moves import expanded
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import broadcast

Joined = Callable[[Floats, Floats], Floats]


def sum_(site: Site) -> None:
    """Sum, with numpy's broadcasting."""
    site.keep(_total(site))


def mean(site: Site) -> None:
    """Mean: the sum times one over the number of operands."""
    count = len(site.node.inputs)
    total = _total(site)
    if count == 1:
        site.keep(total)
    else:
        site.finish("mul", total, site.weight("share", np.array(1 / count)))


def max_(site: Site) -> None:
    """Max, with numpy's broadcasting."""
    _extreme(site, np.maximum, larger)


def min_(site: Site) -> None:
    """Min, with numpy's broadcasting."""
    _extreme(site, np.minimum, smaller)


def _total(site: Site) -> str:
    computed, constant = _operands(site, np.add)
    names = [*computed, *([] if constant is None else [_constant(site, constant)])]
    return reduce(lambda a, b: site.step("add", "sum", a, b), names)


def _extreme(site: Site, joined: Joined, pair: Callable[[Site, str, str], str]) -> None:
    """Max or Min. joined: of constants; pair: of two tensors."""
    computed, constant = _operands(site, joined)
    y = reduce(lambda a, b: pair(site, a, b), computed)
    if constant is None:
        site.keep(y)
        return
    if not constant.size:
        raise Refusal("expected operands with entries, got an empty constant")
    bound = float(constant.flat[0])
    if np.any(constant != bound):
        site.keep(pair(site, y, _constant(site, constant)))
        return
    low, high = (bound, math.inf) if joined is np.maximum else (-math.inf, bound)
    y = bounded(site, y, low, high)
    site.keep(expanded(site, y, broadcast(site.graph.shape(y), constant.shape)))


def _constant(site: Site, array: Floats) -> str:
    return site.weight("constant", finite(array, f"the constants of {site.node.name}"))


def _operands(site: Site, joined: Joined) -> tuple[list[str], Floats | None]:
    """The computed operands, and all constant ones in one if there are any."""
    places = range(len(site.node.inputs))
    computed = [site.operand(place) for place in places if not site.is_constant(place)]
    arrays = [site.array(place, "operand") for place in places if site.is_constant(place)]
    if any(array.dtype.kind not in "fiu" for array in arrays):
        raise Refusal("expected numbers as operands, got others among its constants")
    broadcast(*(array.shape for array in arrays))
    constants = [array.astype(np.float64) for array in arrays]
    with np.errstate(over="ignore", invalid="ignore"):
        return computed, reduce(joined, constants) if constants else None


CONVERTERS: Converters = {
    ("", "Max"): max_,
    ("", "Mean"): mean,
    ("", "Min"): min_,
    ("", "Sum"): sum_,
}
