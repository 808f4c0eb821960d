"""label: the index of the largest score, the lowest index among equals (ONNX ArgMax).

n scores are ranked by n x_j - j, so n times a score must fit 64 bits.
"""

import math

import numpy as np

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.maximum import arg_max
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

ATTRS: dict[str, str] = {}
INPUTS = (1, 1)


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """One integer for all entries of x, in row-major order."""
    count = math.prod(x.shape)
    require(count > 1, f"a label of {count} scores")
    return FixedTensor((), 0, 0, count - 1)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """An array without axes."""
    return np.array(np.argmax(x), np.int64)


def constrain(b: Builder, path: str, attrs: Attrs, x: Value) -> Value:
    """The arg-max over all entries."""
    scores = b.reshape(path, x, (math.prod(x.shape),))
    if len(scores.factors[0]) > 1:
        scores = b.store(f"{path}/copy", scores)
    return arg_max(b, path, scores)
