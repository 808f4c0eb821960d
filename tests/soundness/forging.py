"""A search over lies: which of them pass when a part of a circuit is missing?

What is tried is the same for every argument; a `System` says what passes and does harm there.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain, combinations, product
from typing import Protocol, TypeVar

import numpy as np
from networks import Case

from tests.soundness.test_lies import UNREAD, Lie, added, advice, flipped, rolled
from zkinfer.circuit.bits import join_axes
from zkinfer.circuit.circuit import Circuit
from zkinfer.fixed import evaluate
from zkinfer.lower import Witness

Arrays = dict[str, np.ndarray]
Lies = dict[str, Lie]
Attempt = tuple[Arrays, Lies]
"""The inputs, and the lies about the advice; what no lie is about is recomputed after it."""

F = TypeVar("F", covariant=True)

SEEDS = 12
DELTAS = tuple(sign << k for k in range(6) for sign in (1, -1))


class System(Protocol[F]):
    """The circuit of a case, for some argument. modulus: of its rows."""

    case: Case
    circuit: Circuit
    modulus: int

    def solved(self, weights: Arrays, inputs: Arrays, lies: Lies) -> Witness:
        """The witness with some lies."""

    def wrong(self, witness: Witness) -> Mapping[str, np.ndarray]:
        """By the path of what fails, what is wrong at every row of it."""

    def forgery(self, path: str, weights: Arrays, inputs: Arrays, witness: Witness) -> F | None:
        """What passes and does harm without what is at a path, if the witness leads to it."""


def names(system: System[object]) -> list[str]:
    """The paths of all that a prover may lie about but inputs and weights, in order."""
    declared = system.case.graph.declared
    ranges = {f"{name}/range{more}/bits" for name in declared for more in ("", "/upper")}
    excluded = {UNREAD, *system.case.graph.inputs, *ranges}
    return [path for path in advice(system.circuit) if path not in excluded]


def honest(system: System[object], weights: Arrays, inputs: Arrays) -> Arrays:
    """By path, what an honest prover puts there, in logical shapes."""
    arrays: Arrays = {}

    def noted(path: str) -> Lie:
        def lie(array: np.ndarray) -> np.ndarray:
            arrays[path] = np.array(array)
            return array

        return lie

    system.solved(weights, inputs, {path: noted(path) for path in names(system)})
    return arrays


@lru_cache(maxsize=32)
def run(system: System[object], seed: int) -> tuple[Arrays, Arrays, Arrays]:
    """Weights and inputs that are drawn, and what an honest prover makes of them; not to change."""
    weights, inputs = system.case.random(seed)
    return weights, inputs, honest(system, weights, inputs)


def put(array: np.ndarray) -> Lie:
    return lambda _: np.array(array)


def inputs_out_of_range(case: Case, path: str, inputs: Arrays) -> Iterator[Attempt]:
    """One entry just outside of its range, with other entries random or near zero."""
    name = path.split("/")[0]
    if "/range" not in path or name not in case.graph.inputs:
        return
    encoding, shape = case.graph.encoding(name), inputs[name].shape
    low, high = np.broadcast_to(encoding.low, shape), np.broadcast_to(encoding.high, shape)
    for index in range(inputs[name].size):
        for value in (low.flat[index] - 1, high.flat[index] + 1, high.flat[index] + 2):
            for base in (inputs[name], np.clip(0 * inputs[name], low, high)):
                wrong = np.array(base)
                wrong.flat[index] = value
                yield inputs | {name: wrong}, {}


def elsewhere(system: System[object], weights: Arrays, mine: Arrays, seed: int) -> Arrays:
    """What an honest prover puts there on inputs with another output, if some are found."""
    for other in range(20):
        _, inputs = system.case.random(100 * (seed + 1) + other)
        arrays = honest(system, weights, inputs)
        if any(np.any(arrays[p] != mine[p]) for p in mine if p.endswith("/public")):
            break
    return arrays


def of_another_run(inputs: Arrays, other: Arrays) -> Iterator[Attempt]:
    """Up to three arrays of advice from a run on other inputs."""
    for count in (1, 2, 3):
        for paths in combinations([p for p in other if not p.endswith("/public")], count):
            yield inputs, {path: put(other[path]) for path in paths}


def single(path: str, inputs: Arrays, mine: Arrays) -> Iterator[Attempt]:
    """One entry of what the block is named after, a little off."""
    for name in mine:
        if path == name or path.rpartition("/")[0] == name or name == f"{path}/output":
            for index in range(mine[name].size):
                for delta in DELTAS:
                    yield inputs, {name: added(index, delta)}


def selectors(path: str, inputs: Arrays, mine: Arrays) -> Iterator[Attempt]:
    """No selector, another selector, or a maximum that no entry reaches."""
    head, _, tail = path.rpartition("/")
    if tail not in ("choice", "chosen"):
        return
    bits = f"{head}/bits"
    top = 1 << int(mine[bits].max()).bit_length() - 1
    change = rolled if tail == "chosen" else lambda array: array & (top - 1)
    yield inputs, {bits: change}
    for index in range(mine[head].size if head in mine else 0):
        for delta in DELTAS[::2]:
            higher = {head: added(index, delta)}
            yield inputs, higher | {bits: change} if tail == "choice" else higher


def raised(case: Case, path: str, inputs: Arrays, mine: Arrays) -> Iterator[Attempt]:
    """Maxima that are not stored, raised by what makes one step of the requantize that reads them.

    Distances grow alike; a requantize that does not saturate rises by one a step.
    """
    head, _, tail = path.rpartition("/")
    nodes = [n for n in case.graph.nodes if n.op == "requantize" and n.name == "rescale0"]
    if tail not in ("choice", "chosen") or head in mine or not nodes:
        return
    (node,) = nodes
    shift, bits = node.attrs["shift"], f"{head}/bits"
    top = 1 << int(mine[bits].max()).bit_length() - 1
    output = mine["rescale0/output"]
    free = (node.attrs["low"] < output) & (output < node.attrs["high"])
    rng = np.random.default_rng(0)
    for _ in range(40):
        steps = rng.integers(0, node.attrs["high"] - output + 1) * free

        def wide(array: np.ndarray, steps: np.ndarray = steps) -> np.ndarray:
            array = array + (steps[..., None] << shift)
            return array & (top - 1) if tail == "choice" else array

        yield (
            inputs,
            {
                bits: wide,
                "rescale0/output": put(output + steps),
                "rescale0/digits": put(mine["rescale0/digits"] + (steps << shift)),
            },
        )


def repaired(
    system: System[object], weights: Arrays, attempt: Attempt, path: str, at: tuple[str, int]
) -> Iterator[Attempt]:
    """After a lie about one entry, the entry of `path` that makes the row hold which `at` names."""
    (inputs, lies), (block, index) = attempt, at
    failing = system.wrong(system.solved(weights, inputs, lies))
    wrong = [int(row) for row in failing[block].reshape(-1) if row] if block in failing else []
    yield inputs, lies
    for delta in wrong[:1]:
        prime = system.modulus
        quarter = delta * pow(4, -1, prime) % prime
        for moved in chain(*((m, m - prime, -m, prime - m) for m in (delta, quarter))):
            if abs(moved) < 1 << 40:
                yield inputs, lies | {path: added(index, moved)}


def signs(
    system: System[object], path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """The wrong sign, and the negative part that goes with it."""
    head, _, tail = path.rpartition("/")
    if tail != "sign":
        return
    _, width = advice(system.circuit)[f"{head}/bits"]
    for index in range(mine[f"{head}/bits"].size):
        lies = {f"{head}/bits": flipped(index, width - 1)}
        at = f"{head}/part", index
        yield from repaired(system, weights, (inputs, lies), head, at)


def remainders(
    system: System[object], path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """Another quotient or root, and the remainder that goes with it."""
    head, _, tail = path.rpartition("/")
    if tail != "remainder" or head not in mine:
        return
    (at,) = {f"{head}/division", f"{head}/square"} & {block.path for block in system.circuit.blocks}
    for index, delta in product(range(mine[head].size), DELTAS):
        lies = {head: added(index, delta)}
        attempt = inputs, lies
        yield from repaired(system, weights, attempt, f"{head}/bits", (at, index))


def fractions(
    system: System[object], path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """Other remainders of two numbers by one divisor, and the quotients in the field that go with
    them: no integers, but their sum is one, and another one.
    """
    head, _, tail = path.rpartition("/")
    if tail != "range" or head not in mine:
        return

    def twice(index: int) -> int:
        """Two times the divisor: by how much the row is wrong for the next quotient."""
        witness = system.solved(weights, inputs, {head: added(index, 1)})
        return int(system.wrong(witness)[f"{head}/division"].sum())

    remainders = mine[f"{head}/bits"].reshape(-1)
    divisors = [twice(index) for index in range(len(remainders))]
    for one, two in combinations(range(len(remainders)), 2):
        divisor, total = divisors[one], int(remainders[one] + remainders[two])
        if divisors[two] != divisor or not 1 <= total < 2 * divisor - 2:
            continue
        more = 1 if total + divisor <= 2 * divisor - 2 else -1
        total += more * divisor
        for new in range(max(0, total - divisor + 1), min(total + 1, divisor)):
            changed = {one: new - int(remainders[one]), two: total - new - int(remainders[two])}

            def bits(array: np.ndarray, changed: dict[int, int] = changed) -> np.ndarray:
                array = np.array(array)
                for index, delta in changed.items():
                    array.flat[index] += delta
                return array

            moved = -changed[one] * pow(divisor, -1, system.modulus) % system.modulus
            shares = {one: moved, two: -more - moved}

            def quotients(array: np.ndarray, shares: dict[int, int] = shares) -> np.ndarray:
                array = np.array(array, dtype=object)
                for index, delta in shares.items():
                    array.flat[index] += delta
                return array

            yield inputs, {f"{head}/bits": bits, head: quotients}


def digits(
    system: System[object], path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """All other digits of the same number: other quotients and remainders, and every flag."""
    head, _, tail = path.rpartition("/")
    if tail not in ("saturation", "range", "parity") or f"{head}/digits" not in mine:
        return
    worth = bit_values(system.circuit, f"{head}/digits", mine[f"{head}/digits"].shape)
    numbers = np.arange(1 << worth.shape[-1])
    bits = numbers[:, None] >> np.arange(worth.shape[-1]) & 1
    for index, number in enumerate(mine[f"{head}/digits"].reshape(-1)):
        values = bits @ worth[index]
        for same in np.flatnonzero(values == values[number]):
            if same != number:
                lies = {f"{head}/digits": added(index, int(same) - int(number))}
                output = f"{head}/output"
                at = output, index
                yield from repaired(system, weights, (inputs, lies), output, at)


def bit_values(circuit: Circuit, path: str, shape: tuple[int, ...]) -> np.ndarray:
    """What each bit of digits is worth in the equation that reads a number from them; for each of
    the numbers, which are of a shape.
    """
    head = path.rpartition("/")[0]
    (tensor,) = (i for i, t in enumerate(circuit.tensors) if t.path == path)
    worth = np.zeros(circuit.tensors[tensor].extents, np.int64)
    for block in circuit.blocks:
        if block.path not in (f"{head}/saturation", f"{head}/output"):
            for term in block.c:
                if term.tensor == tensor:
                    factor = np.array(term.coefficient)
                    for axis in term.rows:
                        if axis.weight is not None:
                            behind = worth.ndim - 2 - axis.strides.index(1)
                            factor = factor * np.reshape(axis.weight.values, (-1, *[1] * behind))
                    count = next((a.extent for a in term.sums if a.strides[-1]), 1)
                    for k in range(count):
                        worth[..., term.bases[-1] + k] += factor << k
    order = [axis for group in join_axes(shape) for axis in group]
    worth = worth.reshape(*(shape[axis] for axis in order), worth.shape[-1])
    return worth.transpose(*np.argsort(order), -1).reshape(-1, worth.shape[-1])


def renumbered(
    case: Case, path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """Two rows of a table with each other's numbers, and what then is looked up."""
    if not path.endswith("/table/numbers"):
        return
    head = path.removesuffix("/numbers")
    arrays = evaluate(case.graph, weights, inputs)
    (first,) = (node for node in case.graph.nodes if f"{node.name}/table" == head)
    nodes = [n for n in case.graph.nodes if n.op == "gather" and n.inputs[0] == first.inputs[0]]
    table = arrays[first.inputs[0]]
    for pair in combinations(range(len(table)), 2):
        order = np.arange(len(table))
        order[list(pair)] = pair[::-1]
        lies = {path: put(order + 1), f"{head}/counts": put(mine[f"{head}/counts"][order])}
        rows = {f"{n.name}/rows": put(table[order][arrays[n.inputs[1]]]) for n in nodes}
        yield inputs, lies | rows


