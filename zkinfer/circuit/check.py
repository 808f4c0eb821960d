"""The checker: evaluates every block over the field, exactly, and names what fails.

A witness here may be a liar's: entries of `bits` that are no bits and public values out of bounds
are found too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from zkinfer.circuit.circuit import Block, Circuit, Defines
from zkinfer.circuit.expand import (
    Objects,
    Tables,
    challenge_tables,
    random_challenges,
    term_grid,
)
from zkinfer.circuit.layout import Segment, Tensor
from zkinfer.circuit.term import MODULUS, Term
from zkinfer.circuit.value import Integers

Lies = Mapping[str, Callable[[Objects], Objects]]


Assignment = Mapping[Segment, Sequence[Integers]]
"""The arrays of the tensors of each segment, in order; of the public one without the constant.

An array of bits holds numbers, without the position axis, or single entries, with it.
"""


def check(
    circuit: Circuit,
    witness: Assignment,
    challenges: Sequence[Sequence[int]] | None = None,
    *,
    lies: Lies | None = None,
) -> list[str]:
    """The paths that fail, in order: none for a witness that satisfies the circuit.

    First `<tensor>/boolean` and `<tensor>/bounds`, then the blocks. challenges: coordinates per
    vector; random by default, which is what soundness rests on. lies: by path, what a dishonest
    prover puts into a tensor of the sketch in place of the products.
    """
    return [path for path, _ in violations(circuit, witness, challenges, lies=lies)]


def violations(
    circuit: Circuit,
    witness: Assignment,
    challenges: Sequence[Sequence[int]] | None = None,
    *,
    lies: Lies | None = None,
) -> Iterator[tuple[str, Objects]]:
    """The paths that fail, each with what is wrong at every row (or entry): zero where it holds."""
    tables = challenge_tables(random_challenges(circuit) if challenges is None else challenges)
    entries = tensor_entries(circuit, witness)
    for tensor, values in zip(circuit.tensors, entries, strict=True):
        if values is not None and tensor.segment in (Segment.BITS, Segment.PUBLIC):
            name, wrong = _declared(tensor, values)
            if np.any(wrong):
                yield name, wrong
    for block in circuit.blocks:
        defined = block.defined
        if defined is not None and block.defines == Defines.QUOTIENT:
            quotients = _quotients(circuit, block, entries, tables)
            array = _defined(circuit, defined, quotients)
            entries[defined.tensor] = _lied(circuit, defined, array, lies)
        left, right = (
            _sum(circuit, ts, block.extents, entries, tables) for ts in (block.a, block.b)
        )
        product = left * right % MODULUS
        if defined is not None and block.defines == Defines.PRODUCT:
            array = _defined(circuit, defined, product)
            entries[defined.tensor] = _lied(circuit, defined, array, lies)
        total = _sum(circuit, block.c, block.extents, entries, tables)
        wrong = (product - total) % MODULUS
        if np.any(wrong):
            yield block.path, wrong.reshape(block.extents)


def _lied(circuit: Circuit, term: Term, array: Objects, lies: Lies | None) -> Objects:
    """What a prover puts into a tensor of the sketch: what it should be, or a lie about that."""
    lie = (lies or {}).get(circuit.tensors[term.tensor].path)
    return array if lie is None else lie(array)


def _defined(circuit: Circuit, term: Term, values: Objects) -> Objects:
    """A sketch tensor of which the rows read the values, one entry each; zero elsewhere."""
    array = np.zeros(circuit.tensors[term.tensor].extents, dtype=object)
    indices, _, _ = term_grid(term, array.shape, ())
    array[tuple(indices)] = values.reshape(tuple(axis.extent for axis in term.rows))
    return array


def _quotients(
    circuit: Circuit, block: Block, entries: Sequence[Objects | None], tables: Tables
) -> Objects:
    """C / A at every row: what an honest prover puts into the sketch that is the B side."""
    divisors, totals = (
        _sum(circuit, terms, block.extents, entries, tables) for terms in (block.a, block.c)
    )
    pairs = zip(divisors % MODULUS, totals, strict=True)
    return np.array([c * pow(a, -1, MODULUS) % MODULUS for a, c in pairs], dtype=object)


def _declared(tensor: Tensor, values: Objects) -> tuple[str, Objects]:
    """What is wrong with entries that are to be bits, or to lie in declared bounds."""
    if tensor.segment == Segment.BITS:
        return f"{tensor.path}/boolean", values * (values - 1)
    outside = (values < tensor.low) | (values > tensor.high)
    return f"{tensor.path}/bounds", np.asarray(outside, dtype=object)


def tensor_entries(circuit: Circuit, witness: Assignment) -> list[Objects | None]:
    """The entries of every tensor as Python integers, in its extents; None for the sketch."""
    one = np.array(1, dtype=np.int64)
    arrays = {segment: iter(list(given)) for segment, given in witness.items()}
    arrays[Segment.PUBLIC] = iter([one, *witness.get(Segment.PUBLIC, [])])
    entries: list[Objects | None] = []
    for tensor in circuit.tensors:
        if tensor.segment == Segment.SKETCH:
            entries.append(None)
            continue
        entries.append(_entries(tensor, next(arrays[tensor.segment])))
    left = [segment.name for segment, rest in arrays.items() if next(rest, None) is not None]
    if left:
        raise ValueError(f"the witness has more arrays than the circuit has tensors: {left}")
    return entries


def _entries(tensor: Tensor, array: Integers) -> Objects:
    array = np.asarray(array)
    if tensor.segment == Segment.BITS and array.ndim < len(tensor.extents):
        array = (array[..., None] >> np.arange(tensor.extents[-1])) & 1
    if tensor.segment.is_data:
        array = np.pad(array, [(0, 0), (0, tensor.extents[1] - array.shape[1])])
    if array.shape != tensor.extents:
        raise ValueError(f"{tensor.path}: an array of shape {array.shape}, not {tensor.extents}")
    return array.astype(object)


def _sum(
    circuit: Circuit,
    terms: Sequence[Term],
    rows: Sequence[int],
    entries: Sequence[Objects | None],
    tables: Tables,
) -> Objects:
    """The sum of terms at every row, as one axis."""
    total = np.zeros(math.prod(rows), dtype=object)
    for term in terms:
        values = entries[term.tensor]
        if values is None:
            raise ValueError(f"{circuit.tensors[term.tensor].path} is read before it is defined")
        indices, inside, coefficients = term_grid(term, values.shape, tables)
        position = np.zeros(inside.shape, dtype=np.int64)
        for index, extent in zip(indices, values.shape, strict=True):
            position = position * extent + index
        read = values.reshape(-1)[np.where(inside, position, 0).reshape(-1)]
        weighted = np.where(inside.reshape(-1), read * coefficients.reshape(-1), 0)
        total = total + weighted.reshape(len(total), -1).sum(axis=-1)
    return total % MODULUS
