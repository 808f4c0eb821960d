"""Outputs that are committed to: what a model hands on to the next one, and shows to nobody.

They are records like those of any data, one for each input of a batch: of the graph's outputs in
their shapes, at their scales. All that is said of them follows from the key, and the rows come with
the proof. So a commitment is the key's and the proof's, and whoever verifies makes it anew.
"""

from collections.abc import Mapping

from zkinfer.data import DataCommitment, DataOpening, commit_records
from zkinfer.description import Description
from zkinfer.errors import FormatError, UsageError, VerificationError
from zkinfer.fixed import FixedGraph
from zkinfer.ops.tensor import Integers
from zkinfer.proof import Proof
from zkinfer.records import RecordGrid


def description_of(graph: FixedGraph) -> Description:
    """What is said of the outputs of a network as data.

    Raises UsageError where they are not committed to.
    """
    if graph.output_mode != "committed":
        raise UsageError(
            f"this key's output mode is {graph.output_mode}, so that its outputs are no data; give "
            "a key that was compiled with --output committed"
        )
    return Description.of_outputs(graph)


def commit_outputs(graph: FixedGraph, outputs: Mapping[str, Integers]) -> DataOpening:
    """Commits to what a network computes, with fresh blindings.

    outputs: by name, int64, those of a batch stacked.
    """
    description = Description.of_outputs(graph)
    arrays = tuple(
        outputs[tensor.name].reshape(graph.batch, *tensor.shape).astype(tensor.kind)
        for tensor in description.tensors
    )
    grids = [RecordGrid.of(tensor.shape) for tensor in description.tensors]
    rows, blinds = commit_records(grids, arrays)
    return DataOpening(DataCommitment(description, rows), arrays, blinds)


def committed_outputs(
    graph: FixedGraph, proof: Proof, expected: DataCommitment | None
) -> DataCommitment | None:
    """The commitment to the outputs that a proof claims, if its key is about one.

    expected: what it must be, if that is told. Raises UsageError where it cannot be told, and
    VerificationError otherwise.
    """
    if expected is not None and not isinstance(expected, DataCommitment):
        raise UsageError(
            f"outputs must be a DataCommitment, got {type(expected).__name__}; load the file"
        )
    if graph.output_mode != "committed":
        if expected is not None:
            raise UsageError(
                f"the outputs of this key are not committed to ({graph.output_mode}); leave the "
                "commitment to them out"
            )
        if proof.outputs:
            raise VerificationError("the proof commits to outputs, and its key does not")
        return None
    try:
        commitment = DataCommitment(Description.of_outputs(graph), proof.outputs)
    except FormatError as error:
        raise VerificationError(f"the proof commits to other outputs: {error}") from error
    if expected is not None and commitment != expected:
        raise VerificationError(
            f"the outputs are committed to by {commitment.digest}, not by {expected.digest}"
        )
    return commitment
