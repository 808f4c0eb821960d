"""The three verbs in Python: what they accept, what they return, what they refuse."""

import dataclasses
import itertools
import pickle
import stat
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import zkinfer
from tests.interop.support import dense, save_model
from tests.onnx_models import run
from zkinfer import (
    FormatError,
    Proof,
    ProvingKey,
    UsageError,
    VerificationError,
    VerifyingKey,
    reference,
)
from zkinfer.describe import describe_key

Array = np.ndarray

WEIGHTS = np.array([[1.0, -0.5, 0.1], [0.25, 2.0, 0.2], [-1.5, 0.75, 0.3], [0.5, 0.5, 0.4]])
X = np.array([[0.5, -0.25, 1.0, -1.0]])
SCORES = np.maximum(X @ WEIGHTS, 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dense(tmp_path_factory.mktemp("model") / "m.onnx", WEIGHTS)


@pytest.fixture(scope="module")
def compiled(model: Path) -> zkinfer.Compiled:
    return zkinfer.compile(model, input_range=(-1, 1))


MODES = list(itertools.product(("hidden", "public"), ("public", "label"), ("hidden", "public")))


@pytest.mark.parametrize(("inputs", "outputs", "weights"), MODES)
def test_modes(model: Path, inputs: str, outputs: str, weights: str) -> None:
    made = zkinfer.compile(
        model, input_range=(-1, 1), input=inputs, output=outputs, weights=weights
    )
    proving = ProvingKey.from_bytes(made.proving_key.to_bytes())
    verifying = VerifyingKey.from_bytes(made.verifying_key.to_bytes())
    assert verifying == proving.verifying_key
    proof = Proof.from_bytes(zkinfer.prove(proving, X, context=b"c").to_bytes())
    result = zkinfer.verify(verifying, proof, context=b"c")
    if outputs == "label":
        assert result.outputs["y"].shape == ()
        assert result.outputs["y"] == SCORES.argmax()
    else:
        np.testing.assert_allclose(result.outputs["y"], SCORES, atol=1e-3 * SCORES.max())
        scale = verifying.graph.tensors[verifying.graph.outputs[0]].scale
        np.testing.assert_array_equal(result.outputs_fixed["y"], result.outputs["y"] * 2**scale)
    if inputs == "public":
        assert result.inputs is not None
        np.testing.assert_allclose(result.inputs["x"], X, atol=1e-3)
    else:
        assert result.inputs is None
        assert result.inputs_fixed is None
    assert (verifying.weights is None) == (weights == "hidden")
    assert result.context == b"c"
    assert result.key_digest == verifying.digest
    assert result.circuit_digest == verifying.circuit_digest
    assert result.model_commitment == verifying.model_commitment


def test_result_is_frozen(compiled: zkinfer.Compiled) -> None:
    result = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, X))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.context = b"other"  # type: ignore[misc]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "longdouble"])
def test_float_types(compiled: zkinfer.Compiled, dtype: str) -> None:
    proof = zkinfer.prove(compiled.proving_key, X.astype(dtype))
    assert zkinfer.verify(compiled.verifying_key, proof).outputs["y"].shape == (1, 3)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
def test_integer_types(compiled: zkinfer.Compiled, dtype: str) -> None:
    x = np.array([[1, 0, 1, 0]], dtype=dtype)
    proof = zkinfer.prove(compiled.proving_key, {"x": x})
    expected = np.maximum(x @ WEIGHTS, 0)
    outputs = zkinfer.verify(compiled.verifying_key, proof).outputs["y"]
    np.testing.assert_allclose(outputs, expected, atol=3e-3)


def test_arrays_in_any_order(compiled: zkinfer.Compiled) -> None:
    plain = zkinfer.prove(compiled.proving_key, X)
    wide = np.zeros((1, 8))
    wide[:, ::2] = X
    for x in (np.asfortranarray(X), wide[:, ::2], X.tolist()):
        proof = zkinfer.prove(compiled.proving_key, x)
        np.testing.assert_array_equal(proof.public_values[0], plain.public_values[0])


