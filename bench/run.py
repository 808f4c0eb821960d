"""Measures zkinfer, and a peer if asked, on the models of this repository: one command, one run.

    python bench/run.py [--models lenet5,resnet18] [--repeat 5] [--peer ezkl] [--write]

The models are the committed ones, and those of models/generated.py with random weights. The peer
runs on the committed ones only.

Every figure is the median of the repeats. "Process" is a fresh `zkinfer` command with everything
that it loads; "call" is the function inside a process that has the key loaded. Peak memory is the
resident set of the prove or compile command. Fidelity is that of the network in integers on inputs
that compile has not seen. --write puts the tables into bench/results.md.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEER_SECONDS = 900
ESTIMATED = (
    ("prove_seconds", "prove"),
    ("verify_seconds", "verify"),
    ("prove_memory_bytes", "prove_memory"),
    ("proof_bytes", "proof"),
    ("verifying_key_bytes", "verifying_key"),
)
STEPS = ("witness", "commit", "rows", "outer", "booleanity", "matrix", "inner", "opening")


def main() -> None:
    """Parses the command line, measures, prints and maybe writes the tables."""
    names = called("prepare.py")
    committed, known = names["committed"], [*names["committed"], *names["generated"]]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(known), help="of " + ", ".join(known))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peer", choices=("ezkl",))
    parser.add_argument("--write", action="store_true", help="write bench/results.md")
    arguments = parser.parse_args()
    results, peers = [], []
    for name in arguments.models.split(","):
        if name not in known:
            parser.error(f"no model is called {name}; there are {', '.join(known)}")
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            called("prepare.py", name, folder)
            compiles = arguments.repeat if name in committed else 1
            results.append({"name": name, **measure(folder, compiles, arguments.repeat)})
            if arguments.peer == "ezkl" and name in committed:
                peers.append({"name": name, **measure_ezkl(folder)})
    text = render(results, peers, arguments.repeat)
    print(text)
    if arguments.write:
        (ROOT / "bench" / "results.md").write_text(text)


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


def called(script: str, *arguments: str | Path) -> dict[str, Any]:
    """What a script of this folder prints as JSON, if anything."""
    return printed(sys.executable, Path(__file__).with_name(script), *arguments)


def printed(*command: str | Path) -> dict[str, Any]:
    """What a command prints as JSON, if anything."""
    process = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(process.stdout or "{}")
    return result


def measure(folder: Path, compiles: int, repeat: int) -> dict[str, Any]:
    """Compiles, proves and verifies so many times in processes, and the calls in one process.

    folder: as prepare.py writes it.
    """
    zkinfer = (sys.executable, "-m", "zkinfer")
    model, calibration, sample = (
        folder / file for file in ("model.onnx", "calibration.npz", "input.npz")
    )
    out, proof = folder / "out", folder / "proof.zkp"
    keys = out / "proving.key", out / "verifying.key"
    compiling = (*zkinfer, "compile", model, "--calibration", calibration, "-o", out, "--force")
    compiled = [timed(compiling) for _ in range(compiles)]
    proves = [timed((*zkinfer, "prove", keys[0], sample, "-o", proof)) for _ in range(repeat)]
    verifies = [timed((*zkinfer, "verify", keys[1], proof, "--json")) for _ in range(repeat)]
    return {
        "compile": statistics.median(seconds for seconds, _ in compiled),
        "compile_memory": max(peak for _, peak in compiled),
        "prove_process": statistics.median(seconds for seconds, _ in proves),
        "prove_memory": max(peak for _, peak in proves),
        "verify_process": statistics.median(seconds for seconds, _ in verifies),
        "proof": proof.stat().st_size,
        "verifying_key": keys[1].stat().st_size,
        "estimate": printed(*zkinfer, "estimate", model, "--json"),
        "fidelity": called("fidelity.py", keys[0], model, folder / "unseen.npz"),
        **called("call.py", *keys, sample, str(repeat)),
    }


def measure_ezkl(folder: Path) -> dict[str, Any]:
    """The same model and input in EZKL, in a process of its own."""
    script = Path(__file__).with_name("peer_ezkl.py")
    command = (sys.executable, script, folder / "model.onnx", folder / "input.npz")
    words = [str(part) for part in command]
    try:
        result = subprocess.run(words, capture_output=True, text=True, timeout=PEER_SECONDS)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {PEER_SECONDS} s"}
    if result.returncode:
        return {"failed": (result.stderr.strip().splitlines() or ["no message"])[-1]}
    measured: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return measured


def near(figures: Mapping[str, Any], estimated: str, name: str) -> str:
    """An estimate of a figure, and what it is of what was measured."""
    value = figures["estimate"][estimated]
    shown = ms if estimated.endswith("seconds") else kib
    return f"{shown(value)} ({value / figures[name]:.2f})"


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


def ms(seconds: float) -> str:
    """A time."""
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def kib(size: int) -> str:
    """A size."""
    return f"{size / 1024:.1f} KiB" if size < 2**20 else f"{size / 2**20:.1f} MiB"


def render(results: list[dict[str, Any]], peers: list[dict[str, Any]], repeat: int) -> str:
    """The whole page."""
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
    fidelities = [
        (
            r["name"],
            str(r["fidelity"]["inputs"]),
            f"{r['fidelity']['agree']:.2%}",
            f"{r['fidelity']['error']:.1e}",
            str(r["fidelity"]["refused"]),
        )
        for r in results
    ]

    estimates = [(r["name"], *(near(r, *names) for names in ESTIMATED)) for r in results]
    parts = [
        "# Measurements",
        f"`python bench/run.py`, median of {repeat}. Commit {commit()}. {machine()}.",
        "Hidden weights and hidden input. A call has the key loaded; a process loads everything.",
        table(head, figures),
        "## Fidelity against onnxruntime, on unseen inputs",
        "Agreement is of the largest of some scores, or of the signs of other numbers. Errors are "
        "over the largest entry of all. `prove` refuses inputs unlike the calibration data.",
        table(("model", "inputs", "agreement", "error", "refused"), fidelities),
        "## Where a prove call spends its time",
        table(("model", "bits", "prove per bit", "solve", *STEPS), steps),
        "## The weights certificate, which compile makes and loading a key checks",
        table(("model", "made", "checked", "size", "compile, peak memory"), certificates),
        "## What `estimate` says before any key, without calibration data",
        "In parentheses over what was measured: calls, peak memory of the prove command, files.",
        table(("model", "prove", "verify", "memory", "proof", "verifying key"), estimates),
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
