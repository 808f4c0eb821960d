"""Converters of Div and Mod, and the whole numbers that quotients of integers are made of.

A quotient of integers is rounded, so that what it is computed from must be exact: tensors of whole
numbers that lead to one are said to hold integers, which no format rounds.
"""

import math
from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Integer, Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import.builder import Builder, Converters, Floats, Site, finite
from zkinfer.onnx_import.node import Refusal

WHOLE = frozenset(
    (
        "add", "clip", "integer_divide", "less", "matmul", "max_pool", "mul", "neg", "reduce_sum",
        "relu", "sub",
    )
)  # fmt: skip
"""What makes whole numbers of whole ones, besides moves."""

LARGEST = 1 << 53
"""Whole numbers up to here are exact in float64."""


def div(site: Site) -> None:
    """Div: a product with the reciprocal of a constant, else a quotient; of integers rounded toward
    zero.
    """
    if site.is_integral(0) or site.is_integral(1):
        site.keep(_quotient(site, down=False))
        return
    if not site.is_constant(1):
        site.finish("divide", site.operand(0), site.operand(1))
        return
    x, divisor = site.operand(0), _divisor(site)
    with np.errstate(over="ignore"):
        reciprocal = finite(1 / divisor, f"1 / {site.node.inputs[1]}")
    site.finish("mul", x, site.weight("reciprocal", reciprocal, 1))


def mod(site: Site) -> None:
    """Mod: x - c q, where q is the quotient rounded down, or with fmod toward zero; of floats by a
    constant, with fmod alone.
    """
    down = not site.attr("fmod", 0)
    if site.is_integral(0) or site.is_integral(1):
        site.keep(_rest(site, _quotient(site, down=down)))
        return
    if down:
        raise Refusal("expected fmod, the remainder of floats, got that of integers")
    x, divisor = site.operand(0), _divisor(site)
    size = site.weight("size", abs(divisor), 1)
    quotient = site.step("mul", "quotient", x, site.weight("inverse", 1 / abs(divisor), 1))
    site.finish("sub", x, site.step("mul", "multiple", truncated(site, quotient), size))


def truncated(site: Site, x: str) -> str:
    """x without its fraction: floor(max(x, 0)) - floor(max(-x, 0))."""
    parts = []
    for name, source in (("above", x), ("below", site.step("neg", "opposite", x))):
        part = site.step("relu", name, source)
        parts.append(site.step("round", f"{name}/whole", part, down=True))
    return site.step("sub", "whole", *parts)


def _divisor(site: Site) -> Floats:
    """The constant input 1, without zeros."""
    divisor = site.floats(1, "divisor")
    if not divisor.all():
        raise Refusal(f"expected a divisor other than zero, got zeros in {site.node.inputs[1]}")
    return divisor


def _quotient(site: Site, *, down: bool) -> str:
    """Input 0 over input 1, of whole numbers, rounded down or toward zero."""
    x = site.any_operand(0)
    if not site.is_constant(1):
        y = _floor(site, x, site.source(1))
        return y if down else _toward_zero(site, y, _rest(site, y))
    divisor = _divisor(site)
    if (divisor < 0).any():
        x = site.step("mul", "signed", x, site.weight("sign", np.sign(divisor), 1))
    if not down and (abs(divisor) > 1).any():
        below = site.step("less", "negative", x, site.weight("zero", np.zeros(())))
        up = site.step("mul", "up", below, site.weight("less one", abs(divisor) - 1, 1))
        x = site.step("add", "moved", x, up)
    return _floor(site, x, site.weight("size", abs(divisor), 1))


def _floor(site: Site, x: str, by: str) -> str:
    """x over by, rounded down."""
    twice, size = (site.step("add", "twice", z, z) for z in (x, by))
    return site.step("integer_divide", "quotient", site.step("sub", "centred", twice, by), size)


def _rest(site: Site, y: str) -> str:
    """Input 0 less input 1 times y."""
    multiple = site.step("mul", "multiple", y, site.any_operand(1))
    return site.step("sub", "rest", site.any_operand(0), multiple)


def _toward_zero(site: Site, y: str, rest: str) -> str:
    """A quotient that is rounded down, plus one where it is negative and leaves a rest."""
    zero = site.weight("zero", np.zeros(()))
    pairs = ((y, zero), (rest, zero), (zero, rest))
    negative, *some = (site.step("less", "less", *pair) for pair in pairs)
    inexact = site.step("add", "inexact", *some)
    return site.step("add", "rounded", y, site.step("mul", "up", negative, inexact))


def exact(nodes: Sequence[Node], builder: Builder) -> None:
    """Says that they are integers of all whole numbers that lead to quotients, or from them.

    What is kept within bounds has a format of its own: nothing else tells how large it is.
    """
    makers = {name: node for node in nodes for name in node.outputs}
    left = [name for node in nodes if node.op == "integer_divide" for name in node.outputs]
    known = set(left)
    while left:
        node = makers.get(left.pop())
        more = set(node.inputs) - known if node is not None and _keeps_whole(node) else set()
        known |= more
        left += more
    for node in nodes:
        if not known.isdisjoint(node.inputs) and _keeps_whole(node):
            rest = set(node.inputs) - known
            if all(builder.type_of(i).kind != Real() or _is_whole(builder, i) for i in rest):
                known.update(rest, node.outputs)
    for name in known:
        if builder.type_of(name).kind == Real():
            if name in makers and LAYERS[makers[name].op].entries is not Entries.CLAMPED:
                builder.kinds[name] = Integer(-(1 << 63), (1 << 63) - 1)
            elif _is_whole(builder, name):
                end = 1 << int(abs(builder.weights[name]).max(initial=0)).bit_length()
                builder.kinds[name] = Integer(-end, end)


def _keeps_whole(node: Node) -> bool:
    """Whether a node makes whole numbers of whole ones."""
    numbers = [node.attrs.get(name, 0.0) for name in ("low", "high", "value")]
    whole = all(math.isinf(number) or number % 1 == 0 for number in numbers)
    return whole and (node.op in WHOLE or LAYERS[node.op].entries is Entries.MOVED)


def _is_whole(builder: Builder, name: str) -> bool:
    """Whether a name is that of a constant of whole numbers."""
    array = builder.weights.get(name)
    return array is not None and bool((array % 1 == 0).all() and (abs(array) <= LARGEST).all())


CONVERTERS: Converters = {
    ("", "Div"): div,
    ("", "Mod"): mod,
}
