"""Signals at any moment of every command, and of programs that use zkinfer as a library.

A command ends with 130 after Ctrl-C and has left nothing, or with 0 and has done all: whatever it
was doing. Moments are drawn and do not depend on the machine's speed; see moments.py.
ZKINFER_MOMENTS=500 draws three times so many for each command.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import zkinfer
from tests.networks import Net
from tests.robustness.case import Case
from tests.robustness.runs import (
    HANG,
    Ended,
    compile_into,
    content,
    draw_moments,
    prove_into,
    run,
    start,
)
from zkinfer import files, interrupts
from zkinfer.files import NewFile, made_folder, write_files
from zkinfer.keys import make_keys

MOMENTS = int(os.environ.get("ZKINFER_MOMENTS", "1"))
OUTPUTS = ("proving.key", "verifying.key", "report.json", "report.html")
WIPE = b"\r\x1b[K"


@pytest.fixture(scope="module")
def made(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys and a proof."""
    folder = tmp_path_factory.mktemp("made")
    case.proving_key.save(folder / "proving.key")
    case.verifying_key.save(folder / "verifying.key")
    case.proof.save(folder / "proof.zkp")
    return folder


@dataclass(frozen=True)
class Verb:
    """A command for the tests. `MADE` in its words stands for the folder of keys."""

    words: list[str]
    seconds: float
    """CPU time that it takes about."""
    before: dict[str, bytes] = field(default_factory=dict)
    """Files that are there before."""
    signal: str = "SIGINT"

    def at(self, made: Path) -> list[str]:
        return [word.replace("MADE", str(made)) for word in self.words]


OLD = {f"a/b/{name}": b"old" for name in OUTPUTS}
VERBS = {
    "compile": Verb(compile_into("a/b"), 0.6),
    "compile --force": Verb(compile_into("a/b", "--force"), 0.6, OLD),
    "prove": Verb(prove_into(Path("MADE/proving.key"), "p.zkp"), 0.3),
    "verify": Verb(["verify", "MADE/verifying.key", "MADE/proof.zkp"], 0.3),
    "inspect": Verb(["inspect", "MADE/proving.key"], 0.3),
    "demo": Verb(["demo"], 0.2),
    "demo in a terminal": Verb(["demo"], 0.2, signal="SIGINT*"),
}


def prepare(folder: Path, verb: Verb) -> Path:
    folder.mkdir(parents=True)
    for name, data in verb.before.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def check_ended(ended: Ended, whole: Ended, moment: str) -> bool:
    """Whether the command did its work; else it must have ended as an interrupted one does."""
    met = ended.report.get("handler")
    if ended.code == 0:
        assert met != "default", moment
        assert ended.out.count(b"\n") == whole.out.count(b"\n"), moment
        assert ended.err == b"", moment
        return True
    if ended.code == -signal.SIGINT:
        # The interpreter had not come to zkinfer's first line.
        assert (met or "default", ended.out) == ("default", b""), moment
        return False
    assert (ended.code, ended.err) == (130, b""), moment
    assert met in (None, "zkinfer"), moment
    return False


@pytest.mark.parametrize("name", VERBS)
def test_any_moment(made: Path, tmp_path: Path, name: str) -> None:
    verb = VERBS[name]
    folder = prepare(tmp_path / "whole/in", verb)
    whole = run(folder, verb.at(made))
    assert (whole.code, whole.err) == (0, b"")
    all_files = set(content(folder))
    for number, moment in enumerate(draw_moments(whole, verb.seconds, MOMENTS, seed=len(name))):
        folder = prepare(tmp_path / str(number) / "in", verb)
        before = content(folder)
        ended = run(folder, verb.at(made), moment, verb.signal)
        after = content(folder)
        if check_ended(ended, whole, moment):
            assert set(after) == all_files, moment
            assert not any(after[name] == data for name, data in verb.before.items()), moment
            check_whole(folder)
        else:
            assert after == before, moment
        assert content(folder.parent / "tmp") == {}, moment


def check_whole(folder: Path) -> None:
    for path in folder.rglob("*.key"):
        (zkinfer.ProvingKey if path.name == "proving.key" else zkinfer.VerifyingKey).load(path)
    for path in folder.rglob("*.zkp"):
        zkinfer.Proof.load(path)