def test_model_as_bytes_or_proto(model: Path) -> None:
    for source in (str(model), model.read_bytes(), onnx.load(model)):
        made = zkinfer.compile(source, input_range=(-1, 1))
        assert made.verifying_key.graph.inputs == ("x",)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["a", "w"], ["h"]),
        helper.make_node("Add", ["h", "b"], ["sum"]),
        helper.make_node("Sub", ["h", "b"], ["difference"]),
    ]
    inputs = {"a": (1, 4), "b": (1, 3)}
    constants = {"w": WEIGHTS.astype(np.float32)}
    model = save_model(tmp_path / "m.onnx", nodes, inputs, ["sum", "difference"], constants)
    rng = np.random.default_rng(5)
    samples = {"a": rng.uniform(-1, 1, (50, 4)), "b": rng.uniform(-1, 1, (50, 3))}
    made = zkinfer.compile(model, calibration=samples)
    x = {"a": samples["a"][:1], "b": samples["b"][:1]}
    outputs = zkinfer.verify(made.verifying_key, zkinfer.prove(made.proving_key, x)).outputs
    np.testing.assert_allclose(outputs["sum"], x["a"] @ WEIGHTS + x["b"], atol=5e-3)
    np.testing.assert_allclose(outputs["difference"], x["a"] @ WEIGHTS - x["b"], atol=5e-3)
    with pytest.raises(UsageError, match="a, b"):
        zkinfer.prove(made.proving_key, samples["a"][:1])
    with pytest.raises(UsageError, match="a, b"):
        zkinfer.prove(made.proving_key, {"a": samples["a"][:1]})


def test_save_and_load(compiled: zkinfer.Compiled, tmp_path: Path) -> None:
    compiled.save(tmp_path / "k")
    with pytest.raises(UsageError, match="exists already"):
        compiled.save(tmp_path / "k")
    compiled.save(tmp_path / "k", force=True)
    proving = ProvingKey.load(tmp_path / "k/proving.key")
    verifying = VerifyingKey.load(str(tmp_path / "k/verifying.key"))
    proof = zkinfer.prove(proving, X)
    for number in range(2):
        proof.save(tmp_path / "p")
        assert Proof.load(tmp_path / "p") == proof, number
    with pytest.raises(UsageError, match="exists already"):
        proof.save(tmp_path / "k/proving.key")
    with pytest.raises(UsageError, match="exists already"):
        verifying.save(tmp_path / "p")
    proving.save(tmp_path / "secret")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert zkinfer.verify(verifying, Proof.load(tmp_path / "p")).context == b""


def test_files_are_written_whole_or_not_at_all(
    compiled: zkinfer.Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail_third(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail_third)
    with pytest.raises(UsageError, match="no space left"):
        compiled.save(tmp_path / "k")
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize("context", ["text", 7, None, bytes(65537)])
def test_wrong_context(compiled: zkinfer.Compiled, context: object) -> None:
    with pytest.raises(UsageError, match="context"):
        zkinfer.prove(compiled.proving_key, X, context=context)  # type: ignore[arg-type]
    proof = zkinfer.prove(compiled.proving_key, X)
    with pytest.raises(UsageError, match="context"):
        zkinfer.verify(compiled.verifying_key, proof, context=context)  # type: ignore[arg-type]


def test_keys_in_the_wrong_place(compiled: zkinfer.Compiled) -> None:
    proof = zkinfer.prove(compiled.proving_key, X)
    with pytest.raises(UsageError, match="VerifyingKey"):
        zkinfer.verify(compiled.proving_key, proof)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="ProvingKey"):
        zkinfer.prove(compiled.verifying_key, X)  # type: ignore[arg-type]
    with pytest.raises(zkinfer.FormatError, match="bytes"):
        VerifyingKey.from_bytes("text")  # type: ignore[arg-type]


def test_values_that_are_no_integers_are_refused(compiled: zkinfer.Compiled) -> None:
    proof = zkinfer.prove(compiled.proving_key, X)
    halves = tuple(value + 0.5 for value in proof.public_values)
    with pytest.raises(VerificationError, match="int64"):
        zkinfer.verify(compiled.verifying_key, dataclasses.replace(proof, public_values=halves))


