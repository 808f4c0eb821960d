"""From a path, bytes or a ModelProto to a ModelProto that holds all of its weights."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, EncodeError, Message  # type: ignore[import-untyped]
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from zkinfer.errors import UsageError, flat

Source = str | os.PathLike[str] | bytes | onnx.ModelProto

MAX_BYTES = (1 << 31) - 1
"""The largest ONNX model, weights included: what a protobuf message can hold."""


def read(source: Source) -> onnx.ModelProto:
    """The model, with the weights of external files (beside the model's file) loaded.

    source: a path, the file's bytes, or a ModelProto, which is returned as it is. Raises UsageError
    when the file or one of its external files cannot be read or holds no ONNX model.
    """
    if isinstance(source, onnx.ModelProto):
        model, where = source, "the model"
        _check_text(model, where)
    elif isinstance(source, bytes):
        where = "the model"
        model = _parse(source, where)
    elif isinstance(source, str | os.PathLike):
        where = os.fspath(source)
        model = _parse(_content(Path(where)), where)
        _load_external(model, Path(where))
    else:
        raise UsageError(
            "a model is given as a path, as bytes, as an onnx.ModelProto, or as a fitted model of "
            f"scikit-learn, LightGBM, XGBoost or torch, got {type(source).__name__}"
        )
    nodes = (node for function in model.functions for node in function.node)
    tensors = chain(_tensors(model.graph), _constants(nodes))
    external = [tensor.name for tensor in tensors if uses_external_data(tensor)]
    if external:
        raise UsageError(
            f"the weights {', '.join(external[:3])}{', ...' if external[3:] else ''} lie in "
            "external files; give the model's path, or load them first"
        )
    if not model.HasField("graph"):
        raise UsageError(f"{where} holds no ONNX model: it has no graph; is the file complete?")
    return model


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or flat(error)
        raise UsageError(f"cannot read the ONNX model {path}: {reason}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} is larger than an ONNX model can be ({MAX_BYTES} bytes)")
    return content


def _parse(content: bytes, where: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise UsageError(f"{where} is no ONNX model, or it is truncated or damaged") from error
    _check_text(model, where)
    return model


def _check_text(message: Message, where: str) -> None:
    """Raises UsageError where a name is no UTF-8, which protobuf reads as bytes."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for item in [value] if isinstance(value, str | bytes | Message) else value:
            if isinstance(item, bytes):
                raise UsageError(
                    f"{where} has the {field.name} {item[:40]!r}, expected UTF-8; export it again"
                )
            if isinstance(item, Message):
                _check_text(item, where)


def _load_external(model: onnx.ModelProto, path: Path) -> None:
    """Puts the content of external files into the model, which must stay within MAX_BYTES."""
    try:
        load_external_data_for_model(model, str(path.parent))
        size = model.ByteSize()
    except (OSError, ValueError, EncodeError, onnx.checker.ValidationError) as error:
        raise UsageError(f"cannot read the external weights of {path}: {flat(error)}") from error
    if size > MAX_BYTES:
        raise UsageError(
            f"{path} and its external weights have {size} bytes; at most {MAX_BYTES} are supported"
        )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The tensors of a graph: its initializers and those of its nodes."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _constants(graph.node)


def _constants(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """The tensors of the nodes' attributes and of the graphs in them."""
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for graph in attribute.graphs:
                yield from _tensors(graph)
