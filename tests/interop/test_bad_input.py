"""Bad input on the command line: one plain sentence, the right exit code, nothing half-written."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.interop.support import MODELS, Done, Keys, Run, dense, save_model

NAN, INF = float("nan"), float("inf")
WEIGHTS = np.array([[1.0, -0.5], [0.25, 2.0], [-1.5, 0.75], [0.5, 0.5]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where a refused command should have written; checked to be empty afterwards."""
    target = tmp_path / "out"
    target.mkdir()
    yield target
    assert list(target.iterdir()) == []


@pytest.fixture
def refused(zkinfer: Run) -> Callable[..., str]:
    """Runs a command that must be refused with exit code 2; returns its message."""

    def run(*arguments: object, stdin: bytes = b"") -> str:
        done = zkinfer(*arguments, stdin=stdin)
        assert done.code == 2, done
        assert done.out == ""
        assert "a defect of zkinfer" not in done.message
        return done.message

    return run


Refused = Callable[..., str]


def test_unsupported_ops(refused: Refused, folder: Path, target: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
        helper.make_node("Bernoulli", ["h"], ["e"], name="the_coin"),
        helper.make_node("Mystery", ["e"], ["y"], name="the_mystery", domain="org.example"),
    ]
    constants = {"w": WEIGHTS.astype(np.float32)}
    model = save_model(
        folder / "m.onnx", nodes, {"x": (1, 4)}, ["y"], constants, domains=["org.example"]
    )
    message = refused("compile", model, "--input-range=-1,1", "-o", target)
    for word in ("Bernoulli", "the_coin", "Mystery", "the_mystery", "org.example"):
        assert word in message


def test_unknown_dimension(refused: Refused, zkinfer: Run, folder: Path, target: Path) -> None:
    model = dense(folder / "m.onnx", WEIGHTS, shape=("batch", "width", 4))
    message = refused("compile", model, "--input-range=-1,1", "-o", target)
    assert "x" in message
    assert "width" in message
    assert "--shape" in message
    done = zkinfer("compile", model, "--input-range=-1,1", "--shape", "x=1,3,4", "-o", folder / "k")
    assert done.code == 0, done.err


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_weights_not_finite(refused: Refused, folder: Path, target: Path, value: float) -> None:
    weights = WEIGHTS.copy()
    weights[2, 1] = value
    model = dense(folder / "m.onnx", weights)
    message = refused("compile", model, "--input-range=-1,1", "-o", target)
    assert "w" in message
    assert any(word in message.lower() for word in ("nan", "infin", "finite"))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_calibration_not_finite(refused: Refused, folder: Path, target: Path, value: float) -> None:
    samples = np.zeros((5, 4), dtype=np.float32)
    samples[3, 2] = value
    np.save(folder / "c.npy", samples)
    model = dense(folder / "m.onnx", WEIGHTS)
    message = refused("compile", model, "--calibration", folder / "c.npy", "-o", target)
    assert any(word in message.lower() for word in ("nan", "infin", "finite"))


def test_missing_calibration(refused: Refused, folder: Path, target: Path) -> None:
    model = dense(folder / "m.onnx", WEIGHTS)
    message = refused("compile", model, "-o", target)
    assert "--calibration" in message
    assert "--input-range" in message


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 1), (4,), (0, 4)])
def test_calibration_of_wrong_shape(
    refused: Refused, folder: Path, target: Path, shape: tuple[int, ...]
) -> None:
    np.save(folder / "c.npy", np.zeros(shape, dtype=np.float32))
    model = dense(folder / "m.onnx", WEIGHTS)
    assert refused("compile", model, "--calibration", folder / "c.npy", "-o", target)


