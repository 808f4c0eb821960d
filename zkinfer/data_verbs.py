"""The verbs about data: their arguments, and what they do; cli.py prints what they say."""

import argparse
from typing import Any

from zkinfer.errors import UsageError


def add_commit(parser: argparse.ArgumentParser) -> None:
    """The arguments of commit."""
    parser.add_argument(
        "data",
        metavar="DATA",
        help="records along the first axis: .npy, .npz, .json, .csv with names, or -",
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
    parser.add_argument("--force", action="store_true", help="replace existing files")


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
    from zkinfer.inputs import read_data
    from zkinfer.progress import progress_bar

    public, secret = f"{arguments.name}.commitment", f"{arguments.name}.opening"
    for path in (public, secret):
        check_parent(path)
        check_free(path, lambda _: arguments.force)
    like = arguments.like and DataCommitment.load(arguments.like)
    data = read_data(arguments.data)
    with progress_bar(STAGES) as progress:
        commitment, opening = commit(data, bits=arguments.bits, like=like, progress=progress)
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

    if arguments.context or arguments.data or arguments.any_data or arguments.html:
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
