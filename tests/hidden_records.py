"""Networks that read hidden records of several rows, and proofs about such, true and false."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

import zkinfer
from tests.artifacts import committed, forged_record
from tests.networks import Net
from zkinfer import reference
from zkinfer.data import DataOpening
from zkinfer.fixed import FixedGraph
from zkinfer.hidden_records import hide
from zkinfer.keys import ProvingKey
from zkinfer.reference.formats import Proof
from zkinfer.reference.membership import Hidden

Integers = npt.NDArray[np.int64]

SHAPES = ((5,), (140,))
"""Of the inputs: a record has a row of the first, and two of the second."""
NONE_OF_THE_DATA = "a hidden record is none of the data"


def network(
    shapes: Sequence[tuple[int, ...]] = SHAPES, *, batch: int = 1, mode: str = "hidden"
) -> FixedGraph:
    """The negative of each input; it has no weights."""
    net = Net()
    outputs = [net.node("neg", net.input(*shape), name=f"n{i}") for i, shape in enumerate(shapes)]
    return replace(net.graph(*outputs, inputs="committed"), record_mode=mode, batch=batch)


def records(graph: FixedGraph, count: int, seed: int = 0) -> DataOpening:
    """A commitment to random records."""
    rng = np.random.default_rng(seed)
    shapes = {name: graph.tensors[name].shape for name in graph.inputs}
    ends = -8, 8
    made = [
        {name: rng.integers(*ends, shape) for name, shape in shapes.items()} for _ in "x" * count
    ]
    return committed(graph, made)


def among(data: DataOpening) -> Hidden:
    """The data as the reference verifier takes them."""
    known = reference.read_data(data.commitment.to_bytes())
    return Hidden(known.records, [tensor.rows for tensor in known.tensors])


def inputs_of(
    graph: FixedGraph, data: DataOpening, numbers: Sequence[int]
) -> Mapping[str, Integers]:
    """Records as inputs."""
    parts = zip(*(data.record(number) for number in numbers), strict=True)
    pairs = zip(graph.inputs, parts, strict=True)
    return {name: np.stack(part).reshape(graph.stacked(name)) for name, part in pairs}


def lying(
    key: ProvingKey,
    own: DataOpening,
    numbers: Sequence[int],
    data: DataOpening,
    claimed: Sequence[int],
) -> zkinfer.Proof:
    """A proof about records of one's own, said to be hidden ones of the data, of these numbers."""
    opened = own.opened(numbers, key.verifying_key.native_circuit.columns)
    names, fresh, hidden = hide(own, numbers, opened)
    hidden = replace(hidden, among=data.commitment.native, numbers=claimed)
    names = replace(names, digest=data.commitment.digest_bytes)
    return forged_record(key, inputs_of(key.graph, own, numbers), names, fresh, hidden)


def read(proof: zkinfer.Proof) -> Proof:
    """A proof as the reference verifier reads it."""
    return reference.read_proof(proof.to_bytes())
