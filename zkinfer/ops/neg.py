"""neg: y = -x."""

from zkinfer.circuit import linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Open, Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The bounds change places."""
    (x,) = tensors
    return (FixedTensor(x.shape, x.scale, -x.high, -x.low),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The negative."""
    (x,) = arrays
    return (-x,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A coefficient: no constraints."""
    (x,) = values
    return (linear.scale(x, -1),)


OP = Operator(
    attrs={},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    takes_open=lambda *_: Open.SUMMANDS,
)
