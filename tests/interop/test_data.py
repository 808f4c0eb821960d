"""Committed data on the command line, in processes that share nothing but files."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zkinfer as package
from tests.interop.support import MODELS, Run, dense
from tests.interop.test_cli import run_onnx
from zkinfer.description import Description
from zkinfer.inputs import read_input

MODEL = MODELS / "breast_cancer.onnx"
CALIBRATION = MODELS / "breast_cancer_calibration.npz"


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    with np.load(CALIBRATION, allow_pickle=False) as file:
        (samples,) = (file[name] for name in file.files)
    return samples


@pytest.fixture(scope="module")
def records(samples: np.ndarray) -> np.ndarray:
    return samples[:20]


@pytest.fixture(scope="module")
def folder(zkinfer: Run, records: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hospital's data, a key of a model for such data, and a proof about record 17."""
    folder = tmp_path_factory.mktemp("data")
    names = [f"feature {number}" for number in range(records.shape[1])]
    lines = [",".join(names), *(",".join(map(repr, map(float, row))) for row in records)]
    (folder / "records.csv").write_text("\n".join(lines) + "\n")
    np.save(folder / "records.npy", records)
    hospital = folder / "hospital"
    steps = (
        ("commit", folder / "records.csv", "-o", hospital),
        (
            *("compile", MODEL, "--calibration", CALIBRATION, "-o", folder / "keys"),
            *("--input", "committed", "--data", f"{hospital}.commitment"),
        ),
        (
            *("prove", folder / "keys" / "proving.key", "--data", f"{hospital}.opening"),
            *("--record", 17, "-o", folder / "17.zkp"),
        ),
    )
    for step in steps:
        done = zkinfer(*step)
        assert done.code == 0, done.err
    return folder


def test_whole_way(zkinfer: Run, folder: Path, samples: np.ndarray) -> None:
    """A verdict names the data and the record; the outputs are those of that very record."""
    key, commitment = folder / "keys" / "verifying.key", folder / "hospital.commitment"
    done = zkinfer("verify", key, folder / "17.zkp", "--data", commitment, "--json")
    assert done.code == 0, done.err
    statement = json.loads(done.out)
    digest = package.DataCommitment.load(commitment).digest
    assert statement["records"] == [17]
    assert statement["data_digest"] == digest
    assert statement["data_checked"] is True
    expected = [run_onnx(MODEL, row[None]) for row in samples]
    scores = np.array(statement["outputs"]["scores"])
    np.testing.assert_allclose(scores, expected[17], atol=1e-3 * np.abs(expected).max())
    said = zkinfer("verify", key, folder / "17.zkp", "--data", commitment)
    assert "records: [17]" in said.out
    assert f"data digest: {digest}" in said.out


