"""Attacks on a confusion matrix; what it shares with accuracy is attacked in test_accuracy.py."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from artifacts import committed

import zkinfer
from tests.networks import Net
from tests.soundness.labelled import (
    BATCH,
    CLASSES,
    INPUTS,
    MADE,
    OUTPUT,
    RECORDS,
    STARTS,
    TRUE,
    WEIGHTS,
    Labelled,
    labelled,
    network,
)
from tests.soundness.test_accuracy import FORGED, forged, records, refused
from zkinfer import reference
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import FixedGraph
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve, true_labels

pytestmark = pytest.mark.usefixtures("signs")

GRAPH = network(mode="confusion")


@pytest.fixture(scope="module")
def known() -> Labelled:
    return labelled(mode="confusion")


def matrix(numbers: Any) -> np.ndarray:
    """How many of these records have one label and get another."""
    made = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(made, (TRUE[numbers], MADE[numbers]), 1)
    return made


def test_parts_and_the_whole(known: Labelled) -> None:
    """By both verifiers; and all parts together, with how many are right."""
    key, (data, labels) = known.key.verifying_key, known.public
    ours = [reference.read_data(each.to_bytes()) for each in known.public]
    for start, proof in zip(STARTS, known.parts, strict=True):
        expected = matrix(np.arange(start, min(start + BATCH, RECORDS)))
        found = zkinfer.verify(key, proof, data=data, labels=labels)
        np.testing.assert_array_equal(found.confusion, expected)
        assert found.right == expected.trace()
        read = reference.read_proof(proof.to_bytes())
        said = reference.verify(reference.read_key(key.to_bytes()), read, b"", *ours)
        assert (said["confusion"], said["right"]) == (expected.tolist(), expected.trace())
    whole = zkinfer.verify_evaluation(key, known.parts, data=data, labels=labels)
    np.testing.assert_array_equal(whole.confusion, matrix(np.arange(RECORDS)))
    assert whole.right == (MADE == TRUE).sum()


@pytest.mark.parametrize(
    "change",
    [
        np.eye(CLASSES, dtype=np.int64),
        np.array([[1, -1, 0], [0, 0, 0], [0, 0, 0]]),
        np.array([[1, -1, 0], [-1, 1, 0], [0, 0, 0]]),
    ],
    ids=["more", "moved", "the same sums"],
)
def test_another_matrix(known: Labelled, change: np.ndarray) -> None:
    """Said, and proved by one who checks nothing."""
    counted, honest = known.parts[0].public_values
    told = counted, honest + change - change.min()
    refused(known.key, replace(known.parts[0], public_values=told), *known.public, FORGED)
    names = records(known.key, known.data, known.labels, range(BATCH))
    lies = {f"{OUTPUT}/confusion": lambda array: array + change - change.min()}
    refused(known.key, forged(known.key, names, {}, lies), *known.public, FORGED)


def bits(*rows: tuple[int, ...]) -> Any:
    """A lie: these bits for the first numbers, the honest ones for the others."""

    def told(array: np.ndarray) -> np.ndarray:
        changed = array.copy()
        changed[: len(rows)] = rows
        return changed

    return told


LIES = {
    "no class": ("first/choice", {"first/bits": bits((0, 0, 0))}),
    "two classes": ("first/choice", {"first/bits": bits((1, 0, 0), (1, 1, 0))}),
    "another class": ("first/value", {"first/bits": bits((0, 0, 1))}),
    "no true class": ("second/choice", {"second/bits": bits((0, 0, 0))}),
    "another true class": ("second/value", {"second/bits": bits((0, 0, 1))}),
    "one that does not count": ("second/choice", {"second/bits": bits(*[(1, 0, 0)] * 4)}),
    "another number": ("pairs/total", {"confusion": lambda array: array + np.eye(3, dtype=int)}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_caught_by_its_block_alone(lie: str) -> None:
    """By the network the records are labelled 0, 1, 0, 1; all have the label 0."""
    path, lies = LIES[lie]
    inputs = told(count=1 if lie == "one that does not count" else BATCH)
    lies = {f"{OUTPUT}/{name}": change for name, change in lies.items()}
    circuit = lower(GRAPH)
    assert check(circuit, solve(GRAPH, WEIGHTS, inputs).segments) == []
    segments = solve(GRAPH, WEIGHTS, inputs, lies=lies).segments
    assert check(circuit, segments) == [f"{OUTPUT}/{path}"]
    less = replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != f"{OUTPUT}/{path}"))
    assert check(less, segments) == []


def told(count: int) -> dict[str, np.ndarray]:
    """Inputs that the network labels 0, 1, 0, 1 and that have the label 0, of which some count."""
    zero, one = (int(np.flatnonzero(MADE == label)[0]) for label in (0, 1))
    inputs = np.stack([INPUTS[number]["x0"] for number in (zero, one, zero, one)])
    counted = (np.arange(BATCH) < count).astype(np.int64)
    true = {true_labels(OUTPUT): np.zeros(BATCH, np.int64), f"{OUTPUT}/counted": counted}
    return {"x0": inputs, **true}


def test_it_counts_those_that_count() -> None:
    """For all labels that there can be, and every count."""
    for batch in (1, 2, 3):
        graph = network(batch, "confusion")
        circuit = lower(graph)
        x = np.stack([each["x0"] for each in INPUTS[:batch]]).reshape(graph.stacked("x0"))
        for pick in range(CLASSES**batch):
            true = np.array([pick // CLASSES**i % CLASSES for i in range(batch)])
            for count in range(1, batch + 1):
                counted = (np.arange(batch) < count).astype(np.int64)
                shape = graph.stacked(OUTPUT)
                labels = {true_labels(OUTPUT): true, f"{OUTPUT}/counted": counted}
                labels = {name: array.reshape(shape) for name, array in labels.items()}
                segments = solve(graph, WEIGHTS, {"x0": x, **labels}).segments
                expected = np.zeros((CLASSES, CLASSES), np.int64)
                np.add.at(expected, (true[:count], MADE[:count]), 1)
                np.testing.assert_array_equal(segments[Segment.PUBLIC][1], expected)
                assert check(circuit, segments) == []


def test_one_record() -> None:
    """A key without a batch, by both verifiers."""
    key = make_keys(network(1, "confusion"), WEIGHTS)
    data, labels = committed(GRAPH, INPUTS), zkinfer.commit(TRUE)[1]
    proof = zkinfer.prove(key, data=data, record=1, labels=labels)
    given = data.commitment, labels.commitment
    found = zkinfer.verify(key.verifying_key, proof, data=given[0], labels=given[1])
    np.testing.assert_array_equal(found.confusion, matrix([1]))
    ours = [reference.read_data(each.to_bytes()) for each in given]
    read = reference.read_key(key.verifying_key.to_bytes())
    said = reference.verify(read, reference.read_proof(proof.to_bytes()), b"", *ours)
    assert said["confusion"] == matrix([1]).tolist()


def of_classes(count: int) -> FixedGraph:
    net = Net()
    label = net.node("label", net.input(1, count), kept=0)
    graph = net.graph(label, inputs="committed", output="label")
    return replace(graph, output_mode="confusion")


def test_how_many_classes() -> None:
    lower(of_classes(256))
    with pytest.raises(zkinfer.FormatError, match="a confusion matrix of more than 256 classes"):
        of_classes(257)
