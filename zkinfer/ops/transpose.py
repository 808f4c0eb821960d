"""transpose: the axes in another order, y's axis i being x's axis perm[i]."""

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

ATTRS = {"perm": "ints"}
INPUTS = (1, 1)


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """perm: a permutation of the axes."""
    perm = attrs["perm"]
    require(sorted(perm) == list(range(len(x.shape))), f"perm {perm} of {len(x.shape)} axes")
    return FixedTensor(tuple(x.shape[axis] for axis in perm), x.scale, x.low, x.high)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """A view."""
    return np.transpose(x, attrs["perm"])


def constrain(b: Builder, path: str, attrs: Attrs, x: Value) -> Value:
    """A view."""
    return views.transpose(x, attrs["perm"])