def test_graph_without_outputs(refused: Refused, folder: Path, target: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    model = helper.make_model(helper.make_graph([], "empty", [value], []))
    onnx.save(model, folder / "m.onnx")
    message = refused("compile", folder / "m.onnx", "--input-range=-1,1", "-o", target)
    assert "no output" in message


@pytest.mark.parametrize("content", [b"", b"no onnx file", bytes(100)], ids=range(3))
def test_not_an_onnx_file(refused: Refused, folder: Path, target: Path, content: bytes) -> None:
    (folder / "m.onnx").write_bytes(content)
    message = refused("compile", folder / "m.onnx", "--input-range=-1,1", "-o", target)
    assert "onnx" in message.lower()


@pytest.mark.parametrize(
    "options",
    [
        ("--input", "secret"),
        ("--output", "all"),
        ("--weights", "committed"),
        ("--input", "committed"),
        ("--input-range", "1"),
        ("--input-range", "1,x"),
        ("--input-range", "2,1"),
        ("--input-range", "nan,1"),
        ("--input-range", "-inf,1"),
        ("--max-error", "0"),
        ("--max-error", "-1"),
        ("--max-error", "nan"),
        ("--max-error", "much"),
        ("--shape", "x"),
        ("--shape", "x=1,0"),
        ("--shape", "nothing=1,4"),
        ("--wat",),
    ],
)
def test_wrong_options(
    refused: Refused, folder: Path, target: Path, options: tuple[str, ...]
) -> None:
    model = dense(folder / "m.onnx", WEIGHTS)
    arguments = ("compile", model, "--input-range", "-1,1", "-o", target, *options)
    message = refused(*arguments)
    if options == ("--input", "committed"):
        assert "--data X.commitment" in message


@pytest.mark.parametrize("arguments", [(), ("verify",), ("prove", "a"), ("frobnicate",)])
def test_wrong_use(refused: Refused, arguments: tuple[str, ...]) -> None:
    assert "--help" in refused(*arguments)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[NAN] + [0.0] * 29], ("features",)),
        ([[0.0] * 29 + [INF]], ("features", "29")),
        ([[0.0] * 7 + [1e9] + [0.0] * 22], ("features", "7", "1000000000")),
        ([[0.0] * 29], ("features", "29", "30")),
        ([[[0.0] * 30]], ("features", "30")),
        ([0.0] * 30, ("features", "30")),
        ([[0.0] * 30] * 2, ("features", "30")),
        ([["a"] * 30], ("features",)),
        ([[0.0] * 30, [0.0]], ("features",)),
        ([[10**400] * 30], ("features",)),
        ({"wrong": [[0.0] * 30]}, ("wrong", "features")),
        ({}, ("features",)),
        ({"features": [[0.0] * 30], "more": [1]}, ("more",)),
    ],
)
def test_bad_values(
    refused: Refused, keys: Keys, folder: Path, target: Path, x: object, words: tuple[str, ...]
) -> None:
    (folder / "x.json").write_text(json.dumps(x))
    message = refused("prove", keys.proving, folder / "x.json", "-o", target / "p.zkp")
    for word in words:
        assert word in message.replace("1e+09", "1000000000")


@pytest.mark.parametrize("dtype", ["complex64", "U4", "datetime64[s]"])
def test_wrong_dtype(refused: Refused, keys: Keys, folder: Path, target: Path, dtype: str) -> None:
    np.save(folder / "x.npy", np.ones((1, 30)).astype(dtype))
    message = refused("prove", keys.proving, folder / "x.npy", "-o", target / "p.zkp")
    assert "integers or floats" in message


def test_pickles_are_never_loaded(refused: Refused, keys: Keys, folder: Path, target: Path) -> None:
    np.save(folder / "x.npy", np.array([[{}] * 30], dtype=object), allow_pickle=True)
    message = refused("prove", keys.proving, folder / "x.npy", "-o", target / "p.zkp")
    assert "pickle" in message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[[1, 2",
        b"\xff\xfe",
        b"[" * 100_000,
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1",
        b"PK\x03\x04 and then nothing",
        b'{"features": [[1]], "features": [[1]]}',
        b"3",
        b"null",
    ],
)
def test_damaged_input_files(
    refused: Refused, keys: Keys, folder: Path, target: Path, content: bytes
) -> None:
    (folder / "x").write_bytes(content)
    assert refused("prove", keys.proving, folder / "x", "-o", target / "p.zkp")
    assert refused("prove", keys.proving, "-", "-o", target / "p.zkp", stdin=content)


