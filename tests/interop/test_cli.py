"""The command line in real processes: the whole way, every flag, exit codes and messages."""

import argparse
import io
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.interop.support import MODELS, Keys, Run, dense
from zkinfer import cli

HEX = re.compile("[0-9a-f]{64}")


def verify_json(zkinfer: Run, verifying: Path, proof: Path, *options: str) -> dict:
    done = zkinfer("verify", verifying, proof, "--json", *options)
    assert done.code == 0, done.err
    assert done.err == ""
    return json.loads(done.out)


def test_whole_way(zkinfer: Run, keys: Keys) -> None:
    statement = verify_json(zkinfer, keys.verifying, keys.proof, "--context", "claim 17")
    assert list(statement) == [
        "valid",
        "outputs",
        "outputs_fixed",
        "context",
        "key_digest",
        "model_commitment",
        "circuit_digest",
    ]
    assert statement["valid"] is True
    assert statement["context"] == "claim 17"
    for name in ("key_digest", "model_commitment", "circuit_digest"):
        assert HEX.fullmatch(statement[name])
    expected = run_onnx(MODELS / "breast_cancer.onnx", np.load(keys.input))
    scores = np.array(statement["outputs"]["scores"])
    assert scores.shape == expected.shape
    np.testing.assert_allclose(scores, expected, atol=1e-3 * np.abs(expected).max())
    assert all(isinstance(v, int) for v in statement["outputs_fixed"]["scores"][0])


