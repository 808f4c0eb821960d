"""Bits that range checks take, with the padding of their tensors."""

import math

from zkinfer.circuit.bits import MAX_WIDTH, split_width
from zkinfer.circuit.layout import next_power
from zkinfer.ops.tensor import Attrs, FixedTensor


def padded(width: int) -> int:
    """Entries of bits for a number of so many bits."""
    if not width:
        return 0
    return sum(next_power(piece) for piece in split_width(min(width, MAX_WIDTH)))


def width_of(tensor: FixedTensor) -> int:
    """Bits of the difference of two entries."""
    return (tensor.high - tensor.low).bit_length()


def range_check(tensor: FixedTensor) -> int:
    """Entries of bits for the check that a number lies in its bounds."""
    span = tensor.high - tensor.low
    checks = 1 if span & (span + 1) == 0 else 2
    return checks * padded(span.bit_length())


def of_negative_part(
    attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]
) -> int:
    """The cost of an operator that splits its first operand by its sign."""
    x = tensors[0]
    return math.prod(x.shape) * (padded(width_of(x)) + 1)
