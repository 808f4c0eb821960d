"""Attacks on what is said of how outputs, or outputs less targets, are spread over records.

What summaries share with accuracy, such as parts that are left out, is attacked in
test_accuracy.py.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import zkinfer
from tests.networks import Net
from tests.soundness import test_accuracy
from tests.soundness.summed import (
    BATCH,
    COARSER,
    FINER,
    INPUTS,
    MADE,
    MODES,
    OUTPUT,
    RECORDS,
    SCALE,
    STARTS,
    TRUE,
    WEIGHTS,
    Summed,
    network,
    numbers,
    numbers_at,
    summed,
    sums,
)
from tests.soundness.test_accuracy import FORGED, records
from tests.soundness.test_removed_blocks import passing
from zkinfer import reference
from zkinfer.circuit.check import check
from zkinfer.circuit.gadgets.summary import DIGIT
from zkinfer.circuit.layout import Segment
from zkinfer.committed_input import read_records
from zkinfer.fixed import LIMIT, FixedGraph, FixedTensor
from zkinfer.lower import counting, lower, solve, true_labels
from zkinfer.summary import Summary

pytestmark = pytest.mark.usefixtures("signs")

Lie = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def known(mode: str) -> Summed:
    return summed(mode=mode)


def by_both(known: Summed, proof: zkinfer.Proof) -> tuple[Summary, dict[str, Any]]:
    """What the package and the reference say."""
    data, labels = known.public
    found = zkinfer.verify(
        known.key.verifying_key, proof, data=data, labels=labels, allow_left_out=True
    )
    assert found.summary is not None
    return found.summary, referred(known, proof)


def referred(known: Summed, proof: zkinfer.Proof) -> dict[str, Any]:
    given = [each and reference.read_data(each.to_bytes()) for each in known.public]
    key = reference.read_key(known.key.verifying_key.to_bytes())
    return reference.verify(key, reference.read_proof(proof.to_bytes()), b"", *given)


def refused(known: Summed, proof: zkinfer.Proof, *messages: str) -> None:
    """By both verifiers: with the first message, and the last one."""
    with pytest.raises(zkinfer.VerificationError, match=messages[0]):
        by_both(known, proof)
    with pytest.raises(reference.VerificationError, match=messages[-1]):
        referred(known, proof)


def forged(known: Summed, inputs: dict[str, Any], lies: dict[str, Lie]) -> zkinfer.Proof:
    """The first part by one who checks nothing, and has other inputs or lies."""
    told = records(known.key, known.data, known.labels, range(BATCH))
    return test_accuracy.forged(known.key, told, inputs, lies)


def exactly(found: Sequence[int], scale: int) -> dict[str, Fraction]:
    """Statistics from the numbers themselves."""
    each = [Fraction(n) / Fraction(2) ** scale for n in found]
    mean = sum(each, Fraction(0)) / len(each)
    return {
        "mean": mean,
        "variance": sum(((n - mean) ** 2 for n in each), Fraction(0)) / len(each),
        "mean_square": sum((n**2 for n in each), Fraction(0)) / len(each),
        "lowest": min(each),
        "highest": max(each),
        "largest": max(map(abs, each)),
    }


def test_parts_and_the_whole(known: Summed, mode: str) -> None:
    """By both verifiers, and all parts together: integers and the nearest floats."""
    meant, target = numbers(mode), MODES[mode]
    scale = SCALE if target is None else max(SCALE, target.scale)
    data, labels = known.public
    whole = zkinfer.verify_evaluation(
        known.key.verifying_key, known.parts[::-1], data=data, labels=labels
    )
    assert whole.summary is not None
    assert (whole.right, whole.records, whole.parts) == (None, RECORDS, len(known.parts))
    found = [(whole.summary, whole.statement(), meant)]
    for start, proof in zip(STARTS, known.parts, strict=True):
        found.append((*by_both(known, proof), meant[start : start + BATCH]))
    for summary, said, mine in found:
        made = (summary.sum, summary.squares, summary.lowest, summary.highest)
        assert made == sums(mine)
        assert (summary.count, summary.scale) == (len(mine), scale)
        expected = exactly(mine, scale)
        for name in ("mean", "variance", "mean_square", "largest"):
            assert getattr(summary, name) == expected[name]
        floats = {name: float(number) for name, number in expected.items()}
        root = math.sqrt(floats["mean_square"])
        of = "outputs" if target is None else "errors"
        assert said["summary"] == {"of": of, **floats, "root_mean_square": root}
        fixed = dict(zip(("sum", "squares", "lowest", "highest"), made, strict=True))
        assert said["summary_fixed"] == {"scale": scale, **fixed}
        assert said.get("labels_digest") == (labels and labels.digest)
        assert "right" not in said


ONE = {"sum": np.array(1), "squares": np.array([1, 0]), "lowest": np.array(1)}
ONE |= {"highest": np.array(1)}


@pytest.mark.parametrize("what", ONE)
@pytest.mark.parametrize("step", [1, -1])
def test_another_number(known: Summed, what: str, step: int) -> None:
    """Said, and proved by one who checks nothing."""
    names = [name for name, _ in known.key.graph.shown]
    place, values = names.index(what), list(known.parts[0].public_values)
    values[place] = values[place] + step * ONE[what]
    refused(known, replace(known.parts[0], public_values=tuple(values)), FORGED)
    path = f"{OUTPUT}/{what}" + ("/shown" if what in ("lowest", "highest") else "")
    refused(known, forged(known, {}, {path: lambda array: array + step * ONE[what]}), FORGED)


def test_other_digits_of_the_same_number(known: Summed) -> None:
    """There are none in their range."""
    counted, total, squares, *ends = known.parts[0].public_values
    for change in ([DIGIT, -1], [-DIGIT, 1]):
        values = (counted, total, squares + np.array(change), *ends)
        changed = replace(known.parts[0], public_values=values)
        refused(known, changed, "leaves its range", "out of its bounds")


def test_honest_by_one_who_checks_nothing(known: Summed, mode: str) -> None:
    summary, _ = by_both(known, forged(known, {}, {}))
    assert summary.sum == sum(numbers(mode)[:BATCH])


def test_what_fills_the_last_part_does_not_count(known: Summed) -> None:
    """Nor can it be made to, and it is the last record once more: so neither end is another's."""
    last = known.parts[-1]
    assert last.records is not None
    assert last.public_values[0].tolist() == [1, 1, 0, 0]
    values = (np.ones(BATCH, np.int64), *last.public_values[1:])
    refused(known, replace(last, public_values=values), "counts other records")
    for more in ((8, 9, 9, 9), (8, 9, 0, 1)):
        named = replace(last.records, numbers=more)
        refused(known, replace(last, records=named), "follow one another")


