"""Attacks on chains: on what a proof says that its outputs are committed to, and on the link to the
next one. Each is mounted, and both verifiers refuse it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from artifacts import forged_outputs, forged_record, prove_outputs, prove_record
from networks import Net
from signs import few_signs

import zkinfer
from tests.soundness.chained import FIRST, INPUTS, WEIGHTS, Chained, chained, outputs
from tests.soundness.test_lies import added
from zkinfer import reference
from zkinfer.backends import transparent
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import MODULUS
from zkinfer.committed_output import commit_outputs
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.lower import lower, solve
from zkinfer.proof import RecordNames
from zkinfer.reference import ristretto

FORGED = "the closing equations do not hold"
PATH = "rescale0_out/committed"


@pytest.fixture(scope="module")
def known() -> Iterator[Chained]:
    with few_signs():
        yield chained()


def refused(
    key: ProvingKey, proof: zkinfer.Proof, message: str, ours: str, **given: DataCommitment
) -> None:
    """By both verifiers, which are given data, or what outputs must be committed to by."""
    with pytest.raises(zkinfer.VerificationError, match=message):
        zkinfer.verify(key.verifying_key, proof, **given)
    with few_signs(), pytest.raises(reference.VerificationError, match=ours):
        reference.verify(
            reference.read_key(key.verifying_key.to_bytes()),
            reference.read_proof(proof.to_bytes()),
            **{name: reference.read_data(each.to_bytes()) for name, each in given.items()},
        )


def accepted(key: ProvingKey, proof: zkinfer.Proof, **given: DataCommitment) -> None:
    zkinfer.verify(key.verifying_key, proof, **given)
    with few_signs():
        reference.verify(
            reference.read_key(key.verifying_key.to_bytes()),
            reference.read_proof(proof.to_bytes()),
            **{name: reference.read_data(each.to_bytes()) for name, each in given.items()},
        )


def with_rows(opening: DataOpening, rows: bytes) -> DataOpening:
    return replace(opening, commitment=replace(opening.commitment, rows=rows))


def test_a_cut_link(known: Chained) -> None:
    """The second proof is about other outputs of the same model: other data, whatever it says."""
    (first, opening), (_, other) = known.made
    accepted(known.first, first, outputs=opening.commitment)
    accepted(known.second, known.read[0], data=opening.commitment)
    refused(
        known.first, first, "outputs are committed to by", "by another", outputs=other.commitment
    )
    cut, link = known.read[1], opening.commitment
    refused(known.second, cut, "the proof is about the data", "about other data", data=link)
    assert cut.records is not None
    named = replace(cut, records=replace(cut.records, digest=link.digest_bytes))
    refused(known.second, named, "have other rows", "other rows", data=link)
    names = replace(cut.records, digest=link.digest_bytes, rows=link.record_rows(1))
    refused(known.second, replace(cut, records=names), FORGED, FORGED, data=link)
    opened = opening.opened([1], known.second.verifying_key.native_circuit.columns)
    lie = forged_record(known.second, {"x0": outputs(1)[1]}, names, opened)
    refused(known.second, lie, FORGED, FORGED, data=link)


def test_another_input_of_the_batch(known: Chained) -> None:
    """The second proof is about record 1, and not about record 0."""
    proof, (_, opening) = known.read[0], known.made[0]
    assert proof.records is not None
    names = RecordNames(proof.records.digest, (0,), opening.commitment.record_rows(0))
    other = replace(proof, records=names)
    refused(known.second, other, FORGED, FORGED, data=opening.commitment)


def test_outputs_of_another_proof(known: Chained) -> None:
    """A proof with the rows of another one, and a prover who says so from the start."""
    (proof, _), (_, other) = known.made
    refused(known.first, replace(proof, outputs=other.commitment.rows), FORGED, FORGED)
    lie = forged_outputs(known.first, INPUTS[0], other)
    refused(known.first, lie, FORGED, FORGED, outputs=other.commitment)


def test_swapped_rows(known: Chained) -> None:
    """Of the two inputs of a batch: in the proof, and with what opens them."""
    proof, opening = known.made[0]
    rows, blinds = (data[32:] + data[:32] for data in (proof.outputs, opening.blinds))
    refused(known.first, replace(proof, outputs=rows), FORGED, FORGED)
    swapped = replace(
        with_rows(opening, rows), arrays=tuple(a[::-1] for a in opening.arrays), blinds=blinds
    )
    refused(known.first, forged_outputs(known.first, INPUTS[0], swapped), FORGED, FORGED)
    # Inputs that are swapped as well are another statement, which is true.
    inputs = {"x0": INPUTS[0]["x0"][::-1].copy()}
    accepted(known.first, forged_outputs(known.first, inputs, swapped))


def test_one_number_off(known: Chained) -> None:
    """The rows commit to the outputs, but for a bit."""
    _, opening = known.made[0]
    for place in range(opening.arrays[0].size):
        arrays = [array.astype(np.int64) for array in opening.arrays]
        arrays[0].reshape(-1)[place] ^= 1
        made = commit_outputs(FIRST, {"rescale0_out": arrays[0]})
        refused(known.first, forged_outputs(known.first, INPUTS[0], made), FORGED, FORGED)


def test_edited_scales(known: Chained) -> None:
    """What is said of outputs follows from the key: an edited commitment is another one."""
    proof, opening = known.made[0]
    (tensor,) = opening.commitment.description.tensors
    for finer in (
        replace(tensor, scales=(tensor.scales[0] + 1,)),
        replace(tensor, bits=tensor.bits + 1),
        replace(tensor, name="y"),
        replace(tensor, shape=(3,)),
    ):
        description = replace(opening.commitment.description, tensors=(finer,))
        edited = replace(opening, commitment=replace(opening.commitment, description=description))
        known_to_be = edited.commitment
        refused(known.first, proof, "are committed to by", "by another", outputs=known_to_be)
        lie = forged_outputs(known.first, INPUTS[0], edited)
        refused(known.first, lie, FORGED, FORGED)
        if finer.scales == tensor.scales:
            continue
        with pytest.raises(zkinfer.UsageError, match="other scales than the network"):
            prove_record(known.second, edited, 1)
        opened = opening.opened([1], known.second.verifying_key.native_circuit.columns)
        name = RecordNames(known_to_be.digest_bytes, (1,), opened.rows)
        lie = forged_record(known.second, {"x0": outputs(0)[1]}, name, opened)
        said = "the proof is not about these data"
        refused(known.second, lie, said, "other scales", data=known_to_be)


def test_a_key_with_other_scales_is_another_key(known: Chained) -> None:
    """So that the scales of a commitment are those of the key that its proof is for."""
    proof, _ = known.made[0]
    tensor = FIRST.tensors["w0"]
    declared = {**FIRST.declared, "w0": replace(tensor, scale=tensor.scale + 1)}
    with few_signs():
        other = make_keys(replace(FIRST, declared=declared), WEIGHTS[0])
    refused(other, proof, "the proof is for the key", "for another key")
    named = replace(proof, key_digest=other.verifying_key.key_digest)
    refused(other, named, FORGED, FORGED)


@pytest.mark.parametrize("huge", [2**61, 2**200, MODULUS - 1, (MODULUS + 1) // 2])
def test_entries_that_are_no_numbers(huge: int) -> None:
    """Over the field: an element in place of an output, and beside outputs."""
    net = Net()
    graph = net.graph(net.node("neg", net.input(5)), output="committed")
    circuit = lower(graph)
    segments = solve(graph, {}, {"x0": np.arange(2, 7)}).segments
    assert check(circuit, segments) == []
    (cells,) = segments[Segment.OUTPUT]
    for place in (1, 5, 7):
        wrong = cells.astype(object)
        wrong[0, place] = huge
        assert check(circuit, {**segments, Segment.OUTPUT: [wrong]}) == ["neg_out/committed"]


def test_a_row_of_no_numbers_can_be_committed_to_and_not_be_proved(known: Chained) -> None:
    """The honest row with 2^200 more in a cell: nobody proves that it is the outputs'."""
    proof, opening = known.made[0]
    first = ristretto.decode(proof.outputs[:32])
    (generator,) = ristretto.generators("G", 1)
    row = ristretto.encode(ristretto.multiply([1, 2**200], [first, generator]))
    wrong = with_rows(opening, row + proof.outputs[32:])
    refused(known.first, forged_outputs(known.first, INPUTS[0], wrong), FORGED, FORGED)
    refused(known.first, replace(proof, outputs=wrong.commitment.rows), FORGED, FORGED)


