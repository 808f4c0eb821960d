"""Constants: ONNX tensors as numpy arrays, and nodes whose inputs are all constant."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from zkinfer.onnx_import.node import OnnxNode, Refusal
from zkinfer.onnx_import.read import flat

Array = npt.NDArray[Any]

MAX_ENTRIES = 1 << 28
"""The most entries of a tensor that folding a node makes."""

_SMALL = 1 << 10
"""Up to how many entries a constant may tell the size of an output."""

IMPURE = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
"""Operators whose outputs do not follow from their inputs."""

_SCALARS = {"value_float": np.float32, "value_int": np.int64}
_LISTS = {"value_floats": np.float32, "value_ints": np.int64}


def to_array(tensor: onnx.TensorProto) -> Array:
    """The tensor's entries in its own type. Raises Refusal when its data do not fit its shape."""
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Refusal(f"the tensor {tensor.name} is damaged: {flat(error)}") from error


def to_dense(sparse: onnx.SparseTensorProto) -> Array:
    """The sparse tensor as an array. Raises Refusal when it is damaged or too large."""
    name = sparse.values.name
    shape = tuple(sparse.dims)
    _check_size(shape, f"the sparse tensor {name}")
    values, indices = to_array(sparse.values), to_array(sparse.indices)
    dense: Array = np.zeros(shape, dtype=values.dtype)
    try:
        if indices.ndim == 1:
            dense.reshape(-1)[indices] = values
        else:
            dense[tuple(indices.T)] = values
    except (IndexError, ValueError) as error:
        raise Refusal(f"the sparse tensor {name} is damaged: {flat(error)}") from error
    return dense


def initializers(graph: onnx.GraphProto) -> dict[str, Array]:
    """The graph's initial tensors by name. Raises Refusal for a damaged one."""
    arrays = {tensor.name: to_array(tensor) for tensor in graph.initializer}
    for sparse in graph.sparse_initializer:
        arrays[sparse.values.name] = to_dense(sparse)
    return arrays


def is_pure(node: OnnxNode) -> bool:
    """Whether the node's outputs follow from its inputs and its plain attributes."""
    subgraphs = any(
        isinstance(value, onnx.GraphProto | list) and _holds_graph(value)
        for value in node.attrs.values()
    )
    return node.op not in IMPURE and not subgraphs


def fold(
    node: OnnxNode, inputs: Mapping[str, Array], opsets: Mapping[str, int]
) -> dict[str, Array]:
    """The outputs, by name, of a node whose inputs are all constant, by the onnx package.

    inputs: the arrays of the node's non-empty inputs. Raises Refusal when the node cannot be
    evaluated.
    """
    if node.op == "Constant" and not node.domain:
        return {node.outputs[0]: _constant(node)}
    model = _model_of(node, inputs, opsets)
    _check_outputs(model, node, inputs)
    try:
        values = _evaluator(node, model).run(None, dict(inputs))
    except Exception as error:  # the evaluator raises what its operators raise
        raise Refusal(f"it cannot be evaluated on its constants: {flat(error)}") from error
    named = zip(filter(None, node.outputs), values, strict=True)
    return {name: np.asarray(value) for name, value in named}


def _evaluator(node: OnnxNode, model: onnx.ModelProto) -> ReferenceEvaluator:
    """Of the node at the model's opset, or at the newest one if the package has only later forms.

    A bare node is always evaluated at the newest opset.
    """
    try:
        return ReferenceEvaluator(model)
    except RuntimeError:
        return ReferenceEvaluator(node.proto)


def _check_outputs(model: onnx.ModelProto, node: OnnxNode, inputs: Mapping[str, Array]) -> None:
    """Raises Refusal when an output would be too large to make; most operators tell by shapes.

    model: of the one node. Its small inputs are made known, as they may hold sizes.
    """
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    for name, array in inputs.items():
        if array.size <= _SMALL:
            sized.graph.initializer.append(numpy_helper.from_array(array, name))
    try:
        outputs = shape_inference.infer_shapes(sized).graph.output
    except Exception as error:  # a bare error of the package's C++ part
        raise Refusal(f"its constants do not fit: {flat(error)}") from error
    for value in outputs:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        _check_size(shape, "its output")


def _model_of(
    node: OnnxNode, inputs: Mapping[str, Array], opsets: Mapping[str, int]
) -> onnx.ModelProto:
    """The node as a model at these opsets."""
    graph = helper.make_graph(
        [node.proto],
        "folded",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ],
        [helper.make_empty_tensor_value_info(name) for name in node.outputs if name],
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(graph, opset_imports=imports)


def _constant(node: OnnxNode) -> Array:
    """The value of a Constant node in any of its forms."""
    for name, value in node.attrs.items():
        if name == "value":
            return to_array(value)
        if name == "sparse_value":
            return to_dense(value)
        if name in _SCALARS:
            return np.array(value, dtype=_SCALARS[name])
        if name in _LISTS:
            return np.array(value, dtype=_LISTS[name])
    raise Refusal(f"a constant of numbers is expected, got {', '.join(node.attrs) or 'nothing'}")


def _check_size(shape: Sequence[int], what: str) -> None:
    if any(extent < 0 for extent in shape) or math.prod(shape) > MAX_ENTRIES:
        raise Refusal(f"{what} has the shape {tuple(shape)}; at most {MAX_ENTRIES} entries fit")


def _holds_graph(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(item, onnx.GraphProto) for item in values)
