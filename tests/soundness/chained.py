"""Two small networks, of which the second reads what the first one's outputs commit to."""

from dataclasses import dataclass, replace

import numpy as np

import zkinfer
from tests.artifacts import Integers, prove_outputs, prove_record
from tests.networks import Net
from zkinfer.data import DataOpening
from zkinfer.keys import ProvingKey, make_keys

BATCH = 2
OUTPUT = "rescale0_out"


def _first() -> Net:
    net = Net()
    net.requantize(net.node("matmul", net.input(1, 6), net.weight(6, 3)), 2, low=-16, high=15)
    return net


def _second() -> Net:
    net = Net()
    net.node("matmul", net.input(1, 3, low=-16, high=15, scale=-2), net.weight(3, 4))
    return net


FIRST = replace(_first().graph(OUTPUT, output="committed"), batch=BATCH)
SECOND = _second().graph("matmul_out", inputs="committed")
RNG = np.random.default_rng(7)
WEIGHTS = [{"w0": RNG.integers(-8, 8, shape, dtype=np.int64)} for shape in ((6, 3), (6, 3), (3, 4))]
INPUTS = [{"x0": RNG.integers(-8, 8, (BATCH, 1, 6), dtype=np.int64)} for _ in range(2)]


@dataclass(frozen=True)
class Chained:
    """The keys; for each of INPUTS a proof of the first and what opens its outputs; proofs of the
    second, about record 1 of each.
    """

    first: ProvingKey
    second: ProvingKey
    made: tuple[tuple[zkinfer.Proof, DataOpening], ...]
    read: tuple[zkinfer.Proof, ...]


def chained(context: bytes = b"") -> Chained:
    first, second = make_keys(FIRST, WEIGHTS[0]), make_keys(SECOND, WEIGHTS[2])
    made = tuple(prove_outputs(first, inputs, context) for inputs in INPUTS)
    read = tuple(prove_record(second, opening, 1, context) for _, opening in made)
    return Chained(first, second, made, read)


def outputs(number: int) -> Integers:
    """What the first network computes for INPUTS."""
    sums = INPUTS[number]["x0"] @ WEIGHTS[0]["w0"]
    return np.clip((sums + 2) >> 2, -16, 15)
