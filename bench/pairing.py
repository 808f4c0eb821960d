"""Measures the backend groth16, and peers if asked: one command, one run.

    python bench/pairing.py [--models logistic,...] [--repeat 3] [--peer snarkjs,zokrates,zksnake]
        [--peers FOLDER] [--write]

The models are MLPs as peers have them, with random weights and on digits, and classical models of
breast cancer that scikit-learn fits. Each is compiled and proved in processes of its own; calls are
those of a process that has the keys loaded. Peers run on the small MLP, and snarkjs on both, with
the same weights and the same input in fixed point: they are installed into FOLDER (a new one that
is removed, if it is not given), where powers of tau are kept too, and what is missing is said.
--write puts the tables into bench/pairing.md.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from run import ROOT, commit, kib, machine, ms, near, table

sys.path.insert(0, str(ROOT))

from models.export import GraphWriter
from models.nn import he_normal

HERE = Path(__file__).resolve().parent
UNSEEN = 100
"""Inputs that compile does not see, on which labels are compared with onnxruntime's."""

ESTIMATED = (
    ("setup_seconds", "setup"),
    ("prove_seconds", "prove"),
    ("verify_seconds", "verify"),
    ("prove_memory_bytes", "memory"),
    ("verifying_key_bytes", "verifying"),
    ("proving_key_bytes", "proving"),
)
SECONDS = 7200
"""At most, for each process; a peer's may have to make powers of tau first."""

PROVE = """
import sys
from zkinfer.cli import main
code = main(["prove", *sys.argv[1:]])
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(int(peak.split()[1]) << 10)
sys.exit(code)
"""
"""The verb, and then the peak of the process's resident bytes as the kernel counts them."""

SMALL = (4, 16, 8, 3)
PEERS = {"snarkjs": "circom and snarkjs", "zokrates": "ZoKrates", "zksnake": "zksnake"}
LARGE = ("snarkjs",)
"""Those that also run on the large MLP."""


@dataclass(frozen=True)
class Model:
    """title: what the tables call it. prepared: its name in prepare.py, or none of the small MLP.
    options: those of compile. layers: of an MLP its widths, for its peers.
    """

    title: str
    prepared: str
    options: tuple[str, ...]
    layers: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()


UNCHECKED, CHECKED = ("--weight-ranges", "unchecked"), ("--weight-ranges", "checked")
MODELS: Mapping[str, Model] = {
    "mlp_4_16_8_3": Model("MLP 4-16-8-3, ranges unchecked", "", UNCHECKED, SMALL, (*PEERS,)),
    "mlp_784_128_10": Model(
        "MLP 784-128-10, ranges unchecked",
        "mlp_784_128_10",
        UNCHECKED,
        (784, 128, 10),
        ("snarkjs",),
    ),
    "logistic": Model(
        "logistic regression, 30 features, probabilities and label public, ranges checked",
        "cancer_logistic_regression_classifier",
        CHECKED,
    ),
    "logistic_label": Model(
        "logistic regression, 30 features, label alone public, ranges checked",
        "cancer_logistic_regression_classifier",
        (*CHECKED, "--output", "label"),
    ),
    "boosting": Model(
        "gradient boosting, 50 trees of depth 4, ranges unchecked",
        "cancer_gradient_boosting_classifier",
        UNCHECKED,
    ),
    "lenet5": Model("LeNet-5, ranges unchecked", "lenet5", UNCHECKED),
}


class FailedError(Exception):
    """Why a step of a model failed, in a sentence."""


