"""Paths through binary trees whose splits are rows of one hidden table.

Row i holds a feature f_i, a threshold t_i, two children c_i and two values v_i, of any length. Tree
k starts at row k. At row r the first child and value are taken if x[f_r] <= t_r, else the second.
Where a split ends in a leaf, its child is the split itself, so that what follows decides as it did.
At step s of tree k, with advice r, f, t, c, v and z,

    r_0 = k                                                                `path/start`
    (r_s, f_s, t_s, c_s, v_s) is a row of the table, with its number       a look-up
    (f_s, z_s) is a number of x, with its place                            a look-up
    t_s - z_s = bits in two's complement, with sign bit g_s                `path/decision/sign`
    g_s (c_s[1] - c_s[0]) = r_{s+1} - c_s[0]                               `path/step`
    g_s (v_s[1] - v_s[0]) = y - v_s[0]   at the last step                  `path/leaf`

No two rows have one number, so r_0 makes f, t, c and v what they are, f makes z what it is, t - z
is an integer by its certain bounds, so that its bits make g what it is, and with it r_1, and so on:
one path a tree, and one y. Public is how many trees, steps, rows and values there are, no more.

Rows a step: 4; a tree: 1, and 1 a value; and those of the two tables. Bits a step: 1 more than
t - z takes. Trace a step: 6, and 2 a value.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.circuit import arrange, linear
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.look_up import numbered
from zkinfer.circuit.gadgets.nonlinear import multiply, sign_bit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Integers, Interval, Value
from zkinfer.errors import UnsupportedModelError

_Number = TypeVar("_Number", np.int64, np.float64)


def paths(
    x: npt.NDArray[_Number],
    features: Integers,
    thresholds: npt.NDArray[_Number],
    children: Integers,
    trees: int,
    depth: int,
) -> tuple[Integers, Integers]:
    """The rows on the ways of x [samples, columns], and which of its two sides each takes there.

    features, thresholds: [rows]; children: [rows, 2]. Both results are [samples, depth, trees].
    """
    row = np.broadcast_to(np.arange(trees), (len(x), trees))
    rows, sides = [], []
    for _ in range(depth):
        side = (np.take_along_axis(x, features[row], axis=1) > thresholds[row]).astype(np.int64)
        rows.append(row)
        sides.append(side)
        row = children[row, side]
    return np.stack(rows, axis=1), np.stack(sides, axis=1)


def descend(
    b: Builder, path: str, x: Value, columns: tuple[Value, ...], trees: int, depth: int
) -> Value:
    """The values at the ends of all paths, [samples, trees, values], not stored.

    x: [samples, columns]. columns: features and thresholds [n, m], children [n, m, 2] and values
    [n, m, 2, values], of the n m rows of the table.
    """
    if not b.target.challenges:
        raise UnsupportedModelError(
            "paths through a table of splits take challenges, which this backend has not"
        )
    columns = tuple(_plain(b, f"{path}/column{n}", column) for n, column in enumerate(columns))
    shape, count = (x.shape[0], depth, trees), columns[0].shape[0] * columns[0].shape[1]
    rows = _rows(b, x, columns, trees, depth)
    r = _advice(b, f"{path}/row", shape, Interval(0, count - 1), rows)
    rows = np.clip(r.array, 0, count - 1) if b.solving else None
    first = views.drop(arrange.sliced(b, path, r, 1, 0, 1, 1), (1,))
    numbers = arrange.weighted(b, path, linear.constant(1, first), 1, range(trees))
    b.equal(f"{path}/start", first, numbers)

    def found(name: str, column: Value) -> Value:
        extents = column.shape[2:]
        array = None if rows is None else column.array.reshape(-1, *extents)[rows]
        ends = Interval(column.low, column.high)
        made = _advice(b, f"{path}/{name}", (*shape, *extents), ends, array)
        return replace(made, certain=column.certain)

    names = ("feature", "threshold", "child", "value")
    f, t, c, v = (found(name, column) for name, column in zip(names, columns, strict=True))
    table = numbered(b, f"{path}/splits", *columns, axes=2)
    table.take(f"{path}/splits", (linear.shifted(r, 1), f, t, c, v), rows)
    z = _entries(b, path, x, f)
    side = sign_bit(b, f"{path}/decision", linear.add(t, linear.scale(z, -1)))
    children = [views.drop(arrange.sliced(b, path, c, 3, k, 1, 1), (3,)) for k in range(2)]
    if depth > 1:
        parts = (side, *children)
        taken, one, other = (arrange.sliced(b, path, part, 1, 0, depth - 1, 1) for part in parts)
        after = arrange.sliced(b, path, r, 1, 1, depth - 1, 1)
        taken, one, other, after = b.aligned(path, taken, one, other, after)
        b.product(f"{path}/step", taken, _less(other, one), _less(after, one))
    last = [arrange.sliced(b, path, part, 1, depth - 1, 1, 1) for part in (side, v)]
    chosen, ends = (views.drop(part, (1,)) for part in last)
    leaves = [views.drop(arrange.sliced(b, path, ends, 2, k, 1, 1), (2,)) for k in range(2)]
    wide = views.widened(chosen, leaves[0].shape[2:])
    wide, less, more = b.aligned(path, wide, *leaves)
    y = linear.add(less, multiply(b, f"{path}/leaf", wide, _less(more, less)))
    return replace(y, certain=v.certain)


def _rows(
    b: Builder, x: Value, columns: tuple[Value, ...], trees: int, depth: int
) -> Integers | None:
    """The rows on the way, while solving."""
    if not b.solving:
        return None
    features, thresholds, children, _ = (column.array for column in columns)
    flat = features.ravel(), thresholds.ravel(), children.reshape(-1, 2)
    rows, _ = paths(x.array, *flat, trees, depth)
    return rows


def _advice(
    b: Builder, path: str, shape: tuple[int, ...], ends: Interval, array: Integers | None
) -> Value:
    return b.advice(path, Segment.TRACE, shape, *ends, array, certain=ends)


def _plain(b: Builder, path: str, value: Value) -> Value:
    """The value, stored unless it is so already, each axis one factor."""
    stored = value.factors == views.factors_of(value.shape) and not value.is_weighted
    return value if stored and not value.parts else b.store(path, value)


def _less(a: Value, b: Value) -> Value:
    return linear.add(a, linear.scale(b, -1))


def _entries(b: Builder, path: str, x: Value, f: Value) -> Value:
    """The numbers of x [samples, columns] at stored features [samples, depth, trees], stored."""
    samples, width = x.shape
    x = _plain(b, f"{path}/numbers", x)
    array = places = None
    if b.solving:
        chosen = np.clip(f.array, 0, width - 1)
        array = np.take_along_axis(x.array[:, None], chosen, axis=2)
        places = chosen + np.arange(0, samples * width, width)[:, None, None]
    z = _advice(b, f"{path}/number", f.shape, Interval(x.low, x.high), array)
    z = replace(z, certain=x.certain)
    place = linear.shifted(f, 1)
    if samples > 1:
        ones = linear.constant(1, f)
        more = arrange.weighted(b, path, ones, 0, range(0, samples * width, width))
        place = linear.add(place, more)
    numbered(b, f"{path}/columns", x, axes=2).take(f"{path}/columns", (place, z), places)
    return z
