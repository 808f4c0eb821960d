"""Processes that are killed, that run side by side, and that find the disk full.

What a killed process leaves is whole files or none, besides temporary files under hidden names
that nobody else can read where they are secret; and the next run does not mind them.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import zkinfer
from tests.robustness.case import MODELS, Case
from tests.robustness.runs import HANG, compile_into, prove_into, run
from zkinfer.files import SECRET_MODE, NewFile, write_files

COMMAND = (sys.executable, "-P", "-m", "zkinfer")
KILLS = 2
LIMIT = 4096
OUTPUTS = ("proving.key", "verifying.key", "report.json", "report.html")


def check_left(folder: Path) -> None:
    """Every file under its own name is whole; none that may be secret is readable by others."""
    readers: dict[str, Callable[[Path], object]] = {
        "proving.key": zkinfer.ProvingKey.load,
        "verifying.key": zkinfer.VerifyingKey.load,
        "proof.zkp": zkinfer.Proof.load,
    }
    for path in filter(Path.is_file, folder.iterdir() if folder.exists() else ()):
        if "proving.key" in path.name:
            assert path.stat().st_mode & 0o777 == SECRET_MODE, path
        if path.name in readers:
            readers[path.name](path)
        elif not path.name.startswith("."):
            assert path.name in OUTPUTS, path
            assert path.read_text().rstrip().endswith(("}", "</html>")), path


@pytest.fixture(scope="module")
def proving_key(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "proving.key"
    case.proving_key.save(path)
    return path


def test_killed_at_any_moment(case: Case, proving_key: Path, tmp_path: Path) -> None:
    """Moments are of those close to the files; see moments.py."""
    rng = np.random.default_rng(1)
    folder = tmp_path / "in"
    folder.mkdir()
    for command, left in (
        (compile_into("keys", "--force"), folder / "keys"),
        (prove_into(proving_key, "proof.zkp"), folder),
    ):
        close = run(folder, command).report["close"]
        for step in rng.choice(close[len(close) // 2 :], KILLS):
            ended = run(folder, command, f"step:{step}", "SIGKILL")
            assert ended.code == -signal.SIGKILL, step
            check_left(left)
        assert run(folder, command).code == 0
        check_left(left)
    assert {path.name for path in (folder / "keys").iterdir()} >= set(OUTPUTS)
    zkinfer.verify(case.verifying_key, zkinfer.Proof.load(folder / "proof.zkp"))


KILLED_WRITER = """
import os, signal, sys
from zkinfer.files import NewFile, write_files
left = int(sys.argv[2])
def guard(call):
    def guarded(*arguments):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return guarded
os.fsync, os.replace = guard(os.fsync), guard(os.replace)
write_files([
    NewFile(sys.argv[1] + "/proving.key", b"new" * 9999, 0o600),
    NewFile(sys.argv[1] + "/verifying.key", b"new" * 9999),
])
"""


@pytest.mark.parametrize("before", [None, b"old"])
def test_killed_at_every_step_of_writing(tmp_path: Path, before: bytes | None) -> None:
    new = b"new" * 9999
    names = ("proving.key", "verifying.key")
    for step in range(7):
        folder = tmp_path / str(step)
        folder.mkdir()
        if before is not None:
            write_files([NewFile(folder / name, before) for name in names])
        command = [sys.executable, "-c", KILLED_WRITER, str(folder), str(step)]
        environment = os.environ | {"PYTHONPATH": str(MODELS.parent)}
        done = subprocess.run(command, env=environment, check=False, timeout=HANG)
        # Two files are flushed; then each is renamed and its folder flushed.
        assert done.returncode == (-signal.SIGKILL if step < 6 else 0)
        paths = [folder / name for name in names]
        found = [path.read_bytes() if path.exists() else None for path in paths]
        renamed = [step >= 3, step >= 5]
        assert found == [new if done else before for done in renamed], step
        for path in folder.glob(".proving.key.*"):
            assert path.stat().st_mode & 0o777 == SECRET_MODE
        write_files([NewFile(path, new) for path in paths])
        assert [path.read_bytes() for path in paths] == [new, new]


def test_side_by_side(case: Case, proving_key: Path, tmp_path: Path) -> None:
    """Four processes with one key, two of them with one output."""
    proofs = [tmp_path / name for name in ("a.zkp", "b.zkp", "same.zkp", "same.zkp")]
    processes = [
        subprocess.Popen([*COMMAND, *prove_into(proving_key, str(path))], stdout=subprocess.DEVNULL)
        for path in proofs
    ]
    assert [process.wait(timeout=HANG) for process in processes] == [0] * 4
    for proof in proofs:
        zkinfer.verify(case.verifying_key, zkinfer.Proof.load(proof))
    assert len(list(tmp_path.iterdir())) == 3


def limited(command: list[str]) -> str:
    """The message of a run in which no file can grow beyond the limit."""
    done = subprocess.run(
        [*COMMAND, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    assert done.returncode == 2, done
    (message,) = done.stderr.splitlines()
    return message


def test_full_disk(proving_key: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    message = limited(compile_into(str(folder)))
    assert message.startswith(f"zkinfer: cannot write {folder / 'proving.key'}: file too large")
    assert not folder.exists()
    proof = tmp_path / "proof.zkp"
    message = limited(prove_into(proving_key, str(proof)))
    assert message == f"zkinfer: cannot write {proof}: file too large"
    proof.write_bytes(b"zkinf.pf, an older one")
    limited(prove_into(proving_key, str(proof)))
    assert proof.read_bytes() == b"zkinf.pf, an older one"
    assert {path.name for path in tmp_path.iterdir()} == {"proof.zkp"}
