"""Measures zkinfer, and a peer if asked, on the models of this repository: one command, one run.

    python bench/run.py [--models lenet5,resnet18] [--repeat 5] [--peer ezkl] [--write]

The peer runs on the small models only.

Every figure is the median of the repeats. "Process" is a fresh `zkinfer` command with everything
that it loads; "call" is the function inside a process that has the key loaded. Peak memory is the
resident set of the prove or compile command. --write puts the tables into bench/results.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from models import data, large  # noqa: E402

SMALL = ("breast_cancer", "digits_mlp", "mlp_784_128_10", "lenet5")
LARGE = {
    "vgg16": (large.vgg16, 200, 32),
    "resnet18": (large.resnet18, 200, 32),
    "resnet18_224": (large.resnet18_224, 16, 224),
    "mlp_1024_4096_1000": (large.mlp_1024_4096_1000, 200, None),
}
"""What writes a model, how many calibration samples it gets, the side of its images, if any."""
PEER_SECONDS = 900
STEPS = ("witness", "commit", "rows", "outer", "booleanity", "matrix", "inner", "opening")


def main() -> None:
    """Parses the command line, measures, prints and maybe writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join((*SMALL, *LARGE)))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peer", choices=("ezkl",))
    parser.add_argument("--write", action="store_true", help="write bench/results.md")
    arguments = parser.parse_args()
    results, peers = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models.split(","):
            model, calibration, sample = prepare(name, Path(folder))
            print(f"{name} ...", file=sys.stderr, flush=True)
            results.append(measure(name, model, calibration, sample, arguments.repeat))
            if arguments.peer == "ezkl" and name in SMALL:
                peers.append(measure_ezkl(name, model, sample))
    text = render(results, peers, arguments.repeat)
    print(text)
    if arguments.write:
        (ROOT / "bench" / "results.md").write_text(text)


def prepare(name: str, folder: Path) -> tuple[Path, Path, Path]:
    """The model, its calibration data and one input, as files."""
    if name in SMALL:
        stem = ROOT / "models" / name
        return (
            stem.with_suffix(".onnx"),
            stem.with_name(f"{name}_calibration.npz"),
            stem.with_name(f"{name}_input.npy"),
        )
    model = folder / f"{name}.onnx"
    write, count, side = LARGE[name]
    write(model)
    if side is None:
        samples = np.random.default_rng(1).random((count + 1, 1024), np.float32)
    else:
        samples = data.random_images(count + 1, seed=1, side=side)
    calibration, sample = folder / f"{name}_calibration.npy", folder / f"{name}_input.npy"
    np.save(calibration, samples[1:])
    np.save(sample, samples[:1])
    return model, calibration, sample


