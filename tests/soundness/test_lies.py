"""A prover who changes any advice is noticed, and the path that fails says where."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from networks import Case, cases

from zkinfer.circuit.check import check
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.lower import lower, solve

CASES = cases()
Lie = Callable[[np.ndarray], np.ndarray]
ELSEWHERE = ("/products", "/look_up", "/entries", "/saturation", "/parity")
"""Blocks that define the sketch, and those of saturation and of parity, for which there are tests
below.
"""

UNREAD = "unread"
"""The bit of a circuit that needs none: nothing depends on it."""


def added(index: int, delta: int) -> Lie:
    """Adds to one entry."""

    def lie(array: np.ndarray) -> np.ndarray:
        array = np.array(array, order="C")
        array.reshape(-1)[index] += delta
        return array

    return lie


def flipped(index: int, bit: int) -> Lie:
    """Flips one bit of one entry."""

    def lie(array: np.ndarray) -> np.ndarray:
        array = np.array(array, order="C")
        array.reshape(-1)[index] ^= np.int64(1) << bit
        return array

    return lie


def rolled(array: np.ndarray) -> np.ndarray:
    """Moves the top bit, a selector, one entry on along the last axis."""
    top = int(array.max()).bit_length() - 1
    selectors = array & (1 << top)
    return (array ^ selectors) | np.roll(selectors, 1, axis=-1)


def advice(circuit: Circuit) -> dict[str, tuple[int, int]]:
    """By path: how many numbers, and their width if they are given by bits, else 0."""
    found: dict[str, tuple[int, int]] = {}
    for tensor in circuit.tensors[1:]:
        if tensor.segment in (Segment.TRACE, Segment.PUBLIC):
            found[tensor.path] = (int(np.prod(tensor.extents)), 0)
        elif tensor.segment == Segment.BITS:
            head, _, tail = tensor.path.rpartition("/")
            path = head if tail.isdigit() else tensor.path
            width = found.get(path, (0, 0))[1] + tensor.extents[-1]
            found[path] = (int(np.prod(tensor.extents[:-1])), width)
    return found


def single_lies(circuit: Circuit) -> Iterator[tuple[str, Lie]]:
    """Changes of one entry, over some entries and all bits of every advice."""
    for path, (count, width) in advice(circuit).items():
        for index in sorted({0, 1, 3, count // 2, count - 1} & set(range(count))):
            for bit in range(width):
                yield path, flipped(index, bit)
            if not width:
                yield path, added(index, 1)
                yield path, added(index, -1)


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_every_change_is_noticed(case: Case) -> None:
    """And every block can fail alone, but for some: see below."""
    circuit = lower(case.graph)
    alone = set()
    for seed in range(2):
        weights, inputs = case.random(seed)
        if seed:
            weights = {name: np.zeros_like(array) for name, array in weights.items()}
        lies = list(single_lies(circuit))
        rolls = [(path, rolled) for path in advice(circuit) if path.endswith("pool/bits")]
        for number, (path, lie) in enumerate(lies + rolls):
            failing = check(circuit, solve(case.graph, weights, inputs, lies={path: lie}).segments)
            if not seed and number < len(lies) and path not in (UNREAD, *case.graph.inputs):
                assert failing != [], path
            blocks = [failed for failed in failing if not failed.endswith("/bounds")]
            if len(blocks) == 1:
                alone.add(blocks[0])
    expected = {block.path for block in circuit.blocks}
    elsewhere = {path for path in expected if path.endswith(ELSEWHERE)}
    assert alone >= expected - elsewhere


@pytest.mark.parametrize(
    ("quotient", "digits", "output"),
    [
        pytest.param(12, 20 << 2 | 2, -4, id="too large without a flag"),
        pytest.param(-3, 21 << 2 | 2 | 1 << 7 | 1 << 8, 2, id="both flags"),
    ],
)
def test_a_false_saturation_is_named(quotient: int, digits: int, output: int) -> None:
    """Digits: 2 bits of remainder, 5 of the quotient plus 8 (modulo 16 and 32), over, under."""
    case = CASES["requantize"]
    lies = {
        "rescale0/digits": lambda array: np.full_like(array, digits),
        "rescale0/output": lambda array: np.full_like(array, output),
    }
    x = np.full(6, quotient << 2)
    witness = solve(case.graph, {}, {"x0": x}, lies=lies)
    assert check(lower(case.graph), witness.segments) == ["rescale0/saturation"]


def test_an_odd_quotient_that_reaches_too_far_is_named() -> None:
    """3 x + 5 = 23 is 22 + 1, of the quotient 2; but 13, where 1 begins, is 10 less.

    Digits: 4 bits of remainder, here 6, 3 of the quotient plus 4, over, under, and g for 4 more.
    """
    case = CASES["rescale with a skew"]
    lies = {
        "rescale/digits": lambda array: np.full_like(array, 6 | 5 << 4 | 1 << 9),
        "rescale/output": lambda array: np.full_like(array, 1),
    }
    witness = solve(case.graph, {}, {"x0": np.full((2, 3), 6)}, lies=lies)
    assert check(lower(case.graph), witness.segments) == ["rescale/parity"]


def test_a_sketch_that_is_no_product_is_named() -> None:
    case = CASES["matmul"]
    circuit = lower(case.graph)
    witness = solve(case.graph, *case.random(2))

    def same_total(array: np.ndarray) -> np.ndarray:
        return array + np.array([1, -1, 0, 0, 0], dtype=object)

    assert check(circuit, witness.segments, lies={"matmul/products": same_total}) == [
        "matmul/products"
    ]


@pytest.mark.parametrize(
    "change",
    [lambda y: y[:, ::-1], lambda y: -y, lambda y: y + np.array([1, -1, 0])],
    ids=["turned round", "negated", "moved"],
)
def test_a_wrong_product_is_named(change: Lie) -> None:
    case = CASES["matmul"]
    lies = {"matmul/output": change}
    witness = solve(case.graph, *case.random(2), lies=lies)
    assert check(lower(case.graph), witness.segments) == ["matmul/total"]


def test_bits_that_are_no_bits_are_named() -> None:
    case = CASES["requantize"]
    weights, inputs = case.random(3)

    def carried(bits: np.ndarray) -> np.ndarray:
        """2 at position k - 1 in place of 1 at position k: the number stays."""
        bits = np.array(bits)
        k = int(np.flatnonzero(bits[0])[-1])
        assert k > 0
        bits[0, k - 1 : k + 1] += [2, -1]
        return bits

    witness = solve(case.graph, weights, inputs, lies={"x0/range/bits/boolean": carried})
    assert check(lower(case.graph), witness.segments) == ["x0/range/bits/boolean"]


def test_public_values_out_of_bounds_are_named() -> None:
    case = CASES["perceptron"]
    weights, inputs = case.random(3)
    inputs["x0"] = inputs["x0"] + 100
    failing = check(lower(case.graph), solve(case.graph, weights, inputs).segments)
    assert failing[0] == "x0/bounds"


def test_other_weights_change_the_output() -> None:
    """A retrained model's outputs do not satisfy the circuit with the committed weights."""
    case = CASES["convolutional network"]
    circuit = lower(case.graph)
    weights, inputs = case.random(4)
    other, _ = case.random(5)
    witness = solve(case.graph, other, inputs)
    committed = solve(case.graph, weights, inputs).segments[Segment.WEIGHTS]
    for mine, theirs in zip(witness.segments[Segment.WEIGHTS], committed, strict=True):
        mine[...] = theirs
    assert check(circuit, witness.segments) != []
