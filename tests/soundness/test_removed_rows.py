"""A mutation test of the rows of pairing proofs: without those of a block, a prover can cheat.

As test_removed_blocks.py has it for blocks, with the rows of each, and those that say that bits are
bits: once they are removed, a search must find a witness that all others accept and that does harm.
Here nobody checks the bounds of public values, and weights have ranges of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product, takewhile

import numpy as np
import pytest
from networks import Case

from tests.pairing_rows import Rows
from tests.soundness.adjusting import Adjustable
from tests.soundness.forging import (
    DELTAS,
    SEEDS,
    Arrays,
    Lies,
    System,
    Tries,
    added,
    aimed,
    any_advice,
    forged,
    honest,
    put,
    run,
)
from tests.soundness.test_removed_blocks import CASES
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.rank_one import entries, places
from zkinfer.circuit.target import Ranges
from zkinfer.fixed import FixedTensor, evaluate
from zkinfer.lower import Witness, solve, weight_arrays
from zkinfer.pairing.forest import spelt_out
from zkinfer.plan import Plan, make_plan


@dataclass(frozen=True, eq=False)
class Paired:
    """A case's rows for pairing proofs. `System` says more."""

    case: Case
    rows: Rows

    @property
    def circuit(self) -> Circuit:
        return self.rows.circuit

    @property
    def modulus(self) -> int:
        return self.rows.named.modulus

    @cached_property
    def plan(self) -> Plan:
        return make_plan(self.case.graph)

    @cached_property
    def adjustable(self) -> Adjustable:
        return Adjustable(list(self.rows.named), self.modulus)

    @cached_property
    def numbers(self) -> Mapping[str, list[int]]:
        """The rows of each path."""
        found: dict[str, list[int]] = {}
        for number, row in enumerate(self.rows.named):
            found.setdefault(row.path, []).append(number)
        return found

    @cached_property
    def fixed(self) -> Mapping[int, str]:
        """The entries that cannot move, each with the path that says so: bits, and what harm is
        about.
        """
        starts, _ = places(self.circuit)
        found = dict.fromkeys(range(self.rows.named.named), "")
        for place, tensor in zip(starts, self.circuit.tensors, strict=True):
            path = {Segment.BITS: f"{tensor.path}/boolean", Segment.INPUT: ""}.get(tensor.segment)
            if path is not None:
                size = int(np.prod(tensor.extents))
                found.update(dict.fromkeys(range(place.start, place.start + size), path))
        return found

    @cached_property
    def outputs(self) -> range:
        """The entries of the outputs."""
        end = 1 + self.rows.named.public
        graph = self.case.graph
        return range(end - sum(int(np.prod(graph.tensors[n].shape)) for n in graph.outputs), end)

    def solved(self, weights: Arrays, inputs: Arrays, lies: Lies) -> Witness:
        target = self.rows.target
        return solve(self.case.graph, weights, inputs, plan=self.plan, target=target, lies=lies)

    def filled(self, weights: Arrays, witness: Witness) -> np.ndarray:
        """All entries."""
        arrays = {**witness.segments, Segment.WEIGHTS: weight_arrays(self.case.graph, weights)}
        return entries(self.circuit, arrays)

    def wrong(self, witness: Witness) -> dict[str, np.ndarray]:
        z = entries(self.circuit, witness.segments)
        known = z.tolist()
        wrongs = [
            self.adjustable.wrong(number, known) for number in range(len(self.adjustable.rows))
        ]
        return {
            path: np.array([wrongs[number] for number in numbers], dtype=object)
            for path, numbers in self.numbers.items()
            if any(wrongs[number] for number in numbers)
        }

    def forgery(
        self, path: str, weights: Arrays, inputs: Arrays, witness: Witness
    ) -> list[int] | None:
        """All entries, moved to what the rows without those of a path accept."""
        z, removed = self.filled(weights, witness), frozenset(self.numbers[path])
        known, failing = z.tolist(), self.adjustable.failing(z)
        harmful = self.harmful(weights, inputs, known)
        for shown in (range(0), self.outputs) if harmful else (self.outputs,):
            found = self.adjustable.adjusted(
                known,
                failing,
                removed,
                lambda entry, shown=shown: self.fixed.get(entry, path) == path or entry in shown,
            )
            if found is not None and self.harmful(weights, inputs, found):
                return found
        return None

    def harmful(self, weights: Arrays, inputs: Arrays, z: list[int]) -> bool:
        """Whether a weight or an input is out of range, or an output not the network's."""
        graph = self.case.graph
        for name in graph.weights:
            low, high = outside(graph.tensors[name])
            if np.any((weights[name] <= low) | (weights[name] >= high)):
                return True
        for name in graph.inputs:
            encoding, x = graph.encoding(name), inputs[name]
            if np.any((x < encoding.low) | (x > encoding.high)):
                return True
        true = evaluate(graph, weights, inputs)
        mine = [int(number) for name in graph.outputs for number in true[name].ravel()]
        return any((z[e] - y) % self.modulus for e, y in zip(self.outputs, mine, strict=True))