def test_an_end_that_is_left_out(known: Summed, mode: str) -> None:
    """Neither the sums nor the ends have it, and the verdict names it; nor can it stay in."""
    found = numbers(mode)[:BATCH]
    for end in (found.index(min(found)), found.index(max(found))):
        columns = known.key.verifying_key.native_circuit.columns
        told = read_records(known.key.graph, known.data, known.labels, range(BATCH), columns, {end})
        proof = test_accuracy.forged(known.key, told, {}, {})
        given = dict(zip(("data", "labels"), known.public, strict=True))
        with pytest.raises(zkinfer.UsageError, match=f"the first of them {end}.*--allow-left-out"):
            zkinfer.verify(known.key.verifying_key, proof, **given)
        summary, said = by_both(known, proof)
        rest = [number for place, number in enumerate(found) if place != end]
        assert (summary.sum, summary.squares, summary.lowest, summary.highest) == sums(rest)
        assert (summary.count, said["left_out"]) == (BATCH - 1, [end])
        _, *values = proof.public_values
        told_all = replace(proof, public_values=(np.ones(BATCH, np.int64), *values))
        refused(known, told_all, FORGED)


def test_another_record_in_the_witness(known: Summed) -> None:
    inputs = np.stack([each["x0"] for each in INPUTS[:BATCH]])
    inputs[2] = INPUTS[7]["x0"]
    refused(known, forged(known, {"x0": inputs}, {}), FORGED)


def test_rows_that_are_listed(known: Summed) -> None:
    """They are the verifier's own to take, from the data."""
    proof = known.parts[0]
    assert proof.records is not None
    listed = replace(proof.records, rows=known.data.commitment.rows_of(range(BATCH)), labels=b"")
    message = "lists rows of its records" if known.labels is None else "names labels"
    refused(known, replace(proof, records=listed), message)


# -- targets -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def errors() -> Summed:
    return summed(mode="finer")


