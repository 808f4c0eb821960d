"""trees: the values that numbers lead to in binary trees, whose splits are rows of one table.

Tree k starts at row k. At row r a number x takes the first child and the first value if
x[features[r]] <= thresholds[r], else the second ones; y[k] is the value after `depth` steps. Where
a split ends in a leaf, its child is the split itself. The rows lie along two axes, in row-major
order.
"""

import math

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.descent import descend, paths
from zkinfer.circuit.term import MAX_CONSTANTS
from zkinfer.circuit.value import Value
from zkinfer.ops import bits, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.gather import MOST_ROWS
from zkinfer.ops.interpolate import LOOK_UP
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, require

MOST_NUMBERS = 1 << 24
"""Of all steps of all paths: two for each of their values, and a few more."""


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """x [samples, columns], features and thresholds [n, m], children [n, m, 2] and values
    [n, m, 2, values] make [samples, trees, values].
    """
    x, features, thresholds, children, values = tensors
    trees, depth, table = attrs["trees"], attrs["depth"], features.shape
    require(len(x.shape) == 2, f"x has {len(x.shape)} axes; expected samples and columns")
    require(len(table) == 2, f"features of the shape {table}; expected two axes")
    rows = math.prod(table)
    require(rows <= MOST_ROWS, f"a table of {rows} rows; at most {MOST_ROWS} are supported")
    longest = max(*table, *x.shape, trees)
    require(longest <= MAX_CONSTANTS, f"{longest} positions; at most {MAX_CONSTANTS} are supported")
    fits = thresholds.shape == table and children.shape == (*table, 2)
    fits = fits and values.shape[:-1] == (*table, 2)
    shapes = [tensor.shape for tensor in tensors[1:]]
    require(fits, f"columns of the shapes {shapes} make no table")
    count = values.shape[-1]
    require(1 <= trees <= rows, f"{trees} trees in {rows} rows")
    require(depth >= 1, f"paths of {depth} steps")
    numbers = x.shape[0] * trees * depth * (2 * count + 6)
    require(numbers <= MOST_NUMBERS, f"paths of {numbers} numbers; at most {MOST_NUMBERS}")
    require(features.scale == children.scale == 0, "a feature or a child at a scale other than 0")
    for what, tensor, end in (("feature", features, x.shape[1]), ("child", children, rows)):
        inside = 0 <= tensor.low and tensor.high < end
        require(inside, f"a {what} from {tensor.low} to {tensor.high}, where there are {end}")
    require(thresholds.scale == x.scale, "the thresholds are not at the scale of x")
    return (FixedTensor((x.shape[0], trees, count), values.scale, values.low, values.high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """Step by step, all trees at once."""
    x, features, thresholds, children, values = arrays
    flat = features.ravel(), thresholds.ravel(), children.reshape(-1, 2)
    rows, sides = paths(x, *flat, attrs["trees"], attrs["depth"])
    leaves: Integers = values.reshape(-1, *values.shape[2:])[rows[:, -1], sides[:, -1]]
    return (leaves,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """All steps of all paths at once."""
    x, *columns = values
    return (descend(b, path, x, tuple(columns), attrs["trees"], attrs["depth"]),)


def cost(attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]) -> int:
    """Two look-ups, a comparison and the numbers of a row for each step, and both tables."""
    (x, features, thresholds, _, _), (y,) = tensors, outputs
    ends = thresholds.low - x.high, thresholds.high - x.low
    each = 2 * LOOK_UP + bits.padded((ends[1] - ends[0]).bit_length()) + 6 + 2 * y.shape[2]
    steps = x.shape[0] * attrs["trees"] * attrs["depth"]
    rows = math.prod(features.shape) + math.prod(x.shape)
    return steps * each + 2 * LOOK_UP * rows + math.prod(y.shape)


OP = Operator(
    attrs={"trees": "int", "depth": "int"},
    inputs=(5, 5),
    infer=infer,
    forward=forward,
    lift=lift.windowed,
    constrain=constrain,
    cost=cost,
)