def test_progress_names_every_stage(model: Path) -> None:
    from zkinfer import api

    stages: list[str] = []
    made = zkinfer.compile(model, input_range=(-1, 1), progress=stages.append)
    assert len(stages) == api.COMPILE_STAGES
    stages.clear()
    zkinfer.prove(made.proving_key, X, progress=stages.append)
    assert len(stages) == api.PROVE_STAGES


HEADS: list[tuple[str, dict[str, int], int]] = [
    ("Softmax", {}, TensorProto.FLOAT),
    ("LogSoftmax", {}, TensorProto.FLOAT),
    ("Sigmoid", {}, TensorProto.FLOAT),
    ("ArgMax", {"axis": 1}, TensorProto.INT64),
    ("ArgMax", {"axis": -1, "keepdims": 0}, TensorProto.INT64),
]


def with_heads(
    *heads: tuple[str, dict[str, int], int], weights: Array = WEIGHTS
) -> onnx.ModelProto:
    """x w, and what each head makes of it."""
    info = helper.make_tensor_value_info
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"])]
    outputs = []
    for op, attrs, kind in heads:
        nodes.append(helper.make_node(op, ["z"], [f"{op}_out"], **attrs))
        outputs.append(info(f"{op}_out", kind, None))
    constants = [numpy_helper.from_array(weights.astype(np.float32), "w")]
    graph = helper.make_graph(
        nodes, "g", [info("x", TensorProto.FLOAT, [1, 4])], outputs, constants
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("head", HEADS)
def test_heads_stand_for_a_label(head: tuple[str, dict[str, int], int]) -> None:
    model = with_heads(head)
    compiled = zkinfer.compile(model, input_range=(-1, 1), output="label")
    result = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, X))
    assert result.outputs == {f"{head[0]}_out": (X @ WEIGHTS).argmax()}


@pytest.mark.parametrize("head", HEADS[3:])
def test_places_are_proved(head: tuple[str, dict[str, int], int]) -> None:
    compiled = zkinfer.compile(with_heads(head), input_range=(-1, 1))
    result = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, X))
    assert result.outputs[f"{head[0]}_out"] == (X @ WEIGHTS).argmax()


@pytest.mark.parametrize("head", HEADS[:3])
def test_probabilities_are_proved(head: tuple[str, dict[str, int], int]) -> None:
    model = with_heads(head)
    compiled = zkinfer.compile(model, input_range=(-1, 1))
    result = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, X))
    expected = run(model, {"x": X.astype(np.float32)})[f"{head[0]}_out"]
    np.testing.assert_allclose(result.outputs[f"{head[0]}_out"], expected, atol=2e-3)


def test_heads_of_the_same_scores_stand_for_one_label() -> None:
    compiled = zkinfer.compile(with_heads(*HEADS[:4]), input_range=(-1, 1), output="label")
    result = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, X))
    assert result.outputs == {"ArgMax_out": (X @ WEIGHTS).argmax()}


def test_one_score_means_a_threshold() -> None:
    model = with_heads(HEADS[2], weights=WEIGHTS[:, :1])
    with pytest.raises(
        UsageError, match=r"one score.* threshold: 0 before a sigmoid means one half"
    ):
        zkinfer.compile(model, input_range=(-1, 1), output="label")


