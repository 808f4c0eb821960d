"""The command line: python -m zkinfer.reference verify KEY PROOF [OPTIONS].

The options are --context TEXT, --data COMMITMENT or --any-data, --labels COMMITMENT, --outputs
COMMITMENT, and --json.

Exit codes: 0 the proof is valid; 1 it does not verify; 2 wrong use or an unreadable file.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from zkinfer.reference import (
    FormatError,
    VerificationError,
    is_pairing,
    read_data,
    read_key,
    read_proof,
    verify,
)


def main() -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="zkinfer.reference", allow_abbrev=False)
    command = parser.add_subparsers(metavar="COMMAND", required=True).add_parser("verify")
    command.add_argument("key", metavar="KEY", type=Path)
    command.add_argument("proof", metavar="PROOF", type=Path)
    command.add_argument("--context", metavar="TEXT", default="")
    command.add_argument("--data", metavar="COMMITMENT", type=Path)
    command.add_argument("--labels", metavar="COMMITMENT", type=Path)
    command.add_argument("--outputs", metavar="COMMITMENT", type=Path)
    command.add_argument("--any-data", action="store_true")
    command.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    invalid = False
    try:
        read = arguments.key.read_bytes()
        if is_pairing(read):
            about = arguments.data, arguments.labels, arguments.outputs, arguments.any_data or None
            if about != (None,) * 4:
                parser.error("the key is not about data")
            return _pairing(read, arguments)
        key, data = read_key(read), None
        if key.graph.compares != (arguments.labels is not None):
            parser.error("labels are for proofs of accuracy, confusion and error: --labels FILE")
        if key.graph.counts and arguments.data is None:
            parser.error("records count among their data: --data FILE")
        labels = arguments.labels and read_data(arguments.labels.read_bytes())
        if key.graph.modes["input_mode"] == "committed":
            if (arguments.data is None) != arguments.any_data:
                parser.error("which data it must be, --data FILE or --any-data, is to be said")
            if key.graph.hides and arguments.any_data:
                parser.error("hidden records are checked against their data: --data FILE")
            data = arguments.data and read_data(arguments.data.read_bytes())
        elif arguments.data is not None or arguments.any_data:
            parser.error("the key is not about data")
        if arguments.outputs is not None and not key.graph.commits:
            parser.error("the key does not commit to outputs")
        outputs = arguments.outputs and read_data(arguments.outputs.read_bytes())
        proof, context = arguments.proof.read_bytes(), os.fsencode(arguments.context)
        invalid = proof.startswith(b"zkinf.pf")
        verdict = verify(key, read_proof(proof), context, data, labels, outputs)
    except (FormatError, VerificationError, OSError) as error:
        return _refused(error, invalid=invalid, as_json=arguments.json)
    return _said(verdict, as_json=arguments.json)


def _pairing(read: bytes, arguments: argparse.Namespace) -> int:
    """A proof of the backend groth16, with py_ecc. Raises what cannot be read."""
    from zkinfer.reference.pairing import read_pairing_key, verify_pairing

    key = read_pairing_key(read)
    proof, context = arguments.proof.read_bytes(), os.fsencode(arguments.context)
    invalid = proof.startswith(b"zkinf.pf")
    try:
        verdict = verify_pairing(key, read_proof(proof), context)
    except (FormatError, VerificationError) as error:
        return _refused(error, invalid=invalid, as_json=arguments.json)
    return _said(verdict, as_json=arguments.json)


def _refused(error: Exception, *, invalid: bool, as_json: bool) -> int:
    if invalid and as_json:
        print(json.dumps({"valid": False, "error": str(error)}))
    print(f"zkinfer.reference: {error}", file=sys.stderr)
    return 1 if invalid else 2


def _said(verdict: dict[str, Any], *, as_json: bool) -> int:
    verdict["context"] = os.fsdecode(verdict["context"])
    lines = "\n".join(f"{member}: {value}" for member, value in verdict.items())
    print(json.dumps(verdict) if as_json else lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