def test_cells_beside_the_outputs(known: Chained) -> None:
    """Those of the rows' own width must be zero. Behind it nothing reads them, in no circuit."""
    _, opening = known.made[0]
    columns = known.first.verifying_key.native_circuit.columns
    honest = opening.opened(range(2), columns)
    width = opening.commitment.grids[0].width
    for place in (3, width, columns - 1):
        (cells,) = honest.arrays
        filled = cells.copy()
        filled[0, place] = 1
        rows, blinds = transparent.commit_rows(filled)
        lie = with_rows(opening, rows)
        opened = transparent.Opened([filled], rows, blinds)
        proof = forged_outputs(known.first, INPUTS[0], lie, opened)
        if place < width:
            refused(known.first, proof, FORGED, FORGED)
        else:
            accepted(known.first, proof)


def test_blindings_that_are_used_again(known: Chained) -> None:
    """An owner who blinds two outputs alike shows how they differ; `prove` never does. And rows of
    an old proof open to the old outputs alone.
    """
    (_, opening), (_, other) = known.made
    grid = opening.commitment.grids[0]
    alike, _ = transparent.commit_rows(grid.cells(other.arrays[0].astype(np.int64)), opening.blinds)
    old, new = (ristretto.decode(rows[:32]) for rows in (opening.commitment.rows, alike))
    difference = other.record(0)[0] - opening.record(0)[0]
    generators = ristretto.generators("G", 3)
    shown = ristretto.multiply([int(d) for d in difference[0]], generators)
    assert ristretto.encode(ristretto.multiply([1, -1], [new, old])) == ristretto.encode(shown)
    with few_signs():
        blinds = [prove_outputs(known.first, INPUTS[0])[1].blinds for _ in range(3)]
    pieces = [each[at : at + 32] for each in blinds for at in (0, 32)]
    assert len({*pieces}) == len(pieces)
    lie = forged_outputs(known.first, INPUTS[1], opening)
    refused(known.first, lie, FORGED, FORGED, outputs=opening.commitment)


