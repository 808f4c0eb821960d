"""Commands in processes of their own, with a signal at a chosen moment."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.robustness.case import MODELS

HANG = 600
"""Seconds after which a process is taken to hang."""

NEVER = f"step:{10**9}"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FIXED = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
"""The environment of processes that always take the same steps."""
SCRIPT = (sys.executable, "-P", str(Path(__file__).with_name("moments.py")))


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code, output, and what moments.py reports."""

    code: int
    out: bytes
    err: bytes
    report: dict[str, Any]


def compile_into(folder: str, *more: str) -> list[str]:
    calibration = str(MODELS / "breast_cancer_calibration.npz")
    model = str(MODELS / "breast_cancer.onnx")
    return ["compile", model, "--calibration", calibration, "-o", folder, *more]


def prove_into(key: Path, proof: str) -> list[str]:
    return ["prove", str(key), str(MODELS / "breast_cancer_input.npy"), "-o", proof]


def start(
    folder: Path,
    command: list[str],
    moment: str = NEVER,
    name: str = "SIGINT",
    *,
    ignoring: bool = False,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Starts a command in a folder, in a session of its own.

    Its temporary folder is `tmp` beside the folder, and its report is `report` there. It ignores
    signals or not as `ignoring` says, whatever the process does that runs the tests. It takes as
    many steps as any other of its kind: what bytecode there is does not change.
    """

    def set_signals() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN if ignoring else signal.SIG_DFL)

    temporary = folder.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    (folder.parent / "report").write_text("{}")
    return subprocess.Popen(
        [*SCRIPT, str(folder.parent / "report"), name, moment, *command],
        cwd=folder,
        env=os.environ | FIXED | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=stderr,
        preexec_fn=set_signals,
        start_new_session=True,
    )


def run(folder: Path, command: list[str], *choice: str, **options: Any) -> Ended:
    """Runs a command as `start` does, to its end."""
    process = start(folder, command, *choice, **options)
    out, err = process.communicate(timeout=HANG)
    report = json.loads((folder.parent / "report").read_text())
    return Ended(process.returncode, out, err or b"", report)


def draw_moments(whole: Ended, seconds: float, count: int, seed: int) -> Iterator[str]:
    """Steps of the whole run, as many close to files and terminal, and as many of CPU time."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield f"step:{rng.integers(whole.report['steps'])}"
        yield f"step:{rng.choice(whole.report['close'])}"
        yield f"cpu:{rng.uniform(0, 1.2 * seconds):.4f}"


def content(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder: files by their bytes, folders by None."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