def test_other_targets(errors: Summed) -> None:
    """So that all errors are zero: of another commitment; relabelled; in the witness only."""
    flattering = np.ldexp(MADE, FINER.scale - SCALE).astype(np.int64)
    other = numbers_at(FINER.scale, flattering)
    proof = zkinfer.prove(errors.key, data=errors.data, record=0, labels=other)
    about_others = replace(errors, labels=other)
    assert by_both(about_others, proof)[0].squares == 0
    refused(errors, proof, "the proof is about the data", "about other labels")
    assert proof.records is not None
    assert errors.labels is not None
    named = replace(proof.records, labels=errors.labels.commitment.digest_bytes)
    refused(errors, replace(proof, records=named), FORGED)
    told = {true_labels(OUTPUT): flattering[:BATCH]}
    refused(errors, forged(errors, told, {}), FORGED)


def test_targets_at_another_scale(errors: Summed) -> None:
    """The same integers stand for other numbers."""
    other = numbers_at(FINER.scale + 1, TRUE["finer"])
    with pytest.raises(zkinfer.UsageError, match=r"one number a record, at the scale 2\^-5"):
        zkinfer.prove(errors.key, data=errors.data, record=0, labels=other)
    with pytest.raises(zkinfer.UsageError, match=r"one number a record, at the scale 2\^-5"):
        by_both(replace(errors, labels=other), errors.parts[0])
    proof = errors.parts[0]
    assert proof.records is not None
    named = replace(proof.records, labels=other.commitment.digest_bytes)
    with pytest.raises(reference.VerificationError, match="the targets have another scale"):
        referred(replace(errors, labels=other), replace(proof, records=named))


def test_a_target_out_of_its_range(errors: Summed) -> None:
    """Its owner cannot prove about it; over the field its range is what catches it."""
    beyond = TRUE["finer"].copy()
    beyond[2] = FINER.high + 1
    other = numbers_at(FINER.scale, beyond)
    with pytest.raises(zkinfer.UsageError, match=r"record 2 has the target 31.25, expected -31.25"):
        zkinfer.prove(errors.key, data=errors.data, record=0, labels=other)
    graph = errors.key.graph
    circuit, honest = lower(graph), solve(graph, WEIGHTS, told("finer")).segments
    place = len(honest[Segment.INPUT]) - 1
    for number in (FINER.high + 1, FINER.low - 1, 2**200):
        arrays = [array.astype(object) for array in honest[Segment.INPUT]]
        arrays[place].reshape(-1)[0] = number
        broken = check(circuit, {**honest, Segment.INPUT: arrays})
        assert any(path.startswith(f"{OUTPUT}/true/range") for path in broken)


def test_what_are_no_targets(errors: Summed) -> None:
    pair = zkinfer.commit(np.stack([MADE, MADE], axis=1))[1]
    with pytest.raises(zkinfer.UsageError, match="targets are one number a record"):
        zkinfer.prove(errors.key, data=errors.data, record=0, labels=pair)
    fewer = numbers_at(FINER.scale, TRUE["finer"][:-1])
    with pytest.raises(zkinfer.UsageError, match="there are 9 targets for 10 records"):
        zkinfer.evaluate(errors.key, "nowhere", data=errors.data, labels=fewer)
    with pytest.raises(zkinfer.UsageError, match="labels are given for proofs of accuracy"):
        zkinfer.evaluate(errors.key, "nowhere", data=errors.data)


# -- blocks --------------------------------------------------------------------------------------


def told(mode: str, count: int = BATCH) -> dict[str, np.ndarray]:
    """Inputs for a part of four records, of which some count and the last of them fills it."""
    filled = [min(number, count - 1) for number in range(BATCH)]
    inputs = {"x0": np.stack([INPUTS[number]["x0"] for number in filled])}
    inputs[counting(OUTPUT)] = (np.arange(BATCH) < count).astype(np.int64)
    if mode != "summary":
        inputs[true_labels(OUTPUT)] = TRUE[mode][filled]
    return inputs


def plus(number: int, at: int | None = None) -> Lie:
    """A lie: all entries more by a number, or one."""

    def lie(array: np.ndarray) -> np.ndarray:
        changed = array.copy()
        if at is None:
            return changed + number
        changed.reshape(-1)[at] += number
        return changed

    return lie


WIDTH = (network().summed.high - network().summed.low).bit_length()
"""Bits of a distance; the one above them is that of the choice."""


def unchosen(array: np.ndarray) -> np.ndarray:
    """A lie: none is chosen; the distances are honest."""
    return array & ((1 << WIDTH) - 1)


