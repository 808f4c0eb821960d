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

from dataclasses import dataclass, replace
from itertools import chain, product

import numpy as np
import pytest
from networks import Case, cases

from tests.soundness.forging import (
    SEEDS,
    Arrays,
    Lies,
    aimed,
    any_advice,
    forged,
    honest,
    in_shares,
    put,
)
from tests.soundness.test_lies import added
from zkinfer.circuit.check import check, violations
from zkinfer.circuit.circuit import Block, Circuit, Defines
from zkinfer.circuit.expand import random_challenges
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MODULUS, Axis, Term
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedGraph, FixedNode, evaluate
from zkinfer.lower import Witness, lower, solve

Challenges = list[list[int]]
Forgery = tuple[Witness, Challenges, Lies]
"""A witness, and lies about the sketch, that pass for these challenges."""

SHOWN = ("neg", "reshape", "reshape that fits", "transpose", "concat", "pad", "pad of one entry")
SUMMED = {
    *(*SHOWN, "leaky_relu", "leaky_relu of positives"),
    *("divide", "divide by weights", "divide of a constant", "hidden quantized input"),
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


@dataclass(frozen=True, eq=False)
class Certified:
    """A case's circuit for the argument that certifies weights. `System` says more."""

    case: Case
    circuit: Circuit
    modulus: int = MODULUS

    def solved(self, weights: Arrays, inputs: Arrays, lies: Lies) -> Witness:
        return solve(self.case.graph, weights, inputs, lies=lies)

    def wrong(self, witness: Witness) -> dict[str, np.ndarray]:
        return dict(violations(self.circuit, witness.segments))

    def forgery(
        self, path: str, weights: Arrays, inputs: Arrays, witness: Witness
    ) -> Forgery | None:
        harm = harmful(self.case, weights, inputs, witness)
        found = passing(self.circuit, path, witness) if harm else None
        return None if found is None else (witness, *found)


@pytest.mark.parametrize("name", CASES)
def test_every_block_is_needed(name: str) -> None:
    case = CASES[name]
    circuit = lower(case.graph)
    system = Certified(case, circuit)
    for block in circuit.blocks:
        sorts = product((aimed, in_shares, any_advice), range(SEEDS))
        tries = chain.from_iterable(sort(system, block.path, seed) for sort, seed in sorts)
        forgery = forged(system, block.path, tries)
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
    other = honest(Certified(case, circuit), weights, others)

    def made_up(bits: np.ndarray) -> np.ndarray:
        bits = np.array(bits)
        bits[:, 0] += inputs["x0"] - others["x0"]
        return bits

    lies = {path: put(other[path]) for path in ("rescale0/digits", "rescale0/output")}
    witness = solve(case.graph, weights, inputs, lies=lies | {"rescale0/digits/boolean": made_up})
    assert harmful(case, weights, inputs, witness)
    assert check(circuit, witness.segments) == ["rescale0/digits/boolean"]
