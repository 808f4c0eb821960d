"""Tiny ONNX models for the importer's tests, and their inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tests.float_oracle import evaluate
from zkinfer.graph import Graph
from zkinfer.onnx_import import load

Array = npt.NDArray[Any]
Shape = Sequence[int | str | None]

IR_VERSION = 8


def weights(*shape: int, seed: int = 0) -> Array:
    """Deterministic float32 weights of size about one."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def samples(shapes: Mapping[str, Sequence[int]], seed: int = 1) -> dict[str, Array]:
    """Deterministic float32 inputs."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def ints(*values: int) -> Array:
    """A one-dimensional int64 constant."""
    return np.array(values, dtype=np.int64)


def scalar(value: float) -> Array:
    """A float32 constant without axes."""
    return np.array(value, dtype=np.float32)


def node(
    op: str, inputs: Sequence[str], outputs: Sequence[str] = ("y",), **attrs: Any
) -> onnx.NodeProto:
    """A node named after its operator and first output."""
    name = attrs.pop("name", f"{op.lower()}_{outputs[0]}")
    return helper.make_node(op, list(inputs), list(outputs), name=name, **attrs)


def make(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    *,
    outputs: Sequence[str] | Mapping[str, Shape] = ("y",),
    constants: Mapping[str, Array] | None = None,
    opset: int = 17,
    types: Mapping[str, int] | None = None,
    domains: Mapping[str, int] | None = None,
    listed: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model.

    inputs: shapes by name, with names (or None) for unknown extents. outputs: likewise, or only
    names where onnx infers the shapes. types: element types of inputs and outputs other than
    FLOAT. domains: versions of further operator sets. listed: constants that are graph inputs too.
    """
    types = types or {}
    constants = constants or {}
    given = outputs if isinstance(outputs, Mapping) else {}

    def value(name: str, shape: Shape | None) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), shape)

    extra = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(constants[name].dtype), constants[name].shape
        )
        for name in listed
    ]
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [value(name, shape) for name, shape in inputs.items()] + extra,
        [value(name, given.get(name)) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    versions = {"": opset, **(domains or {})}
    imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)
    for output in model.graph.output:
        if not output.type.tensor_type.HasField("shape"):
            inferred = onnx.shape_inference.infer_shapes(model).graph.output
            output.CopyFrom(next(value for value in inferred if value.name == output.name))
    return model


def compare(model: onnx.ModelProto, feeds: Mapping[str, Array], **options: Any) -> Graph:
    """Imports the model and compares all of its outputs with onnxruntime's."""
    graph = load(model, **options)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = dict(zip(graph.outputs, session.run(graph.outputs, dict(feeds)), strict=True))
    values = evaluate(graph, feeds)
    for name, value in expected.items():
        assert values[name].shape == value.shape, name
        np.testing.assert_allclose(values[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    return graph
