"""Runs the onnx package's own tests: `python -m tests.conformance.run`.

Prints how many pass, stand in the table, have operators that are not supported, or are none that
can be run; and each case that neither passes nor stands in the table, and each line of it that is
stale.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Mapping
from multiprocessing import Pool

from tests.conformance.onnx_cases import (
    GOOD,
    TABLE,
    names,
    outcome,
    shortcomings,
    table,
)

DEFECT = re.compile("crash|unsatisfied")


def results(wanted: list[str], jobs: int) -> dict[str, str]:
    """The outcomes of cases, by name."""
    with Pool(jobs) as pool:
        return dict(zip(wanted, pool.imap(outcome, wanted, chunksize=8), strict=True))


def write(found: Mapping[str, str]) -> None:
    """Makes the table say of these cases why they do not pass; no defect has a place in it."""
    reasons = {name: why for name, why in table().items() if name not in found}
    reasons |= {n: why for n, why in found.items() if why not in GOOD and not DEFECT.match(why)}
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("case", "reason"))
        writer.writerows((name, reasons[name]) for name in names() if name in reasons)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="of the cases' names")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--write", action="store_true", help="write the table of these cases")
    given = parser.parse_args()
    wanted = [name for name in names() if re.search(given.only, name)]
    found = results(wanted, given.jobs)
    if given.write:
        write(found)
    listed = {name: reason for name, reason in table().items() if re.search(given.only, name)}
    counts = Counter(
        result if result in GOOD else "tabled" if name in listed else "wrong"
        for name, result in found.items()
    )
    lacking = shortcomings(found, listed)
    print("\n".join(lacking))
    print("; ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    return int(bool(lacking))


if __name__ == "__main__":
    sys.exit(main())