def test_whose_data_has_to_be_said(zkinfer: Run, folder: Path) -> None:
    key, proof = folder / "keys" / "verifying.key", folder / "17.zkp"
    done = zkinfer("verify", key, proof)
    assert done.code == 2
    assert "--data X.commitment" in done.message
    done = zkinfer("verify", key, proof, "--any-data", "--json")
    assert done.code == 0
    assert json.loads(done.out)["data_checked"] is False
    done = zkinfer("commit", folder / "records.npy", "-o", folder / "other")
    assert done.code == 0, done.err
    done = zkinfer("verify", key, proof, "--data", folder / "other.commitment", "--json")
    assert done.code == 1
    assert json.loads(done.out)["valid"] is False
    assert "the proof is about the data" in done.message
    for options in (("--data", folder / "hospital.commitment"), ("--any-data",), ()):
        run = subprocess.run(
            [sys.executable, "-m", "zkinfer.reference", "verify", key, proof, *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == (0 if options else 2), run.stderr
        assert not options or "records: [17]" in run.stdout


def test_a_page_names_the_record(zkinfer: Run, folder: Path) -> None:
    key, page = folder / "keys" / "verifying.key", folder / "verdict.html"
    commitment = folder / "hospital.commitment"
    done = zkinfer("verify", key, folder / "17.zkp", "--data", commitment, "--html", page)
    assert done.code == 0, done.err
    assert "record 17 of the data" in page.read_text()
    assert f"--data {commitment}" in page.read_text()


def test_reveal_shows_one_record(zkinfer: Run, folder: Path, records: np.ndarray) -> None:
    shown = folder / "3.record"
    done = zkinfer("reveal", folder / "hospital.opening", "--record", 3, "-o", shown)
    assert done.code == 0, done.err
    done = zkinfer("verify", folder / "hospital.commitment", shown, "--json")
    assert done.code == 0, done.err
    statement = json.loads(done.out)
    assert (statement["valid"], statement["record"]) == (True, 3)
    assert statement["columns"][4] == "feature 4"
    np.testing.assert_allclose(statement["numbers"]["data"], records[3], rtol=1e-5)
    zkinfer("commit", folder / "records.csv", "-o", folder / "again")
    done = zkinfer("verify", folder / "again.commitment", shown, "--json")
    assert done.code == 1
    assert json.loads(done.out)["valid"] is False
    done = zkinfer("verify", folder / "hospital.commitment", shown, "--context", "x")
    assert done.code == 2


def test_openings_are_secret_and_nothing_is_replaced(zkinfer: Run, folder: Path) -> None:
    mode = stat.S_IMODE((folder / "hospital.opening").stat().st_mode)
    assert mode == 0o600
    before = (folder / "hospital.commitment").read_bytes()
    done = zkinfer("commit", folder / "records.csv", "-o", folder / "hospital")
    assert done.code == 2
    assert (folder / "hospital.commitment").read_bytes() == before
    done = zkinfer("inspect", folder / "hospital.opening")
    assert "data opening (secret)" in done.out
    assert "11.42" not in done.out
    done = zkinfer("inspect", folder / "hospital.commitment", "--json")
    described = json.loads(done.out)
    assert (described["records"], described["rows_of_a_record"]) == (20, 1)
    assert json.loads(zkinfer("inspect", folder / "17.zkp", "--json").out)["records"] == [17]


def test_a_key_takes_data_of_the_same_scales(zkinfer: Run, folder: Path) -> None:
    """And no other: not those that were committed to at scales of their own."""
    key = folder / "keys" / "proving.key"
    rows = np.load(folder / "records.npy")
    np.save(folder / "tenth.npy", rows[:5] / 10)
    like = ("--like", folder / "hospital.commitment")
    assert zkinfer("commit", folder / "tenth.npy", "-o", folder / "like", *like).code == 0
    assert zkinfer("commit", folder / "tenth.npy", "-o", folder / "unlike").code == 0
    prove = ("prove", key, "--record", 1, "-o", folder / "tenth.zkp", "--allow-saturation")
    done = zkinfer(*prove, "--data", folder / "like.opening")
    assert done.code == 0, done.err
    verify = ("verify", folder / "keys" / "verifying.key", folder / "tenth.zkp")
    assert zkinfer(*verify, "--data", folder / "like.commitment").code == 0
    assert zkinfer(*verify, "--data", folder / "hospital.commitment").code == 1
    done = zkinfer(*prove, "--data", folder / "unlike.opening")
    assert done.code == 2
    assert "other scales than the network's input" in done.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--record", "20"), "there is no record 20; the data have records 0 to 19"),
        (("--record", "-1"), "there is no record -1"),
        ((), "give data and record"),
        (("records.npy", "--record", "1"), "and no input"),
    ],
)
def test_wrong_records(
    zkinfer: Run, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    given = [folder / a if a.endswith(".npy") else a for a in arguments]
    data = ("--data", folder / "hospital.opening")
    proof = ("-o", folder / "wrong.zkp")
    done = zkinfer("prove", folder / "keys" / "proving.key", *given, *data, *proof)
    assert done.code == 2
    assert message in done.message
    assert not (folder / "wrong.zkp").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1,2\n3,4\n", "must name each column, once"),
        ("a,a\n3,4\n", "must name each column, once"),
        ("a,b\n", "has no line of numbers"),
        ("a,b\n1,x\n", "something other than numbers"),
        ("a,b\n1,2,3\n", "names 2 columns and has 3"),
        ("a,b\n1,nan\n", "record 0, data at index (1,) is nan"),
        ("", "must name each column, once"),
    ],
)
def test_tables_that_are_none(zkinfer: Run, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "table.csv").write_text(content)
    done = zkinfer("commit", tmp_path / "table.csv", "-o", tmp_path / "x")
    assert done.code == 2
    assert message in done.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv"]


