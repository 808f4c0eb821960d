"""Two hidden models in a chain on the command line, in processes that share nothing but files."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import zkinfer as package
from tests.interop.support import Run, dense, save_model
from tests.interop.test_cli import run_onnx

RNG = np.random.default_rng(11)
FIRST, SECOND, OTHER = (RNG.normal(size=shape) for shape in ((4, 3), (3, 2), (4, 3)))
X = RNG.random((5, 4), np.float32)


@pytest.fixture(scope="module")
def folder(zkinfer: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models, their keys, and a proof for the first input with each of them."""
    folder = tmp_path_factory.mktemp("chain")
    np.save(folder / "x.npy", X)
    np.save(folder / "input.npy", X[:1])
    dense(folder / "first.onnx", FIRST)
    dense(folder / "second.onnx", SECOND, (1, 3))
    np.save(folder / "y.npy", np.concatenate([run_onnx(folder / "first.onnx", x[None]) for x in X]))
    for step in (
        (
            *("compile", folder / "first.onnx", "--calibration", folder / "x.npy"),
            *("--output", "committed", "-o", folder / "first"),
        ),
        (
            *("compile", folder / "second.onnx", "--calibration", folder / "y.npy"),
            *("--input", "committed", "--data", folder / "first" / "verifying.key"),
            *("-o", folder / "second"),
        ),
        proving(folder, "hand on"),
        (
            *("prove", folder / "second" / "proving.key", "--data", folder / "hand on.opening"),
            *("--record", 0, "-o", folder / "last.zkp"),
        ),
    ):
        done = zkinfer(*step)
        assert done.code == 0, done.err
    return folder


def proving(folder: Path, name: str) -> tuple[object, ...]:
    key = folder / "first" / "proving.key"
    return "prove", key, folder / "input.npy", "-o", folder / f"{name}.zkp"


def verifying(folder: Path, name: str, proof: str, *options: object) -> tuple[object, ...]:
    return "verify", folder / name / "verifying.key", folder / f"{proof}.zkp", *options, "--json"