def test_two_hidden_inputs_and_no_weights() -> None:
    """A similarity of two hidden embeddings: a public function, whose key commits to nothing."""
    nodes = [
        helper.make_node("Mul", ["a", "b"], ["p"]),
        helper.make_node("ReduceSum", ["p"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    inputs = [info(name, TensorProto.FLOAT, [1, 8]) for name in "ab"]
    graph = helper.make_graph(nodes, "g", inputs, [info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    rng = np.random.default_rng(1)
    samples = {name: rng.normal(size=(32, 8)) for name in "ab"}
    x = {name: array[:1] for name, array in samples.items()}
    for weights in ("hidden", "public"):
        compiled = zkinfer.compile(model, calibration=samples, weights=weights)
        proving = ProvingKey.from_bytes(compiled.proving_key.to_bytes())
        data = compiled.verifying_key.to_bytes()
        key = VerifyingKey.from_bytes(data)
        assert (key.rows, key.certificate, proving.blinds) == (b"", b"", b"")
        proof = zkinfer.prove(proving, x)
        result = zkinfer.verify(key, proof)
        expected = (x["a"] * x["b"]).sum()
        assert (
            abs(result.outputs["y"] - expected) < 1e-3 * np.abs(samples["a"] * samples["b"]).sum()
        )
        verdict = reference.verify(reference.read_key(data), reference.read_proof(proof.to_bytes()))
        assert verdict["outputs_fixed"] == {"y": result.outputs_fixed["y"].tolist()}
        described = describe_key("verifying key", len(data), key)
        assert described["who_sees_what"]["weights"] == "none"
        assert described["weights"] == {"tensors": 0, "numbers": 0, "commitment_bytes": 0}
        assert "certificate" not in described["soundness"]
        other = zkinfer.prove(proving, {**x, "a": -x["a"]})
        with pytest.raises(VerificationError):
            zkinfer.verify(key, dataclasses.replace(proof, body=other.body))
        for change in ({"certificate": bytes(9)}, {"rows": bytes(32)}):
            with pytest.raises(FormatError):
                dataclasses.replace(key, **change)


def test_inputs_and_constants_as_outputs() -> None:
    info = helper.make_tensor_value_info
    names = {"y": [1, 3], "x": [1, 4], "w": [4, 3], "k": []}
    outputs = [info(name, TensorProto.FLOAT, shape) for name, shape in names.items()]
    constants = [
        numpy_helper.from_array(array.astype(np.float32), name)
        for name, array in (("w", WEIGHTS), ("k", np.array(2.5)))
    ]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [outputs[1]], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for shown in ("hidden", "public"):
        compiled = zkinfer.compile(model, input_range=(-1, 1), input=shown)
        result = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, X))
        expected = {"y": X @ WEIGHTS, "x": X, "w": WEIGHTS, "k": np.array(2.5)}
        for name, array in expected.items():
            np.testing.assert_allclose(result.outputs[name], array, atol=3e-3)


def test_keys_and_proofs_pickle(compiled: zkinfer.Compiled) -> None:
    proof = zkinfer.prove(compiled.proving_key, X)
    proving, verifying, again = (
        pickle.loads(pickle.dumps(item))  # noqa: S301
        for item in (compiled.proving_key, compiled.verifying_key, proof)
    )
    assert proving.to_bytes() == compiled.proving_key.to_bytes()
    assert (verifying, again) == (compiled.verifying_key, proof)
    zkinfer.verify(verifying, zkinfer.prove(proving, X))


def test_unpickling_accepts_a_key(compiled: zkinfer.Compiled) -> None:
    data = pickle.dumps(compiled.verifying_key)
    place = data.index(compiled.verifying_key.rows) + 5
    with pytest.raises(FormatError):
        pickle.loads(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])  # noqa: S301


def test_outputs_may_be_called_what_counts_are(tmp_path: Path) -> None:
    """What a proof of accuracy or confusion shows has names that are no other proof's."""
    path = tmp_path / "model.onnx"
    nodes = [
        helper.make_node("Relu", ["x"], ["right"]),
        helper.make_node("Neg", ["x"], ["confusion"]),
    ]
    save_model(path, nodes, {"x": (1, 3)}, ("right", "confusion"))
    compiled = zkinfer.compile(path, input_range=(-1, 1))
    result = zkinfer.verify(
        compiled.verifying_key, zkinfer.prove(compiled.proving_key, np.ones((1, 3)))
    )
    assert set(result.outputs) == {"right", "confusion"}
    assert (result.right, result.confusion) == (None, None)


def test_indices_lie_within_their_table_whatever_range_is_said() -> None:
    rows = np.array([[0.5, -1.0], [0.25, 0.125], [-0.75, 1.5]], np.float32)
    made = helper.make_graph(
        [helper.make_node("Gather", ["rows", "x"], ["e"]), helper.make_node("Neg", ["e"], ["y"])],
        "embedding",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(rows, "rows")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    compiled = zkinfer.compile(model.SerializeToString(), input_range=(0, 255))
    proof = zkinfer.prove(compiled.proving_key, np.array([2]))
    outputs = zkinfer.verify(compiled.verifying_key, proof).outputs
    np.testing.assert_allclose(outputs["y"], -rows[2:], atol=1e-3)