@dataclass(frozen=True, eq=False)
class Alone(Paired):
    """The same with one row of a path in place of all."""

    path: str
    number: int

    @cached_property
    def numbers(self) -> Mapping[str, list[int]]:
        """The row alone."""
        return {self.path: [self.number]}


def claimed(system: System[object], path: str, seed: int) -> Tries:
    """Another output, with all else as it is."""
    weights, inputs = system.case.random(seed)
    for name in system.case.graph.outputs:
        last = int(np.prod(system.case.graph.tensors[name].shape)) - 1
        for index, delta in product(sorted({0, last}), (1, -1, 2)):
            yield weights, (inputs, {f"{name}/public": added(index, delta)})


def weights_out_of_range(system: System[object], path: str, seed: int) -> Tries:
    """One weight just outside of its range."""
    weights, inputs = system.case.random(seed)
    for name in system.case.graph.weights:
        if path.startswith(f"{name}/"):
            ends = outside(system.case.graph.tensors[name])
            for value, index in product(ends, range(min(weights[name].size, 4))):
                wrong = np.array(weights[name])
                wrong.flat[index] = value
                for x in (inputs, alike(inputs, index)):
                    yield weights | {name: wrong}, (x, {})


def alike(inputs: Arrays, index: int) -> Arrays:
    """Inputs whose entries are all one of them, as far as ranges allow."""
    return {name: np.full_like(x, x.flat[min(index, x.size - 1)]) for name, x in inputs.items()}


def outside(weight: FixedTensor) -> tuple[int, int]:
    """The numbers on both sides of what the bits of a weight can say."""
    return weight.low - 1, weight.low + (1 << (weight.high - weight.low).bit_length())


def selections(system: System[object], path: str, seed: int) -> Tries:
    """For one tuple another row of a table; where nothing says that it is one, any or none."""
    weights, inputs, mine = run(system, seed)
    chosen = path.removesuffix("/choice")
    for name in mine:
        head, _, tail = name.rpartition("/")
        if tail != "bits" or not head.endswith(("/row/high", "/row/low")):
            continue
        if name.partition("/")[0] != path.partition("/")[0]:
            continue
        for index in np.ndindex(mine[name].shape[:-1]):
            for pattern in product((0, 1), repeat=mine[name].shape[-1]):
                if head == chosen or sum(pattern) == 1:
                    other = np.array(mine[name])
                    other[index] = pattern
                    yield weights, (inputs, {name: put(other)})


def rounded(system: System[object], path: str, seed: int) -> Tries:
    """What a node rounds, of a run on other inputs."""
    weights, inputs = system.case.random(seed)
    for other in range(2):
        theirs = honest(system, weights, system.case.random(100 * (seed + 1) + other)[1])
        for node in system.case.graph.nodes:
            names = (f"{node.name}/digits", f"{node.name}/output")
            lies = {name: put(theirs[name]) for name in names if name in theirs}
            if lies:
                yield weights, (inputs, lies)


def beside(system: System[object], path: str, seed: int) -> Tries:
    """What is tried for the blocks of the node whose bits these are."""
    node = path.partition("/")[0]
    for block in system.circuit.blocks if path.endswith("/boolean") else ():
        if block.path.startswith(f"{node}/"):
            yield from aimed(system, block.path, seed)


