"""An evaluation that a signal or a kill breaks off leaves whole parts, and goes on from there."""

import signal
from pathlib import Path

import numpy as np
import pytest

import zkinfer
from tests.robustness.runs import content, run
from tests.soundness.labelled import RECORDS, STARTS, labelled, right

MOMENTS = 4
WHOLE = [f"parts/{start}.zkp" for start in STARTS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, data and labels."""
    folder = tmp_path_factory.mktemp("made")
    known = labelled()
    known.key.save(folder / "proving.key")
    known.data.save(folder / "X.opening")
    known.labels.save(folder / "Y.opening")
    for name, commitment in zip("XY", known.public, strict=True):
        commitment.save(folder / f"{name}.commitment")
    return folder


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_broken_off_and_gone_on_with(made: Path, tmp_path: Path, name: str) -> None:
    data = ("--data", str(made / "X.opening"), "--labels", str(made / "Y.opening"))
    command = ["evaluate", str(made / "proving.key"), *data, "-o", "parts"]
    first = tmp_path / "whole/in"
    first.mkdir(parents=True)
    whole = run(first, command)
    assert (whole.code, whole.err) == (0, b"")
    assert [path for path, data in content(first).items() if data] == WHOLE
    close = whole.report["close"]
    moments = np.random.default_rng(len(name)).choice(close[-len(close) // 3 :], MOMENTS)
    begun = 0
    for number, step in enumerate(moments):
        folder = tmp_path / str(number) / "in"
        folder.mkdir(parents=True)
        ended = run(folder, command, f"step:{step}", name)
        kept = content(folder)
        if name == "SIGKILL":
            assert ended.code == -signal.SIGKILL
            kept = {path: data for path, data in kept.items() if Path(path).name[0] != "."}
        else:
            assert ended.code in (0, 128 + signal.Signals[name]), step
        parts = [path for path, data in kept.items() if data]
        assert parts == WHOLE[: len(parts)], step
        assert parts or name == "SIGKILL" or kept == {}, step
        begun += 0 < len(parts) < len(WHOLE)
        assert run(folder, command).code == 0
        after = content(folder)
        assert all(after[path] == kept[path] for path in parts), step
        check(made, folder)
    assert begun


def check(made: Path, folder: Path) -> None:
    key = zkinfer.ProvingKey.load(made / "proving.key").verifying_key
    x, y = (zkinfer.DataCommitment.load(made / f"{name}.commitment") for name in "XY")
    proofs = [zkinfer.Proof.load(folder / part) for part in WHOLE]
    found = zkinfer.verify_evaluation(key, proofs, data=x, labels=y)
    assert found.right == right(range(RECORDS))