def test_options_that_do_not_fit(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    model = dense(tmp_path / "model.onnx", np.ones((4, 2)))
    data = ("--data", folder / "hospital.commitment")
    for options, message in (
        (("--input", "committed"), "an input is committed where data are given"),
        (data, "an input is committed where data are given"),
        (("--input", "committed", *data), "a record's data has shape (30,)"),
    ):
        compiling = ("compile", model, "--input-range", "-1,1", "-o", tmp_path / "keys")
        done = zkinfer(*compiling, *options)
        assert done.code == 2
        assert message in done.message
        assert not (tmp_path / "keys").exists()


def test_tables_arrays_and_several_tensors_in_python(records: np.ndarray, folder: Path) -> None:
    table = read_input(str(folder / "records.csv"))
    commitment, opening = package.commit(table)
    assert commitment.description.columns[0] == "feature 0"
    (tensor,) = commitment.description.tensors
    assert (tensor.axis, tensor.shape, tensor.bits) == (0, (30,), 24)
    few, _ = package.commit(np.array([[0.5, 3], [0.25, 4]]))
    (tensor,) = few.description.tensors
    assert tensor.bits == 3
    assert tensor.scales == (3, 0)
    images, its = package.commit({"image": np.arange(48, dtype=np.uint8).reshape(2, 6, 4)})
    (tensor,) = images.description.tensors
    assert (tensor.axis, tensor.scales, tensor.bits, tensor.signed) == (None, (0,), 6, (False,))
    np.testing.assert_array_equal(
        images.verify(its.reveal(1))["image"], np.arange(24, 48).reshape(6, 4)
    )
    several, _ = package.commit({"x": records, "y": records[:, :1]})
    assert several.rows_each == 2
    assert Description.from_json(several.description.to_json()) == several.description
    for made in (package.DataCommitment.from_bytes(commitment.to_bytes()),):
        assert made == commitment
        assert hash(made) == hash(commitment)
    again = package.DataOpening.from_bytes(opening.to_bytes())
    assert again.to_bytes() == opening.to_bytes()
    for wrong, message in (
        (np.zeros(0), "at least one"),
        ({"x": records, "y": records[:3]}, "different numbers of records"),
        (np.array(["a"]), "give integers or floats"),
        (np.array([[np.inf]]), "expected a number"),
        ({}, "1 to 64 tensors"),
    ):
        with pytest.raises(package.UsageError, match=message):
            package.commit(wrong)
    key = package.ProvingKey.load(folder / "keys" / "proving.key")
    for call in (
        lambda: package.prove(key, data=folder / "hospital.opening", record=1),
        lambda: package.prove(key, data=opening),
        lambda: package.prove(key, records[:1]),
        lambda: package.compile(MODEL, input="committed", data="hospital.commitment"),
        lambda: package.compile(MODEL, input="public", data=commitment),
    ):
        with pytest.raises(package.UsageError, match="data"):
            call()
    with pytest.raises(package.UsageError, match="1 to 61 bits"):
        package.commit(records, bits=62)
