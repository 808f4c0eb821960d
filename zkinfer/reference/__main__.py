"""The command line: python -m zkinfer.reference verify KEY PROOF [--context TEXT] [--json].

Exit codes: 0 the proof is valid; 1 it does not verify; 2 wrong use or an unreadable file.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from zkinfer.reference import FormatError, VerificationError, read_key, read_proof, verify


def main() -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="zkinfer.reference", allow_abbrev=False)
    command = parser.add_subparsers(metavar="COMMAND", required=True).add_parser("verify")
    command.add_argument("key", metavar="KEY", type=Path)
    command.add_argument("proof", metavar="PROOF", type=Path)
    command.add_argument("--context", metavar="TEXT", default="")
    command.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    invalid = False
    try:
        key, data = read_key(arguments.key.read_bytes()), arguments.proof.read_bytes()
        invalid = data.startswith(b"zkinf.pf")
        verdict = verify(key, read_proof(data), os.fsencode(arguments.context))
    except (FormatError, VerificationError, OSError) as error:
        if invalid and arguments.json:
            print(json.dumps({"valid": False, "error": str(error)}))
        print(f"zkinfer.reference: {error}", file=sys.stderr)
        return 1 if invalid else 2
    verdict["context"] = os.fsdecode(verdict["context"])
    lines = "\n".join(f"{member}: {value}" for member, value in verdict.items())
    print(json.dumps(verdict) if arguments.json else lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