def cut(array: np.ndarray) -> np.ndarray:
    """A lie: what is beyond an end is at it, and the first of these is chosen."""
    beyond = array < 0
    chosen = np.arange(array.size) == beyond.argmax()
    return np.where(beyond, 0, unchosen(array)) | chosen.astype(np.int64) << WIDTH


LIES: dict[str, tuple[str, dict[str, Lie]]] = {
    "another number that counts": ("counting", {"counting": plus(1, 0)}),
    "one that does not count": ("counting", {"counting": plus(1, 3)}),
    "another sum": ("sum", {"sum": plus(1)}),
    "another sum of squares": ("squares/total", {"squares": plus(1, 0)}),
    "another digit": ("squares/total", {"squares": plus(1, 1)}),
    "none is the highest": ("highest/chosen", {"highest": plus(1)}),
    "one is higher": ("highest/order", {"highest": plus(-1), "highest/bits": cut}),
    "none is the lowest": ("lowest/chosen", {"lowest": plus(1)}),
    "one is lower": ("lowest/order", {"lowest": plus(-1), "lowest/bits": cut}),
    "no highest is chosen": ("highest/choice", {"highest/bits": unchosen}),
    "no lowest is chosen": ("lowest/choice", {"lowest/bits": unchosen}),
    "another highest is shown": ("highest/shown", {"highest/shown": plus(1)}),
    "another lowest is shown": ("lowest/shown", {"lowest/shown": plus(-1)}),
}
"""By what is told: the block that catches it, and the lies."""


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_caught_by_its_block_alone(lie: str) -> None:
    block, changes = LIES[lie]
    path, lies = f"{OUTPUT}/{block}", {f"{OUTPUT}/{n}": change for n, change in changes.items()}
    graph, inputs = network(), told("summary", count=3)
    circuit = lower(graph)
    assert check(circuit, solve(graph, WEIGHTS, inputs).segments) == []
    segments = solve(graph, WEIGHTS, inputs, lies=lies).segments
    assert check(circuit, segments) == [path]
    less = replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != path))
    assert check(less, segments) == []


def test_squares_without_their_products() -> None:
    """Without the block that says what is summed up, a prover is free to show any sum."""
    graph, path = network(), f"{OUTPUT}/squares/products"
    circuit, lies = lower(graph), {f"{OUTPUT}/squares": plus(5, 0)}
    witness = solve(graph, WEIGHTS, told("summary"), lies=lies)
    assert check(circuit, witness.segments) == [f"{OUTPUT}/squares/total"]
    assert passing(circuit, path, witness) is not None
    assert passing(circuit, f"{OUTPUT}/sum", witness) is None


def test_targets_are_bound_by_their_blocks() -> None:
    """Their rows and their range; what is taken off the outputs is nothing else."""
    graph = network(target=COARSER)
    circuit, inputs = lower(graph), told("coarser")
    for block, lie in (("record", f"{OUTPUT}/true/record"), ("range", f"{OUTPUT}/true/range/bits")):
        segments = solve(graph, WEIGHTS, inputs, lies={lie: plus(1, 0)}).segments
        path = f"{OUTPUT}/true/{block}"
        assert check(circuit, segments) == [path]
        less = replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != path))
        assert check(less, segments) == []


# -- what they are of ----------------------------------------------------------------------------


def shown(graph: FixedGraph, x: np.ndarray, true: np.ndarray, counts: Any) -> tuple[int, ...]:
    """What an honest prover shows of numbers, as a sum of squares is: whole."""
    inputs = {"x0": x.reshape(graph.stacked("x0"))}
    inputs[counting("neg_out")] = np.array(counts, np.int64).reshape(graph.counted)
    if graph.target is not None:
        inputs[true_labels("neg_out")] = true.reshape(graph.counted)
    segments = solve(graph, {}, inputs).segments
    assert check(lower(graph), segments) == []
    public = segments[Segment.PUBLIC]
    for array, (_, tensor) in zip(public, graph.shown, strict=True):
        assert array.shape == tensor.shape
        assert ((tensor.low <= array) & (array <= tensor.high)).all()
    _, total, (low, high), lowest, highest = public
    return int(total), int(low) + DIGIT * int(high), int(lowest), int(highest)