def timed(command: Sequence[str | Path]) -> tuple[float, int]:
    """Seconds and peak resident bytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} exited with {process.returncode}")
    return seconds, usage.ru_maxrss * 1024


def measure(name: str, model: Path, calibration: Path, sample: Path, repeat: int) -> dict[str, Any]:
    """Compile once or more, prove and verify `repeat` times in processes and in one process."""
    zkinfer = (sys.executable, "-m", "zkinfer")
    with tempfile.TemporaryDirectory() as scratch:
        out, proof = Path(scratch) / "out", Path(scratch) / "proof.zkp"
        compile_command = (*zkinfer, "compile", model, "--calibration", calibration, "-o", out)
        compiles = [timed(compile_command)]
        for _ in range(repeat - 1 if name in SMALL else 0):
            compiles.append(timed((*compile_command, "--force")))
        keys = out / "proving.key", out / "verifying.key"
        proves = [timed((*zkinfer, "prove", keys[0], sample, "-o", proof)) for _ in range(repeat)]
        verifies = [timed((*zkinfer, "verify", keys[1], proof, "--json")) for _ in range(repeat)]
        call = (sys.executable, Path(__file__).with_name("call.py"), *keys, sample, str(repeat))
        calls = subprocess.run([str(part) for part in call], check=True, capture_output=True)
        report = json.loads((out / "report.json").read_text())
        return {
            "name": name,
            "compile": statistics.median(seconds for seconds, _ in compiles),
            "compile_memory": max(peak for _, peak in compiles),
            "prove_process": statistics.median(seconds for seconds, _ in proves),
            "prove_memory": max(peak for _, peak in proves),
            "verify_process": statistics.median(seconds for seconds, _ in verifies),
            "proof": proof.stat().st_size,
            "verifying_key": keys[1].stat().st_size,
            "proving_key": keys[0].stat().st_size,
            "report": report,
            **json.loads(calls.stdout),
        }


def measure_ezkl(name: str, model: Path, sample: Path) -> dict[str, Any]:
    """The same model and input in EZKL, in a process of its own."""
    command = (sys.executable, Path(__file__).with_name("peer_ezkl.py"), model, sample)
    words = [str(part) for part in command]
    try:
        result = subprocess.run(words, capture_output=True, text=True, timeout=PEER_SECONDS)
    except subprocess.TimeoutExpired:
        return {"name": name, "failed": f"not done after {PEER_SECONDS} s"}
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        return {"name": name, "failed": reason}
    return {"name": name, **json.loads(result.stdout.splitlines()[-1])}


def machine() -> str:
    """The processor, cores and memory of this machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def commit() -> str:
    """The commit that was measured, marked when files differ from it."""
    git = ("git", "-C", str(ROOT))
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    status = [*git, "status", "--porcelain", "--untracked-files=no"]
    changed = subprocess.run(status, capture_output=True, text=True).stdout.strip()
    return (head.stdout.strip() or "unknown") + (" with local changes" if changed else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def render(results: list[dict[str, Any]], peers: list[dict[str, Any]], repeat: int) -> str:
    """The whole page."""

    def ms(seconds: float) -> str:
        return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"

    def kib(size: int) -> str:
        return f"{size / 1024:.1f} KiB" if size < 2**20 else f"{size / 2**20:.1f} MiB"

    figures = [
        (
            r["name"],
            ms(r["compile"]),
            ms(r["prove"]),
            ms(r["prove_process"]),
            kib(r["prove_memory"]),
            ms(r["verify"]),
            ms(r["verify_process"]),
            kib(r["proof"]),
            kib(r["verifying_key"]),
        )
        for r in results
    ]
    head = (
        "model", "compile", "prove, call", "prove, process", "prove, peak memory",
        "verify, call", "verify, process", "proof", "verifying key",
    )  # fmt: skip
    steps = [
        (
            r["name"],
            f"{r['bits']:,}",
            f"{r['prove'] / r['bits'] * 1e9:.0f} ns",
            ms(r["solve"]),
            *(ms(r["steps"].get(step, 0.0)) for step in STEPS),
        )
        for r in results
    ]
    certificates = [
        (
            r["name"],
            ms(r["certificate_made"]),
            ms(r["certificate_checked"]),
            kib(r["certificate"]),
            kib(r["compile_memory"]),
        )
        for r in results
    ]
    parts = [
        "# Measurements",
        f"`python bench/run.py`, median of {repeat}. Commit {commit()}. {machine()}.",
        "Hidden weights and hidden input. A call has the key loaded; a process loads everything.",
        table(head, figures),
        "## Where a prove call spends its time",
        table(("model", "bits", "prove per bit", "solve", *STEPS), steps),
        "## The weights certificate, which compile makes and loading a key checks",
        table(("model", "made", "checked", "size", "compile, peak memory"), certificates),
    ]
    if peers:
        rows = []
        for p in peers:
            if "failed" in p:
                rows.append((p["name"], p["failed"], "", "", "", ""))
                continue
            rows.append(
                (p["name"], ms(p["setup"]), ms(p["prove"]), kib(p["memory"]), ms(p["verify"]),
                 kib(p["proof"]))
            )  # fmt: skip
        parts += [
            "## EZKL in the same run",
            "Its keys do not bind the weights: private parameters, private input, public output.",
            table(("model", "setup", "prove", "peak memory", "verify", "proof"), rows),
        ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
