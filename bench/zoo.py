"""Runs every ONNX file of a folder the whole way.

python bench/zoo.py FOLDER [--seconds 600]

Compiles, proves and verifies each model in processes of its own, and compares the network in
integers with onnxruntime on inputs that compile has not seen. Samples are those of NAME.npz beside
NAME.onnx, arrays by input name stacked on axis 0, of which the last fifth is kept from compile, and
which give shapes that the model leaves open; without such a file they are random. What came of each
model is a line of FOLDER/zoo.jsonl: models that have one are not run again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from run import called, table

from zkinfer.errors import ZkinferError
from zkinfer.quantize.samples import guessed
from zkinfer.source import Source

SAMPLES = 50
UNSEEN = 5
"""One sample in so many is kept from compile."""
LATE = 124
"""The exit code of the command timeout."""


def main() -> None:
    """Runs the models of a folder, or one step of a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=600, help="at most, for each step")
    parser.add_argument("--samples", type=Path, metavar="MODEL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.samples is not None:
        prepare(given.samples, given.folder)
        return
    results = given.folder / "zoo.jsonl"
    rows = (
        [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    )
    done = {row["model"] for row in rows}
    for model in sorted(given.folder.rglob("*.onnx")):
        name = str(model.relative_to(given.folder))
        if name not in done:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows.append({"model": name, **whole_way(model, given.seconds)})
            with results.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    print(shown(rows))


def prepare(model: Path, folder: Path) -> None:
    """Writes shapes.json, calibration.npz, unseen.npz and input.npz; exits where it cannot."""
    beside = model.with_suffix(".npz")
    samples = dict(np.load(beside)) if beside.exists() else {}
    shapes = {name: (1, *array.shape[1:]) for name, array in samples.items()}
    try:
        graph = Source(model, shapes).graph
    except ZkinferError as error:
        raise SystemExit(str(error)) from error
    samples = samples or next(guessed(graph, SAMPLES))
    count = len(next(iter(samples.values())))
    held = max(1, count // UNSEEN)
    for name, part in (
        ("calibration", slice(0, count - held)),
        ("unseen", slice(count - held, count)),
    ):
        arrays = {key: array[part] for key, array in samples.items()}
        np.savez(folder / f"{name}.npz", allow_pickle=False, **arrays)
    last = {key: array[-1].reshape(graph.shape(key)) for key, array in samples.items()}
    np.savez(folder / "input.npz", allow_pickle=False, **last)
    options = [f"--shape={name}={','.join(map(str, shape))}" for name, shape in shapes.items()]
    (folder / "shapes.json").write_text(json.dumps(options))


def whole_way(model: Path, seconds: float) -> dict[str, Any]:
    """What came of one model: seconds and peak bytes of each step, or which failed, and why."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = steps(
            {"samples": (sys.executable, __file__, folder, "--samples", model)}, folder, seconds
        )
        if "failed" not in found:
            options = json.loads((folder / "shapes.json").read_text())
            found |= keys_and_proof(model, options, folder, seconds)
    return found


def keys_and_proof(
    model: Path, options: Sequence[str], folder: Path, seconds: float
) -> dict[str, Any]:
    """The same of compile, prove and verify, and fidelity.

    folder: has calibration.npz, input.npz and unseen.npz; gets the keys and the proof.
    """
    program = (sys.executable, "-m", "zkinfer")
    calibration, x, proof = (
        folder / name for name in ("calibration.npz", "input.npz", "proof.zkp")
    )
    keys = folder / "proving.key", folder / "verifying.key"
    compiling = (*program, "compile", model, "--calibration", calibration, "-o", folder, *options)
    commands = {
        "compile": compiling,
        "prove": (*program, "prove", keys[0], x, "-o", proof),
        "verify": (*program, "verify", keys[1], proof),
    }
    found = steps(commands, folder, seconds)
    if "failed" not in found:
        found["proof"], found["key"] = proof.stat().st_size, keys[1].stat().st_size
        found["fidelity"] = called("fidelity.py", keys[0], model, folder / "unseen.npz")
    return found


def steps(
    commands: Mapping[str, Sequence[str | Path]], folder: Path, seconds: float
) -> dict[str, Any]:
    """Seconds and peak bytes of processes, one after another up to the first that fails."""
    found: dict[str, Any] = {}
    for name, command in commands.items():
        found[name], found[f"{name}_memory"], why = step(command, seconds, folder / "errors")
        if why is not None:
            return {**found, "failed": name, "because": why}
    return found


def step(
    command: Sequence[str | Path], seconds: float, errors: Path
) -> tuple[float, int, str | None]:
    """Seconds and peak bytes of a process, and what it says if it fails or takes too long."""
    words = ["timeout", str(seconds), *map(str, command)]
    start = time.perf_counter()
    with errors.open("wb") as file:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - start
    why = None
    if process.returncode == LATE:
        why = f"not done after {seconds:g} s"
    elif process.returncode:
        lines = errors.read_text(errors="replace").strip().splitlines()
        why = " ".join(lines[:3]) or f"exit code {process.returncode}"
    return took, usage.ru_maxrss * 1024, why


def shown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of all models, those that were refused below it with the reason."""
    figures = [
        (
            row["model"],
            *(f"{row[name]:.1f} s" for name in ("compile", "prove", "verify")),
            f"{row['compile_memory'] / 2**20:.0f} MiB",
            f"{row['prove_memory'] / 2**20:.0f} MiB",
            f"{row['proof'] / 1024:.0f} KiB",
            f"{row['key'] / 1024:.0f} KiB",
            f"{row['fidelity']['error']:.1e}",
            f"{row['fidelity']['agree']:.2%}",
        )
        for row in rows
        if "failed" not in row
    ]
    head = (
        "model", "compile", "prove", "verify", "compile, memory", "prove, memory", "proof", "key",
        "error", "agreement",
    )  # fmt: skip
    refused = [
        f"- {row['model']}: {row['failed']}: {row['because']}" for row in rows if "failed" in row
    ]
    verified = f"{len(figures)} of {len(rows)} models: compiled, proved and verified"
    return "\n".join([verified, "", table(head, figures), "", *refused])


if __name__ == "__main__":
    main()
