"""A small network of one number, records and targets, for the tests of summaries and errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

import zkinfer
from tests.artifacts import committed
from tests.networks import Net
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.fixed import FixedGraph, FixedTensor, evaluate
from zkinfer.keys import ProvingKey, make_keys

BATCH, RECORDS = 4, 10
OUTPUT = "matmul_out"
STARTS = range(0, RECORDS, BATCH)
SCALE = 3
"""Of outputs."""

FINER, COARSER = FixedTensor((), SCALE + 2, -1000, 999), FixedTensor((), SCALE - 1, -128, 127)
"""Targets whose scale is finer than that of outputs, or not as fine."""

MODES: dict[str, FixedTensor | None] = {"summary": None, "finer": FINER, "coarser": COARSER}


def network(batch: int = BATCH, target: FixedTensor | None = None) -> FixedGraph:
    """A number made of each record, and a target to take off if there is one."""
    net = Net()
    number = net.node("matmul", net.input(1, 6, scale=2), net.weight(6, 1, scale=SCALE - 2))
    graph = net.graph(number, inputs="committed")
    mode = "summary" if target is None else "error"
    return replace(graph, output_mode=mode, batch=batch, target=target)


GRAPH = network()
RNG = np.random.default_rng(5)
WEIGHTS = {"w0": RNG.integers(-8, 8, (6, 1), dtype=np.int64)}
INPUTS = [{"x0": RNG.integers(-8, 8, (1, 6), dtype=np.int64)} for _ in range(RECORDS)]
MADE = np.array([int(evaluate(GRAPH, WEIGHTS, each)[OUTPUT].item()) for each in INPUTS])


def targets(target: FixedTensor) -> np.ndarray:
    """The targets' integers: near what the network computes."""
    near = np.ldexp(MADE, target.scale - SCALE) + RNG.integers(-20, 20, RECORDS)
    return np.clip(np.rint(near), target.low, target.high).astype(np.int64)


TRUE = {name: targets(target) for name, target in MODES.items() if target is not None}


def numbers(mode: str) -> list[int]:
    """What is summed up of each record."""
    target = MODES[mode]
    if target is None:
        return MADE.tolist()
    scale = max(SCALE, target.scale)
    return [
        (int(y) << scale - SCALE) - (int(t) << scale - target.scale)
        for y, t in zip(MADE, TRUE[mode], strict=True)
    ]


def sums(found: Sequence[int]) -> tuple[int, int, int, int]:
    """What a proof shows of numbers."""
    return sum(found), sum(n * n for n in found), min(found), max(found)


def numbers_at(scale: int, true: np.ndarray) -> DataOpening:
    """A commitment to one number a record."""
    net = Net()
    graph = net.graph(net.input(low=-2048, high=2047, scale=scale), inputs="committed")
    return committed(graph, [{"x0": np.array(n, np.int64)} for n in true])


@dataclass(frozen=True)
class Summed:
    """A key, the data, the targets if there are some, and a part for each batch."""

    key: ProvingKey
    data: DataOpening
    labels: DataOpening | None
    parts: tuple[zkinfer.Proof, ...]

    @property
    def public(self) -> tuple[DataCommitment, DataCommitment | None]:
        """What a verifier is given of both."""
        return self.data.commitment, self.labels and self.labels.commitment


def summed(context: bytes = b"", mode: str = "summary") -> Summed:
    target = MODES[mode]
    key = make_keys(network(target=target), WEIGHTS)
    data = committed(GRAPH, INPUTS)
    labels = None if target is None else numbers_at(target.scale, TRUE[mode])
    parts = tuple(
        zkinfer.prove(key, data=data, record=start, labels=labels, context=context)
        for start in STARTS
    )
    return Summed(key, data, labels, parts)
