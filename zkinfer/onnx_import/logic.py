"""Converters of comparisons, of what is made of truth values, and of the integers near a number.

False and true are the real numbers 0 and 1. All comparisons are of one kind, a < b.
"""

import numpy as np
from onnx import TensorProto, helper

from zkinfer.graph import Boolean, Integer
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import.builder import Builder, Converters, Site
from zkinfer.onnx_import.division import truncated
from zkinfer.onnx_import.inputs import FLOAT_TYPES, INT_TYPES, is_narrow, type_name
from zkinfer.onnx_import.masking import infinite_marks
from zkinfer.onnx_import.moves import expanded
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import broadcast

MOST_PLACES = (1 << 31) - 1
"""The largest of a tensor's places, which fits all types that hold places or tokens."""


def less(site: Site) -> None:
    """Less."""
    _truth(site, _less(site, *_pair(site)))


def greater(site: Site) -> None:
    """Greater: b < a."""
    a, b = _pair(site)
    _truth(site, _less(site, b, a))


def less_or_equal(site: Site) -> None:
    """LessOrEqual: not b < a."""
    a, b = _pair(site)
    _truth(site, _not(site, _less(site, b, a)))


def greater_or_equal(site: Site) -> None:
    """GreaterOrEqual: not a < b."""
    _truth(site, _not(site, _less(site, *_pair(site))))


def equal(site: Site) -> None:
    """Equal: neither a < b nor b < a."""
    _truth(site, _not(site, _differ(site, *_pair(site))))


def not_(site: Site) -> None:
    """Not: 1 - x."""
    _truth(site, _not(site, site.any_operand(0)))


def and_(site: Site) -> None:
    """And: a b."""
    _truth(site, site.step("mul", "both", *_pair(site)))


def or_(site: Site) -> None:
    """Or: 1 - (1 - a) (1 - b)."""
    neither = site.step("mul", "neither", *(_not(site, x) for x in _pair(site)))
    _truth(site, _not(site, neither))


def xor(site: Site) -> None:
    """Xor: (a - b)^2."""
    difference = site.step("sub", "difference", *_pair(site))
    _truth(site, site.step("mul", "square", difference, difference))


def where(site: Site) -> None:
    """Where: b + c (a - b), or c a and (1 - c) b where the other choice is always zero."""
    if site.is_constant(0):
        _where_known(site)
        return
    shape = broadcast(*(site.shape(place) for place in range(3)))
    chosen, *choices = (site.any_operand(place) for place in range(3))
    zero = [site.is_constant(place) and not np.any(site.array(place, "choice")) for place in (1, 2)]
    if zero[1]:
        y = site.step("mul", "chosen", chosen, choices[0])
    elif zero[0]:
        y = site.step("mul", "other", _not(site, chosen), choices[1])
    elif site.is_constant(1) and site.is_constant(2):
        arrays = [site.floats(place, "choice") for place in (1, 2)]
        more = site.weight("more", arrays[0] - arrays[1])
        y = site.step("add", "sum", site.step("mul", "chosen", chosen, more), choices[1])
    else:
        more = site.step("sub", "more", *choices)
        y = site.step("add", "sum", site.step("mul", "chosen", chosen, more), choices[1])
    _result(site, expanded(site, y, shape))
    if any(site.is_integral(place) for place in (1, 2)):
        site.graph.integral.add(site.node.outputs[0])


def _where_known(site: Site) -> None:
    """By a constant condition: each operand times its entries; constants are chosen."""
    condition = site.array(0, "condition").astype(bool)
    shape = broadcast(condition.shape, site.shape(1), site.shape(2))
    kept = []
    for index, mask in ((1, condition), (2, ~condition)):
        if not mask.any():
            continue
        if mask.all() and site.is_constant(index):
            array = site.array(index, "operand")
            site.graph.allowance.spend(shape, "its output")
            site.graph.arrays[site.node.outputs[0]] = np.broadcast_to(array, shape)
            return
        if mask.all():
            site.keep(expanded(site, site.operand(index), shape))
            return
        if site.is_constant(index):
            kept.append(site.weight("chosen", np.where(mask, site.array(index, "operand"), 0)))
        else:
            kept.append(site.step("mul", "kept", site.operand(index), site.weight("mask", mask)))
    site.finish("add", *kept)


def is_nan(site: Site) -> None:
    """IsNaN: true of a softmax where -infinity masks all scores of a line, else false.

    Such lines are what exporters ask for who then put zeros there.
    """
    made = next((node for node in site.graph.nodes if site.source(0) in node.outputs), None)
    marks = None
    if made is not None and made.op == "softmax":
        marks = infinite_marks(site.graph, made.inputs[0])
    if made is None or marks is None:
        never(site)
        return
    shape, axis = site.shape(0), made.attrs["axis"] % len(site.shape(0))
    middle = site.weight("middle", np.full((), 0.5))
    seen = _less(site, marks, middle)
    own = site.graph.shape(seen)
    if len(own) >= len(shape) - axis:
        axes = (axis - len(shape) + len(own),)
        seen = site.step("reduce_sum", "seen", seen, axes=axes, keepdims=True)
    _truth(site, expanded(site, _less(site, seen, middle), shape))


