"""A small network, records and labels that it gets right or wrong, for the tests of accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

import zkinfer
from tests.artifacts import committed
from tests.networks import Net
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.keys import ProvingKey, make_keys

BATCH, RECORDS, CLASSES = 4, 10, 3
OUTPUT = "label_out"
STARTS = range(0, RECORDS, BATCH)


def network(batch: int = BATCH, mode: str = "accuracy") -> FixedGraph:
    """A matrix and a label, compared with that of each record."""
    net = Net()
    scores = net.node("matmul", net.input(1, 6), net.weight(6, CLASSES))
    graph = net.graph(net.node("label", scores, kept=0), inputs="committed", output="label")
    return replace(graph, output_mode=mode, batch=batch)


GRAPH = network()
RNG = np.random.default_rng(5)
WEIGHTS = {"w0": RNG.integers(-8, 8, (6, CLASSES), dtype=np.int64)}
INPUTS = [{"x0": RNG.integers(-8, 8, (1, 6), dtype=np.int64)} for _ in range(RECORDS)]
MADE = np.array([int(evaluate(GRAPH, WEIGHTS, each)[OUTPUT]) for each in INPUTS])
TRUE = np.where(np.arange(RECORDS) % 3 == 1, (MADE + 1) % CLASSES, MADE)


def right(numbers: Sequence[int]) -> int:
    """How many of these records the network labels right."""
    chosen = list(numbers)
    return int((MADE[chosen] == TRUE[chosen]).sum())


@dataclass(frozen=True)
class Labelled:
    """A key, the data and the labels, and a part for each batch."""

    key: ProvingKey
    data: DataOpening
    labels: DataOpening
    parts: tuple[zkinfer.Proof, ...]

    @property
    def public(self) -> tuple[DataCommitment, DataCommitment]:
        """What a verifier is given of both."""
        return self.data.commitment, self.labels.commitment


def labelled(context: bytes = b"", mode: str = "accuracy") -> Labelled:
    key = make_keys(network(mode=mode), WEIGHTS)
    data, labels = committed(GRAPH, INPUTS), zkinfer.commit(TRUE)[1]
    parts = tuple(
        zkinfer.prove(key, data=data, record=start, labels=labels, context=context)
        for start in STARTS
    )
    return Labelled(key, data, labels, parts)