def test_npy_that_claims_too_much(refused: Refused, keys: Keys, folder: Path, target: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999, 30)}"
    header += b" " * (118 - len(header) - 1) + b"\n"
    (folder / "x.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header + bytes(80))
    message = refused("prove", keys.proving, folder / "x.npy", "-o", target / "p.zkp")
    assert "damaged" in message


def test_missing_files(refused: Refused, keys: Keys, folder: Path, target: Path) -> None:
    proof = target / "p.zkp"
    for arguments in (
        ("compile", folder / "no.onnx", "--input-range=0,1", "-o", target),
        ("compile", MODELS / "breast_cancer.onnx", "--calibration", folder / "no", "-o", target),
        ("prove", folder / "no.key", keys.input, "-o", proof),
        ("prove", keys.proving, folder / "no.npy", "-o", proof),
        ("verify", folder / "no.key", keys.proof),
        ("verify", keys.verifying, folder / "no.zkp"),
        ("inspect", folder / "no"),
        ("verify", folder, keys.proof),
    ):
        message = refused(*arguments)
        assert "no" in message or str(folder) in message


def test_output_in_no_folder(refused: Refused, keys: Keys, folder: Path) -> None:
    assert "nowhere" in refused("prove", keys.proving, keys.input, "-o", folder / "nowhere/p.zkp")
    assert "plain file" in refused("prove", keys.proving, keys.input, "-o", "/dev/null")
    assert "folder" in refused("prove", keys.proving, keys.input, "-o", folder)
    (folder / "file").write_text("")
    model = MODELS / "breast_cancer.onnx"
    assert "folder" in refused("compile", model, "--input-range=0,1", "-o", folder / "file")


def test_truncated_and_foreign_files(
    refused: Refused, keys: Keys, folder: Path, target: Path
) -> None:
    cut = folder / "cut"
    proof = target / "p.zkp"
    for size in (0, 7, 9, 50, 1000, -1):
        cut.write_bytes(keys.verifying.read_bytes()[:size])
        refused("verify", cut, keys.proof)
    cut.write_bytes(keys.proving.read_bytes()[:-1])
    assert "truncated" in refused("prove", cut, keys.input, "-o", proof)
    cut.write_bytes(keys.proof.read_bytes()[:-1])
    assert "truncated" in refused("inspect", cut)
    assert "verifying key" in refused("prove", keys.verifying, keys.input, "-o", proof)
    assert "proof" in refused("verify", keys.proof, keys.proof)
    assert "verifying key" in refused("verify", keys.verifying, keys.verifying)
    assert "no zkinfer file" in refused("verify", MODELS / "breast_cancer.onnx", keys.proof)
    assert "no zkinfer file" in refused("inspect", MODELS / "breast_cancer.onnx")


@pytest.mark.parametrize("position", [8, 30, 200, -200, -1])
def test_a_damaged_proof_does_not_verify(
    zkinfer: Run, keys: Keys, folder: Path, position: int
) -> None:
    content = bytearray(keys.proof.read_bytes())
    content[position] ^= 1
    (folder / "damaged").write_bytes(content)
    done = zkinfer("verify", keys.verifying, folder / "damaged", "--context", "claim 17", "--json")
    assert "damaged" in rejected(done)
    assert json.loads(done.out)["valid"] is False


def rejected(done: Done) -> str:
    """The message of a proof that does not verify."""
    assert done.code == 1, done
    return done.message


def test_proof_for_another_key(zkinfer: Run, keys: Keys, other_keys: Keys) -> None:
    done = zkinfer("verify", other_keys.verifying, keys.proof, "--context", "claim 17")
    assert "key" in rejected(done)
    assert done.out == ""


@pytest.mark.parametrize("options", [(), ("--context", "claim 18"), ("--context", "claim 17 ")])
def test_other_context(zkinfer: Run, keys: Keys, options: tuple[str, ...]) -> None:
    assert "context" in rejected(zkinfer("verify", keys.verifying, keys.proof, *options))


def test_rejected_as_json(zkinfer: Run, keys: Keys) -> None:
    done = zkinfer("verify", keys.verifying, keys.proof, "--json")
    message = rejected(done)
    assert json.loads(done.out) == {"valid": False, "error": message}


def test_traceback_on_request(zkinfer: Run, keys: Keys) -> None:
    done = zkinfer("verify", keys.verifying, keys.proof, traceback=True)
    assert done.code == 1
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("zkinfer: ")
