"""An input that is a record of committed data: what links the two.

A network that reads records has its inputs at the scales of a data commitment, entry by entry, so
that an integer stands for the same number in both. Which record of which data a proof is about is
in its statement, and the rows that it opens are those that the data commitment lists.
"""

import numpy as np
import numpy.typing as npt

from zkinfer.data import DataCommitment, DataOpening
from zkinfer.description import Description
from zkinfer.errors import UsageError, VerificationError
from zkinfer.fixed import FixedGraph
from zkinfer.proof import Proof, RecordName

Integers = npt.NDArray[np.int64]


def record_inputs(graph: FixedGraph, data: DataOpening, number: int) -> dict[str, Integers]:
    """A record as the inputs of a network. Raises UsageError where it cannot be."""
    if not isinstance(data, DataOpening):
        raise UsageError(f"data must be a DataOpening, got {type(data).__name__}; load the file")
    check_scales(graph, data.commitment.description)
    arrays = zip(graph.inputs, data.record(number), strict=True)
    inputs = {name: array.reshape(graph.tensors[name].shape) for name, array in arrays}
    for name, array in inputs.items():
        encoding = graph.encoding(name)
        outside = (array < encoding.low) | (array > encoding.high)
        if outside.any():
            index = tuple(int(i) for i in np.argwhere(outside)[0])
            raise UsageError(
                f"record {number} leaves the network's domain: {name} at index {index} is "
                f"{encoding.numbers(array)[index]:g}; compile with a commitment whose ranges "
                "cover it"
            )
    return inputs


def check_scales(graph: FixedGraph, description: Description) -> None:
    """Raises UsageError unless a network reads these records, entry by entry, at their scales."""
    shapes = {name: graph.tensors[name].shape for name in graph.inputs}
    for name, tensor in description.by_input(shapes).items():
        mine = np.broadcast_to(graph.encoding(name).scale, shapes[name])
        theirs = np.broadcast_to(tensor.encoding.scale, tensor.shape).reshape(shapes[name])
        if (mine != theirs).any():
            index = tuple(int(i) for i in np.argwhere(mine != theirs)[0])
            raise UsageError(
                f"the data have other scales than the network's input {name}: at index {index} "
                f"2^-{theirs[index]}, expected 2^-{mine[index]}; commit to them like the data that "
                "the key was compiled with, or compile with this commitment"
            )


def record_name(
    graph: FixedGraph, proof: Proof, data: DataCommitment | None, *, any_data: bool
) -> RecordName | None:
    """The record that a proof names, checked against the data that it must be of.

    Raises UsageError where data are needed, or not, and VerificationError otherwise.
    """
    if data is not None and not isinstance(data, DataCommitment):
        raise UsageError(f"data must be a DataCommitment, got {type(data).__name__}; load the file")
    if graph.input_mode != "committed":
        if data is not None or any_data:
            raise UsageError(f"this key is about a {graph.input_mode} input, not about data")
        if proof.record is not None:
            raise VerificationError("the proof names a record, and its key is not about data")
        return None
    if (data is None) == (not any_data):
        raise UsageError(
            "say which data the record must be of (--data X.commitment), or that any will do "
            "(--any-data)"
        )
    named = proof.record
    if named is None:
        raise VerificationError("the proof names no record")
    if data is not None:
        _check_listed(named, data)
        try:
            check_scales(graph, data.description)
        except UsageError as error:
            raise VerificationError(f"the proof is about other numbers: {error}") from error
    return named


def _check_listed(named: RecordName, data: DataCommitment) -> None:
    """Raises VerificationError unless the data have this record, with these rows."""
    if named.digest != data.digest_bytes:
        raise VerificationError(
            f"the proof is about the data {named.digest.hex()}, not about {data.digest}"
        )
    if named.number >= len(data) or named.rows != data.record_rows(named.number):
        raise VerificationError(f"record {named.number} of the data has other rows")
