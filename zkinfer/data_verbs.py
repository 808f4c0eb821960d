"""The verbs about data: their arguments, and what they do; cli.py prints what they say.

Proofs whose outputs are committed to make data, so that their files are written here.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkinfer.errors import UsageError

if TYPE_CHECKING:
    from zkinfer.data import DataCommitment
    from zkinfer.fixed import FixedGraph
    from zkinfer.keys import ProvingKey, VerifyingKey
    from zkinfer.proof import Proof

SUFFIX = ".zkp"
"""Of a proof's file; files beside it have the name without it."""


def add_commit(parser: argparse.ArgumentParser) -> None:
    """The arguments of commit."""
    parser.add_argument(
        "data",
        metavar="DATA",
        help="records along the first axis: .npy, .npz, .json, .csv with names, .parquet, a folder "
        "of images, or -",
    )
    parser.add_argument(
        "-o",
        dest="name",
        metavar="NAME",
        required=True,
        help="writes NAME.commitment, NAME.opening",
    )
    parser.add_argument("--bits", metavar="B", type=int, help="most bits of a number (default 24)")
    parser.add_argument("--like", metavar="X.commitment", help="take over the scales of this one")
    parser.add_argument(
        "--public",
        action="store_true",
        help="data that are no secret: whoever has them makes this very commitment",
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The arguments of evaluate."""
    parser.add_argument("key", metavar="PROVING.key", help="the secret key that compile wrote")
    parser.add_argument("--data", metavar="X.opening", required=True, help="the records")
    parser.add_argument(
        "--labels", metavar="Y.opening", help="their labels or targets, where the key is about them"
    )
    parser.add_argument(
        "-o",
        dest="folder",
        metavar="FOLDER",
        required=True,
        help="for the parts; those that are there already are kept",
    )
    parser.add_argument("--context", metavar="TEXT", default="", help="what to bind the parts to")
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="prove on a Ray cluster; local: this machine's cores"
    )


def add_reveal(parser: argparse.ArgumentParser) -> None:
    """The arguments of reveal."""
    parser.add_argument("opening", metavar="X.opening", help="the secret file that commit wrote")
    parser.add_argument(
        "--record", metavar="N", type=int, required=True, help="the number of the record, from 0"
    )
    parser.add_argument(
        "-o", dest="revealed", metavar="FILE", required=True, help="where to write the record"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def commit(arguments: argparse.Namespace) -> list[str]:
    """Writes a commitment and its opening, both or none; returns what to say."""
    from zkinfer.committing import STAGES, commit
    from zkinfer.data import DataCommitment
    from zkinfer.files import SECRET_MODE, NewFile, check_free, check_parent, write_files
    from zkinfer.inputs import read_input
    from zkinfer.progress import progress_bar

    public, secret = f"{arguments.name}.commitment", f"{arguments.name}.opening"
    for path in (public, secret):
        check_parent(path)
        check_free(path, lambda _: arguments.force)
    like = arguments.like and DataCommitment.load(arguments.like)
    data = read_input(arguments.data)
    with progress_bar(STAGES) as progress:
        commitment, opening = commit(
            data, bits=arguments.bits, like=like, public=arguments.public, progress=progress
        )
    files = [
        NewFile(public, commitment.to_bytes()),
        NewFile(secret, opening.to_bytes(), SECRET_MODE),
    ]
    write_files(files)
    return [
        f"commitment  {public} ({len(commitment)} records)",
        f"opening     {secret} (secret)",
        f"digest      {commitment.digest}",
    ]


def evaluate(arguments: argparse.Namespace) -> list[str]:
    """Proves all parts; returns what to say."""
    from zkinfer.data import DataOpening
    from zkinfer.evaluation import evaluate, part_starts
    from zkinfer.keys import ProvingKey
    from zkinfer.progress import progress_bar

    key = ProvingKey.load(arguments.key)
    data, labels = (path and DataOpening.load(path) for path in (arguments.data, arguments.labels))
    with progress_bar(len(part_starts(key, data, labels))) as progress:
        files = evaluate(
            key,
            arguments.folder,
            data=data,
            labels=labels,
            context=os.fsencode(arguments.context),
            ray=arguments.ray,
            progress=progress,
        )
    size = sum(file.stat().st_size for file in files)
    return [
        f"parts  {arguments.folder} ({len(files)} proofs, {size} bytes)",
        *_claimed(key.graph, files),
    ]


def _claimed(graph: "FixedGraph", files: list[Path]) -> list[str]:
    """What parts say in all, which whoever made them knows to be true."""
    from zkinfer.fixed import COUNTED
    from zkinfer.proof import Proof
    from zkinfer.summary import Summary
    from zkinfer.verdict import right, summary

    names, rights, summaries, missing, records = [n for n, _ in graph.shown], [], [], 0, 0
    for file in files:
        proof = Proof.load(file)
        public = dict(zip(names, proof.public_values, strict=True))
        count = proof.records.count if proof.records else 0
        records, missing = records + count, missing + count - int(public[COUNTED].sum())
        rights.append(right(public))
        summaries.append(summary(graph, public))
    said = [f"left out  {missing} (they leave the network's domain)"] if missing else []
    if graph.counts_labels:
        return [f"right  {sum(n or 0 for n in rights)} of {records}", *said]
    whole = Summary.joined(each for each in summaries if each is not None)
    found = {"records": records, **whole.statistics()}
    return [*(f"{n.replace('_', ' ')}  {number:g}" for n, number in found.items()), *said]


def load_described(path: str) -> "DataCommitment | VerifyingKey":
    """What records are like: a data commitment, or the key of a model with committed outputs."""
    from zkinfer import container
    from zkinfer.data import DataCommitment
    from zkinfer.files import read_head
    from zkinfer.keys import VerifyingKey

    if read_head(path, container.MAGIC_SIZE) == container.VERIFYING_KEY.magic:
        return VerifyingKey.load(path)
    return DataCommitment.load(path)


def prove_committed(
    arguments: argparse.Namespace, key: "ProvingKey", value: object, options: dict[str, Any]
) -> list[str]:
    """Writes a proof, the commitment to its outputs and the opening, all or none.

    Returns what to say. options: of `zkinfer.prove_committed`.
    """
    from zkinfer.api import prove_committed
    from zkinfer.files import SECRET_MODE, NewFile, check_free, write_files

    if arguments.labels:
        raise UsageError("labels are for proofs of accuracy; these have committed outputs")
    name = arguments.proof.removesuffix(SUFFIX)
    public, secret = f"{name}.commitment", f"{name}.opening"
    for path in (public, secret):
        check_free(path, lambda _: arguments.force)
    proof, opening = prove_committed(key, value, **options)
    files = [
        NewFile(arguments.proof, proof.to_bytes()),
        NewFile(public, opening.commitment.to_bytes()),
        NewFile(secret, opening.to_bytes(), SECRET_MODE),
    ]
    write_files(files)
    return [
        f"proof       {arguments.proof} ({len(proof.to_bytes())} bytes)",
        f"commitment  {public} (of the outputs)",
        f"opening     {secret} (secret)",
        f"digest      {opening.commitment.digest}",
    ]


def verify_parts(
    arguments: argparse.Namespace, context: bytes, load: Callable[[Path], "Proof"]
) -> dict[str, Any]:
    """What a folder of parts establishes. Raises VerificationError."""
    from zkinfer.data import DataCommitment
    from zkinfer.evaluation import parts_in, verify_evaluation
    from zkinfer.keys import VerifyingKey

    if any((arguments.html, arguments.any_data, arguments.outputs)) or not arguments.data:
        raise UsageError(
            "a folder of parts is verified against data, and labels or targets where the key is "
            "about them, with no option but --context, --allow-left-out and --json: "
            "--data X.commitment [--labels Y.commitment]"
        )
    key = VerifyingKey.load(arguments.key)
    data, labels = (
        path and DataCommitment.load(path) for path in (arguments.data, arguments.labels)
    )
    parts = map(load, parts_in(arguments.proof))
    evaluated = verify_evaluation(
        key,
        parts,
        data=data,
        labels=labels,
        context=context,
        allow_left_out=arguments.allow_left_out,
    )
    return evaluated.statement()


def reveal(arguments: argparse.Namespace) -> list[str]:
    """Writes one record; returns what to say."""
    from zkinfer.data import DataOpening

    opening = DataOpening.load(arguments.opening)
    opening.reveal(arguments.record).save(arguments.revealed, force=arguments.force)
    return [f"record  {arguments.revealed} (record {arguments.record} of {len(opening)})"]


def is_commitment(path: str) -> bool:
    """Whether a file is, by its head, a data commitment."""
    from zkinfer import container
    from zkinfer.files import read_head

    return read_head(path, container.MAGIC_SIZE) == container.DATA_COMMITMENT.magic


def verify_record(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a revealed record establishes. Raises VerificationError."""
    from zkinfer.data import DataCommitment, RevealedRecord

    others = (arguments.data, arguments.labels, arguments.outputs, arguments.context)
    if any((*others, arguments.any_data, arguments.allow_left_out, arguments.html)):
        raise UsageError(
            "a record is verified against its data commitment, with no option but --json"
        )
    commitment = DataCommitment.load(arguments.key)
    revealed = RevealedRecord.load(arguments.proof)
    numbers = commitment.verify(revealed)
    columns = commitment.description.columns
    return {
        "valid": True,
        "record": revealed.number,
        "data_digest": commitment.digest,
        "numbers": {name: array.tolist() for name, array in numbers.items()},
        **({"columns": list(columns)} if columns else {}),
    }
