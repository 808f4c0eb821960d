"""Each gadget has exactly one solution: at toy widths, every assignment of the advice is tried."""

from collections.abc import Callable, Mapping
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.check import violations
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.gadgets.maximum import arg_max, maximum
from zkinfer.circuit.gadgets.nonlinear import negative_part
from zkinfer.circuit.gadgets.rescale import rescale
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.value import Value

Gadget = Callable[[Builder, Value], Value]


Solutions = dict[tuple[int, ...], list[dict[str, tuple[int, ...]]]]


def solutions_of(
    gadget: Gadget,
    inputs: list[tuple[int, ...]],
    bounds: tuple[int, int],
    choices: Mapping[str, list[tuple[int, ...]]],
) -> Solutions:
    """Tries every combination of `choices` (advice path -> entries) on every input; returns those
    that satisfy every row. All are instances of one circuit, along its first axis.
    """
    names = list(choices)
    combos = [*product(inputs, *choices.values())]
    b = Builder()
    x = b.advice("x", Segment.TRACE, (len(combos), len(inputs[0])), *bounds, None)
    gadget(b, x)
    circuit = b.circuit()
    columns = {"x": 0} | {name: 1 + i for i, name in enumerate(names)}
    used: list[str] = []
    arrays: dict[Segment, list[np.ndarray]] = {Segment.TRACE: [], Segment.BITS: []}
    for tensor in circuit.tensors[1:]:
        array = np.array([combo[columns[tensor.path]] for combo in combos])
        shape = tensor.extents[:-1] if tensor.segment == Segment.BITS else tensor.extents
        arrays[tensor.segment].append(array.reshape(shape))
        used.append(tensor.path)
    assert sorted(used) == sorted(columns), (
        "every advice of the gadget is enumerated, in one tensor"
    )
    witness = SimpleNamespace(
        public=[], weights=[], input=[], bits=arrays[Segment.BITS], trace=arrays[Segment.TRACE]
    )
    wrong = failing_instances(circuit, witness, len(combos))
    solutions: Solutions = {entries: [] for entries in inputs}
    for combo, bad in zip(combos, wrong, strict=True):
        if not bad:
            solutions[combo[0]].append(dict(zip(names, combo[1:], strict=True)))
    return solutions


def failing_instances(circuit: Circuit, witness: SimpleNamespace, count: int) -> np.ndarray:
    bad = np.zeros(count, dtype=bool)
    for _, rows in violations(circuit, witness):
        bad |= np.any(rows.reshape(count, -1) != 0, axis=1)
    return bad


def singles(low: int, high: int) -> list[tuple[int, ...]]:
    return [(number,) for number in range(low, high + 1)]


@pytest.mark.parametrize(
    ("bounds", "shift", "low", "high", "width"),
    [
        pytest.param((-12, 11), 1, -2, 1, 6, id="both sides"),
        pytest.param((-9, 11), 1, 0, 2, 7, id="no power of two"),
        pytest.param((-4, 12), 1, -2, 1, 5, id="over"),
        pytest.param((-12, 2), 1, -2, 1, 5, id="under"),
        pytest.param((-4, 3), 2, -8, 7, 4, id="neither"),
        pytest.param((-9, 8), 0, -1, 0, 5, id="no shift"),
        pytest.param((-3, 6), 1, 0, 3, 5, id="small excess"),
    ],
)
def test_rescaling(bounds: tuple[int, int], shift: int, low: int, high: int, width: int) -> None:
    def gadget(b: Builder, x: Value) -> Value:
        return rescale(b, "q", x, shift, low, high)

    probe = Builder()
    gadget(probe, probe.advice("x", Segment.TRACE, (2, 1), *bounds, None))
    (digits,) = [t.extents[-1] for t in probe.tensors if t.path == "q/digits"]
    choices = {
        "q/digits": singles(0, (1 << digits) - 1),
        "q/output": singles(min(low, -2) - 2, max(high, 2) + 2),
    }
    if any(tensor.path == "q/range/bits" for tensor in probe.tensors):
        choices["q/range/bits"] = singles(0, 3)
    found = solutions_of(gadget, singles(*bounds), bounds, choices)
    for (x,), solutions in found.items():
        expected = min(max((x + (1 << shift >> 1)) >> shift, low), high)
        assert [s["q/output"] for s in solutions] == [(expected,)], x


def test_negative_parts() -> None:
    bounds = (-4, 3)
    found = solutions_of(
        lambda b, x: negative_part(b, "n", x),
        singles(*bounds),
        bounds,
        {"n": singles(-5, 5), "n/bits": singles(0, 7)},
    )
    for (x,), solutions in found.items():
        assert [s["n"] for s in solutions] == [(max(-x, 0),)]


def test_maxima() -> None:
    """The maximum is one; only the selector between equals is free."""
    bounds = (-1, 1)
    inputs = [*product(range(-1, 2), repeat=2)]
    digits = [*product(range(8), repeat=2)]  # two bits of distance, one selector
    found = solutions_of(
        lambda b, x: maximum(b, "m", x), inputs, bounds, {"m": singles(-3, 3), "m/bits": digits}
    )
    for x, solutions in found.items():
        assert {s["m"] for s in solutions} == {(max(x),)}
        # With two equal entries either is selected, never both: the sum is one.
        assert len(solutions) == (2 if x[0] == x[1] else 1)


@pytest.mark.parametrize("scores", [*product(range(2), repeat=2)])
def test_labels(scores: tuple[int, ...]) -> None:
    """One label, and one witness, for every vector of scores: the lowest index among equals."""
    b = Builder()
    arg_max(b, "l", b.advice("x", Segment.TRACE, (2,), 0, 1, None))
    circuit = b.circuit()
    width = next(t.extents[-1] for t in circuit.tensors if t.path == "l/bits") - 1
    labels = []
    for m in range(-2, 4):
        for digits in product(range(2 << width), repeat=2):
            witness = SimpleNamespace(
                public=[],
                weights=[],
                input=[],
                bits=[np.array(digits)],
                trace=[np.array(scores), np.array(m)],
            )
            if not any(violations(circuit, witness)):
                labels.append(sum(j * (d >> width) for j, d in enumerate(digits)))
    assert labels == [scores.index(max(scores))]
