"""Measures committed data: committing, one record, batches, and accuracy over a set.

    python bench/data.py [--rows commit,record,batch,accuracy,ray] [--write]

The data are 1,000 digits of MNIST that no model was trained on, and a table of random numbers. Each
figure is that of one run; "process" is a fresh command with everything that it loads. `ray` needs
the package ray, and starts a cluster of one core and one of two on this machine. --write puts the
table into bench/data.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from run import ROOT, commit, kib, machine, ms, table

sys.path.insert(0, str(ROOT))

import zkinfer
from models.data import mnist

Row = tuple[str, str]

ZKINFER = (sys.executable, "-m", "zkinfer")
BATCH = 64
RAY_PORT = "26379"


def main() -> None:
    """Parses the command line, measures, prints and maybe writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default=",".join(MEASURED), help="of " + ", ".join(MEASURED))
    parser.add_argument("--write", action="store_true", help="write bench/data.md")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _digits(folder)
        for name in arguments.rows.split(","):
            if name not in MEASURED:
                parser.error(f"there is no {name}; there are {', '.join(MEASURED)}")
            print(f"{name} ...", file=sys.stderr, flush=True)
            for row in MEASURED[name](folder):
                print(*row, sep=": ", file=sys.stderr, flush=True)
                rows.append(row)
    text = "\n\n".join(
        [
            "# Committed data",
            f"{machine()}; commit {commit()}; `python bench/data.py --write`.",
            table(("what", "figure"), rows),
        ]
    )
    print(text)
    if arguments.write:
        (ROOT / "bench" / "data.md").write_text(text + "\n")


def committing(folder: Path) -> Iterator[Row]:
    """Committing to digits and to a large table."""
    rng = np.random.default_rng(1)
    np.save(folder / "table.npy", rng.normal(size=(1_000_000, 30)).astype(np.float32))
    for what, name in (("1,000 digits", "digits"), ("a table of 1,000,000 x 30", "table")):
        seconds, memory = _timed("commit", folder / f"{name}.npy", "-o", folder / name, "--force")
        size = (folder / f"{name}.commitment").stat().st_size
        yield f"commit to {what}", f"{ms(seconds)}, {kib(memory)}, file of {kib(size)}"


def record(folder: Path) -> Iterator[Row]:
    """One prediction of LeNet-5 on a committed input, against a hidden one."""
    digits, opening = _opened(folder)
    hidden = _compiled("lenet5")
    committed = _compiled("lenet5", input="committed", data=opening.commitment)
    mine = _median(lambda: zkinfer.prove(hidden, digits[:1]))
    theirs = _median(lambda: zkinfer.prove(committed, data=opening, record=0))
    yield (
        "LeNet-5 on a committed digit, call",
        f"{ms(theirs)}; {theirs / mine:.2f} of that on a hidden one",
    )


def batch(folder: Path) -> Iterator[Row]:
    """Many inputs of LeNet-5 in one proof, against as many proofs."""
    digits, _ = _opened(folder)
    one, many = _compiled("lenet5"), _compiled("lenet5", batch=BATCH)
    single = _median(lambda: zkinfer.prove(one, digits[:1]))
    whole = _median(lambda: zkinfer.prove(many, digits[:BATCH, None]), repeat=3)
    sizes = [
        len(zkinfer.prove(key, x).to_bytes())
        for key, x in ((one, digits[:1]), (many, digits[:BATCH, None]))
    ]
    yield (
        f"{BATCH} inputs of LeNet-5 in one proof, call",
        f"{ms(whole)}, {kib(sizes[1])}; {whole / single / BATCH:.2f} of the time and "
        f"{sizes[1] / sizes[0] / BATCH:.3f} of the size of {BATCH} proofs",
    )


