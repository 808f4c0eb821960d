"""The pairing backend on the command line, in processes: a setup for development, and a ceremony
that snarkjs runs; other verifiers on the files that `export` writes.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.interop.support import Run
from tests.node import answers
from tests.pairing.verifiers import compiled

POWER = 8
"""2^8 rows: those of the model below, and of its public signals."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logistic regression of three features, with samples and an input beside it."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(3, 1)).astype(np.float32), rng.normal(size=1).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "regression",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(array, name) for array, name in zip(weights, "wb", strict=True)],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "model.onnx")
    samples = rng.uniform(-1, 1, (40, 3)).astype(np.float32)
    np.save(folder / "samples.npy", samples)
    np.save(folder / "input.npy", samples[:1])
    return folder


def compile_(zkinfer: Run, model: Path, folder: Path, *options: str) -> Path:
    calibration = "--calibration", str(model / "samples.npy")
    asked = str(model / "model.onnx"), *calibration, "--backend", "groth16", "-o", str(folder)
    done = zkinfer("compile", *asked, *options)
    assert done.code == 0, done.err
    return folder


def test_a_setup_for_development(zkinfer: Run, model: Path, tmp_path: Path) -> None:
    keys = compile_(zkinfer, model, tmp_path / "keys", "--insecure-setup")
    proof = str(tmp_path / "p.zkp")
    asked = str(keys / "proving.key"), str(model / "input.npy"), "-o", proof, "--context", "one"
    assert zkinfer("prove", *asked).code == 0
    verifying = "verify", str(keys / "verifying.key"), proof, "--context", "one"
    refused = zkinfer(*verifying)
    assert refused.code == 2
    assert "--insecure-setup" in refused.message
    page = tmp_path / "verdict.html"
    taken = zkinfer(*verifying, "--insecure-setup", "--json", "--html", str(page))
    assert "whose owner can prove anything" in page.read_text()
    assert taken.code == 0, taken.err
    said = json.loads(taken.out)
    assert said["valid"]
    assert any("one machine" in caveat for caveat in said["caveats"])
    asked = "verify", str(keys / "verifying.key"), proof, "--json", "--context"
    for context, code in (("one", 0), ("two", 1)):
        read = subprocess.run(
            [sys.executable, "-m", "zkinfer.reference", *asked, context], capture_output=True
        )
        assert read.returncode == code, read.stderr
        if not code:
            assert json.loads(read.stdout)["outputs_fixed"] == said["outputs_fixed"]
    other = zkinfer("verify", *verifying[1:3], "--context", "two", "--insecure-setup")
    assert other.code == 1
    described = json.loads(zkinfer("inspect", str(keys / "verifying.key"), "--json").out)
    assert described["backend"] == "groth16"
    assert described["circuit"]["setup"] == "insecure"


def test_a_ceremony(zkinfer: Run, model: Path, tmp_path: Path) -> None:
    """From the draft to other verifiers; and a proof that snarkjs makes of our wires."""
    keys = compile_(zkinfer, model, tmp_path / "keys")
    draft, circuit = str(keys / "draft.key"), str(tmp_path / "circuit.r1cs")
    done = zkinfer("export", draft, "--r1cs", circuit, "--sym", str(tmp_path / "circuit.sym"))
    assert done.code == 0, done.err
    answers("snarkjs", [["setup", circuit, str(tmp_path), POWER]])
    into = "-o", str(keys)
    refused = zkinfer("import", draft, "--zkey", str(tmp_path / "0.zkey"), *into)
    assert refused.code == 2
    assert "delta" in refused.message
    done = zkinfer("import", draft, "--zkey", str(tmp_path / "1.zkey"), *into)
    assert done.code == 0, done.err
    proving, verifying = str(keys / "proving.key"), str(keys / "verifying.key")
    x, proof = str(model / "input.npy"), str(tmp_path / "p.zkp")
    assert zkinfer("prove", proving, x, "-o", proof, "--context", "one").code == 0
    taken = zkinfer("verify", verifying, proof, "--context", "one", "--json")
    assert taken.code == 0, taken.err

    written = {name: tmp_path / name for name in ("key", "proof", "public", "sol", "call", "wtns")}
    solidity, call = str(written["sol"]), str(written["call"])
    asked = "export", verifying, "--snarkjs", str(written["key"]), "--solidity", solidity
    assert zkinfer(*asked).code == 0
    exported = "--snarkjs", str(written["proof"]), "--public", str(written["public"])
    asked = "export", proof, "--key", verifying, *exported, "--calldata", call
    assert zkinfer(*asked).code == 0
    key, points, public = (json.loads(written[n].read_text()) for n in ("key", "proof", "public"))
    (contract,) = compiled([written["sol"].read_text()])
    assert answers("snarkjs", [["verify", key, public, points]]) == [True]
    data = bytes.fromhex(written["call"].read_text().strip().removeprefix("0x"))
    assert int.from_bytes(contract.call(data)) == 1

    asked = "export", proving, x, "--context", "one", "--wtns", str(written["wtns"])
    assert zkinfer(*asked).code == 0
    assert written["wtns"].stat().st_mode & 0o777 == 0o600
    (theirs,) = answers("snarkjs", [["prove", str(tmp_path), str(written["wtns"])]])
    assert isinstance(theirs, dict)
    written["proof"].write_text(json.dumps(theirs["proof"]))
    read = "--proof", str(written["proof"]), "--public", str(written["public"])
    back = str(tmp_path / "back.zkp")
    done = zkinfer("import", verifying, *read, "--context", "one", "-o", back)
    assert done.code == 0, done.err
    again = zkinfer("verify", verifying, back, "--context", "one", "--json")
    assert json.loads(again.out)["outputs"] == json.loads(taken.out)["outputs"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--backend", "groth17"), "unknown backend"),
        (("--weight-ranges", "checked"), "for --backend groth16"),
        (("--insecure-setup",), "for --backend groth16"),
        (("--backend", "groth16", "--weight-ranges", "some"), "unknown weight ranges"),
        (("--backend", "groth16", "--output", "committed"), "committed data"),
    ],
)
def test_wrong_use_is_said(
    zkinfer: Run, model: Path, tmp_path: Path, asked: tuple[str, ...], said: str
) -> None:
    calibration = "--calibration", str(model / "samples.npy")
    out = "-o", str(tmp_path / "keys")
    done = zkinfer("compile", str(model / "model.onnx"), *calibration, *out, *asked)
    assert done.code == 2
    assert said in done.message
    assert not (tmp_path / "keys").exists()


def test_what_cannot_be_exchanged_is_said(zkinfer: Run, model: Path, tmp_path: Path) -> None:
    keys = compile_(zkinfer, model, tmp_path / "keys", "--insecure-setup")
    verifying, out = str(keys / "verifying.key"), str(tmp_path / "out")
    for asked, said in (
        (("export", verifying), "name what to write"),
        (("export", verifying, "--r1cs", out), "--r1cs is not written of a verifying key"),
        (("export", str(model / "model.onnx"), "--snarkjs", out), "no zkinfer file"),
        (("import", verifying, "-o", out), "name what to read"),
        (("import", verifying, "--zkey", verifying, "-o", out), "expected"),
    ):
        done = zkinfer(*asked)
        assert done.code == 2
        assert said in done.message
    assert not Path(out).exists()
