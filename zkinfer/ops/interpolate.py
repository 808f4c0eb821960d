"""interpolate: a function by a table of its values, with straight lines between them.

With i = floor((x - first) / 2^shift) and r the remainder,
y = 2^shift values[i] + (values[i+1] - values[i]) r. The nodes lie 2^shift steps of x apart, the
values at scale `scale`; y is exact, at the scale of the values plus shift.
"""

import math
from functools import lru_cache

import numpy as np

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.interpolation import interpolate
from zkinfer.circuit.term import MAX_CONSTANTS
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import TABLE, Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

LOOK_UP = 20
"""What a look-up, or a row of a table, costs, in bits."""


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Entry by entry; x has to stay within the table."""
    (x,) = tensors
    first, shift, values = attrs["first"], attrs["shift"], attrs["values"]
    require(0 <= shift <= 40, f"nodes 2^{shift} steps apart")
    require(1 < len(values) <= MAX_CONSTANTS + 1, f"a table of {len(values)} values")
    least, most = _ends(values)
    require(max(-least, most) < 2**40, "values beyond 40 bits")
    end = first + ((len(values) - 1) << shift)
    require(first <= x.low and x.high < end, f"{x.low} to {x.high} in a table of {first} to {end}")
    return (FixedTensor(x.shape, attrs["scale"] + shift, least << shift, most << shift),)


@lru_cache(maxsize=256)
def _ends(values: tuple[int, ...]) -> tuple[int, int]:
    return min(values), max(values)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Exact."""
    offset, shift = arrays[0] - attrs["first"], attrs["shift"]
    values = np.array(attrs["values"], np.int64)
    place = offset >> shift
    return ((values[place] << shift) + np.diff(values)[place] * (offset - (place << shift)),)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A look-up an entry, in the table that all nodes with these values share."""
    (x,) = values
    return (interpolate(b, path, x, attrs["first"], attrs["shift"], attrs["values"]),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """The remainder's bits, two numbers and the look-up for each entry, and the table."""
    entries, rows = math.prod(outputs[0].shape), len(attrs["values"]) - 1
    return entries * (bits.padded(attrs["shift"]) + 2 + LOOK_UP) + 2 * LOOK_UP * rows


OP = Operator(
    attrs={"first": "int", "shift": "int", "scale": "int", "values": TABLE},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.entrywise,
    constrain=constrain,
    cost=cost,
)
