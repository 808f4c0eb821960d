"""Takes classical models from the fitted object to a verified proof: one command, one run.

    python bench/classical.py [--models cancer_ridge_classifier,...] [--repeat 3] [--write]

The models are those of models/classical.py: each is fitted and exported, compiled, proved and
verified in processes of its own, and the network in integers is held against onnxruntime on 1,000
rows that nothing has seen, thresholds hit exactly among them. Beside them stand LeNet-5 in integers
on 1,000 digits, and three lines from a fitted pipeline to a verified proof in a fresh process.
Calls are medians of the repeats. --write puts the tables into bench/classical.md.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from run import called, commit, kib, machine, ms, table, timed
from zoo import keys_and_proof, steps

HERE = Path(__file__).resolve().parent
UNSEEN = 1000
SECONDS = 600
"""At most, for each step."""

REASON = 300
"""Most characters of the reason for a failure."""

DIGITS = ("lenet5", "lenet5_int8", "lenet5_qdq")


def main() -> None:
    """Parses the command line, measures, prints and maybe writes the tables."""
    known = called("prepare.py")["fitted"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(known), help="of " + ", ".join(known))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write bench/classical.md")
    arguments = parser.parse_args()
    names = arguments.models.split(",")
    for name in names:
        if name not in known:
            parser.error(f"no model is called {name}; there are {', '.join(known)}")
    rows = [measured(name, arguments.repeat) for name in names]
    digits = [measured(name, arguments.repeat) for name in DIGITS]
    lines = [timed((sys.executable, HERE / "three_lines.py"))[0] for _ in range(arguments.repeat)]
    text = page(rows, digits, statistics.median(lines), arguments.repeat)
    print(text)
    if arguments.write:
        (HERE / "classical.md").write_text(text)


def measured(name: str, repeat: int) -> dict[str, Any]:
    """The figures of a model, or which step failed, and why."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = (sys.executable, HERE / "prepare.py", name, folder, str(UNSEEN))
        found = {"model": name, **steps({"export": command}, folder, SECONDS)}
        if "failed" not in found:
            found |= keys_and_proof(folder / "model.onnx", (), folder, SECONDS)
        if "failed" not in found:
            files = (folder / file for file in ("proving.key", "verifying.key", "input.npz"))
            found["calls"] = called("call.py", *files, str(repeat))
    return found


def page(
    rows: Sequence[dict[str, Any]], digits: Sequence[dict[str, Any]], lines: float, repeat: int
) -> str:
    """The whole page."""
    done = [row for row in rows if "failed" not in row]
    refused = [
        f"- {row['model']}: {row['failed']}: {row['because'][:REASON]}"
        for row in rows
        if "failed" in row
    ]
    figures = [
        (
            row["model"],
            ms(row["compile"]),
            ms(row["calls"]["prove"]),
            ms(row["calls"]["verify"]),
            kib(row["proof"]),
            kib(row["key"]),
            *decided(row),
            f"{row['fidelity']['error']:.1e}",
            str(row["fidelity"]["refused"]),
        )
        for row in done
    ]
    head = (
        "model", "compile", "prove", "verify", "proof", "verifying key", "labels", "at ties",
        "error", "refused",
    )  # fmt: skip
    integers = [
        (
            row["model"],
            counted(row, "equal"),
            f"{row['fidelity']['error']:.1e}",
            ms(row["calls"]["prove"]),
            f"{row['calls']['prove'] / digits[0]['calls']['prove']:.2f}",
        )
        for row in digits
    ]
    parts = [
        "# Classical models",
        f"`python bench/classical.py`, median of {repeat}. Commit {commit()}. {machine()}.",
        f"{len(done)} of {len(rows)} models were compiled, proved and verified. Compile is a "
        "process, prove and verify are calls. On rows that nothing has seen, thresholds hit "
        "exactly among them: labels that are onnxruntime's; how many of the others are at a tie, "
        "where its two largest scores differ by less than the error that compile aims at; the "
        "largest error of other outputs over their largest entry; rows that `prove` refuses, as "
        "they are unlike the calibration data.",
        table(head, figures),
        *(["Not the whole way:", "\n".join(refused)] if refused else []),
        "## LeNet-5 in integers",
        "Digits all of whose outputs are onnxruntime's, bit for bit; what a prove call takes of "
        "the float network's.",
        table(("model", "equal", "error", "prove", "of float's"), integers),
        "## Three lines",
        "From a fitted pipeline to a verified proof, on breast cancer, with fitting and all that "
        f"Python loads: {lines:.1f} s (`bench/three_lines.py`).",
    ]
    return "\n\n".join(parts) + "\n"


def decided(row: dict[str, Any]) -> tuple[str, str]:
    """How many labels are onnxruntime's, and how many of the others are at a tie."""
    if row["model"].endswith("regressor"):
        return "", ""
    found = row["fidelity"]
    others = found["inputs"] - found["refused"] - found["labels"]
    return counted(row, "labels"), f"{found['ties']} of {others}" if others else ""


def counted(row: dict[str, Any], what: str) -> str:
    """How many inputs that are not refused are so."""
    found = row["fidelity"]
    return f"{found[what]} of {found['inputs'] - found['refused']}"


if __name__ == "__main__":
    main()
