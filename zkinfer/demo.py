"""`zkinfer demo`: compile, prove and verify on real data, each step in its own process.

The model tells benign from malignant breast tumors by 30 measurements of cell nuclei (an MLP
trained on the Wisconsin data set of scikit-learn). The demo plays three parties and shows what
each of them has and sees. It works in a temporary folder and leaves nothing behind, unless it is
told a folder to keep.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from zkinfer.errors import UsageError
from zkinfer.files import StrPath, check_parent, reason
from zkinfer.interrupts import held_back, undone

_CONTEXT = "claim 2024-117"
_CLASSES = ("benign", "malignant")


def run_demo(keep: StrPath | None = None) -> None:
    """Runs the demo. keep: a new folder for its files, the model and its data among them.

    Raises UsageError if a step fails, or if there can be no such folder.
    """
    target = None if keep is None else Path(keep).absolute()
    if target is not None:
        check_parent(target)
        if os.path.lexists(target):
            raise UsageError(f"{target} exists already; name a new folder to keep the files in")
    data = resources.files("zkinfer") / "demo_data"
    with resources.as_file(data) as source, _temporary_folder(target) as folder:
        _Stage(folder).play(source)
        if target is not None:
            for file in source.iterdir():
                shutil.copyfile(file, folder / file.name)
            folder.rename(target)
            _say(f"All of these files are in {target}.")


@contextmanager
def _temporary_folder(target: Path | None) -> Iterator[Path]:
    """A new folder of this user alone, beside a target if there is one; gone after the block,
    however that ends.
    """
    parent = Path(tempfile.gettempdir()) if target is None else target.parent
    folder = parent / f"zkinfer-demo-{secrets.token_hex(8)}"

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    with undone(remove):
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise UsageError(f"cannot make the folder {folder}: {reason(error)}") from error
        yield folder
        remove()


@dataclass(frozen=True)
class _Stage:
    """The folder that all commands run in."""

    folder: Path

    def play(self, source: Path) -> None:
        """Plays the three parties."""
        proving, verifying, proof = "keys/proving.key", "keys/verifying.key", "prediction.zkp"
        model = source / "breast_cancer.onnx"
        calibration = source / "breast_cancer_calibration.npz"
        patient = source / "breast_cancer_input.npy"

        _say("1. The model's owner compiles the model once.")
        self._step("compile", model, "--calibration", calibration, "-o", "keys")
        self._size("keeps secret", proving, "the weights and what opens the commitment to them")
        self._size("publishes   ", verifying, "the architecture and a commitment to the weights")

        _say("2. The prover, who has the proving key and a patient's data, proves a prediction.")
        self._step("prove", proving, patient, "-o", proof, "--context", _CONTEXT)
        self._size("keeps secret", patient, "30 measurements of one patient")
        self._size("sends       ", proof, "the prediction and its proof")

        _say("3. Anybody with the verifying key checks it: no model, no data, no ONNX.")
        output = self._step("verify", verifying, proof, "--context", _CONTEXT, "--json")
        statement = json.loads(output)
        (scores,) = statement["outputs"]["scores"]
        print(f"   sees          scores {scores}: {_CLASSES[scores.index(max(scores))]}")
        print(
            f"   knows         they are what model {statement['model_commitment'][:16]}… computes"
        )
        print("                 on some input in the declared domain")
        print("   learns        nothing else about the patient or the weights")

        _say("4. The same proof is worth nothing elsewhere, and nothing once it is touched.")
        self._refused("verify", verifying, proof, "--context", "another claim")
        content = bytearray((self.folder / proof).read_bytes())
        content[len(content) // 2] ^= 1
        (self.folder / "damaged.zkp").write_bytes(content)
        self._refused("verify", verifying, "damaged.zkp", "--context", _CONTEXT)

    def _run(self, arguments: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
        """Runs the command line in a process of its own.

        With -P the installed package is found, not a folder named zkinfer near the demo.
        """
        command = [sys.executable, "-P", "-m", "zkinfer", *map(str, arguments)]
        pipe = subprocess.PIPE
        with ExitStack() as stack:
            with held_back():
                process = subprocess.Popen(  # noqa: S603
                    command, cwd=self.folder, stdout=pipe, stderr=pipe, text=True
                )
                stack.enter_context(undone(lambda: _stop(process)))
            out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def _step(self, *arguments: str | Path) -> str:
        """Runs a command that must succeed; returns its output."""
        start = time.perf_counter()
        done = self._run(arguments)
        if done.returncode != 0:
            raise UsageError(f"the step `{_shown(arguments)}` failed: {done.stderr.strip()}")
        print(f"   $ {_shown(arguments)}    [{time.perf_counter() - start:.2f} s]")
        return done.stdout

    def _refused(self, *arguments: str | Path) -> None:
        """Runs a command that must fail and shows what it says."""
        done = self._run(arguments)
        if done.returncode == 0:
            raise UsageError(f"the step `{_shown(arguments)}` should have been refused")
        print(f"   $ {_shown(arguments)}    [exit code {done.returncode}]")
        print(f"     {done.stderr.strip()}")

    def _size(self, verb: str, path: str | Path, what: str) -> None:
        file = self.folder / path
        print(f"   {verb}  {file.name}, {file.stat().st_size} bytes: {what}")


def _stop(process: subprocess.Popen[str]) -> None:
    """Ends a process that may be running. Its own lock may be held by the code interrupted."""
    process.kill()
    with suppress(ChildProcessError):
        os.waitpid(process.pid, 0)


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _shown(arguments: tuple[str | Path, ...]) -> str:
    """The command as one would type it, with files of the package by their names only."""
    words = [part.name if isinstance(part, Path) else part for part in arguments]
    return "zkinfer " + " ".join(f'"{word}"' if " " in word else word for word in words)
