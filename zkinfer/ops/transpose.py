"""transpose: the axes in another order, y's axis i being x's axis perm[i]."""

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """perm: a permutation of the axes."""
    (x,) = tensors
    perm = attrs["perm"]
    require(sorted(perm) == list(range(len(x.shape))), f"perm {perm} of {len(x.shape)} axes")
    return (FixedTensor(tuple(x.shape[axis] for axis in perm), x.scale, x.low, x.high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """A view."""
    (x,) = arrays
    return (np.transpose(x, attrs["perm"]),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A view."""
    (x,) = values
    return (views.transpose(x, attrs["perm"]),)


OP = Operator(
    attrs={"perm": "ints"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.permuted,
    constrain=constrain,
)