def detours(
    case: Case, path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """Ways through trees that are elsewhere at one step: by another row, by another decision, or by
    another number. What comes after goes on from there. And values that no row has.
    """
    head, _, tail = path.partition("/")
    found = [node for node in case.graph.nodes if (node.name, node.op) == (head, "trees")]
    if found and tail.startswith("splits/"):
        for entry in range(mine[f"{head}/value"].size):
            yield inputs, {f"{head}/value": added(entry, 1)}
    looks = tail.startswith("columns/")
    if not found or not (looks or tail in ("start", "step", "decision/sign")):
        return
    x, features, thresholds, children, _ = (
        inputs.get(name, weights.get(name)) for name in found[0].inputs
    )
    f, t, c = features.ravel(), thresholds.ravel(), children.reshape(-1, 2)
    rows = mine[f"{head}/row"]
    for index in np.ndindex(rows.shape):
        sample, step, tree = index
        for row in range(len(f)) if tail in ("start", "step") else (rows[index],):
            z = x[sample, f[row]]
            z = 2 * t[row] + 1 - z if looks else z
            side = (z > t[row]) != (tail == "decision/sign")
            changed = np.array(rows)
            changed[index], at = row, c[row, int(side)]
            for later in range(step + 1, rows.shape[1]):
                changed[sample, later, tree] = at
                at = c[at, int(x[sample, f[at]] > t[at])]
            lies: Lies = {f"{head}/row": put(changed)}
            flat = int(np.ravel_multi_index(index, rows.shape))
            if tail == "decision/sign":
                top = int(case.graph.tensors[found[0].inputs[2]].high).bit_length() + 1
                lies[f"{head}/decision/bits"] = flipped(flat, top)
            elif looks:
                lies[f"{head}/number"] = added(flat, int(z - x[sample, f[row]]))
            yield inputs, lies


def shown(path: str, inputs: Arrays) -> Iterator[Attempt]:
    """Another output."""
    if path.endswith("/public"):
        for delta in DELTAS[:2]:
            yield inputs, {path: added(0, delta)}


Tries = Iterator[tuple[Arrays, Attempt]]
"""Weights, and what to try on them when a block is removed."""


def aimed(system: System[object], path: str, seed: int) -> Tries:
    """What is made for blocks of one kind."""
    case = system.case
    weights, inputs, mine = run(system, seed)
    tries = (
        shown(path, inputs),
        inputs_out_of_range(case, path, inputs),
        selectors(path, inputs, mine),
        raised(case, path, inputs, mine),
        signs(system, path, weights, inputs, mine),
        remainders(system, path, weights, inputs, mine),
        digits(system, path, weights, inputs, mine),
        renumbered(case, path, weights, inputs, mine),
        detours(case, path, weights, inputs, mine),
    )
    yield from ((weights, attempt) for attempt in chain(*tries))


def in_shares(system: System[object], path: str, seed: int) -> Tries:
    """Numbers that are no integers."""
    weights, inputs, mine = run(system, seed)
    yield from ((weights, attempt) for attempt in fractions(system, path, weights, inputs, mine))


def any_advice(system: System[object], path: str, seed: int) -> Tries:
    """Any advice, a little off or of another run."""
    weights, inputs, mine = run(system, seed)
    yield from ((weights, attempt) for attempt in single(path, inputs, mine))
    if not path.endswith(("/public", "/saturation")) and "/range" not in path:
        other = elsewhere(system, weights, mine, seed)
        yield from ((weights, attempt) for attempt in of_another_run(inputs, other))


def forged(system: System[F], path: str, tries: Tries) -> F | None:
    """What does harm and passes without what is at a path, if some is found."""
    for weights, (inputs, lies) in tries:
        witness = system.solved(weights, inputs, lies)
        found = system.forgery(path, weights, inputs, witness)
        if found is not None:
            return found
    return None
