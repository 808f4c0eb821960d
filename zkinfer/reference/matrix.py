"""protocol.md, section 5: the matrices of a circuit at a point, in closed form."""

import itertools
import math
from collections.abc import Iterable, Sequence

from zkinfer.reference.circuit import Circuit, Extents, Term, padded
from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER, eq_table, log2_ceil

Point = Sequence[int]
Component = tuple[frozenset[int], frozenset[int]]  # row and summation axes; tensor axes


class Tables:
    """eq of a point over the axes of grids; equal tables are made once."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._made: dict[tuple[int, int, int, int], list[int]] = {}

    def of_grid(self, extents: Extents, start: int) -> list[list[int]]:
        """For each axis eq of its coordinates and its index; their product is eq of the address.

        The inner axes have the low coordinates, the last axis the lowest; start is a multiple of
        the inner size, so that the first axis has all others and counts on from start's high bits.
        """
        tables, low = [], 0
        for extent, size in zip(extents[:0:-1], padded(extents)[:0:-1], strict=True):
            width = log2_ceil(size)
            tables.append(self._table(low, low + width, 0, extent))
            low += width
        tables.append(self._table(low, len(self._point), start >> low, extents[0]))
        return tables[::-1]

    def _table(self, low: int, high: int, start: int, count: int) -> list[int]:
        key = (low, high, start, count)
        if key not in self._made:
            self._made[key] = eq_table(self._point[low:high], start, count)
        return self._made[key]


def components(term: Term) -> list[Component]:
    """Row and summation axes, with the tensor axes that have non-zero strides in them."""
    parts: list[Component] = [(frozenset([a]), frozenset()) for a in range(len(term.extents))]
    for axis, (_, strides) in enumerate(term.index):
        moved = frozenset(a for a, stride in enumerate(strides) if stride)
        joined = [part for part in parts if part[0] & moved]
        axes = frozenset[int]().union(*(part[0] for part in joined))
        tensor_axes = frozenset([axis]).union(*(part[1] for part in joined))
        parts = [part for part in parts if part not in joined] + [(axes, tensor_axes)]
    return parts


def check_steps(circuit: Circuit) -> None:
    """Refuses circuits whose matrices take more than 2^26 steps to evaluate."""
    steps = sum(sum(tensor.extents) for tensor in circuit.tensors)
    for block in circuit.blocks:
        steps += sum(block.rows)
        for term in itertools.chain(*block.terms):
            for axes, tensor_axes in components(term):
                size = math.prod(term.extents[a] for a in axes)
                steps += size * (len(axes) + len(tensor_axes))
    demand(steps <= 2**26, "a circuit's matrices take more than 2^26 steps to evaluate")


def evaluate(circuit: Circuit, thetas: Sequence[Point], rho: int, rx: Point, ry: Point) -> int:
    """(A~ + rho B~ + rho^2 C~)(rx, ry)."""
    rows, columns = Tables(rx), Tables(ry)
    total = 0
    for block in circuit.blocks:
        row_tables = rows.of_grid(block.rows, block.start)
        for factor, terms in zip((1, rho, rho * rho), block.terms, strict=True):
            for term in terms:
                tensor = circuit.tensors[term.tensor]
                tables = columns.of_grid(tensor.extents, tensor.start)
                total += factor * _share(term, thetas, row_tables, tables)
    return total % ORDER


def _share(
    term: Term, thetas: Sequence[Point], row_tables: list[list[int]], tables: list[list[int]]
) -> int:
    """The share of one term: its coefficient times the product over its components."""
    weights = [w.along(n, thetas) for w, n in zip(term.weights, term.extents, strict=True)]
    for a, table in enumerate(row_tables):
        weights[a] = [w * e % ORDER for w, e in zip(weights[a], table, strict=True)]
    product = term.coefficient
    for axes, tensor_axes in components(term):
        product *= _component(term, sorted(axes), tensor_axes, weights, tables)
        product %= ORDER
    return product


def _component(
    term: Term,
    axes: list[int],
    tensor_axes: Iterable[int],
    weights: list[list[int]],
    tables: list[list[int]],
) -> int:
    """The sum of a component over its own axes; outside of a tensor's extents there is zero."""
    reads = [
        (tables[k], term.index[k][0], [term.index[k][1][a] for a in axes]) for k in tensor_axes
    ]
    total = 0
    for index in itertools.product(*(range(term.extents[a]) for a in axes)):
        product = 1
        for table, base, strides in reads:
            at = base + sum(map(int.__mul__, strides, index))
            if not 0 <= at < len(table):
                break
            product = product * table[at] % ORDER
        else:
            for a, i in zip(axes, index, strict=True):
                product = product * weights[a][i] % ORDER
            total += product
    return total % ORDER
