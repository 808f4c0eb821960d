"""How often a hidden model is right on committed data, in processes that share only files."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import zkinfer as package
from tests.artifacts import committed
from tests.interop.support import MODELS, Run, save_model
from tests.interop.test_cli import run_onnx

MODEL = MODELS / "breast_cancer.onnx"
CALIBRATION = MODELS / "breast_cancer_calibration.npz"
BATCH, RECORDS = 8, 20
WRONG = (3, 4, 11, 19)


@pytest.fixture(scope="module")
def records() -> np.ndarray:
    with np.load(CALIBRATION, allow_pickle=False) as file:
        (samples,) = (file[name] for name in file.files)
    return samples[:RECORDS]


@pytest.fixture(scope="module")
def labels(records: np.ndarray) -> np.ndarray:
    """What the model says, but for a few records."""
    said = np.array([int(run_onnx(MODEL, row[None]).argmax()) for row in records])
    said[list(WRONG)] ^= 1
    return said


@pytest.fixture(scope="module")
def folder(
    zkinfer: Run,
    records: np.ndarray,
    labels: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Data, labels, keys, and the parts of an evaluation."""
    folder = tmp_path_factory.mktemp("evaluation")
    np.save(folder / "x.npy", records)
    np.save(folder / "y.npy", labels)
    for step in (
        ("commit", folder / "x.npy", "-o", folder / "X"),
        ("commit", folder / "y.npy", "-o", folder / "Y"),
        (
            *("compile", MODEL, "--calibration", CALIBRATION, "-o", folder / "keys"),
            *("--input", "committed", "--data", folder / "X.commitment"),
            *("--output", "accuracy", "--batch", BATCH),
        ),
        evaluating(folder, folder / "parts"),
    ):
        done = zkinfer(*step)
        assert done.code == 0, done.err
    return folder


def evaluating(folder: Path, parts: Path) -> tuple[object, ...]:
    data = ("--data", folder / "X.opening", "--labels", folder / "Y.opening")
    return "evaluate", key_of(folder), *data, "-o", parts


def key_of(folder: Path) -> Path:
    return folder / "keys" / "proving.key"


def verifying(folder: Path, what: Path) -> tuple[object, ...]:
    data = ("--data", folder / "X.commitment", "--labels", folder / "Y.commitment")
    return "verify", folder / "keys" / "verifying.key", what, *data, "--json"


def test_whole_way(zkinfer: Run, folder: Path) -> None:
    done = zkinfer(*verifying(folder, folder / "parts"))
    assert done.code == 0, done.err
    verdict = json.loads(done.out)
    assert (verdict["right"], verdict["records"], verdict["parts"]) == (16, RECORDS, 3)
    for letter, member in (("X", "data_digest"), ("Y", "labels_digest")):
        commitment = package.DataCommitment.load(folder / f"{letter}.commitment")
        assert verdict[member] == commitment.digest
    assert sorted(path.name for path in (folder / "parts").iterdir()) == [
        "00.zkp",
        "08.zkp",
        "16.zkp",
    ]


