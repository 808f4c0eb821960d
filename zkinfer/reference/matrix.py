"""protocol.md, section 5: the matrices of a circuit at a point, in closed form."""

import hashlib
import itertools
import math
from collections.abc import Sequence

from zkinfer.reference.circuit import Circuit, Extents, Term, Weight, padded
from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER, eq_table

Point = tuple[int, ...]
Tables = list[list[int]]
Component = tuple[frozenset[int], frozenset[int]]  # row and summation axes; tensor axes


def axis_tables(point: Point, extents: Extents, start: int) -> list[list[int]]:
    """For each axis of a grid eq of its coordinates and its index; their product is eq(address).

    The inner axes have the low coordinates, the last axis the lowest; start is a multiple of the
    inner size, so that the first axis has all others and counts on from start's high bits.
    """
    tables, low = [], 0
    for extent, size in zip(extents[:0:-1], padded(extents)[:0:-1], strict=True):
        width = size.bit_length() - 1
        tables.append(eq_table(point[low : low + width], 0, extent))
        low += width
    tables.append(eq_table(point[low:], start >> low, extents[0]))
    return tables[::-1]


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
    """Refuses circuits whose matrices take more than 2^23 steps to evaluate."""
    steps = circuit.segments[0].used + sum(1 << n for n in circuit.challenges)
    steps += sum(sum(tensor.extents) for tensor in circuit.tensors)
    for block in circuit.blocks:
        steps += sum(block.rows)
        for term in itertools.chain(*block.terms):
            sizes = zip(term.weights, term.extents, strict=True)
            steps += sum(weight.count * extent // 4 for weight, extent in sizes if weight.seed)
            for axes, tensor_axes in components(term):
                steps += (len(axes) + len(tensor_axes)) * math.prod(term.extents[a] for a in axes)
    demand(steps <= 2**23, "a circuit's matrices take more than 2^23 steps to evaluate")


def evaluate(circuit: Circuit, thetas: Sequence[Point], rho: int, rx: Point, ry: Point) -> int:
    """(A~ + rho B~ + rho^2 C~)(rx, ry)."""
    total = 0
    for block in circuit.blocks:
        row_tables = axis_tables(rx, block.rows, block.start)
        for factor, terms in zip((1, rho, rho * rho), block.terms, strict=True):
            for term in terms:
                tables = axis_tables(ry, term.tensor.extents, term.tensor.start)
                total += factor * _share(term, thetas, row_tables, tables)
    return total % ORDER


def _share(term: Term, thetas: Sequence[Point], row_tables: Tables, tables: Tables) -> int:
    """The share of one term: its coefficient times the product over its components."""
    axes = zip(term.weights, term.extents, strict=True)
    weights = [_weights(weight, extent, thetas) for weight, extent in axes]
    for a, table in enumerate(row_tables):
        weights[a] = [w * e % ORDER for w, e in zip(weights[a], table, strict=True)]
    product = term.coefficient
    for part in components(term):
        product = product * _component(term, part, weights, tables) % ORDER
    return product


def _weights(weight: Weight, extent: int, thetas: Sequence[Point]) -> list[int]:
    """The weights along an axis (section 2.2)."""
    if weight.kind == 1:
        return [pow(2, i, ORDER) for i in range(extent)]
    if weight.kind == 2:
        return eq_table(thetas[weight.challenge], 0, extent)
    if weight.kind == 4:
        return _projection(weight, extent, eq_table(thetas[weight.challenge], 0, weight.count))
    return list(weight.constants) if weight.kind == 3 else [1] * extent


def _projection(weight: Weight, extent: int, vector: list[int]) -> list[int]:
    """The sums of a vector's entries under random signs."""
    size = weight.count // 4
    stream = hashlib.shake_128(weight.seed).digest(extent * size)
    tables = []  # for each four entries, by byte
    for h in range(0, weight.count, 4):
        table = [0]
        for entry in vector[h : h + 4][::-1]:
            table = [rest + sign * entry for rest in table for sign in (0, 0, 1, -1)]
        tables.append(table)
    chunks = (stream[at : at + size] for at in range(0, len(stream), size))
    return [sum(map(list.__getitem__, tables, chunk)) % ORDER for chunk in chunks]


def _component(term: Term, part: Component, weights: Tables, tables: Tables) -> int:
    """The sum of a component over its own axes; outside of a tensor's extents there is zero."""
    axes = sorted(part[0])
    reads = [(tables[k], term.index[k][0], [term.index[k][1][a] for a in axes]) for k in part[1]]
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
