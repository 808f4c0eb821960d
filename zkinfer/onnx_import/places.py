"""Converters of what tells the places of the largest or least entries, or has ones in places:
ArgMax, ArgMin, TopK, Hardmax, OneHot.
"""

from math import prod
from typing import Any

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.gather import elements
from zkinfer.onnx_import.moves import permuted, reshaped, sliced
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.tables import coded

MOST_PLACES = 64
"""How many of the largest entries are found, one after the other."""


def arg_max(site: Site) -> None:
    """ArgMax, of equal entries the first or the last."""
    _extreme(site, site.any_operand(0))


def arg_min(site: Site) -> None:
    """ArgMin: that of the negatives' largest."""
    _extreme(site, site.step("neg", "negative", site.any_operand(0)))


def _extreme(site: Site, x: str) -> None:
    """The place of the largest entry, counted from the end where the last of equal ones is asked
    for.
    """
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    attrs: dict[str, Any] = {"axes": (axis,), "keepdims": bool(site.attr("keepdims", 1))}
    numbers = _numbers(site, shape[axis])
    if shape[axis] == 1:
        kept = (1,) if attrs["keepdims"] else ()
        only = reshaped(site, x, (*shape[:axis], *kept, *shape[axis + 1 :]))
        site.finish("clip", only, low=0.0, high=0.0)
    elif not site.attr("select_last_index", 0):
        site.finish("arg_max", x, numbers, **attrs)
    else:
        turned = sliced(site, x, {axis: (shape[axis] - 1, -1, -1)})
        left = site.step("arg_max", "left", turned, numbers, **attrs)
        site.finish("sub", site.weight("last", np.array(shape[axis] - 1.0)), left)
    site.graph.integral.add(site.node.outputs[0])


def top_k(site: Site) -> None:
    """TopK, of equal entries the first; its values are gathered from their places.

    The count is an attribute before opset 10.
    """
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", -1)), len(shape))
    counts = (int(site.attr("k", 0)),) if site.version < 10 else site.ints_at(1, "k")
    if counts is None or len(counts) != 1 or not 1 <= counts[0] <= shape[axis]:
        raise Refusal(f"expected one k from 1 to {shape[axis]}, got {counts}")
    (count,) = counts
    if count > MOST_PLACES:
        raise Refusal(
            f"expected a k of at most {MOST_PLACES}, got {count}: each entry is compared with all"
        )
    if count > 1 and not site.attr("sorted", 1):
        raise Refusal("expected sorted = 1, got 0, which leaves the order of the output open")
    x = site.any_operand(0)
    y = x if site.attr("largest", 1) else site.step("neg", "negative", x)
    rank = len(shape)
    order = (*(a for a in range(rank) if a != axis), axis)
    turned = permuted(site, y, order)
    if shape[axis] == 1:
        found = site.step("clip", "places", turned, low=0.0, high=0.0)
    else:
        numbers = _numbers(site, shape[axis])
        found = site.step("top_k", "places", turned, numbers, count=count)
    places = permuted(site, found, np.argsort(order).tolist())
    if site.uses_output(0):
        site.keep(elements(site, x, places, axis))
    if site.uses_output(1):
        site.graph.alias(site.node.outputs[1], places)
        site.graph.integral.add(site.node.outputs[1])


def _numbers(site: Site, count: int) -> str:
    """The numbers of places."""
    site.graph.allowance.check((count,), "the numbers of places")
    return site.weight("numbers", np.arange(count))


def hardmax(site: Site) -> None:
    """Hardmax: one for the first of the largest entries along an axis, before opset 13 along all
    axes from it on; zero for the others.
    """
    shape, flat = site.shape(0), site.version < 13
    axis = axis_in(int(site.attr("axis", 1 if flat else -1)), len(shape))
    x = site.operand(0)
    if flat:
        x, axis = reshaped(site, x, (prod(shape[:axis]), prod(shape[axis:]))), 1
    own = site.graph.shape(x)
    if own[axis] == 1:
        site.keep(reshaped(site, site.step("clip", "ones", x, low=1.0, high=1.0), shape))
        return
    numbers = _numbers(site, own[axis])
    place = site.step("arg_max", "place", x, numbers, axes=(axis,), keepdims=False)
    site.graph.allowance.spend((own[axis], own[axis]), "the codes")
    rows = site.weight("codes", np.eye(own[axis]))
    codes = site.step("gather", "coded", rows, place, extent=own[axis])
    site.keep(reshaped(site, _last_to(site, codes, axis), shape))


def one_hot(site: Site) -> None:
    """OneHot of computed places: counted from the end where they are negative, and nothing where
    they are outside.
    """
    depth = int(site.scalar(1, "depth") or 0)
    if depth < 1:
        raise Refusal(f"expected a positive depth, got {depth}")
    if not site.is_integral(0):
        raise Refusal("expected integers as places, got fractions; put a Cast before it")
    site.graph.allowance.spend((2 * depth, depth), "the codes")
    keys = np.arange(-depth, depth)
    places, shape = site.any_operand(0), site.shape(0)
    codes = np.eye(depth)[keys % depth]
    made = coded(site, places, keys, codes, np.zeros(depth))
    axis = axis_in(int(site.attr("axis", -1)), len(shape) + 1)
    hot = _last_to(site, reshaped(site, made, (*shape, depth)), axis)
    off, on = (sliced(site, site.any_operand(2), {0: (place, place + 1, 1)}) for place in (0, 1))
    step = site.step("mul", "hot", hot, site.step("sub", "difference", on, off))
    site.finish("add", step, off)
    if site.is_integral(2):
        site.graph.integral.add(site.node.outputs[0])


def _last_to(site: Site, x: str, axis: int) -> str:
    """x with its last axis at this place."""
    rank = len(site.graph.shape(x))
    order = list(range(rank - 1))
    order.insert(axis, rank - 1)
    return permuted(site, x, tuple(order))


CONVERTERS: Converters = {
    ("", "ArgMax"): arg_max,
    ("", "ArgMin"): arg_min,
    ("", "Hardmax"): hardmax,
    ("", "OneHot"): one_hot,
    ("", "TopK"): top_k,
}
