"""How several layers become fixed-point operators, and what stands between and after them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from zkinfer.graph import Node
from zkinfer.layers.contract import Emitted, Emitter

Emit = Callable[[Emitter, Node], tuple[Emitted, ...]]

WIDE = 40
"""The most bits that numbers are refined to."""

FEWEST_BITS = 2
"""Of constants, when more would be too wide."""

EXACT = (False, False)
"""What `rounding` says of bounds that are none of a calibrated range."""


def keeping(op: str) -> Emit:
    """One operator on operands in their format, which its output keeps."""

    def emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
        inputs = tuple(b.fixed(name) for name in node.inputs)
        output = b.own(node.outputs[0])
        b.emit(node.name, op, inputs, output, **node.attrs)
        return (Emitted(output, raw=False),)

    return emit


def clamping(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """A requantize, whose bounds are the layer's."""
    return (Emitted(b.requantize(node.name, node.inputs[0], node.outputs[0]), raw=False),)


def narrowing(b: Emitter, bits: int, fewest: int, attempt: Callable[[int], None]) -> None:
    """Makes a node with constants of so many bits, or of fewer when it would be too wide."""
    widths = range(bits, min(bits, fewest) - 1, -1)
    b.first_that_fits([partial(attempt, width) for width in widths])


def reciprocals(counts: Sequence[int], detail: int) -> tuple[tuple[int, ...], int]:
    """Integers and a scale that stand for 1 / count: exact if all counts are powers of two."""
    scale = (max(counts) - 1).bit_length()
    if any(count & (count - 1) for count in counts):
        scale += detail
    return tuple(round((1 << scale) / count) for count in counts), scale


def rounding(
    b: Emitter,
    name: str,
    x: str,
    output: str,
    *,
    shift: int,
    bounds: tuple[int, int],
    saturates: tuple[bool, bool],
) -> None:
    """Fixed-point x rounded by `shift` bits and kept within bounds.

    saturates: whether the lower and the upper bound are those of a calibrated range.
    """
    (low, high), (below, above) = bounds, saturates
    attrs = {"shift": shift, "low": low, "high": high}
    b.emit(name, "requantize", (x,), output, **attrs, low_saturates=below, high_saturates=above)


def coarser(b: Emitter, name: str, x: str, output: str, shift: int) -> None:
    """Fixed-point x rounded by `shift` bits, all of it."""
    tensor = b.tensor(x)
    bounds = (tensor.low >> shift, (tensor.high >> shift) + 1)
    rounding(b, name, x, output, shift=shift, bounds=bounds, saturates=EXACT)


def narrower(b: Emitter, node: str, x: str, bits: int) -> str:
    """Fixed-point x, rounded to so many bits where it has more."""
    tensor = b.tensor(x)
    shift = max(-tensor.low, tensor.high).bit_length() - bits
    if shift <= 0:
        return x
    name = b.derived(node, "/narrower")
    coarser(b, name, x, name, shift)
    return name


def refined(b: Emitter, name: str, x: str, scale: int) -> str:
    """Fixed-point x at a finer scale, or one as near to it as fits WIDE bits.

    The numbers are the same, and it costs nothing.
    """
    tensor = b.tensor(x)
    shift = min(scale - tensor.scale, WIDE - max(-tensor.low, tensor.high, 1).bit_length())
    if shift <= 0:
        return x
    multiplied(b, name, x, name, 1 << shift, shift)
    return name


def multiplied(b: Emitter, name: str, x: str, output: str, multiplier: int, scale: int = 0) -> None:
    """Fixed-point x times a public integer, at a scale finer by so much; it costs nothing."""
    whole = {"axes": (), "keepdims": True, "multiplier": multiplier, "scale": scale}
    b.emit(name, "reduce_sum", (x,), output, **whole)


def step(b: Emitter, base: str, suffix: str, op: str, *inputs: str, **attrs: Any) -> str:
    """A fixed-point operator on the way; returns its output's name, which is its own."""
    name = b.derived(base, suffix)
    b.emit(name, op, inputs, name, **attrs)
    return name


def multiple(b: Emitter, base: str, suffix: str, x: str, number: int, scale: int = 0) -> str:
    """A `step` that is `multiplied`."""
    name = b.derived(base, suffix)
    multiplied(b, name, x, name, number, scale)
    return name


def filled(b: Emitter, name: str, x: str, number: int, *, shift: int = 0) -> str:
    """A public integer in the place of every entry of a fixed-point tensor rounded by shift."""
    rounding(b, name, x, name, shift=shift, bounds=(number, number), saturates=EXACT)
    return name


def copying(b: Emitter, name: str, x: str, output: str) -> None:
    """Fixed-point x under another name."""
    b.emit(name, "reshape", (x,), output, shape=b.tensor(x).shape)


def ranking(b: Emitter, name: str, scores: str, output: str) -> None:
    """The place of the largest of the fixed-point scores."""
    b.emit(name, "label", (scores,), output, kept=0)
