"""trees(x, features, thresholds, children, values): where numbers lead in binary trees.

x [samples, columns] makes [samples, trees, values]; the constants are a table whose rows, along
two axes, are splits (zkinfer.ops.trees). Attributes: trees; depth, the steps of a path. The numbers
of x are compared as they are: where they are an input's, that gets a finer grid.
"""

import math
from collections.abc import Sequence

import numpy as np

from zkinfer.circuit.gadgets.descent import paths
from zkinfer.graph import Node
from zkinfer.layers import rules
from zkinfer.layers.contract import (
    Attrs,
    Divided,
    Emitted,
    Emitter,
    Entries,
    Floats,
    Folded,
    Interval,
    Layer,
    Refusal,
    Shape,
)
from zkinfer.layers.emitting import FEWEST_BITS, narrowing
from zkinfer.ops import lift

MOST_NUMBERS = 1 << 26
"""Of all steps of all paths, and of the rows of a table times steps."""


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    x, table, _, _, values = shapes
    if len(x) != 2:
        raise Refusal(f"expected rows of columns, got the shape {x}")
    trees, depth = attrs["trees"], attrs["depth"]
    numbers = max(x[0] * trees * (2 * values[-1] + 6), math.prod(table)) * depth
    if numbers > MOST_NUMBERS:
        raise Refusal(
            f"expected paths of at most {MOST_NUMBERS} numbers, got {numbers}: {trees} trees of up "
            f"to {depth} steps; limit the depth of trees when training"
        )
    return ((x[0], attrs["trees"], values[-1]),)


def _leaves(
    attrs: Attrs, x: Floats, features: Floats, thresholds: Floats, children: Floats, values: Floats
) -> Floats:
    whole = features.ravel().astype(np.int64), children.reshape(-1, 2).astype(np.int64)
    known = whole[0], thresholds.ravel(), whole[1]
    rows, sides = paths(x, *known, attrs["trees"], attrs["depth"])
    leaves: Floats = values.reshape(-1, *values.shape[2:])[rows[:, -1], sides[:, -1]]
    return leaves


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    """The least and the greatest value in each tree: of a split those of both sides."""
    x, _, _, children, values = (operand.low for operand in operands)
    places = children.reshape(-1, 2).astype(np.int64)
    sides = values.reshape(len(places), 2, -1)
    ends = []
    for extreme in (np.minimum, np.maximum):
        found = extreme(sides[:, 0], sides[:, 1])
        for _ in range(attrs["depth"]):
            found = extreme(found, extreme(found[places[:, 0]], found[places[:, 1]]))
        ends.append(
            np.broadcast_to(found[: attrs["trees"]], (len(x), attrs["trees"], found.shape[1]))
        )
    return (Interval(*ends),)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    x, features, thresholds, children, values = node.inputs
    known, output = b.tensor(b.fixed(x)), b.raw(node.outputs[0])
    places = b.within(features, 0, (0, known.shape[1] - 1))
    columns = (
        places,
        b.within(thresholds, known.scale, (known.low - 1, known.high)),
        b.within(children, 0, (0, math.prod(b.tensor(places).shape) - 1)),
    )

    def attempt(bits: int) -> None:
        table = (*columns, b.factor(values, bits))
        b.emit(node.name, "trees", (b.fixed(x), *table), output, **node.attrs)

    narrowing(b, b.most_bits, FEWEST_BITS, attempt)
    return (Emitted(output, raw=True),)


def _fold(attrs: Attrs, operands: Sequence[Divided]) -> Folded | None:
    """The thresholds take the powers of their columns in."""
    x, features, thresholds = operands[:3]
    if len(x.exponents) > 1 or features.constant is None or thresholds.constant is None:
        return None
    powers = np.broadcast_to(x.exponents[0], x.shape[1:])[features.constant.astype(np.int64)]
    return Folded({2: np.ldexp(thresholds.constant, -powers)}, np.zeros((1, 1, 1), np.int64))


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.windowed, _leaves),
    interval=_interval,
    bounds=rules.unbounded,
    entries=Entries.COMPUTED,
    constants=(1, 2, 3, 4),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=_fold,
    compared=(0,),
)
