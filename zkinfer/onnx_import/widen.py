"""Half precision made single: what a model in float16 or bfloat16 is taken to compute.

Its weights keep their numbers, all of which float32 has; what is computed with them is not rounded
to half precision in between. Inputs may be any numbers. onnxruntime, which lacks most operators in
these types, then runs the model too, so that fidelity is measured against the same network.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from zkinfer.onnx_import.constants import to_array
from zkinfer.onnx_import.walk import subgraphs

HALVES = frozenset((TensorProto.FLOAT16, TensorProto.BFLOAT16))
_TYPES = ("dtype", "output_dtype", "to")
"""Attributes that name the type of an output."""


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in float32 where it was in float16 or bfloat16; itself if it has neither."""
    if not any(_halves(model.graph)) and not any(
        _in_nodes(node for function in model.functions for node in function.node)
    ):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    _widen(changed.graph)
    for function in changed.functions:
        for value in function.value_info:
            _widen_type(value)
        for node in function.node:
            _widen_node(node)
    return changed


def _halves(graph: onnx.GraphProto) -> Iterator[bool]:
    """For each thing that has a type, whether it is a half one."""
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.type.tensor_type.elem_type in HALVES
    for tensor in graph.initializer:
        yield tensor.data_type in HALVES
    for sparse in graph.sparse_initializer:
        yield sparse.values.data_type in HALVES
    yield from _in_nodes(graph.node)


def _in_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[bool]:
    for node in nodes:
        for attribute in node.attribute:
            yield attribute.name in _TYPES and attribute.i in HALVES
            yield attribute.t.data_type in HALVES
            yield attribute.sparse_tensor.values.data_type in HALVES
        for graph in subgraphs(node):
            yield from _halves(graph)


def _widen(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        _widen_type(value)
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for sparse in graph.sparse_initializer:
        _widen_tensor(sparse.values)
    for node in graph.node:
        _widen_node(node)


def _widen_node(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.name in _TYPES and attribute.i in HALVES:
            attribute.i = TensorProto.FLOAT
        if attribute.HasField("t"):
            _widen_tensor(attribute.t)
        if attribute.HasField("sparse_tensor"):
            _widen_tensor(attribute.sparse_tensor.values)
    for graph in subgraphs(node):
        _widen(graph)


def _widen_type(value: onnx.ValueInfoProto) -> None:
    tensor = value.type.tensor_type
    if tensor.elem_type in HALVES:
        tensor.elem_type = TensorProto.FLOAT


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in HALVES:
        array = to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
