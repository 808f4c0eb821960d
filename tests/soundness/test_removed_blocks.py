"""A mutation test of the constraints: without any one block, a prover can cheat.

Each block is removed in turn. A search over lies must then find a witness that the rest of the
circuit accepts and that does harm: an output that is not the network's, or a hidden input outside
of its declared range. The whole circuit refuses the same witness. (The certificate's blocks:
test_certificate.py.)

This holds for every block of every network in `CASES`: the small networks of tests/networks.py,
some of them `varied`. In those, as they stand, one check is implied by another: a network that
shows its input in another order shows its range too, and the verifier checks an output's bounds.
Their variants have the same nodes and blocks, but show a sum, or take another range of the input.
So every kind of block is needed, though not by every network that has it.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, product

import numpy as np
import pytest
from networks import Case, cases

from tests.soundness.test_lies import UNREAD, Lie, added, advice, flipped, rolled
from zkinfer.circuit.check import check, violations
from zkinfer.circuit.circuit import Block, Circuit, Defines
from zkinfer.circuit.expand import random_challenges
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MODULUS, Axis, Term
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedGraph, FixedNode, evaluate
from zkinfer.lower import Witness, lower, solve

Arrays = dict[str, np.ndarray]
Lies = dict[str, Lie]
Challenges = list[list[int]]
Attempt = tuple[Arrays, Lies]
"""The inputs, and the lies about the advice; what no lie is about is recomputed after it."""

Forgery = tuple[Witness, Challenges, Lies]
"""A witness, and lies about the sketch, that pass for these challenges."""

SEEDS = 12
DELTAS = tuple(sign << k for k in range(6) for sign in (1, -1))

SHOWN = ("neg", "reshape", "reshape that fits", "transpose", "concat", "pad", "pad of one entry")
SUMMED = {
    *(*SHOWN, "leaky_relu", "leaky_relu of positives"),
    *("divide", "divide by weights", "divide of a constant"),
    *("requantize with a range of no power of two", "requantize upwards only"),
}
"""The cases whose output's bounds imply a range: that of the input, or of the result itself."""

RANGES = {
    "leaky_relu": (-5, 6),
    "prelu": (-5, 6),
    "prelu then requantize": (-5, 6),
    "requantize upwards only": (-29, 90),
}
"""Ranges of the input that are not just what the bits of its sign, or its rounding, can say."""


def varied(case: Case) -> Case:
    """A case with all its nodes, in which no check is implied by others."""
    graph = case.graph
    if case.name in RANGES:
        low, high = RANGES[case.name]
        x = replace(graph.declared["x0"], low=low, high=high)
        graph = replace(graph, declared={**graph.declared, "x0": x})
    if case.name in SUMMED:
        attrs = {"axes": (0,), "keepdims": False, "multiplier": 1, "scale": 0}
        total = FixedNode("total", "reduce_sum", graph.outputs, ("total_out",), attrs)
        graph = replace(graph, nodes=(*graph.nodes, total), outputs=("total_out",))
    return replace(case, graph=graph)


CASES = {name: varied(case) for name, case in cases().items()}


# -- circuits with a block removed ---------------------------------------------------------------


def without(circuit: Circuit, path: str) -> Circuit:
    """The circuit without a block. If that defines a sketch, the prover is free to fill it:
    a stand-in, whose failure means nothing, has the checker take zeros, or a lie.
    """
    (removed,) = (block for block in circuit.blocks if block.path == path)
    tensor = sketched(removed)
    stand_in = (
        ()
        if tensor is None
        else (replace(removed, a=(), b=(), c=(whole(tensor, removed),), defines=Defines.PRODUCT),)
    )
    blocks = [stand_in if block is removed else (block,) for block in circuit.blocks]
    return replace(circuit, blocks=tuple(chain(*blocks)))


def sketched(block: Block) -> int | None:
    """The tensor of the sketch that a block defines."""
    return None if block.defined is None else block.defined.tensor


def whole(tensor: int, block: Block) -> Term:
    """Each entry of a sketch at its own row."""
    rank = len(block.extents)
    axes = (
        Axis(extent, None, tuple(int(i == axis) for i in range(rank)))
        for axis, extent in enumerate(block.extents)
    )
    return Term(tensor, 1, (0,) * rank, tuple(axes))


