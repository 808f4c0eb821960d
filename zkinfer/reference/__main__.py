"""The command line: python -m zkinfer.reference verify KEY PROOF [--context TEXT] [--json].

Exit codes: 0 the proof is valid; 1 it does not verify; 2 wrong use or an unreadable file.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from zkinfer.reference import FormatError, VerificationError, read_key, read_proof, verify


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="zkinfer.reference", allow_abbrev=False)
    command = parser.add_subparsers(metavar="COMMAND", required=True).add_parser("verify")
    command.add_argument("key", metavar="KEY", type=Path)
    command.add_argument("proof", metavar="PROOF", type=Path)
    command.add_argument("--context", metavar="TEXT", default="")
    command.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        key = read_key(arguments.key.read_bytes())
        proof = read_proof(arguments.proof.read_bytes())
        verdict = verify(key, proof, os.fsencode(arguments.context))
    except VerificationError as error:
        if arguments.json:
            print(json.dumps({"valid": False, "error": str(error)}))
        return _fail(str(error), 1)
    except (FormatError, OSError) as error:
        return _fail(str(error), 2)
    verdict["context"] = os.fsdecode(verdict["context"])
    if arguments.json:
        print(json.dumps(verdict))
    else:
        print("\n".join(f"{member}: {value}" for member, value in verdict.items()))
    return 0


def _fail(message: str, code: int) -> int:
    print(f"zkinfer.reference: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