def near(system: System[object], path: str, seed: int) -> Tries:
    """What belongs to the same node, a little off; what shares most of the path first."""
    weights, inputs, mine = run(system, seed)
    parts = path.split("/")

    def shared(name: str) -> int:
        pairs = zip(name.split("/"), parts, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    for name in sorted(mine, key=shared, reverse=True):
        for index, delta in product(range(min(mine[name].size, 3) if shared(name) else 0), DELTAS):
            yield weights, (inputs, {name: added(index, delta)})


def lowered(system: System[object], path: str, seed: int) -> Tries:
    """Another entry as the maximum of all."""
    head = path.removesuffix("/bits/boolean")
    weights, inputs, mine = run(system, seed)
    if path == head or head not in mine or f"{head}/bits" not in mine:
        return
    bits = mine[f"{head}/bits"]
    top = 1 << int(bits.max()).bit_length() - 1
    lines, maxima = (bits & (top - 1)).reshape(-1, bits.shape[-1]), mine[head].size
    if bits.size != maxima * bits.shape[-1]:
        return
    for line, entry in np.ndindex(lines.shape):
        moved = np.array(lines)
        moved[np.arange(len(lines)), lines.argmin(axis=1)] += top
        moved[line] = np.maximum(lines[line] - lines[line, entry], 0)
        moved[line, entry] += top
        lies = {f"{head}/bits": put(moved.reshape(bits.shape))}
        yield weights, (inputs, lies | {head: added(line, -int(lines[line, entry]))})


SORTS = (
    (claimed, 2),
    (weights_out_of_range, SEEDS),
    (aimed, SEEDS),
    (rounded, 3),
    (lowered, 3),
    (selections, 3),
    (near, 1),
    (beside, 3),
    (any_advice, 3),
    (near, SEEDS),
)
"""What is tried, and for how many seeds."""


def tries(system: System[object], path: str) -> Tries:
    """All of these."""
    for sort, seeds in SORTS:
        for seed in range(seeds):
            yield from sort(system, path, seed)


def spelt(case: Case) -> Case:
    """The network as pairing keys have it."""
    weights, _ = case.random(0)
    graph, _ = spelt_out(case.graph, weights)
    return Case(case.name, graph)


IMPLIED = "that one of one bit is 1 is said by the choice alone"
ROUNDED = "what is looked up is rounded away; `interpolate` has these blocks too"
POOLED = "lies are about maxima that are stored, as those of `max_pool` are, which has it too"
NOT_FOUND: Mapping[tuple[str, str], str] = {
    ("gather", "gather/row/low/bits/boolean"): IMPLIED,
    ("gather from activations", "gather/row/low/bits/boolean"): IMPLIED,
    ("two gathers from one table", "one/row/low/bits/boolean"): IMPLIED,
    ("two gathers from one table", "other/row/low/bits/boolean"): IMPLIED,
    ("interpolate then requantize", "interpolate/"): ROUNDED,
    ("interpolate without lines", "interpolate/row/high/choice"): (
        "no two of its rows, and not none, have numbers whose sum is an input"
    ),
    ("a sum of products that is pooled", "max_pool/bits/boolean"): POOLED,
}
"""By network and path, or how it begins, for which rows no lie is found when they are removed."""

LONG = {
    "a state step by step",
    "convolutional network",
    "divide by weights",
    "sqrt of a product",
    "two look-ups in one table",
}
"""Networks that take long, all of whose blocks others have too."""

EACH = ("a tree of one step", "matmul of vectors", "mul", "neg")
"""Networks for every single row of which a lie is found. That is not so in general: some rows are
implied by others, as `IMPLIED` says, and some lies would have to be about many entries at once.
"""


def system_of(name: str, ranges: Ranges = Ranges.CHECKED) -> Paired:
    case = spelt(CASES[name])
    return Paired(case, Rows(case.graph, ranges))


def check_needed(system: Paired, path: str) -> None:
    z = forged(system, path, tries(system, path))
    assert z is not None, path
    assert {*system.rows.named.unsatisfied(z)} == {path}


@pytest.mark.parametrize("name", [name for name in CASES if name not in LONG])
def test_the_rows_of_every_block_are_needed(name: str) -> None:
    system = system_of(name)
    left_out = tuple(path for case, path in NOT_FOUND if case == name)
    for path in system.numbers:
        if not path.startswith(left_out):
            check_needed(system, path)


@pytest.mark.parametrize("name", ["matmul", "perceptron", "trees"])
def test_so_are_those_where_nothing_keeps_weights_small(name: str) -> None:
    system = system_of(name, Ranges.UNCHECKED)
    for path in system.numbers:
        check_needed(system, path)


@pytest.mark.parametrize("name", EACH)
def test_each_row_is_needed(name: str) -> None:
    """Of all rows, and of the same in fewer rows, which proofs are made of."""
    system = system_of(name)
    fewer = system.rows.few
    few, needed = Adjustable(list(fewer), system.modulus), set()
    for path, numbers in system.numbers.items():
        for number in numbers:
            alone = Alone(system.case, system.rows, path, number)
            z = forged(alone, path, tries(alone, path))
            assert z is not None, path
            assert list(system.rows.named.unsatisfied(z)) == [path]
            known = fewer.extended(np.array(z, dtype=object)).tolist()
            failing = [row for row in range(len(fewer)) if few.wrong(row, known)]
            if not failing:  # what they do not read may be anything
                restored = system.rows.restored(np.array(z, dtype=object))
                assert list(system.rows.named.unsatisfied(restored)) == []
            needed |= set(failing) if len(failing) == 1 else set()
    assert needed == set(range(len(fewer)))


def test_what_is_not_found_is_there() -> None:
    """The table names what there is."""
    for name, start in NOT_FOUND:
        assert any(path.startswith(start) for path in system_of(name).numbers)