def test_confusion(
    zkinfer: Run, folder: Path, records: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    data = package.DataOpening.load(folder / "X.opening")
    mine = package.DataOpening.load(folder / "Y.opening")
    done = zkinfer(
        *("compile", MODEL, "--calibration", CALIBRATION, "-o", tmp_path / "keys"),
        *("--input", "committed", "--data", folder / "X.commitment"),
        *("--output", "confusion", "--batch", BATCH),
    )
    assert done.code == 0, done.err
    key = package.ProvingKey.load(tmp_path / "keys" / "proving.key")
    package.evaluate(key, tmp_path / "parts", data=data, labels=mine)
    shutil.copytree(tmp_path / "keys", tmp_path / "all" / "keys")
    for letter in "XY":
        shutil.copy(folder / f"{letter}.commitment", tmp_path / "all")
    done = zkinfer(*verifying(tmp_path / "all", tmp_path / "parts"))
    assert done.code == 0, done.err
    verdict = json.loads(done.out)
    said = np.array([int(run_onnx(MODEL, row[None]).argmax()) for row in records])
    expected = [[int(((labels == i) & (said == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    assert verdict["confusion"] == expected
    assert verdict["right"] == RECORDS - len(WRONG)
    page = tmp_path / "page.html"
    one = verifying(tmp_path / "all", tmp_path / "parts" / "00.zkp")
    assert zkinfer(*one[:-1], "--html", page).code == 0
    assert "<h2>Confusion</h2>" in page.read_text()


def test_one_part(zkinfer: Run, folder: Path) -> None:
    """The last one, which is shorter; by both verifiers."""
    part = folder / "parts" / "16.zkp"
    done = zkinfer(*verifying(folder, part))
    assert done.code == 0, done.err
    verdict = json.loads(done.out)
    assert (verdict["right"], verdict["records"], verdict["outputs"]) == (3, [16, 17, 18, 19], {})
    command = [sys.executable, "-m", "zkinfer.reference", *map(str, verifying(folder, part))]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    ours = json.loads(run.stdout)
    assert {name: ours[name] for name in verdict} == verdict
    shown = json.loads(zkinfer("inspect", part, "--json").out)
    assert shown["records"] == [16, 17, 18, 19]


def test_it_goes_on_where_it_was_broken_off(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    """Parts that are there stay as they are; what is left is proved."""
    parts = tmp_path / "parts"
    shutil.copytree(folder / "parts", parts)
    (parts / "08.zkp").unlink()
    done = zkinfer(*verifying(folder, parts))
    assert done.code == 1
    assert json.loads(done.out)["valid"] is False
    assert "records 8 to 15 are in no part" in done.message
    kept = (parts / "00.zkp").read_bytes()
    done = zkinfer(*evaluating(folder, parts))
    assert done.code == 0, done.err
    assert (parts / "00.zkp").read_bytes() == kept
    assert zkinfer(*verifying(folder, parts)).code == 0
    shutil.copy(parts / "00.zkp", parts / "again.zkp")
    done = zkinfer(*verifying(folder, parts))
    assert done.code == 1
    assert "records 0 to 7 are in two parts" in done.message
    done = zkinfer(*evaluating(folder, parts))
    assert done.code == 2
    assert "again.zkp is no part of this evaluation" in done.message


def test_another_evaluation_needs_another_folder(
    zkinfer: Run, folder: Path, tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    shutil.copytree(folder / "parts", parts)
    done = zkinfer(*evaluating(folder, parts), "--context", "another")
    assert done.code == 2
    assert "00.zkp is no part of this evaluation; name another folder" in done.message


def test_public_labels_are_committed_to_by_whoever_has_them(
    zkinfer: Run, folder: Path, labels: np.ndarray
) -> None:
    for name in ("P", "Q"):
        done = zkinfer("commit", folder / "y.npy", "-o", folder / name, "--public")
        assert done.code == 0, done.err
    first, second = (package.DataCommitment.load(folder / f"{n}.commitment") for n in ("P", "Q"))
    assert first == second
    assert first != package.DataCommitment.load(folder / "Y.commitment")
    parts = folder / "public parts"
    done = zkinfer(
        *("evaluate", folder / "keys" / "proving.key", "-o", parts),
        *("--data", folder / "X.opening", "--labels", folder / "P.opening"),
    )
    assert done.code == 0, done.err
    commitment, _ = package.commit(labels, public=True)
    found = package.verify_evaluation(
        package.VerifyingKey.load(folder / "keys" / "verifying.key"),
        [package.Proof.load(path) for path in sorted(parts.iterdir())],
        data=package.DataCommitment.load(folder / "X.commitment"),
        labels=commitment,
    )
    assert found.right == RECORDS - len(WRONG)


def test_what_does_not_fit(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    keys, empty = folder / "keys", tmp_path / "empty"
    empty.mkdir()
    x, y = ("--data", folder / "X.commitment"), ("--labels", folder / "Y.commitment")
    opened = ("--data", folder / "X.opening")
    proof = ("-o", tmp_path / "wrong.zkp")
    prove = ("prove", keys / "proving.key", *proof, *opened)
    compiling = ("compile", MODEL, "--calibration", CALIBRATION, "-o", tmp_path / "keys")
    for arguments, message in (
        (("verify", keys / "verifying.key", folder / "parts", *x), "data and their labels: give"),
        (("verify", keys / "verifying.key", folder / "parts"), "is verified against data"),
        (("evaluate", keys / "proving.key", *opened, "-o", tmp_path / "p"), "labels are given"),
        (("verify", keys / "verifying.key", empty, *x, *y), "has no parts"),
        (("verify", keys / "verifying.key", folder / "parts" / "00.zkp", *x), "give both"),
        ((*prove, "--record", "0"), "labels are given for proofs of accuracy"),
        ((*prove, "--record", "20", "--labels", folder / "Y.opening"), "there is no record 20"),
        ((*prove, "--record", "0,2", "--labels", folder / "Y.opening"), "follow one another"),
        ((*prove, "--record", "0,x", "--labels", folder / "Y.opening"), "expected N or N,N"),
        ((*compiling, "--output", "accuracy"), "accuracy is proved on records of committed data"),
        ((*compiling, "--batch", "0"), "a batch has 1 to 16384 inputs, got 0"),
    ):
        done = zkinfer(*arguments)
        assert done.code == 2, done.out
        assert message in done.message


RNG = np.random.default_rng(11)
FEATURES = RNG.normal(size=(RECORDS, 4)).astype(np.float32)
FIRST, LAST = (RNG.normal(size=shape).astype(np.float32) for shape in ((4, 6), (6, 1)))


@pytest.fixture(scope="module")
def regression(zkinfer: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regressor of one number, records, and targets near what it computes."""
    folder = tmp_path_factory.mktemp("regression")
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "last"], ["y"]),
    ]
    constants = {"first": FIRST, "last": LAST}
    save_model(folder / "model.onnx", nodes, {"x": (1, 4)}, ["y"], constants)
    np.save(folder / "x.npy", FEATURES)
    np.save(folder / "t.npy", computed() + RNG.normal(size=RECORDS) / 8)
    for name in ("x", "t"):
        done = zkinfer("commit", folder / f"{name}.npy", "-o", folder / name.upper())
        assert done.code == 0, done.err
    return folder


def computed() -> np.ndarray:
    """What the regressor computes of the records."""
    return (np.maximum(FEATURES @ FIRST, 0) @ LAST)[:, 0].astype(np.float64)


def summing(folder: Path, mode: str, keys: Path) -> tuple[object, ...]:
    """How a statistic of the regressor is compiled."""
    targets = ("--labels", folder / "T.commitment") if mode == "error" else ()
    return (
        *("compile", folder / "model.onnx", "--calibration", folder / "x.npy", "-o", keys),
        *("--input", "committed", "--data", folder / "X.commitment", *targets),
        *("--output", mode, "--batch", BATCH),
    )


@pytest.mark.parametrize("mode", ["summary", "error"])
def test_how_numbers_are_spread(zkinfer: Run, regression: Path, mode: str, tmp_path: Path) -> None:
    """The whole way; one part by both verifiers, and on a page."""
    files, keys, parts = regression, tmp_path / "keys", tmp_path / "parts"
    suffixes = ("opening", "commitment")
    opened, given = (
        ("--data", files / f"X.{suffix}")
        + (("--labels", files / f"T.{suffix}") if mode == "error" else ())
        for suffix in suffixes
    )
    done = zkinfer(*summing(regression, mode, keys))
    assert done.code == 0, done.err
    done = zkinfer("evaluate", keys / "proving.key", *opened, "-o", parts)
    assert done.code == 0, done.err
    assert f"records  {RECORDS}" in done.out
    verify = ("verify", keys / "verifying.key")
    done = zkinfer(*verify, parts, *given, "--json")
    assert done.code == 0, done.err
    verdict = json.loads(done.out)
    assert (verdict["records"], verdict["parts"]) == (RECORDS, 3)
    assert "right" not in verdict
    assert ("labels_digest" in verdict) == (mode == "error")
    said, numbers = verdict["summary"], computed()
    if mode == "error":
        numbers -= np.load(regression / "t.npy")
    assert said["of"] == ("errors" if mode == "error" else "outputs")
    expected = {
        "mean": numbers.mean(),
        "variance": numbers.var(),
        "mean_square": (numbers**2).mean(),
        "root_mean_square": np.sqrt((numbers**2).mean()),
        "lowest": numbers.min(),
        "highest": numbers.max(),
        "largest": np.abs(numbers).max(),
    }
    assert {name: said[name] for name in expected} == pytest.approx(expected, rel=0.02, abs=0.02)
    part, page = parts / "16.zkp", tmp_path / "page.html"
    done = zkinfer(*verify, part, *given, "--json", "--html", page)
    assert done.code == 0, done.err
    assert f"<h2>Summary of 4 {said['of']}</h2>" in page.read_text()
    verdict = json.loads(done.out)
    command = [sys.executable, "-m", "zkinfer.reference", *map(str, (*verify, part, *given))]
    run = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    ours = json.loads(run.stdout)
    assert {name: ours[name] for name in verdict} == verdict
    shown = json.loads(zkinfer("inspect", keys / "verifying.key", "--json").out)
    assert ("targets" in shown["who_sees_what"]) == ("target" in shown) == (mode == "error")
    assert shown["who_sees_what"]["outputs"] == "hidden"
    (parts / "08.zkp").unlink()
    done = zkinfer(*verify, parts, *given)
    assert done.code == 1
    assert "records 8 to 15 are in no part" in done.message


def test_what_is_no_number_a_record(zkinfer: Run, regression: Path, tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["z"])]
    for name, outputs in (("wide", ["y"]), ("two", ["y", "z"])):
        save_model(tmp_path / f"{name}.onnx", nodes[: len(outputs)], {"x": (1, 4)}, outputs)
    data = ("--data", regression / "X.commitment")
    compiling = ("--calibration", regression / "x.npy", "-o", tmp_path / "keys", *data)
    compiling = (*compiling, "--input", "committed", "--output")
    targets = ("--labels", regression / "T.commitment")
    model = regression / "model.onnx"
    for arguments, message in (
        ((tmp_path / "wide.onnx", *compiling, "summary"), "that of one number an input, and this"),
        ((tmp_path / "two.onnx", *compiling, "summary"), "of one output, and the model has y, z"),
        ((model, *compiling, "summary", *targets), "targets are given where errors are proved"),
        ((model, *compiling, "error"), "targets are given where errors are proved"),
        (
            (model, *compiling, "error", "--labels", regression / "X.commitment"),
            "targets are one number a record",
        ),
        ((model, "--input-range", "-1,1", "-o", tmp_path / "keys", "--output", "summary"), "data"),
    ):
        done = zkinfer("compile", *arguments)
        assert done.code == 2, done.out
        assert message in done.message


def test_wider_numbers_than_can_be_summed_up(regression: Path) -> None:
    """Targets so fine that outputs at their scale take more than an integer of a proof has."""
    _, fine = package.commit(np.load(regression / "t.npy"))
    tensor = replace(fine.commitment.description.tensors[0], scales=(60,))
    description = replace(fine.commitment.description, tensors=(tensor,))
    commitment = package.DataCommitment(description, fine.commitment.rows)
    options = {"calibration": FEATURES, "input": "committed", "labels": commitment}
    data = package.DataCommitment.load(regression / "X.commitment")
    with pytest.raises(package.UnsupportedModelError, match=r"no error of .* beyond 2\^62"):
        package.compile(regression / "model.onnx", output="error", data=data, **options)


def test_records_out_of_the_domain(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    """They are left out, and counted."""
    key = package.ProvingKey.load(folder / "keys" / "proving.key")
    opening = package.DataOpening.load(folder / "X.opening")
    (name,) = key.graph.inputs
    records = [opening.record(number)[0].astype(np.int64) for number in range(RECORDS)]
    for number in (2, 17):
        records[number] = records[number] + (1 << 40)
    shape = key.graph.tensors[name].shape
    made = committed(key.graph, [{name: record.reshape(shape)} for record in records])
    made.save(tmp_path / "X.opening")
    made.commitment.save(tmp_path / "X.commitment")
    labels, data = folder / "Y.opening", ("--data", tmp_path / "X.opening")
    done = zkinfer("evaluate", key_of(folder), *data, "--labels", labels, "-o", tmp_path / "parts")
    assert done.code == 0, done.err
    assert "left out  2 (they leave the network's domain)" in done.out
    verify = ("verify", folder / "keys" / "verifying.key", tmp_path / "parts")
    verify = (*verify, "--data", tmp_path / "X.commitment", "--labels", folder / "Y.commitment")
    done = zkinfer(*verify)
    assert done.code == 0, done.err
    assert done.out.startswith("valid: the proofs of all parts verify, records left out: 2\n")
    verdict = json.loads(zkinfer(*verify, "--json").out)
    assert (verdict["left_out"], verdict["records"], verdict["right"]) == ([2, 17], 20, 14)
    page = tmp_path / "page.html"
    part = (*verify[:2], tmp_path / "parts" / "16.zkp", *verify[3:], "--html", page)
    done = zkinfer(*part)
    assert done.out.startswith("valid: the proof verifies, records left out: 1\n")
    assert "Not counted, by the choice of whoever proved it: record 17." in page.read_text()
    done = zkinfer(
        *("prove", key_of(folder), *data, "--labels", labels),
        *("--record", 0, "-o", tmp_path / "wrong.zkp"),
    )
    assert done.code == 2
    assert "record 2 leaves the network's domain" in done.message


def test_on_a_cluster(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    """Parts from workers are verified like others, and those that are there are kept."""
    pytest.importorskip("ray")
    parts = tmp_path / "parts"
    parts.mkdir()
    kept = parts / "08.zkp"
    shutil.copy(folder / "parts" / kept.name, kept)
    done = zkinfer(*evaluating(folder, parts), "--ray", "local")
    assert done.code == 0, done.err
    assert kept.read_bytes() == (folder / "parts" / kept.name).read_bytes()
    done = zkinfer(*verifying(folder, parts))
    assert done.code == 0, done.err
    assert json.loads(done.out)["right"] == RECORDS - len(WRONG)


BROKEN = """
import sys
import zkinfer
from zkinfer import workers

def broken(*arguments):
    raise MemoryError("no room")

workers._prove = broken
data, labels = (zkinfer.DataOpening.load(path) for path in sys.argv[2:4])
try:
    zkinfer.evaluate(
        zkinfer.ProvingKey.load(sys.argv[1]), sys.argv[4], data=data, labels=labels, ray="local"
    )
except zkinfer.UsageError as error:
    print(error)
"""


def test_a_worker_that_fails(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    files = (folder / "keys" / "proving.key", folder / "X.opening", folder / "Y.opening")
    command = [sys.executable, "-c", BROKEN, *map(str, files), str(tmp_path / "parts")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert re.fullmatch(
        r"a machine of the cluster did not prove part \d: MemoryError: no room\n", run.stdout
    ), run.stderr


def test_no_cluster(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    done = zkinfer(*evaluating(folder, tmp_path / "parts"), "--ray", "127.0.0.1:9")
    assert done.code == 2
    assert "there is no Ray cluster at 127.0.0.1:9" in done.message
    assert not (tmp_path / "parts").exists()
