"""label: the index of the largest score, the lowest index among equals (ONNX ArgMax).

n scores are ranked by n x_j - j, so n times a score must fit 64 bits.
"""

import math

import numpy as np

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.maximum import arg_max
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """One integer for all entries of x, in row-major order."""
    (x,) = tensors
    count = math.prod(x.shape)
    require(count > 1, f"a label of {count} scores")
    return (FixedTensor((), 0, 0, count - 1, "label"),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """An array without axes."""
    (x,) = arrays
    return (np.array(np.argmax(x), np.int64),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The arg-max over all entries."""
    (x,) = values
    scores = b.reshape(path, x, (math.prod(x.shape),))
    if len(scores.factors[0]) > 1:
        scores = b.store(f"{path}/copy", scores)
    return (arg_max(b, path, scores),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """A difference of ranked scores and a selector for each score, and the largest."""
    (x,) = tensors
    count = math.prod(x.shape)
    return count * (bits.padded(bits.width_of(x) + count.bit_length()) + 1) + 1


OP = Operator(
    attrs={},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.one_by_one,
    constrain=constrain,
    cost=cost,
)