def main() -> None:
    """Parses the command line, measures, prints and maybe writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS), help="of " + ", ".join(MODELS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peer", default="", help="of " + ", ".join(PEERS))
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="where peers are installed")
    parser.add_argument("--write", action="store_true", help="write bench/pairing.md")
    given = parser.parse_args()
    chosen, peers = given.models.split(","), [name for name in given.peer.split(",") if name]
    for name, known in [(n, MODELS) for n in chosen] + [(n, PEERS) for n in peers]:
        if name not in known:
            parser.error(f"there is no {name}; there are {', '.join(known)}")
    rows, others = [], []
    with tempfile.TemporaryDirectory() as scratch:
        tools = (given.peers or Path(scratch) / "peers").resolve()
        tools.mkdir(parents=True, exist_ok=True)
        for name in chosen:
            folder = Path(scratch) / name
            folder.mkdir()
            rows.append({"model": MODELS[name].title, **measured(MODELS[name], folder, given)})
            print(rows[-1], file=sys.stderr, flush=True)
            for peer in [peer for peer in peers if peer in MODELS[name].peers]:
                figures = by_peer(peer, folder, MODELS[name].layers, tools)
                others.append({"model": MODELS[name].title, "peer": PEERS[peer], **figures})
                print(others[-1], file=sys.stderr, flush=True)
    words = ["FOLDER" if Path(word) == given.peers else word for word in sys.argv[1:]]
    text = page(rows, others, given.repeat, words)
    print(text)
    if given.write:
        (HERE / "pairing.md").write_text(text)


def measured(model: Model, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The figures of a model, or which step failed, and why."""
    program = (sys.executable, "-m", "zkinfer")
    calibration, x = folder / "calibration.npz", folder / "input.npz"
    groth16 = ("--backend", "groth16", "--insecure-setup", *model.options)
    key = folder / "proving.key"
    try:
        prepare(model, folder)
        compiling = ("compile", folder / "model.onnx", "--calibration", calibration, "-o", folder)
        seconds, _ = ran("compile", *program, *compiling, *groth16)
        found: dict[str, Any] = {"compile": seconds}
        proving = (sys.executable, "-c", PROVE, key, x, "-o", folder / "proof.zkp")
        found["process"], printed = ran("prove", *proving)
        found["memory"] = int(printed.splitlines()[-1])
        calls = (sys.executable, HERE / "pairing_call.py", folder, str(given.repeat))
        found |= json.loads(ran("calls", *calls)[1].splitlines()[-1])
        comparing = (HERE / "pairing_labels.py", key, folder / "model.onnx", folder / "unseen.npz")
        found |= json.loads(ran("labels", sys.executable, *comparing)[1].splitlines()[-1])
        estimating = ("estimate", *compiling[1:4], "--json", *groth16[:2], *model.options)
        found["estimate"] = json.loads(ran("estimate", *program, *estimating)[1])
    except FailedError as error:
        return {"failed": str(error)}
    sizes = {name: (folder / f"{name}.key").stat().st_size for name in ("proving", "verifying")}
    return {**found, **sizes}


def prepare(model: Model, folder: Path) -> None:
    """Writes model.onnx, calibration.npz, input.npz and unseen.npz."""
    if model.prepared:
        ran("prepare", sys.executable, HERE / "prepare.py", model.prepared, folder, str(UNSEEN))
        return
    rng = np.random.default_rng(14)
    writer, name = GraphWriter("mlp", "x", SMALL[:1]), "x"
    for layer, (inputs, outputs) in enumerate(pairwise(SMALL), start=1):
        bias = rng.normal(0, 0.2, outputs).astype(np.float32)
        name = writer.gemm(f"fc{layer}", name, he_normal(rng, (outputs, inputs)), bias)
        if layer < len(SMALL) - 1:
            name = writer.relu(f"relu{layer}", name)
    writer.save(folder / "model.onnx", name, "scores", SMALL[-1:])
    for file, count in (("calibration", 1000), ("unseen", UNSEEN)):
        np.savez(folder / f"{file}.npz", x=rng.random((count, SMALL[0]), np.float32))
    with np.load(folder / "unseen.npz") as unseen:
        np.savez(folder / "input.npz", x=unseen["x"][:1])


