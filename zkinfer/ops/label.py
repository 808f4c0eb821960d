"""label: the index of the largest score, the lowest index among equals (ONNX ArgMax).

There is one for each index of the first `kept` axes, of all entries behind it.

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
    """One integer for all entries of x behind the kept axes, in row-major order."""
    (x,) = tensors
    kept = attrs["kept"]
    require(0 <= kept <= len(x.shape), f"{kept} axes are kept of {len(x.shape)}")
    count = math.prod(x.shape[kept:])
    require(count > 1, f"a label of {count} scores")
    return (FixedTensor(x.shape[:kept], 0, 0, count - 1, "label"),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The kept axes remain."""
    (x,) = arrays
    scores = x.reshape(*x.shape[: attrs["kept"]], -1)
    return (np.asarray(scores.argmax(axis=-1), np.int64),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The arg-max over all entries behind the kept axes."""
    (x,) = values
    kept = attrs["kept"]
    scores = b.reshape(path, x, (*x.shape[:kept], math.prod(x.shape[kept:])))
    if len(scores.factors[-1]) > 1:
        scores = b.store(f"{path}/copy", scores)
    return (arg_max(b, path, scores),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """A difference of ranked scores and a selector for each score, and the largest."""
    (x,), (y,) = tensors, outputs
    entries, labels = math.prod(x.shape), math.prod(y.shape)
    count = entries // labels
    return entries * (bits.padded(bits.width_of(x) + count.bit_length()) + 1) + labels


OP = Operator(
    attrs={"kept": "int"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.kept,
    constrain=constrain,
    cost=cost,
)