def test_any_numbers_of_any_width() -> None:
    """Drawn: ranges up to the widest that can be summed up, scales, targets, and which count."""
    rng, drawn = np.random.default_rng(7), 0
    for _ in range(60):
        batch = int(rng.integers(1, 6))
        ends = np.sort(rng.integers(-(2**58), 2**58, (2, 2)) >> rng.integers(0, 58, (2, 1)), axis=1)
        (low, high), (first, last) = ends.tolist()
        net = Net()
        scale = int(rng.integers(-3, 4))
        graph = net.graph(
            net.node("neg", net.input(low=low, high=high, scale=scale)), inputs="committed"
        )
        target = None
        if rng.random() < 0.6:
            target = FixedTensor((), scale + int(rng.integers(-2, 3)), first, last)
        mode = "summary" if target is None else "error"
        try:
            graph = replace(graph, output_mode=mode, target=target, batch=batch)
        except zkinfer.FormatError:
            continue
        drawn += 1
        counts = rng.permutation(np.arange(batch) < rng.integers(1, batch + 1))
        places = np.flatnonzero(counts)
        filled = [max(places[places <= at], default=places[0]) for at in range(batch)]
        x = rng.choice([low, high, *rng.integers(low, high, 3, endpoint=True)], batch)[filled]
        true = rng.choice([first, last, *rng.integers(first, last, 3, endpoint=True)], batch)
        meant = [-int(n) for n in x[places]]
        if target is not None:
            finest = max(scale, target.scale)
            meant = [
                (n << finest - scale) - (int(t) << finest - target.scale)
                for n, t in zip(meant, true[places], strict=True)
            ]
        assert shown(graph, x, true[filled], counts) == sums(meant)
    assert drawn > 40


def one_number(bits: int, batch: int = 1, target: FixedTensor | None = None) -> FixedGraph:
    net = Net()
    number = net.node("neg", net.input(low=-(2**bits) + 1, high=2**bits - 1))
    mode = "summary" if target is None else "error"
    graph = net.graph(number, inputs="committed")
    return replace(graph, output_mode=mode, batch=batch, target=target)


def test_what_it_costs() -> None:
    """As the gadget says: 6 rows a number and 6, and twice the bits of the span and 2, a number."""
    for batch in (2, 5, 16):
        circuit, span = lower(network(batch)), network(batch).summed
        mine = ("counting", "sum", "squares", "lowest", "highest")
        paths = tuple(f"{OUTPUT}/{name}" for name in mine)
        rows = sum(math.prod(b.extents) for b in circuit.blocks if b.path.startswith(paths))
        tensors = [t for t in circuit.tensors if t.path.startswith(paths)]
        bits = sum(math.prod(t.extents) for t in tensors if t.segment == Segment.BITS)
        assert rows == 6 * batch + 6
        assert bits == 2 * batch * ((span.high - span.low).bit_length() + 1)


def test_how_wide_numbers_may_be() -> None:
    lower(one_number(59, batch=8))
    with pytest.raises(
        zkinfer.FormatError, match=r"a sum of 8 numbers could reach .* beyond 2\^62"
    ):
        one_number(60, batch=8)
    finer = FixedTensor((), 40, 0, 1)
    lower(one_number(22, target=finer))
    with pytest.raises(zkinfer.FormatError, match="beyond 2"):
        one_number(23, target=finer)


def test_what_keys_do_not_say() -> None:
    """Several numbers, targets of no error, errors without, and inputs by column as they are."""
    net = Net()
    several = net.graph(net.node("neg", net.input(1, 3)), inputs="committed")
    with pytest.raises(zkinfer.UnsupportedModelError, match="is that of one number an input"):
        lower(replace(several, output_mode="summary"))
    graph = one_number(3)
    for change in ({"output_mode": "error"}, {"target": FINER}):
        with pytest.raises(zkinfer.FormatError, match="a target where there is no error, or none"):
            replace(graph, **change)
    wide = replace(FINER, high=LIMIT)
    with pytest.raises(zkinfer.FormatError, match=r"the target could reach .* beyond 2\^62"):
        replace(graph, output_mode="error", target=wide)
    net = Net()
    net.node("neg", table := net.table(1, axis=0, lows=(0,), bits=3))
    with pytest.raises(zkinfer.FormatError, match="is an input by column"):
        replace(net.graph(table, inputs="committed"), output_mode="summary")
    with pytest.raises(zkinfer.FormatError, match="hidden records of no data, or counted ones"):
        replace(graph, record_mode="hidden")
