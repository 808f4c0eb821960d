"""Small ONNX files, compiled models and results of processes for the command-line tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MODELS = Path(__file__).resolve().parents[2] / "models"


@dataclass(frozen=True)
class Done:
    """What a finished process left."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one plain sentence on standard error, with what it lists on lines of their own; fails
        the test if there is anything else.
        """
        first, *listed = self.err.splitlines()
        assert first.startswith("zkinfer: ")
        assert all(line.startswith("  ") for line in listed), self.err
        assert not listed or first.endswith(":")
        return "\n".join([first.removeprefix("zkinfer: "), *listed])


Run = Callable[..., Done]


@dataclass(frozen=True)
class Keys:
    """Paths of a compiled model, an input for it and a proof with the context "claim 17"."""

    folder: Path
    proving: Path
    verifying: Path
    input: Path
    proof: Path


def make_keys(zkinfer: Run, folder: Path, seed: int | None) -> Keys:
    model = MODELS / "breast_cancer.onnx"
    if seed is not None:
        proto = onnx.load(model)
        rng = np.random.default_rng(seed)
        for tensor in proto.graph.initializer:
            values = numpy_helper.to_array(tensor)
            factors = rng.uniform(0.9, 1.1, values.shape).astype(values.dtype)
            tensor.CopyFrom(numpy_helper.from_array(values * factors, tensor.name))
        model = folder / "retrained.onnx"
        onnx.save(proto, model)
    made = Keys(
        folder,
        folder / "proving.key",
        folder / "verifying.key",
        MODELS / "breast_cancer_input.npy",
        folder / "proof.zkp",
    )
    calibration = MODELS / "breast_cancer_calibration.npz"
    done = zkinfer("compile", model, "--calibration", calibration, "-o", folder)
    assert done.code == 0, done.err
    done = zkinfer("prove", made.proving, made.input, "-o", made.proof, "--context", "claim 17")
    assert done.code == 0, done.err
    return made


def save_model(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[int | str]],
    outputs: Sequence[str],
    constants: dict[str, np.ndarray] | None = None,
    domains: Sequence[str] = (),
) -> Path:
    """Writes a small float model; a string among the extents is an unknown dimension."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(v, n) for n, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def dense(path: Path, weights: np.ndarray, shape: Sequence[int | str] = (1, 4)) -> Path:
    """A model `y = relu(x W)` with input x and output y."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
        helper.make_node("Relu", ["h"], ["y"], name="activation"),
    ]
    return save_model(path, nodes, {"x": shape}, ["y"], {"w": weights.astype(np.float32)})
