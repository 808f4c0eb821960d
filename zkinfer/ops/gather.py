"""gather: rows of a table by their numbers (ONNX Gather along axis 0).

y[i..., l] = table[index[i...], l]. The index is at scale 0, and its bounds are within the table.
"""

import math

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets import look_up
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.interpolate import LOOK_UP
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

MOST_ROWS = 1 << 20


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """The shape of the index and the length of a row; scale and bounds of the table."""
    table, index = tensors
    require(len(table.shape) == 2, f"a table of the shape {table.shape}; expected rows")
    rows, length = table.shape
    require(rows <= MOST_ROWS, f"a table of {rows} rows; at most {MOST_ROWS} are supported")
    require(index.scale == 0, f"an index at scale {index.scale}; expected 0")
    inside = 0 <= index.low and index.high < rows
    require(inside, f"an index from {index.low} to {index.high} into {rows} rows")
    return (FixedTensor((*index.shape, length), table.scale, table.low, table.high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The rows."""
    table, index = arrays
    return (table[index],)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A look-up a row, in the table that all nodes share."""
    table, index = values
    return (look_up.row(b, path, table, index),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """A look-up and the numbers of a row each, and one pass over the table."""
    table, index = tensors
    each = LOOK_UP + table.shape[1]
    return math.prod(index.shape) * each + 2 * LOOK_UP * table.shape[0]


OP = Operator(
    attrs={},
    inputs=(2, 2),
    infer=infer,
    forward=forward,
    lift=lift.gathered,
    constrain=constrain,
    cost=cost,
)