def test_no_child_is_left(made: Path, tmp_path: Path) -> None:
    """A signal to the demo alone ends the step that it runs too."""
    folder = prepare(tmp_path / "in", VERBS["demo"])
    (*_, last) = run(folder, ["demo"]).report["close"]
    rng = np.random.default_rng(0)
    for step in rng.integers(last // 2, last, 2 * MOMENTS):
        process = start(folder, ["demo"], f"step:{step}")
        process.communicate(timeout=HANG)
        assert process.returncode == 130
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals(made: Path, tmp_path: Path, number: signal.Signals) -> None:
    verb = VERBS["compile"]
    whole = run(prepare(tmp_path / "whole/in", verb), verb.at(made))
    (step,) = np.random.default_rng(number).choice(whole.report["close"][10:-100], 1)
    folder = prepare(tmp_path / "in", verb)
    ended = run(folder, verb.at(made), f"step:{step}", number.name)
    assert (ended.code, ended.out, ended.err) == (128 + number, b"", b""), step
    assert content(folder) == {}


def test_ignored_signals_stay_ignored(made: Path, tmp_path: Path) -> None:
    """As after nohup, or in a background job of a shell without job control."""
    verb = VERBS["prove"]
    whole = run(prepare(tmp_path / "whole/in", verb), verb.at(made))
    (step,) = np.random.default_rng(3).choice(whole.report["close"], 1)
    folder = prepare(tmp_path / "in", verb)
    ended = run(folder, verb.at(made), f"step:{step}", ignoring=True)
    assert (ended.code, ended.report["handler"]) == (0, "ignored"), step
    assert ended.out == whole.out
    check_whole(folder)


def test_the_terminal_is_wiped(made: Path, tmp_path: Path) -> None:
    verb = VERBS["prove"]
    folder = prepare(tmp_path / "in", verb)
    steps = run(folder, verb.at(made)).report["steps"]
    (folder / "p.zkp").unlink()
    terminal, other_end = os.openpty()
    os.set_blocking(terminal, False)
    shown = b""
    for step in np.random.default_rng(4).integers(steps * 9 // 10, steps * 99 // 100, 2 * MOMENTS):
        ended = run(folder, verb.at(made), f"step:{step}", stderr=other_end)
        assert ended.code == 130, step
        with suppress(BlockingIOError):
            shown += os.read(terminal, 1 << 16)
        assert not shown or shown.endswith(WIPE), step
    assert b"reading the key" in shown
    os.close(terminal)
    os.close(other_end)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own handler, also where the tests run with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.usefixtures("interruptible")
def test_library_writes_all_or_nothing(tmp_path: Path, before: bytes | None) -> None:
    """KeyboardInterrupt before every line that writing files runs."""
    modules = {files.__file__, interrupts.__file__}
    folder = tmp_path / "a/b"
    new = [NewFile(folder / name, b"new") for name in ("one", "two")]
    for chosen in count():
        if before is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_files([NewFile(file.path, before) for file in new])
        old = content(tmp_path)
        left = chosen

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in modules:
                return None
            if event == "line":
                left -= 1
                if left == -1:
                    signal.raise_signal(signal.SIGINT)
            return trace

        sys.settrace(trace)
        try:
            with made_folder(folder):
                write_files(new)
        except KeyboardInterrupt:
            sys.settrace(None)
        else:
            sys.settrace(None)
            assert left >= 0
            break
        after = content(tmp_path)
        if after != old:
            assert after == {"a": None, "a/b": None, "a/b/one": b"new", "a/b/two": b"new"}, chosen
            for file in new:
                Path(file.path).unlink()
            folder.rmdir()
            folder.parent.rmdir()
    assert chosen > 50


class Signalled(Exception):  # noqa: N818 - no error
    """What the test's signal handler raises."""


def dense_keys(width: int) -> zkinfer.ProvingKey:
    """Keys of one dense layer; the longest native call proves the weights' ranges."""
    net = Net()
    graph = net.graph(net.node("matmul", net.input(1, width), net.weight(width, width)))
    weights = np.random.default_rng(width).integers(-8, 8, (width, width))
    return make_keys(graph, {graph.weights[0]: weights})


def test_native_calls_are_interrupted() -> None:
    """A call ends by an exception as soon as a handler raises one.

    The signal comes after 0.02 s of CPU time in the call. A fast machine may end a call before it
    looks for signals: one that works four times as long is tried next.
    """
    ended: list[str] = []

    def on_signal(*_: object) -> None:
        raise Signalled

    def profile(_: FrameType, event: str, function: object) -> None:
        if getattr(function, "__name__", "") == "prove" and event.startswith("c_"):
            ended.append(event)
            signal.setitimer(signal.ITIMER_PROF, 0.02 if event == "c_call" else 0)

    before = signal.signal(signal.SIGPROF, on_signal)
    try:
        for width in (512, 1024, 2048, 4096):
            ended.clear()
            sys.setprofile(profile)
            with suppress(Signalled):
                dense_keys(width)
            sys.setprofile(None)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if ended[-1] == "c_exception":
                break
    finally:
        sys.setprofile(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert ended == ["c_call", "c_exception"]
    # The next call finds everything in order.
    key = dense_keys(8)
    proof = zkinfer.prove(key, np.ones((1, 8), dtype=np.int64))
    assert zkinfer.verify(key.verifying_key, proof).outputs
