"""A record that a proof does not name, on the command line and in Python."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zkinfer as package
from tests.interop.support import MODELS, Run
from tests.interop.test_cli import run_onnx
from zkinfer.page import code

MODEL = MODELS / "breast_cancer.onnx"
CALIBRATION = MODELS / "breast_cancer_calibration.npz"


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    with np.load(CALIBRATION, allow_pickle=False) as file:
        (samples,) = (file[name] for name in file.files)
    return samples


@pytest.fixture(scope="module")
def folder(zkinfer: Run, samples: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a key for a hidden record of such, and a proof about record 17."""
    folder = tmp_path_factory.mktemp("hidden")
    np.save(folder / "records.npy", samples[:20])
    steps = (
        ("commit", folder / "records.npy", "-o", folder / "x"),
        (
            *("compile", MODEL, "--calibration", CALIBRATION, "-o", folder / "keys"),
            *("--input", "committed", "--data", folder / "x.commitment", "--record", "hidden"),
        ),
        (
            *("prove", folder / "keys" / "proving.key", "--data", folder / "x.opening"),
            *("--record", 17, "-o", folder / "proof.zkp", "--context", "claim"),
        ),
    )
    for step in steps:
        done = zkinfer(*step)
        assert done.code == 0, done.err
    return folder


def test_whole_way(zkinfer: Run, folder: Path, samples: np.ndarray) -> None:
    """The outputs are the record's; its number is nowhere."""
    verify = (
        "verify",
        folder / "keys" / "verifying.key",
        folder / "proof.zkp",
        "--context",
        "claim",
    )
    data = ("--data", folder / "x.commitment")
    done = zkinfer(*verify, *data, "--json")
    assert done.code == 0, done.err
    statement = json.loads(done.out)
    assert statement["hidden_records"] == 1
    assert "records" not in statement
    assert statement["data_checked"] is True
    digest = package.DataCommitment.load(folder / "x.commitment").digest
    assert statement["data_digest"] == digest
    expected = [run_onnx(MODEL, row[None]) for row in samples]
    scores = np.array(statement["outputs"]["scores"])
    np.testing.assert_allclose(scores, expected[17], atol=1e-3 * np.abs(expected).max())
    assert "hidden records: 1" in zkinfer(*verify, *data).out
    page = folder / "verdict.html"
    assert zkinfer(*verify, *data, "--html", page).code == 0
    said = page.read_text()
    assert f"on a record of the data {code(digest)}, which one is hidden" in said
    for options in (data, ("--any-data",), ()):
        run = subprocess.run(
            [sys.executable, "-m", "zkinfer.reference", *verify, *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == (0 if options == data else 2), run.stderr
        assert options != data or "hidden_records: 1" in run.stdout
        done = zkinfer(*verify, *options)
        assert done.code == (0 if options == data else 2)
        assert options == data or "--data X.commitment" in done.message


def test_inspect_says_what_is_hidden(zkinfer: Run, folder: Path) -> None:
    described = json.loads(zkinfer("inspect", folder / "proof.zkp", "--json").out)
    assert described["hidden_records"] == 1
    assert "records" not in described
    key = json.loads(zkinfer("inspect", folder / "keys" / "verifying.key", "--json").out)
    assert key["who_sees_what"]["which of its records"] == "hidden"
    assert key["soundness"]["proof"]["terms_over_l"]["hidden_records"] == 2**26 + 10


def test_other_data_are_refused(zkinfer: Run, folder: Path) -> None:
    like = ("--like", folder / "x.commitment")
    assert zkinfer("commit", folder / "records.npy", "-o", folder / "y", *like).code == 0
    verify = (
        "verify",
        folder / "keys" / "verifying.key",
        folder / "proof.zkp",
        "--context",
        "claim",
    )
    done = zkinfer(*verify, "--data", folder / "y.commitment", "--json")
    assert done.code == 1
    assert json.loads(done.out)["valid"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": "hidden"}, "hidden among committed data: --input committed"),
        ({"input": "public"}, "hidden among committed data: --input committed"),
        ({"output": "accuracy"}, "accuracy is that of records that a proof names"),
        ({"output": "confusion"}, "confusion is that of records that a proof names"),
        ({"output": "summary"}, "summary is that of records that a proof names"),
        ({"record": "secret"}, "the record mode must be public or hidden, got 'secret'"),
    ],
)
def test_what_does_not_go_together(folder: Path, options: dict[str, str], message: str) -> None:
    data = package.DataCommitment.load(folder / "x.commitment")
    given = {"input": "committed", "record": "hidden", **options}
    committed = data if given["input"] == "committed" else None
    with pytest.raises(package.UsageError, match=message):
        package.compile(MODEL, calibration=None, input_range=(0, 1), data=committed, **given)


def test_a_batch_hides_all_of_its_records(folder: Path, samples: np.ndarray) -> None:
    commitment, opening = (
        kind.load(folder / f"x.{name}")
        for kind, name in ((package.DataCommitment, "commitment"), (package.DataOpening, "opening"))
    )
    options = {"input": "committed", "data": commitment, "record": "hidden", "batch": 3}
    compiled = package.compile(MODEL, calibration=samples, output="label", **options)
    proof = package.prove(compiled.proving_key, data=opening, record=[4, 0, 4])
    verified = package.verify(compiled.verifying_key, proof, data=commitment)
    assert verified.records is not None
    assert (verified.records.numbers, verified.records.hidden) == ((), 3)
    (labels,) = verified.outputs.values()
    expected = [int(run_onnx(MODEL, samples[number][None]).argmax()) for number in (4, 0, 4)]
    assert labels.reshape(-1).tolist() == expected
    estimate = package.estimate(MODEL, calibration=samples, output="label", **options)
    size = len(proof.to_bytes())
    assert abs(estimate.content["proof_bytes"] - size) < 0.2 * size