def test_without_its_block_outputs_are_any() -> None:
    """So it is the block that binds the rows to the outputs, and nothing else does."""
    circuit = lower(FIRST)
    less = replace(circuit, blocks=tuple(b for b in circuit.blocks if b.path != PATH))
    assert len(less.blocks) == len(circuit.blocks) - 1
    witness = solve(FIRST, WEIGHTS[0], INPUTS[0], lies={PATH: added(0, 1)})
    assert check(circuit, witness.segments) == [PATH]
    assert check(less, witness.segments) == []
    with pytest.raises(zkinfer.FormatError, match="does not follow from its graph"):
        zkinfer.VerifyingKey(FIRST, less.to_bytes(), b"", None)


def test_a_part_of_a_tensor_is_stored_before_it_is_committed_to() -> None:
    """What lies beside it in its tensor is not zero, and no part of the output."""
    net = Net()
    cut = {"axes": (0, 1), "starts": (1, 2), "stops": (4, 5), "steps": (1, 1)}
    part = net.node("slice", net.input(5, 6), **cut)
    graph = net.graph(part, output="committed")
    circuit, x = lower(graph), {"x0": np.arange(-8, 22).reshape(5, 6) % 16 - 8}
    witness = solve(graph, {}, x)
    assert check(circuit, witness.segments) == []
    (cells,) = witness.segments[Segment.OUTPUT]
    np.testing.assert_array_equal(cells.reshape(-1, 4)[:3, :3], x["x0"][1:4, 2:5])
    assert cells.sum() == x["x0"][1:4, 2:5].sum()
    path = f"{part}/committed/copy"
    wrong = solve(graph, {}, x, lies={path: added(0, 1)})
    assert check(circuit, wrong.segments) == [path]


def test_a_key_says_that_its_outputs_are_committed_to(known: Chained) -> None:
    """Shown and committed outputs are different statements, of different keys."""
    proof, opening = known.made[0]
    with few_signs():
        shown = make_keys(replace(FIRST, output_mode="public"), WEIGHTS[0])
    named = replace(proof, key_digest=shown.verifying_key.key_digest)
    refused(shown, named, "its key does not", "its key does not")
    with pytest.raises(zkinfer.UsageError, match="call prove_committed"):
        zkinfer.prove(known.first, INPUTS[0])
    with pytest.raises(zkinfer.UsageError, match="call prove"):
        zkinfer.prove_committed(shown, INPUTS[0])
    with pytest.raises(zkinfer.UsageError, match="outputs of this key are not committed"):
        zkinfer.verify(shown.verifying_key, named, outputs=opening.commitment)
    with pytest.raises(zkinfer.UsageError, match="this key's output mode is public"):
        zkinfer.compile(b"", input="committed", data=shown.verifying_key)