def run_onnx(model: Path, x: np.ndarray) -> np.ndarray:
    """The model's first output by the module that compiling uses too."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def test_compile_writes_four_files(keys: Keys) -> None:
    names = {"proving.key", "verifying.key", "report.json", "report.html", "proof.zkp"}
    assert {path.name for path in keys.folder.iterdir()} == names
    assert stat.S_IMODE(keys.proving.stat().st_mode) == 0o600
    json.loads((keys.folder / "report.json").read_text())
    assert "<svg" in (keys.folder / "report.html").read_text()


def test_verify_in_words(zkinfer: Run, keys: Keys) -> None:
    done = zkinfer("verify", keys.verifying, keys.proof, "--context", "claim 17")
    assert done.code == 0
    assert "valid" in done.out
    assert "scores" in done.out


def test_verdict_as_a_page(zkinfer: Run, keys: Keys, tmp_path: Path) -> None:
    """It says what --json says, escapes what others wrote, and is not replaced by accident."""
    context, page = "<b>claim</b> 'x y'", tmp_path / "verdict.html"
    proof = tmp_path / "proof.zkp"
    assert not zkinfer("prove", keys.proving, keys.input, "-o", proof, "--context", context).code
    options = ("--context", context, "--html", page)
    statement = verify_json(zkinfer, keys.verifying, proof, *options)
    text = page.read_text()
    for name in ("key_digest", "model_commitment", "circuit_digest"):
        assert f"<code>{statement[name]}</code>" in text
    for value in statement["outputs_fixed"]["scores"][0]:
        assert f"{value:,}" in text
    assert context not in text
    assert "&lt;b&gt;claim&lt;/b&gt;" in text
    assert not re.search("https?:|<script|src=", text)
    again = zkinfer("verify", keys.verifying, proof, *options)
    assert again.code == 2
    assert "exists already; use --force" in again.message
    assert zkinfer("verify", keys.verifying, proof, *options, "--force").code == 0
    page.unlink()
    wrong = zkinfer("verify", keys.verifying, proof, "--html", page)
    assert wrong.code == 1
    assert not page.exists()


def test_estimate(zkinfer: Run) -> None:
    model = MODELS / "breast_cancer.onnx"
    words, said = zkinfer("estimate", model), zkinfer("estimate", model, "--json")
    assert (words.code, words.err, said.code, said.err) == (0, "", 0, "")
    content = json.loads(said.out)
    assert content["layers"][0]["node"] in words.out
    assert content["who_sees_what"]["weights"] == "committed"
    assert 0 < content["verify_seconds"] < content["prove_seconds"]
    refused = zkinfer("estimate", model, "--input", "secret")
    assert refused.code == 2
    assert "the input mode must be hidden or public" in refused.message


def test_verify_and_prove_need_no_onnx(keys: Keys, tmp_path: Path) -> None:
    program = (
        "import sys; blocked = ('onnx', 'onnxruntime'); "
        "sys.modules.update(dict.fromkeys(blocked)); from zkinfer.cli import main; "
        "codes = [main(['prove', {p!r}, {x!r}, '-o', {o!r}]), main(['verify', {v!r}, {o!r}])]; "
        "assert not {{'zkinfer.quantize', 'zkinfer.onnx_import'}} & set(sys.modules); "
        "sys.exit(max(codes))"
    ).format(p=str(keys.proving), x=str(keys.input), o=str(tmp_path / "p"), v=str(keys.verifying))
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=600)


def test_console_script() -> None:
    from importlib.metadata import entry_points

    (script,) = (e for e in entry_points(group="console_scripts") if e.name == "zkinfer")
    assert script.value == "zkinfer.__main__:main"


@pytest.mark.parametrize("form", ["npz", "npy", "json-list", "json-object", "stdin-npy"])
def test_input_forms(zkinfer: Run, keys: Keys, tmp_path: Path, form: str) -> None:
    x = np.load(keys.input)
    path, stdin = tmp_path / "input", b""
    if form == "npz":
        with path.open("wb") as file:
            np.savez(file, features=x)
    elif form == "npy":
        with path.open("wb") as file:
            np.save(file, x.astype(np.float64))
    elif form == "json-list":
        path.write_text(json.dumps(x.tolist()))
    elif form == "json-object":
        path.write_text(json.dumps({"features": x.tolist()}))
    else:
        buffer = io.BytesIO()
        np.save(buffer, x)
        path, stdin = Path("-"), buffer.getvalue()
    proof = tmp_path / "proof.zkp"
    done = zkinfer("prove", keys.proving, path, "-o", proof, stdin=stdin)
    assert done.code == 0, done.err
    first = verify_json(zkinfer, keys.verifying, keys.proof, "--context", "claim 17")
    assert verify_json(zkinfer, keys.verifying, proof)["outputs"] == first["outputs"]


def test_modes_and_input_range(zkinfer: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = dense(tmp_path / "m.onnx", rng.normal(size=(4, 3)))
    (tmp_path / "x.json").write_text("[[0.5, -0.25, 1, -1]]")
    done = zkinfer(
        *("compile", model, "--input-range", "-1,1", "-o", tmp_path / "k"),
        *("--input", "public", "--output", "label", "--weights", "public"),
    )
    assert done.code == 0, done.err
    proof = tmp_path / "p.zkp"
    done = zkinfer("prove", tmp_path / "k/proving.key", tmp_path / "x.json", "-o", proof)
    assert done.code == 0, done.err
    statement = verify_json(zkinfer, tmp_path / "k/verifying.key", proof)
    scores = run_onnx(model, np.array([[0.5, -0.25, 1, -1]], dtype=np.float32))
    assert list(statement["outputs"].values()) == [int(scores.argmax())]
    np.testing.assert_allclose(statement["inputs"]["x"], [[0.5, -0.25, 1, -1]], atol=1e-3)


def test_saturation_is_refused_unless_allowed(zkinfer: Run, tmp_path: Path) -> None:
    """Calibration shows differences of two columns up to 0.5, the input one of 15."""
    rng = np.random.default_rng(2)
    model = dense(tmp_path / "m.onnx", np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]))
    near = rng.uniform(10, 15, (50, 1)) + rng.uniform(0, 0.5, (50, 4))
    np.save(tmp_path / "near.npy", near.astype(np.float32))
    (tmp_path / "far.json").write_text("[[15, 0, 1, 1]]")
    done = zkinfer("compile", model, "--calibration", tmp_path / "near.npy", "-o", tmp_path / "k")
    assert done.code == 0, done.err
    *_, fitted, held_out = done.out.splitlines()
    pattern = r"error \d\S+ of the largest output on {}, the label is the same for \d+\.\d\d%"
    assert re.fullmatch(pattern.format("41 fitted samples"), fitted)
    assert re.fullmatch(pattern.format("9 held-out samples"), held_out)
    prove = ("prove", tmp_path / "k/proving.key", tmp_path / "far.json", "-o", tmp_path / "p")
    done = zkinfer(*prove)
    assert done.code == 2
    assert re.match(r"1 value of activation saturates \(up to 1\d+(\.\d)? times", done.message)
    assert "--allow-saturation" in done.message
    assert not (tmp_path / "p").exists()
    assert zkinfer(*prove, "--allow-saturation").code == 0
    outputs = verify_json(zkinfer, tmp_path / "k/verifying.key", tmp_path / "p")["outputs"]
    assert outputs["y"][0][0] <= 2


def test_inspect(zkinfer: Run, keys: Keys) -> None:
    key = zkinfer("inspect", keys.verifying, "--json")
    proof = zkinfer("inspect", keys.proof, "--json")
    secret = zkinfer("inspect", keys.proving, "--json")
    assert (key.code, proof.code, secret.code) == (0, 0, 0)
    digest = json.loads(key.out)["key_digest"]
    assert json.loads(proof.out)["key_digest"] == digest
    assert json.loads(secret.out)["key_digest"] == digest
    seen = json.loads(key.out)["who_sees_what"]
    assert (seen["weights"], seen["input"], seen["outputs"]) == ("committed", "hidden", "public")
    assert "features" in zkinfer("inspect", keys.verifying).out


def test_demo(zkinfer: Run) -> None:
    done = zkinfer("demo")
    assert done.code == 0, done.err
    assert done.err == ""
    assert "malignant" in done.out
    assert "exit code 1" in done.out


def test_demo_that_keeps_its_files(zkinfer: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    assert str(folder) in zkinfer("demo", "--keep", folder).out
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    arguments = [folder / name for name in ("keys/verifying.key", "prediction.zkp")]
    assert zkinfer("verify", *arguments, "--context", "claim 2024-117").code == 0
    again = [folder / name for name in ("keys/proving.key", "breast_cancer_input.npy")]
    assert zkinfer("prove", *again, "-o", tmp_path / "p.zkp").code == 0
    before = sorted(folder.iterdir())
    assert "exists already" in zkinfer("demo", "--keep", folder).message
    assert "does not exist" in zkinfer("demo", "--keep", tmp_path / "no" / "folder").message
    assert sorted(folder.iterdir()) == before


def test_every_option_has_a_help_text() -> None:
    parsers = [cli._parser()]
    seen = set()
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
                assert {choice.dest for choice in action._choices_actions} == set(action.choices)
                assert all(choice.help for choice in action._choices_actions)
            else:
                assert action.help, (parser.prog, action.dest)
                seen.add(action.dest)
    assert {"model", "calibration", "weights", "key", "proof", "context", "file", "keep"} <= seen


def test_version_and_help(zkinfer: Run) -> None:
    assert re.fullmatch(r"zkinfer \d+\.\d+\.\d+\n", zkinfer("--version").out)
    for verb in ("compile", "prove", "verify", "inspect", "demo"):
        assert zkinfer(verb, "--help").code == 0
        assert verb in zkinfer("--help").out


def test_proof_is_replaced_but_nothing_else(zkinfer: Run, keys: Keys, tmp_path: Path) -> None:
    proof = tmp_path / "p.zkp"
    proof.write_bytes(keys.proof.read_bytes())
    assert zkinfer("prove", keys.proving, keys.input, "-o", proof).code == 0
    assert proof.read_bytes() != keys.proof.read_bytes()
    before = keys.verifying.read_bytes()
    done = zkinfer("prove", keys.proving, keys.input, "-o", keys.verifying)
    assert done.code == 2
    assert "--force" in done.message
    assert keys.verifying.read_bytes() == before


def test_keys_are_replaced_only_by_force(zkinfer: Run, tmp_path: Path) -> None:
    model = dense(tmp_path / "m.onnx", np.ones((4, 2)))
    arguments = ("compile", model, "--input-range", "0,1", "-o", tmp_path / "k")
    assert zkinfer(*arguments).code == 0
    before = (tmp_path / "k/proving.key").read_bytes()
    done = zkinfer(*arguments)
    assert done.code == 2
    assert "--force" in done.message
    assert (tmp_path / "k/proving.key").read_bytes() == before
    assert zkinfer(*arguments, "--force").code == 0
    assert (tmp_path / "k/proving.key").read_bytes() != before


def test_progress_is_shown_on_a_terminal_only(keys: Keys, tmp_path: Path) -> None:
    master, slave = os.openpty()
    command = [sys.executable, "-P", "-m", "zkinfer", "prove", str(keys.proving), str(keys.input)]
    done = subprocess.run([*command, "-o", str(tmp_path / "p")], stderr=slave, check=True)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert done.returncode == 0
    assert "proving" in shown
    assert shown.endswith("\x1b[K")
