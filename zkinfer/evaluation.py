"""What a hidden model does on all of a committed set, how often it is right, and the verdict on it.

The set is proved in parts: proofs, of accuracy or another statistic, about records that follow one
another, as many as the key has in a batch, in the last one as many as are left. The parts of a
verdict have each record in just one of them, so that none is missing or counted twice; what is
counted is the sum of what the parts count, and a summary that of all their numbers. Records that
leave the network's domain do not count, and the verdict names them.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zkinfer.api import prove_integers
from zkinfer.committed_input import check_given, outside, read_records, true_name
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.errors import UsageError, VerificationError
from zkinfer.files import NewFile, StrPath, made_folder, write_files
from zkinfer.keys import ProvingKey, VerifyingKey
from zkinfer.progress import Report
from zkinfer.proof import Proof, RecordNames, check_context
from zkinfer.summary import Summary
from zkinfer.verdict import Integers, Verified, verify
from zkinfer.workers import ProveParts, cluster

SUFFIX = ".zkp"
"""Of the files of parts."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What the parts of an evaluation establish.

    right, confusion, summary: as in Verified, of all of the `records` records of the data but those
    that are left out, by the provers' choice. parts: how many proofs say so.
    """

    right: int | None
    confusion: Integers | None
    summary: Summary | None
    records: int
    left_out: tuple[int, ...]
    parts: int
    data_digest: str
    labels_digest: str | None
    context: bytes
    model_commitment: str
    circuit_digest: str
    key_digest: str

    def statement(self) -> dict[str, Any]:
        """What they establish, as JSON has it."""
        said: dict[str, Any] = {"valid": True}
        if self.right is not None:
            said["right"] = self.right
        if self.confusion is not None:
            said["confusion"] = self.confusion.tolist()
        if self.summary is not None:
            said |= self.summary.document()
        said |= {"records": self.records, "parts": self.parts, "data_digest": self.data_digest}
        if self.left_out:
            said["left_out"] = [*self.left_out]
        if self.labels_digest is not None:
            said["labels_digest"] = self.labels_digest
        digests = ("model_commitment", "circuit_digest", "key_digest")
        context = {"context": os.fsdecode(self.context)}
        return said | context | {name: getattr(self, name) for name in digests}


def evaluate(
    proving_key: ProvingKey,
    folder: StrPath,
    *,
    data: DataOpening,
    labels: DataOpening | None = None,
    context: bytes = b"",
    ray: str | None = None,
    progress: Report | None = None,
) -> list[Path]:
    """Proves a statistic of a network on a whole set, into a folder; returns the parts' files.

    data, labels: the openings of commitments to records and, for a key that was compiled with
    output="accuracy", "confusion" or "error", to their labels or targets. Parts that are in the
    folder already are kept, so that what was broken off goes on from there. Records that leave the
    network's domain are left out, which parts say. Values that saturate are cut to their ranges, as
    the network in the key has it. ray: the address of a Ray cluster
    whose machines prove the parts, as `ray.init` takes it; "local" for one of this machine's cores.
    Raises UsageError where the key is about no statistic, for records that cannot be proved about,
    files of another evaluation, and where a machine of the cluster fails.
    """
    if not isinstance(proving_key, ProvingKey):
        raise UsageError(f"evaluate needs a ProvingKey, got {type(proving_key).__name__}")
    check_context(context)
    starts = part_starts(proving_key, data, labels)
    graph, key = proving_key.graph, proving_key.verifying_key
    without = outside(graph, data, labels)
    digits = len(str(len(data) - 1))
    parts = [range(start, min(start + starts.step, len(data))) for start in starts]
    files = [Path(folder) / f"{start:0{digits}}{SUFFIX}" for start in starts]
    digest = b"" if labels is None else labels.commitment.digest_bytes
    digests = data.commitment.digest_bytes, digest
    with made_folder(folder):
        _check_others(Path(folder), files)
        left = []
        for number, (part, file) in enumerate(zip(parts, files, strict=True)):
            if file.exists():
                names = RecordNames(digests[0], tuple(part), b"", digests[1])
                _check_part(Proof.load(file), key, names, context, file)
            else:
                left.append(number)
        columns = key.native_circuit.columns
        work = ((n, read_records(graph, data, labels, parts[n], columns, without)) for n in left)
        with _here() if ray is None else cluster(ray) as prove:
            for done, (number, proof) in enumerate(prove(proving_key, work, context), start=1):
                write_files([NewFile(files[number], proof.to_bytes())], more=True)
                if progress is not None:
                    progress(f"{len(files) - len(left) + done} of {len(files)} parts are proved")
    return files


@contextmanager
def _here() -> Iterator[ProveParts]:
    """What proves parts in this process, one after the other."""
    yield lambda key, parts, context: (
        (number, prove_integers(key, records.inputs, records, context, True)[0])
        for number, records in parts
    )


def part_starts(proving_key: ProvingKey, data: DataOpening, labels: DataOpening | None) -> range:
    """The first record of each part. Raises UsageError where there are none."""
    graph = proving_key.graph
    if not graph.counts:
        raise UsageError(
            "this key shows outputs; compile one that shows a statistic of them, such as how often "
            "they are right (--output accuracy --batch N)"
        )
    for opening in (data, *(() if labels is None else (labels,))):
        if not isinstance(opening, DataOpening):
            raise UsageError(
                f"data must be a DataOpening, got {type(opening).__name__}; load the file"
            )
    check_given(graph, given=labels is not None)
    if labels is not None and len(data) != len(labels):
        raise UsageError(f"there are {len(labels)} {true_name(graph)} for {len(data)} records")
    return range(0, len(data), graph.batch)


def verify_evaluation(
    verifying_key: VerifyingKey,
    parts: Iterable[Proof],
    *,
    data: DataCommitment,
    labels: DataCommitment | None = None,
    context: bytes = b"",
    allow_left_out: bool = False,
) -> Evaluated:
    """Returns what parts establish of all records together, or raises VerificationError.

    The arguments are those of verify. Raises UsageError as verify does.
    """
    found: list[tuple[int, int, Verified]] = []
    for proof in parts:
        verified = verify(
            verifying_key,
            proof,
            context=context,
            data=data,
            labels=labels,
            allow_left_out=allow_left_out,
        )
        if verified.records is None or not verifying_key.graph.counts:
            raise UsageError("this key is about no statistic; verify its proofs one by one")
        found.append((verified.records.numbers[0], len(verified.records.numbers), verified))
    found.sort(key=lambda part: part[0])
    end = 0
    for first, count, _ in found:
        if first != end:
            if first > end:
                raise VerificationError(f"records {end} to {first - 1} are in no part")
            last = min(end, first + count) - 1
            raise VerificationError(f"records {first} to {last} are in two parts")
        end = first + count
    if end != len(data):
        raise VerificationError(f"records {end} to {len(data) - 1} are in no part")
    one = found[0][2]
    right = [v.right for _, _, v in found if v.right is not None]
    matrices = [v.confusion for _, _, v in found if v.confusion is not None]
    summaries = [v.summary for _, _, v in found if v.summary is not None]
    return Evaluated(
        right=sum(right) if right else None,
        confusion=np.sum(matrices, axis=0) if matrices else None,
        summary=Summary.joined(summaries) if summaries else None,
        records=len(data),
        left_out=tuple(n for _, _, v in found if v.records for n in v.records.left_out),
        parts=len(found),
        data_digest=data.digest,
        labels_digest=None if labels is None else labels.digest,
        context=context,
        model_commitment=one.model_commitment,
        circuit_digest=one.circuit_digest,
        key_digest=one.key_digest,
    )


def parts_in(folder: StrPath) -> list[Path]:
    """The files of parts in a folder. Raises UsageError if there are none."""
    files = sorted(path for path in Path(folder).iterdir() if path.suffix == SUFFIX)
    if not files:
        raise UsageError(f"the folder {folder} has no parts (*{SUFFIX})")
    return files


def _check_others(folder: Path, files: list[Path]) -> None:
    """Raises UsageError for parts that are not among those to make."""
    others = sorted({path for path in folder.iterdir() if path.suffix == SUFFIX} - {*files})
    if others:
        raise UsageError(f"{others[0]} is no part of this evaluation; name another folder")


def _check_part(
    proof: Proof,
    key: VerifyingKey,
    names: RecordNames,
    context: bytes,
    file: Path,
) -> None:
    """Raises UsageError unless a part that is there is, by what it says, the one to make."""
    said = proof.key_digest, proof.records, proof.context
    if said != (key.key_digest, names, context):
        raise UsageError(f"{file} is no part of this evaluation; name another folder")