def test_whole_way(zkinfer: Run, folder: Path) -> None:
    """A verdict names the commitment, which is the data of the next proof; by both verifiers."""
    link = folder / "hand on.commitment"
    digest = package.DataCommitment.load(link).digest
    steps = (
        verifying(folder, "first", "hand on", "--outputs", link),
        verifying(folder, "second", "last", "--data", link),
    )
    verdicts = []
    for step in steps:
        done = zkinfer(*step)
        assert done.code == 0, done.err
        verdicts.append(json.loads(done.out))
        command = [sys.executable, "-m", "zkinfer.reference", *map(str, step)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        ours = json.loads(run.stdout)
        assert {name: ours[name] for name in verdicts[-1]} == verdicts[-1]
    first, last = verdicts
    assert (first["outputs"], first["outputs_digest"]) == ({}, digest)
    assert (last["data_digest"], last["data_checked"]) == (digest, True)
    expected = np.maximum(np.maximum(X[:1] @ FIRST, 0) @ SECOND, 0)
    np.testing.assert_allclose(last["outputs"]["y"], expected, atol=3e-3 * expected.max())
    said = zkinfer("verify", folder / "first" / "verifying.key", folder / "hand on.zkp")
    assert f"outputs digest: {digest}" in said.out


def test_a_cut_link(zkinfer: Run, folder: Path) -> None:
    done = zkinfer(*proving(folder, "other"))
    assert done.code == 0, done.err
    other = folder / "other.commitment"
    for step, message in (
        (verifying(folder, "first", "hand on", "--outputs", other), "the outputs are committed to"),
        (verifying(folder, "second", "last", "--data", other), "the proof is about the data"),
    ):
        done = zkinfer(*step)
        assert done.code == 1
        assert json.loads(done.out)["valid"] is False
        assert message in done.message
        command = [sys.executable, "-m", "zkinfer.reference", *map(str, step)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_a_page_names_the_commitment(zkinfer: Run, folder: Path) -> None:
    link, page = folder / "hand on.commitment", folder / "verdict.html"
    done = zkinfer(*verifying(folder, "first", "hand on", "--outputs", link, "--html", page))
    assert done.code == 0, done.err
    digest = package.DataCommitment.load(link).digest
    assert "is to what the model whose hidden weights" in page.read_text()
    assert digest in page.read_text()
    assert "--outputs" in page.read_text()
    assert "<h2>Outputs</h2>" not in page.read_text()


def test_files_of_a_proof_are_written_together(zkinfer: Run, folder: Path) -> None:
    """The opening for its owner alone; a commitment that was handed on is not replaced."""
    names = [folder / f"hand on.{kind}" for kind in ("zkp", "commitment", "opening")]
    assert stat.S_IMODE(names[2].stat().st_mode) == 0o600
    before = [name.read_bytes() for name in names]
    done = zkinfer(*proving(folder, "hand on"))
    assert done.code == 2
    assert "hand on.commitment" in done.message
    assert [name.read_bytes() for name in names] == before
    (folder / "again.opening").write_text("mine")
    done = zkinfer(*proving(folder, "again"))
    assert done.code == 2
    assert not (folder / "again.zkp").exists()
    done = zkinfer(*proving(folder, "again"), "--force")
    assert done.code == 0, done.err
    shown = json.loads(zkinfer("inspect", folder / "again.zkp", "--json").out)
    assert (shown["rows_of_outputs"], shown["claimed_and_not_verified"]) == (1, [])
    described = json.loads(zkinfer("inspect", folder / "again.commitment", "--json").out)
    assert (described["records"], described["tensors"]["y"]["shape"]) == (1, [1, 3])
    key = json.loads(zkinfer("inspect", folder / "first" / "verifying.key", "--json").out)
    assert key["who_sees_what"]["outputs"] == "committed"


def test_an_output_can_be_revealed(zkinfer: Run, folder: Path) -> None:
    """Whoever has the opening may show what a commitment holds."""
    shown = folder / "output.record"
    done = zkinfer("reveal", folder / "hand on.opening", "--record", 0, "-o", shown)
    assert done.code == 0, done.err
    done = zkinfer("verify", folder / "hand on.commitment", shown, "--json")
    assert done.code == 0, done.err
    expected = np.maximum(X[:1] @ FIRST, 0)
    numbers = json.loads(done.out)["numbers"]["y"]
    np.testing.assert_allclose(numbers, expected, atol=1e-3 * expected.max())


def test_a_key_for_a_chain_takes_other_proofs(zkinfer: Run, folder: Path) -> None:
    """The scales are those of the first key, so that the second takes all that it commits to."""
    done = zkinfer(*proving(folder, "another time"))
    assert done.code == 0, done.err
    opening = folder / "another time.opening"
    prove = ("prove", folder / "second" / "proving.key", "--data", opening, "--record", 0)
    done = zkinfer(*prove, "-o", folder / "another last.zkp")
    assert done.code == 0, done.err
    link = folder / "another time.commitment"
    assert zkinfer(*verifying(folder, "second", "another last", "--data", link)).code == 0


def test_what_does_not_fit(zkinfer: Run, folder: Path, tmp_path: Path) -> None:
    link, opening = folder / "hand on.commitment", folder / "hand on.opening"
    first, second = folder / "first", folder / "second"
    compiling = ("compile", folder / "second.onnx", "--calibration", folder / "y.npy")
    compiling = (*compiling, "-o", tmp_path / "keys", "--input", "committed")
    wrong = ("-o", tmp_path / "wrong.zkp")
    for arguments, message in (
        ((*compiling, "--data", second / "verifying.key"), "this key's output mode is public"),
        (
            (*compiling, "--output", "accuracies", "--data", link),
            "the output mode must be public or label or committed or accuracy",
        ),
        (
            (*verifying(folder, "second", "last", "--data", link), "--outputs", link),
            "the outputs of this key are not committed to (public)",
        ),
        (("verify", link, folder / "last.zkp", "--outputs", link), "no option but --json"),
        (
            ("prove", first / "proving.key", folder / "input.npy", "--labels", opening, *wrong),
            "labels are for proofs of accuracy",
        ),
        (
            (
                *("evaluate", first / "proving.key", "-o", tmp_path / "parts"),
                *("--data", opening, "--labels", opening),
            ),
            "compile one that shows a statistic",
        ),
    ):
        done = zkinfer(*arguments)
        assert done.code == 2, done.out
        assert message in done.message
    assert list(tmp_path.iterdir()) == []


def test_how_often_two_hidden_models_agree(tmp_path: Path) -> None:
    """The labels of one are committed to, and are the labels that the other one is held against."""
    data, opening = package.commit(X)
    chosen = onnx.helper.make_node("ArgMax", ["h"], ["i"], axis=1, keepdims=0)
    cast = onnx.helper.make_node("Cast", ["i"], ["y"], to=onnx.TensorProto.FLOAT)
    models = []
    for name, weights, last in (("one", FIRST, [chosen, cast]), ("other", OTHER, [])):
        product = onnx.helper.make_node("MatMul", ["x", "w"], ["h"])
        constants = {"w": weights.astype(np.float32)}
        output = "y" if last else "h"
        path = tmp_path / f"{name}.onnx"
        models.append(save_model(path, [product, *last], {"x": (1, 4)}, [output], constants))
    about = {"calibration": X, "input": "committed", "data": data, "batch": len(X)}
    one = package.compile(models[0], output="committed", **about)
    other = package.compile(models[1], output="accuracy", **about)
    proof, labels = package.prove_committed(one.proving_key, data=opening, record=0)
    said = package.verify(one.verifying_key, proof, data=data)
    proof = package.prove(other.proving_key, data=opening, record=0, labels=labels)
    found = package.verify(other.verifying_key, proof, data=data, labels=said.commitment)
    same = (X @ FIRST).argmax(axis=1) == (X @ OTHER).argmax(axis=1)
    assert (found.right, len(X)) == (same.sum(), 5)
    assert 0 < same.sum() < 5


def test_in_python(folder: Path) -> None:
    key = package.ProvingKey.load(folder / "first" / "proving.key")
    proof, opening = package.prove_committed(key, X[:1], context=b"claim 17")
    said = package.verify(key.verifying_key, proof, context=b"claim 17")
    assert said.commitment == opening.commitment
    bare, opening = package.prove_committed(key, X[:1])
    assert (
        package.verify(key.verifying_key, bare).commitment == opening.commitment != said.commitment
    )
    for call, message in (
        (lambda: package.prove(key, X[:1]), "call prove_committed"),
        (lambda: package.prove_committed(folder, X[:1]), "needs a ProvingKey"),
        (lambda: package.verify(key.verifying_key, bare, outputs=opening), "got DataOpening"),
    ):
        with pytest.raises(package.UsageError, match=message):
            call()