def never(site: Site) -> None:
    """IsInf, and IsNaN of most: false everywhere, as all numbers of a proof are finite."""
    shape = site.shape(0)
    site.graph.allowance.spend(shape, "its output")
    site.graph.arrays[site.node.outputs[0]] = np.zeros(shape, bool)


def sign(site: Site) -> None:
    """Sign: 0 < x less x < 0."""
    x, zero = site.operand(0), site.weight("zero", np.zeros(()))
    site.finish("sub", _less(site, zero, x), _less(site, x, zero))


def floor(site: Site) -> None:
    """Floor."""
    site.finish("round", site.operand(0), down=True)


def ceil(site: Site) -> None:
    """Ceil: -floor(-x)."""
    below = site.step("round", "below", site.step("neg", "opposite", site.operand(0)), down=True)
    site.finish("neg", below)


def round_(site: Site) -> None:
    """Round, of two nearest integers to the even one."""
    site.finish("round", site.operand(0), down=False)


def cast(site: Site) -> None:
    """Cast: between floats, and from integers to them, nothing to do; to integers the fraction is
    dropped; to truth values whether a number is other than 0.
    """
    target, source = int(site.attr("to", TensorProto.UNDEFINED)), site.source(0)
    if target in FLOAT_TYPES:
        _result(site, source)
    elif target == TensorProto.BOOL:
        zero = site.weight("zero", np.zeros(()))
        _truth(site, _differ(site, site.any_operand(0), zero))
    elif target in INT_TYPES:
        _result(site, source if site.is_integral(0) else truncated(site, source))
        limits = np.iinfo(helper.tensor_dtype_to_np_dtype(target))
        low, high = int(limits.min), int(limits.max)
        _check_range(site, target, low, high)
        site.graph.integral.add(site.node.outputs[0])
        if is_narrow(Integer(low, high)):
            site.graph.narrow.add(site.node.outputs[0])
    else:
        raise Refusal(f"expected a cast to numbers or truth values, got {type_name(target)}")


def _check_range(site: Site, target: int, low: int, high: int) -> None:
    """Raises Refusal where integers might not fit a type, so that they would wrap around.

    Inputs that are cast, or what is made of them by moving entries alone, are kept within it.
    """
    if not _narrowed(site.graph, site.source(0), low, high):
        raise Refusal(
            "expected a cast to a type that holds all integers of its input, got "
            f"{type_name(target)}"
        )


def _narrowed(graph: Builder, name: str, low: int, high: int) -> bool:
    """Whether a tensor's integers lie within bounds, once inputs do that it is made of."""
    if name in graph.weights:
        return bool((np.clip(graph.weights[name], low, high) == graph.weights[name]).all())
    kind = graph.type_of(name).kind
    if not isinstance(kind, Integer) or low <= kind.low <= kind.high <= high:
        return True
    maker = next((node for node in graph.nodes if name in node.outputs), None)
    if maker is None:
        graph.kinds[name] = Integer(max(low, kind.low), min(high, kind.high))
        return max(low, kind.low) <= 0 and min(high, kind.high) >= MOST_PLACES
    if LAYERS[maker.op].entries is Entries.PLACE:
        return high >= MOST_PLACES
    moved = LAYERS[maker.op].entries is Entries.MOVED
    return moved and all(_narrowed(graph, source, low, high) for source in maker.inputs)


def _result(site: Site, y: str) -> None:
    """Makes y the output, of real numbers even where the operands are integers."""
    site.graph.alias(site.node.outputs[0], y)


def _truth(site: Site, y: str) -> None:
    """Makes y, which is 0 or 1, the output."""
    if y not in site.graph.weights:
        site.graph.kinds[y] = Boolean()
    _result(site, y)


def _pair(site: Site) -> tuple[str, str]:
    return site.any_operand(0), site.any_operand(1)


def _less(site: Site, a: str, b: str) -> str:
    return site.step("less", "less", a, b)


def _not(site: Site, x: str) -> str:
    if x in site.graph.weights:
        return site.weight("not", 1 - site.graph.weights[x])
    return site.step("sub", "not", site.weight("true", np.ones(())), x)


def _differ(site: Site, a: str, b: str) -> str:
    return site.step("add", "differ", _less(site, a, b), _less(site, b, a))


CONVERTERS: Converters = {
    ("", "And"): and_,
    ("", "Cast"): cast,
    ("", "Ceil"): ceil,
    ("", "Equal"): equal,
    ("", "Floor"): floor,
    ("", "Greater"): greater,
    ("", "GreaterOrEqual"): greater_or_equal,
    ("", "IsInf"): never,
    ("", "IsNaN"): is_nan,
    ("", "Less"): less,
    ("", "LessOrEqual"): less_or_equal,
    ("", "Not"): not_,
    ("", "Or"): or_,
    ("", "Round"): round_,
    ("", "Sign"): sign,
    ("", "Where"): where,
    ("", "Xor"): xor,
}
