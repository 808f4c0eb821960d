"""How a function of one number becomes a fixed-point operator: a table, with lines between nodes.

The table spans the bounds of the operand's integers, or of those of all that are like it. Its nodes
are the fewest, a power of two steps apart, with which the lines are as close as the function's
format tells numbers apart: half a step of it at most, for each line at its quarters, if
`MOST_NODES` are enough for that.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers.contract import Emitted, Emitter, Floats
from zkinfer.layers.emitting import Emit

MOST_NODES = 1 << 12
FEWEST_NODES = 1 << 3

GUARD = 1
"""Bits of the values beyond those of the function's format."""

WIDE = 38
"""The most bits of a value."""

Value = Callable[[Floats], Floats]


def tabulated(value: Callable[[Node], Value]) -> Emit:
    """The operator. value: the function of a node, the same object for equal ones."""

    def emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
        x, output = b.fixed(node.inputs[0]), b.raw(node.outputs[0])
        domain, scale = b.domain(node.inputs[0]), b.scale(node.outputs[0])
        table(b, node.name, value(node), x, output, scale, domain)
        return (Emitted(output, raw=True),)

    return emit


def table(
    b: Emitter,
    name: str,
    value: Value,
    x: str,
    output: str,
    scale: int,
    domain: tuple[int, int] | None = None,
) -> None:
    """Emits a function of a fixed-point tensor, exact to half a step of a scale; it is raw.

    domain: the integers that the table is for; those of the tensor's bounds if it is not given.
    """
    t = b.tensor(x)
    low, high = domain or (t.low, t.high)
    shift, finest, values = _table(value, t.scale, low, high, scale)
    b.emit(name, "interpolate", (x,), output, first=low, shift=shift, scale=finest, values=values)


@lru_cache(maxsize=512)
def _table(
    value: Value, x_scale: int, low: int, high: int, scale: int
) -> tuple[int, int, tuple[int, ...]]:
    """The steps between nodes, as a power of two, the values' scale, and the values."""
    span = high - low + 1
    shift = max(span.bit_length() - FEWEST_NODES.bit_length(), 0)
    while shift and not _is_close(value, x_scale, low, span, shift, scale):
        if -(-span >> (shift - 1)) > MOST_NODES:
            break
        shift -= 1
    y = _values(value, x_scale, low, span, shift, 1)
    largest = float(np.abs(y).max()) or 1.0
    finest = min(scale + GUARD, WIDE - 1 - int(np.ceil(np.log2(largest))))
    return shift, finest, tuple(np.rint(np.ldexp(y, finest)).astype(np.int64).tolist())


def _values(value: Value, x_scale: int, low: int, span: int, shift: int, parts: int) -> Floats:
    """The function at the nodes, and at parts of the way between them; where it has no finite
    number, that of the nearest place with one.
    """
    count = -(-span >> shift)
    places = np.arange(parts * count + 1) / parts
    with np.errstate(all="ignore"):
        y = value(np.ldexp(low + places * 2.0**shift, -x_scale))
    known = np.flatnonzero(np.isfinite(y))
    if not len(known):
        return np.zeros_like(y)
    nearest = np.abs(np.arange(len(y))[:, None] - known[[0, -1]]).argmin(axis=1)
    return np.where(np.isfinite(y), y, y[known[[0, -1]]][nearest])


def _is_close(value: Value, x_scale: int, low: int, span: int, shift: int, scale: int) -> bool:
    """Whether the lines are within half a step of the scale."""
    parts = min(4, 1 << shift)
    y = _values(value, x_scale, low, span, shift, parts)
    nodes = y[::parts]
    way = np.arange(parts) / parts
    lines = nodes[:-1, None] + np.diff(nodes)[:, None] * way
    return bool(np.abs(lines.ravel() - y[:-1]).max() <= 2.0 ** (-scale - 1))