def accuracy(folder: Path) -> Iterator[Row]:
    """How often networks are right on all digits, proved and verified in processes."""
    for model, data, size in (("mlp_784_128_10", "flat", 500), ("lenet5", "digits", BATCH)):
        keys = _keys(folder, model, data, size)
        parts = folder / f"{model} parts"
        seconds, memory = _timed(
            "evaluate", keys / "proving.key", *_data(folder, data), "-o", parts
        )
        checking = ("verify", keys / "verifying.key", parts, *_data(folder, data, "commitment"))
        checked, _ = _timed(*checking)
        proofs = [path.stat().st_size for path in parts.iterdir()]
        yield (
            f"accuracy of {model} on 1,000 digits, {size} in a proof, process",
            f"prove {ms(seconds)}, {kib(memory)}; verify {ms(checked)}; {kib(sum(proofs))}",
        )


def ray(folder: Path) -> Iterator[Row]:
    """The accuracy of LeNet-5 on clusters of one core and of two."""
    keys = _keys(folder, "lenet5", "digits", BATCH)
    os.environ["RAY_AUTH_MODE"] = "disabled"  # of a cluster that nobody else can reach
    times = []
    for cores in (1, 2):
        program = str(Path(sys.executable).with_name("ray"))
        options = ("--head", f"--port={RAY_PORT}", "--include-dashboard=false")
        subprocess.run(
            [program, "start", *options, f"--num-cpus={cores}", "--disable-usage-stats"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            parts = folder / f"ray {cores}"
            where = ("--ray", f"127.0.0.1:{RAY_PORT}", "-o", parts)
            seconds, _ = _timed("evaluate", keys / "proving.key", *_data(folder, "digits"), *where)
        finally:
            subprocess.run([program, "stop"], check=True, stdout=subprocess.DEVNULL)
        times.append(seconds)
    yield (
        "accuracy of LeNet-5 on 1,000 digits, Ray with one core and with two, process",
        f"{ms(times[0])}, {ms(times[1])}: {times[0] / times[1]:.2f} times",
    )


MEASURED: dict[str, Callable[[Path], Iterator[Row]]] = {
    "commit": committing,
    "record": record,
    "batch": batch,
    "accuracy": accuracy,
    "ray": ray,
}


def _digits(folder: Path) -> None:
    """Digits in both shapes, and their labels, committed to."""
    data = mnist()
    arrays = {"digits": data.unseen_x, "flat": data.unseen_x.reshape(1000, -1)}
    for name, array in {**arrays, "labels": data.unseen_y}.items():
        np.save(folder / f"{name}.npy", array)
        _timed("commit", folder / f"{name}.npy", "-o", folder / name)


def _opened(folder: Path) -> tuple[np.ndarray, zkinfer.DataOpening]:
    return np.load(folder / "digits.npy"), zkinfer.DataOpening.load(folder / "digits.opening")


def _data(folder: Path, name: str, kind: str = "opening") -> tuple[str | Path, ...]:
    return "--data", folder / f"{name}.{kind}", "--labels", folder / f"labels.{kind}"


def _keys(folder: Path, model: str, data: str, size: int) -> Path:
    """The folder of keys for accuracy."""
    keys = folder / f"{model} keys"
    if not keys.exists():
        path, words = ROOT / "models" / f"{model}.onnx", ("--input", "committed")
        _timed(
            *("compile", path, "--calibration", _calibration(model), "-o", keys, *words),
            *("--data", folder / f"{data}.commitment", "--output", "accuracy", "--batch", size),
        )
    return keys


def _calibration(model: str) -> Path:
    return ROOT / "models" / f"{model}_calibration.npz"


def _compiled(model: str, **options: object) -> zkinfer.ProvingKey:
    with np.load(_calibration(model)) as file:
        samples = dict(file)
    path = ROOT / "models" / f"{model}.onnx"
    return zkinfer.compile(path, calibration=samples, **options).proving_key


def _timed(*words: object) -> tuple[float, int]:
    """Seconds and peak memory of a command, from a process that is small: what starts a process
    counts as its own memory.
    """
    small = "import json, sys, run; print(json.dumps(run.timed(sys.argv[1:])))"
    command = (sys.executable, "-c", small, *ZKINFER, *(str(word) for word in words))
    done = subprocess.run(command, cwd=ROOT / "bench", check=True, stdout=subprocess.PIPE)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def _median(call: Callable[[], object], repeat: int = 7) -> float:
    call()
    times: Sequence[float] = sorted(_seconds(call) for _ in range(repeat))
    return times[repeat // 2]


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