def passing(circuit: Circuit, removed: str, witness: Witness) -> tuple[Challenges, Lies] | None:
    """Challenges, and lies about the sketch, with which the circuit without its block `removed`
    accepts a witness; None if it does not.
    """
    (block,) = (block for block in circuit.blocks if block.path == removed)
    tensor, reduced = sketched(block), without(circuit, removed)
    challenges, lies, wrong = random_challenges(circuit), {}, 0
    if tensor is not None:
        (total,) = (
            (reader.path, term.coefficient)
            for reader in circuit.blocks
            for term in reader.c
            if term.tensor == tensor and reader is not block
        )
        for path, rows in violations(reduced, witness.segments, challenges):
            if path != total[0]:
                return None
            wrong = int(rows.sum()) * total[1] % MODULUS

        def fitted(array: np.ndarray) -> np.ndarray:
            array = np.zeros(array.shape, dtype=object)
            array.reshape(-1)[0] = wrong
            return array

        lies = {circuit.tensors[tensor].path: fitted}
    failing = (path for path, _ in violations(reduced, witness.segments, challenges, lies=lies))
    return (challenges, lies) if all(path == removed for path in failing) else None


# -- what a prover may try -----------------------------------------------------------------------


def names(case: Case, circuit: Circuit) -> list[str]:
    """The paths of all that a prover may lie about but inputs, in the circuit's order."""
    ranges = {f"{name}/range{more}/bits" for name in case.graph.inputs for more in ("", "/upper")}
    excluded = {UNREAD, *case.graph.inputs, *ranges}
    return [path for path in advice(circuit) if path not in excluded]


def honest(case: Case, circuit: Circuit, weights: Arrays, inputs: Arrays) -> Arrays:
    """By path, what an honest prover puts there, in logical shapes."""
    arrays: Arrays = {}

    def noted(path: str) -> Lie:
        def lie(array: np.ndarray) -> np.ndarray:
            arrays[path] = np.array(array)
            return array

        return lie

    solve(case.graph, weights, inputs, lies={path: noted(path) for path in names(case, circuit)})
    return arrays


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


def elsewhere(case: Case, circuit: Circuit, weights: Arrays, mine: Arrays, seed: int) -> Arrays:
    """What an honest prover puts there on inputs with another output, if some are found."""
    for other in range(20):
        _, inputs = case.random(100 * (seed + 1) + other)
        arrays = honest(case, circuit, weights, inputs)
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
    if tail not in ("choice", "chosen") or head in mine:
        return
    (node,) = (n for n in case.graph.nodes if n.op == "requantize" and n.name == "rescale0")
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
    case: Case, circuit: Circuit, weights: Arrays, attempt: Attempt, path: str, at: tuple[str, int]
) -> Iterator[Attempt]:
    """After a lie about one entry, the entry of `path` that makes the row hold which `at` names."""
    (inputs, lies), (block, index) = attempt, at
    failing = dict(violations(circuit, solve(case.graph, weights, inputs, lies=lies).segments))
    wrong = [int(row) for row in failing[block].reshape(-1) if row] if block in failing else []
    yield inputs, lies
    for delta in wrong[:1]:
        quarter = delta * pow(4, -1, MODULUS) % MODULUS
        for moved in chain(*((m, m - MODULUS, -m, MODULUS - m) for m in (delta, quarter))):
            if abs(moved) < 1 << 40:
                yield inputs, lies | {path: added(index, moved)}


