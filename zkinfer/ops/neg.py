"""neg: y = -x."""

from zkinfer.circuit import linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers

ATTRS: dict[str, str] = {}
INPUTS = (1, 1)


def infer(attrs: Attrs, x: FixedTensor) -> FixedTensor:
    """The bounds change places."""
    return FixedTensor(x.shape, x.scale, -x.high, -x.low)


def forward(attrs: Attrs, x: Integers) -> Integers:
    """The negative."""
    return -x


def constrain(b: Builder, path: str, attrs: Attrs, x: Value) -> Value:
    """A coefficient: no constraints."""
    return linear.scale(x, -1)
