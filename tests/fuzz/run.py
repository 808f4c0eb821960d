"""Fuzzes the readers of hostile files: `python -m tests.fuzz.run key --seconds 1800`.

Runs libFuzzer (by atheris, `pip install '.[fuzz]'`) over a target of `targets`, from the seeds in
`corpus/`, to the end of the time: what it finds is saved and the search goes on. A finding is an
exception that is no documented error, a call that takes more than a second of processor time or
more memory than docs/formats.md allows, or a crash. Slow inputs count if they are slow without
instrumentation too. `python -m tests.fuzz.run key FILE...` replays inputs.
"""

import argparse
import hashlib
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from zkinfer.errors import ZkinferError

T = TypeVar("T")

FOLDER = Path(__file__).parent
NAMES = ("key", "proof", "data", "model")
MAX_SIZE = 1 << 17
SLOW = 1.0
"""Seconds of processor time that a call may take."""
HANG = 60
"""Seconds after which an input counts as one that never ends."""
RESIDENT_MIB = 3072
PROGRESS = re.compile(r"#(\d+)\s.*cov: (\d+) ft: (\d+)")


class Meter:
    """Runs the calls of a target; keeps the slowest time and what takes too much memory.

    trace: also counts the memory that Python allocates, else the resident memory's growth.
    """

    def __init__(self, *, trace: bool) -> None:
        self.trace = trace
        self.seconds = 0.0
        self.excess = ""

    def __call__(
        self, reader: Callable[[bytes], T], data: bytes, *, python: int, native: int = 0
    ) -> T | None:
        before = self._start()
        start = time.process_time()
        try:
            return reader(data)
        except ZkinferError:
            return None
        finally:
            self.seconds = max(self.seconds, time.process_time() - start)
            taken = self._taken(before)
            limit = 10 * len(data) + python + (0 if self.trace else native)
            if taken > limit:
                self.excess = f"{taken >> 20} MiB of memory; at most {limit >> 20} are allowed"

    def _start(self) -> int:
        if self.trace:
            tracemalloc.reset_peak()
            return tracemalloc.get_traced_memory()[0]
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        return _resident("VmRSS")

    def _taken(self, before: int) -> int:
        if self.trace:
            return tracemalloc.get_traced_memory()[1] - before
        return _resident("VmHWM") - before


def _resident(field: str) -> int:
    """A field of the process's status, in bytes."""
    status = Path("/proc/self/status").read_bytes()
    start = status.index(field.encode()) + len(field) + 1
    return int(status[start : start + 20].split()[0]) << 10


def _replay(target: str, paths: Sequence[Path]) -> int:
    """Runs inputs without instrumentation; prints seconds, memory, and what is wrong."""
    from tests.fuzz import targets

    run, failures = targets.TARGETS[target], 0
    for path in paths:
        data = path.read_bytes()
        quick, traced = Meter(trace=False), Meter(trace=True)
        try:
            run(data, quick)
            if quick.seconds > SLOW:  # the first call of a process also loads and prepares
                quick = Meter(trace=False)
                run(data, quick)
            tracemalloc.start()
            run(data, traced)
            problem = quick.excess or traced.excess
        except Exception as error:
            problem = _described(error)
        finally:
            tracemalloc.stop()
        if not problem and quick.seconds > SLOW:
            problem = "too slow"
        failures += bool(problem)
        print(f"{path}: {quick.seconds:.2f} s{': ' if problem else ''}{problem}", flush=True)
    return int(failures > 0)


