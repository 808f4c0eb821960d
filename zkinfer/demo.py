"""`zkinfer demo`: compile, prove and verify on real data, each step in its own process.

The model tells benign from malignant breast tumors by 30 measurements of cell nuclei (an MLP
trained on the Wisconsin data set of scikit-learn). The demo plays three parties and shows what
each of them has and sees. It works in a temporary folder and leaves nothing behind.
"""

import json
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

from zkinfer.errors import UsageError

_CONTEXT = "claim 2024-117"
_CLASSES = ("benign", "malignant")


def run_demo() -> None:
    """Runs the demo. Raises UsageError if a step fails."""
    data = resources.files("zkinfer") / "demo_data"
    with (
        tempfile.TemporaryDirectory(prefix="zkinfer-demo-") as folder,
        resources.as_file(data) as source,
    ):
        _play(Path(folder), source)


def _play(folder: Path, source: Path) -> None:
    keys, proof = folder / "keys", folder / "prediction.zkp"
    proving, verifying = keys / "proving.key", keys / "verifying.key"
    patient = source / "breast_cancer_input.npy"

    _say("1. The model's owner compiles the model once.")
    model = source / "breast_cancer.onnx"
    calibration = source / "breast_cancer_calibration.npz"
    _step("compile", model, "--calibration", calibration, "-o", keys)
    _size("keeps secret", proving, "the weights and what opens the commitment to them")
    _size("publishes   ", verifying, "the architecture and a commitment to the weights")

    _say("2. The prover, who has the proving key and a patient's data, proves a prediction.")
    _step("prove", proving, patient, "-o", proof, "--context", _CONTEXT)
    _size("keeps secret", patient, "30 measurements of one patient")
    _size("sends       ", proof, "the prediction and its proof")

    _say("3. Anybody with the verifying key checks it: no model, no data, no ONNX.")
    output = _step("verify", verifying, proof, "--context", _CONTEXT, "--json")
    statement = json.loads(output)
    scores = next(iter(statement["outputs"].values()))[0]
    label = _CLASSES[scores.index(max(scores))]
    print(f"   sees          scores {scores} -> {label}")
    print(f"   knows         they are the outputs of model {statement['model_commitment'][:16]}…")
    print("                 on some input in the declared domain")
    print("   learns        nothing else about the patient or the weights")

    _say("4. The same proof is worth nothing elsewhere.")
    _refused("verify", verifying, proof, "--context", "another claim")
    damaged = folder / "damaged.zkp"
    content = bytearray(proof.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    _refused("verify", verifying, damaged, "--context", _CONTEXT)


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _run(arguments: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own.

    With -P the installed package is found, not a folder named zkinfer in the working directory.
    """
    command = [sys.executable, "-P", "-m", "zkinfer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def _show(arguments: tuple[str | Path, ...]) -> str:
    """The command as one would type it, with files by their names only."""
    words = [part.name if isinstance(part, Path) else part for part in arguments]
    return "zkinfer " + " ".join(f'"{word}"' if " " in word else word for word in words)


def _step(*arguments: str | Path) -> str:
    """Runs a command that must succeed; returns its output."""
    start = time.perf_counter()
    done = _run(arguments)
    if done.returncode != 0:
        raise UsageError(f"the step `{_show(arguments)}` failed: {done.stderr.strip()}")
    print(f"   $ {_show(arguments)}    [{time.perf_counter() - start:.2f} s]")
    return done.stdout


def _refused(*arguments: str | Path) -> None:
    """Runs a command that must fail and shows what it says."""
    done = _run(arguments)
    if done.returncode == 0:
        raise UsageError(f"the step `{_show(arguments)}` should have been refused")
    print(f"   $ {_show(arguments)}    [exit code {done.returncode}]")
    print(f"     {done.stderr.strip()}")


def _size(verb: str, path: Path, what: str) -> None:
    print(f"   {verb}  {path.name}, {path.stat().st_size} bytes: {what}")