def by_peer(peer: str, folder: Path, layers: Sequence[int], tools: Path) -> dict[str, Any]:
    """The figures of a peer on an MLP, or why there are none."""
    files = (folder / "model.onnx", folder / "input.npz", "-".join(map(str, layers)), tools)
    try:
        _, printed = ran(peer, sys.executable, HERE / f"peer_{peer}.py", *files)
    except FailedError as error:
        return {"failed": str(error)}
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def ran(step: str, *command: str | Path) -> tuple[float, str]:
    """Seconds of a process, and what it prints. Raises FailedError."""
    print(f"{step} ...", file=sys.stderr, flush=True)
    start = time.perf_counter()
    words = [str(part) for part in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, cwd=ROOT)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{step}: not done after {SECONDS} s") from None
    if done.returncode:
        raise FailedError(f"{step}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return time.perf_counter() - start, done.stdout


def page(
    rows: Sequence[dict[str, Any]],
    others: Sequence[dict[str, Any]],
    repeat: int,
    words: Sequence[str],
) -> str:
    """The whole page. words: those of the command line."""
    done = [row for row in rows if "failed" not in row]
    failed = [f"- {row['model']}: {row['failed']}" for row in rows if "failed" in row]
    times = [
        (
            row["model"],
            f"{row['constraints']:,}",
            ms(row["setup"]),
            ms(row["compile"]),
            ms(row["prove"]),
            ms(row["process"]),
            kib(row["memory"]),
            ms(row["verify"]),
            ms(row["accept"]),
            ms(row["reference"]),
        )
        for row in done
    ]
    sizes = [
        (
            row["model"],
            str(row["public"]),
            f"{row['proof']} B",
            f"{row['standard_key']:,} B",
            kib(row["verifying"]),
            kib(row["proving"]),
            "not measured" if row["gas"] is None else f"{row['gas']:,}",
            f"{row['same']} of {row['inputs']}",
            str(row["refused"]),
        )
        for row in done
    ]
    estimates = [
        (
            row["model"],
            f"{(rows := row['estimate']['circuit']['constraint_rows']):,} "
            f"({rows / row['constraints']:.2f})",
            *(near(row, *names) for names in ESTIMATED),
        )
        for row in done
    ]
    parts = [
        "# The pairing backend",
        f"`python {shlex.join(['bench/pairing.py', *words])}`, median of {repeat} calls. "
        f"Commit {commit()}. {machine()}.",
        "Hidden weights and hidden input. Compile is a process, with a setup on this machine, and "
        "setup is that setup alone. A prove process loads the key; peak memory is its. Calls have "
        "the keys loaded; to accept a key is to read it and to check that its commitment can be "
        "opened. In plain Python is the verifier on py_ecc, with the model's key read.",
        table(
            ("model", "constraints", "setup", "compile, process", "prove, call", "prove, process",
             "prove, peak memory", "verify", "accept a key", "verify in plain Python"),
            times,
        ),
        "The model's key is what other verifiers take, of the public signals alone; the verifying "
        "key has the bases of the weights besides. Gas is that of a transaction that calls the "
        f"contract. Labels are those of the network in integers on {UNSEEN} inputs that compile "
        "has not seen, against onnxruntime's; `prove` refuses inputs unlike the calibration data.",
        table(
            ("model", "public signals", "proof", "model's key", "verifying key", "proving key",
             "gas", "labels", "refused"),
            sizes,
        ),
        "What `estimate` says before any key, of the same calibration data; in parentheses over "
        "what was measured: the setup alone, calls, the peak memory of the prove process, files.",
        table(
            ("model", "constraints", "setup", "prove", "verify", "memory", "verifying key",
             "proving key"),
            estimates,
        ),
        *(["Not the whole way:", "\n".join(failed)] if failed else []),
    ]  # fmt: skip
    if others:
        parts += peers_page(others)
    return "\n\n".join(parts) + "\n"


def peers_page(others: Sequence[dict[str, Any]]) -> list[str]:
    """The part about peers."""
    figures = [
        (
            row["peer"],
            row["model"],
            *(row["failed"], "", "", "", "", ""),
        )
        if "failed" in row
        else (
            row["peer"],
            row["model"],
            f"{row['constraints']:,}",
            ms(row["compile"]),
            ms(row["setup"]),
            ms(row["prove"]),
            ms(row["verify"]),
            kib(row["memory"]),
        )
        for row in others
    ]
    return [
        "## Peers in the same run",
        "The same weights, as private inputs that no key binds, and the same input, with 12 bits "
        "behind the point and sums of 36 bits. Compile makes the circuit, and setup its keys, "
        "without the powers of tau and contributions. Times of circom and snarkjs are those of "
        "processes, those of the others of calls. Prove includes the witness, but zksnake's, which "
        "takes circom's circuit and witness. What was proved are the integers that numpy computes.",
        table(
            ("peer", "model", "constraints", "compile", "setup", "prove", "verify", "peak memory"),
            figures,
        ),
    ]


if __name__ == "__main__":
    main()