def _described(error: BaseException) -> str:
    """The error and where it was raised, on one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {text}"


def _fuzz(target: str, seconds: int, finds: Path, seed: int) -> None:
    """One run of libFuzzer, which ends this process; reports on standard output."""
    import atheris

    with atheris.instrument_imports(include=["zkinfer"]):
        from tests.fuzz import targets
        from tests.fuzz.mutate import mutate

    run, seen, slowest = targets.TARGETS[target], set[str](), 0.0

    def save(kind: str, data: bytes, text: str) -> None:
        path = finds / f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}"
        path.write_bytes(data)
        print(f"{kind}\t{path}\t{text}", flush=True)

    def one(data: bytes) -> None:
        nonlocal slowest
        meter = Meter(trace=False)
        try:
            run(data, meter)
            problem = meter.excess
        except Exception as error:
            problem = _described(error)
        what = problem if problem != meter.excess else problem and "memory"
        if problem and what not in seen:
            seen.add(what)
            save("finding", data, problem)
        if meter.seconds > 1.2 * slowest:
            slowest = meter.seconds
            save("slow", data, f"{slowest:.3f}")

    def changed(data: bytes, limit: int, number: int) -> bytes:
        def scramble(part: bytes) -> bytes:
            return atheris.Mutate(part, max(1, min(limit, 2 * len(part) + 16)))

        made = mutate(target, data, random.Random(number), scramble)  # noqa: S311
        return made if len(made) <= limit else scramble(data)

    queue = finds / "queue"
    options = [
        f"-max_len={MAX_SIZE}",
        f"-timeout={HANG}",
        f"-rss_limit_mb={RESIDENT_MIB}",
        f"-max_total_time={seconds}",
        f"-artifact_prefix={finds}/",
        f"-seed={seed}",
    ]
    arguments = [sys.argv[0], *options, str(queue), str(FOLDER / "corpus" / target)]
    atheris.Setup(arguments, one, custom_mutator=changed)
    atheris.Fuzz()


def _watch(target: str, seconds: int, finds: Path) -> int:
    """Runs libFuzzer, again whenever an input ends it, and prints a summary."""
    (finds / "queue").mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    executions, coverage, features, slowest, seed = 0, 0, 0, ("", 0.0), 0
    findings: dict[str, str] = {}
    while (left := int(end - time.monotonic())) > 0:
        seed += 1
        command = [sys.executable, "-m", "tests.fuzz.run", target, "--finds", str(finds)]
        command += ["--seconds", str(left), "--one", str(seed)]
        count, last = 0, ""
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if found := PROGRESS.match(line):
                    count = int(found[1])
                    coverage, features = max(coverage, int(found[2])), max(features, int(found[3]))
                elif line.startswith("finding\t"):
                    _, path, text = line.rstrip().split("\t", 2)
                    if text not in findings.values():
                        findings[path] = text
                        print(f"{path}: {text}", flush=True)
                elif line.startswith("slow\t"):
                    _, path, text = line.rstrip().split("\t", 2)
                    if float(text) > slowest[1]:
                        slowest = (path, float(text))
                else:
                    last = line.strip() or last
        executions += count
        if process.returncode:
            ended = [p for k in ("crash", "timeout", "oom") for p in finds.glob(f"{k}-*")]
            new = [path for path in ended if str(path) not in findings]
            for path in new:
                findings[str(path)] = f"the process ended: {path.name.partition('-')[0]}"
                print(f"{path}: {findings[str(path)]}", flush=True)
            if not new:
                print(f"libFuzzer stopped by itself: {last}", file=sys.stderr)
                break
    print(f"{executions} executions, coverage {coverage}, features {features}")
    if slowest[0]:
        print("slowest input, with instrumentation and then without:")
        print(f"{slowest[0]}: {slowest[1]:.2f} s")
        replay = [sys.executable, "-m", "tests.fuzz.run", target, slowest[0]]
        if subprocess.run(replay, check=False).returncode:
            findings.setdefault(slowest[0], "slow")
    print(f"{len(findings)} findings")
    return int(bool(findings))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to replay")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--finds", type=Path, help="folder for findings and new inputs")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.files:
        return _replay(given.target, given.files)
    try:
        import atheris  # noqa: F401
    except ModuleNotFoundError:
        print("fuzzing needs atheris: pip install 'zkinfer[fuzz]'", file=sys.stderr)
        return 2
    finds = given.finds or Path(tempfile.mkdtemp(prefix="zkinfer-fuzz-"))
    if given.one is not None:
        _fuzz(given.target, given.seconds, finds, given.one)
    return _watch(given.target, given.seconds, finds)


if __name__ == "__main__":
    sys.exit(main())
