"""Classes by their numbers: what is proved of a classifier whose labels are names, and of a ZipMap.

Labels that are texts become numbers from 0 on, in their order, wherever the model has them; the
names by outputs become metadata of the model. A sequence of maps from labels to probabilities
becomes the tensor of these. onnxruntime then runs the model so, too.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zkinfer.onnx_import.node import ML_DOMAIN

LABELS = "classlabels_strings"
_INTEGERS = dict.fromkeys(("LinearClassifier", "SVMClassifier"), "classlabels_ints")
_KEY = "zkinfer.classes."
_MOVES = frozenset(("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))
"""Operators that keep the entries of their first input."""

_CHOICES = frozenset(("ArrayFeatureExtractor", "Gather", "GatherElements"))
"""Operators whose entries are some of those of their first input."""


def numbered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without texts and maps among what it computes; itself if it has none."""
    texts = any(a.name == LABELS and a.strings for node in model.graph.node for a in node.attribute)
    maps = any(node.op_type == "ZipMap" and node.domain == ML_DOMAIN for node in model.graph.node)
    stored = any(tensor.data_type == TensorProto.STRING for tensor in model.graph.initializer)
    if not (texts or maps or stored):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    names: dict[str, Sequence[str]] = dict(_stored(changed.graph))
    for node in changed.graph.node:
        names.update(_rewritten(node, names))
    for value in changed.graph.output:
        if value.type.WhichOneof("value") == "sequence_type":
            value.type.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
        elif value.name in names:
            value.type.tensor_type.elem_type = TensorProto.INT64
            key = f"{_KEY}{value.name}"
            changed.metadata_props.add(key=key, value=json.dumps(names[value.name]))
    kept = [value for value in changed.graph.value_info if value.name not in names]
    del changed.graph.value_info[:]
    changed.graph.value_info.extend(kept)
    return changed


def names_of(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """The names of classes by outputs of the model."""
    return {
        entry.key.removeprefix(_KEY): tuple(json.loads(entry.value))
        for entry in model.metadata_props
        if entry.key.startswith(_KEY)
    }


def _stored(graph: onnx.GraphProto) -> Iterator[tuple[str, list[str]]]:
    """Makes lists of different texts numbers from 0 on."""
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.STRING:
            texts = [text.decode(errors="replace") for text in tensor.string_data]
            if len(set(texts)) == len(texts):
                array = np.arange(len(texts)).reshape(tuple(tensor.dims))
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
                yield tensor.name, texts


def _rewritten(
    node: onnx.NodeProto, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Changes a node; the names of what it makes."""
    for attribute in node.attribute:
        if attribute.name == LABELS and attribute.strings:
            texts = [text.decode(errors="replace") for text in attribute.strings]
            name = _INTEGERS.get(node.op_type, "classlabels_int64s")
            numbers = helper.make_attribute(name, list(range(len(texts))))
            attribute.CopyFrom(numbers)
            if node.op_type != "ZipMap":
                yield node.output[0], texts
    if node.op_type == "ZipMap":
        del node.attribute[:]
        node.op_type, node.domain = "Identity", ""
    elif node.input and node.input[0] in names:
        if node.op_type == "Cast":
            for attribute in node.attribute:
                if attribute.name == "to" and attribute.i == TensorProto.STRING:
                    attribute.i = TensorProto.INT64
                    yield node.output[0], names[node.input[0]]
        elif node.op_type in (*_MOVES, *_CHOICES):
            yield node.output[0], names[node.input[0]]