def signs(
    case: Case, circuit: Circuit, path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """The wrong sign, and the negative part that goes with it."""
    head, _, tail = path.rpartition("/")
    if tail != "sign":
        return
    _, width = advice(circuit)[f"{head}/bits"]
    for index in range(mine[f"{head}/bits"].size):
        lies = {f"{head}/bits": flipped(index, width - 1)}
        at = f"{head}/part", index
        yield from repaired(case, circuit, weights, (inputs, lies), head, at)


def remainders(
    case: Case, circuit: Circuit, path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """Another quotient or root, and the remainder that goes with it."""
    head, _, tail = path.rpartition("/")
    if tail != "remainder" or head not in mine:
        return
    (at,) = {f"{head}/division", f"{head}/square"} & {block.path for block in circuit.blocks}
    for index, delta in product(range(mine[head].size), DELTAS):
        lies = {head: added(index, delta)}
        attempt = inputs, lies
        yield from repaired(case, circuit, weights, attempt, f"{head}/bits", (at, index))


def fractions(
    case: Case, circuit: Circuit, path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """Other remainders of two numbers by one divisor, and the quotients in the field that go with
    them: no integers, but their sum is one, and another one.
    """
    head, _, tail = path.rpartition("/")
    if tail != "range" or head not in mine:
        return

    def twice(index: int) -> int:
        """Two times the divisor: by how much the row is wrong for the next quotient."""
        witness = solve(case.graph, weights, inputs, lies={head: added(index, 1)})
        return int(dict(violations(circuit, witness.segments))[f"{head}/division"].sum())

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

            moved = -changed[one] * pow(divisor, -1, MODULUS) % MODULUS
            shares = {one: moved, two: -more - moved}

            def quotients(array: np.ndarray, shares: dict[int, int] = shares) -> np.ndarray:
                array = np.array(array, dtype=object)
                for index, delta in shares.items():
                    array.flat[index] += delta
                return array

            yield inputs, {f"{head}/bits": bits, head: quotients}


def digits(
    case: Case, circuit: Circuit, path: str, weights: Arrays, inputs: Arrays, mine: Arrays
) -> Iterator[Attempt]:
    """All other digits of the same number: other quotients and remainders, and every flag."""
    head, _, tail = path.rpartition("/")
    if tail not in ("saturation", "range") or f"{head}/digits" not in mine:
        return
    worth = bit_values(circuit, f"{head}/digits")
    numbers = np.arange(1 << len(worth))
    values = (numbers[:, None] >> np.arange(len(worth)) & 1) @ np.array(worth)
    for index, number in enumerate(mine[f"{head}/digits"].reshape(-1)):
        for same in np.flatnonzero(values == values[number]):
            if same != number:
                lies = {f"{head}/digits": added(index, int(same) - int(number))}
                output = f"{head}/output"
                at = output, index
                yield from repaired(case, circuit, weights, (inputs, lies), output, at)


def bit_values(circuit: Circuit, path: str) -> list[int]:
    """What each bit of digits is worth in the equation that reads a number from them."""
    head = path.rpartition("/")[0]
    (tensor,) = (i for i, t in enumerate(circuit.tensors) if t.path == path)
    worth = [0] * circuit.tensors[tensor].extents[-1]
    for block in circuit.blocks:
        if block.path not in (f"{head}/saturation", f"{head}/output"):
            for term in block.c:
                if term.tensor == tensor:
                    count = next((a.extent for a in term.sums if a.strides[-1]), 1)
                    for k in range(count):
                        worth[term.bases[-1] + k] += term.coefficient << k
    return worth


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


def aimed(case: Case, circuit: Circuit, path: str, seed: int) -> Tries:
    """What is made for blocks of one kind."""
    weights, inputs = case.random(seed)
    mine = honest(case, circuit, weights, inputs)
    tries = (
        shown(path, inputs),
        inputs_out_of_range(case, path, inputs),
        selectors(path, inputs, mine),
        raised(case, path, inputs, mine),
        signs(case, circuit, path, weights, inputs, mine),
        remainders(case, circuit, path, weights, inputs, mine),
        fractions(case, circuit, path, weights, inputs, mine),
        digits(case, circuit, path, weights, inputs, mine),
        renumbered(case, path, weights, inputs, mine),
        detours(case, path, weights, inputs, mine),
    )
    yield from ((weights, attempt) for attempt in chain(*tries))


def any_advice(case: Case, circuit: Circuit, path: str, seed: int) -> Tries:
    """Any advice, a little off or of another run."""
    weights, inputs = case.random(seed)
    mine = honest(case, circuit, weights, inputs)
    yield from ((weights, attempt) for attempt in single(path, inputs, mine))
    if not path.endswith(("/public", "/saturation")) and "/range" not in path:
        other = elsewhere(case, circuit, weights, mine, seed)
        yield from ((weights, attempt) for attempt in of_another_run(inputs, other))


def harmful(case: Case, weights: Arrays, inputs: Arrays, witness: Witness) -> bool:
    """Whether an input is out of range, or an output not the network's.

    A public input is in its tensor's range: a verifier sees to that.
    """
    for name in case.graph.inputs:
        tensor, encoding, x = case.graph.tensors[name], case.graph.encoding(name), inputs[name]
        if case.graph.input_mode == "public" and (x.min() < tensor.low or x.max() > tensor.high):
            return False
        if np.any((x < encoding.low) | (x > encoding.high)):
            return True
    true, outputs = evaluate(case.graph, weights, inputs), case.graph.outputs
    claimed = witness.segments[Segment.PUBLIC][-len(outputs) :]
    return any(np.any(a != true[name]) for name, a in zip(outputs, claimed, strict=True))


def forged(case: Case, circuit: Circuit, path: str) -> Forgery | None:
    """What does harm and passes without a block, if some is found."""
    for tries, seed in product((aimed, any_advice), range(SEEDS)):
        for weights, (inputs, lies) in tries(case, circuit, path, seed):
            witness = solve(case.graph, weights, inputs, lies=lies)
            if harmful(case, weights, inputs, witness):
                found = passing(circuit, path, witness)
                if found is not None:
                    return witness, *found
    return None


@pytest.mark.parametrize("name", CASES)
def test_every_block_is_needed(name: str) -> None:
    case = CASES[name]
    circuit = lower(case.graph)
    for block in circuit.blocks:
        forgery = forged(case, circuit, block.path)
        assert forgery is not None, block.path
        witness, challenges, lies = forgery
        assert check(circuit, witness.segments, challenges, lies=lies) == [block.path]


@pytest.mark.parametrize("name", CASES)
def test_variants_have_all_blocks_of_their_case(name: str) -> None:
    """But for the block that shows the output, which shows their own."""

    def paths(graph: FixedGraph) -> set[str]:
        outputs = {f"{name}/public": "public" for name in graph.outputs}
        return {outputs.get(block.path, block.path) for block in lower(graph).blocks}

    assert paths(cases()[name].graph) <= paths(CASES[name].graph)


def test_a_constant_output_needs_no_block() -> None:
    case = CASES["requantize to a constant"]
    circuit = lower(case.graph)
    assert [block.path for block in circuit.blocks] == ["x0/range", "x0/range/upper"]
    witness = solve(case.graph, *case.random(0), lies={"rescale0_out/public": added(0, 1)})
    assert check(circuit, witness.segments) == ["rescale0_out/public/bounds"]
    with pytest.raises(UnsupportedModelError, match="nothing is to be proven"):
        lower(replace(case.graph, input_mode="public"))


# -- bits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_bit_is_named(name: str) -> None:
    """In every bits tensor: 2 too much at one position, 1 too little at the next; and one alone."""
    case = CASES[name]
    circuit = lower(case.graph)
    for tensor in circuit.segment(Segment.BITS):
        path = f"{tensor.path}/boolean"

        def moved(bits: np.ndarray, k: int) -> np.ndarray:
            bits = np.array(bits, order="C")
            first = bits.reshape(-1, bits.shape[-1])[0]
            first[k] += 2 if first[k] == 0 or k + 1 == len(first) else -2
            if k + 1 < len(first):
                first[k + 1] += 1 if first[k] < 0 else -1
            return bits

        failing = [
            check(
                circuit,
                solve(
                    case.graph, *case.random(3), lies={path: lambda b, k=k: moved(b, k)}
                ).segments,
            )
            for k in range(tensor.extents[-1])
        ]
        assert all(path in paths for paths in failing)
        assert [path] in failing


def test_an_input_whose_bits_are_no_bits() -> None:
    """The lowest position holds the whole distance; `slice` does not read the entry."""
    case = CASES["slice"]
    weights, inputs = case.random(0)
    inputs["x0"][0, 0] = 1000

    def piled(bits: np.ndarray) -> np.ndarray:
        bits = np.array(bits)
        bits[0, 0] = [1000 - case.graph.tensors["x0"].low, 0, 0, 0]
        return bits

    witness = solve(case.graph, weights, inputs, lies={"x0/range/bits/boolean": piled})
    assert check(lower(case.graph), witness.segments) == ["x0/range/bits/boolean"]


def test_an_output_whose_digits_are_no_bits() -> None:
    """The remainder makes up for digits of another number."""
    case = CASES["requantize"]
    circuit = lower(case.graph)
    (weights, inputs), (_, others) = case.random(0), case.random(1)
    other = honest(case, circuit, weights, others)

    def made_up(bits: np.ndarray) -> np.ndarray:
        bits = np.array(bits)
        bits[:, 0] += inputs["x0"] - others["x0"]
        return bits

    lies = {path: put(other[path]) for path in ("rescale0/digits", "rescale0/output")}
    witness = solve(case.graph, weights, inputs, lies=lies | {"rescale0/digits/boolean": made_up})
    assert harmful(case, weights, inputs, witness)
    assert check(circuit, witness.segments) == ["rescale0/digits/boolean"]
