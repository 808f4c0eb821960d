"""Classes by their numbers: what is proved of a classifier whose labels are names, and of a ZipMap.

Labels that are texts become numbers from 0 on, in their order, wherever the model has them, those
that a LabelEncoder reads or makes too; the names by outputs become metadata of the model. A
sequence of maps from labels to probabilities becomes the tensor of these. onnxruntime then runs the
model so, too.
"""

import json
import math
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
    texts |= any(_texts(node, "values") for node in model.graph.node)
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
            fits = math.prod(tensor.dims) == len(texts) and min(tensor.dims, default=0) >= 0
            if fits and len(set(texts)) == len(texts):
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
    if node.op_type == "LabelEncoder":
        yield from _encoded(node, names)
    elif node.op_type == "ZipMap":
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


def _encoded(
    node: onnx.NodeProto, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Makes a LabelEncoder's keys the numbers of names that are known, and its values those of new
    ones. A key that is no name gets a number that nothing has.
    """
    keys, values = _texts(node, "keys"), _texts(node, "values")
    if keys and node.input[0] in names:
        places = {text: place for place, text in enumerate(names[node.input[0]])}
        numbers = [places.get(text, -1 - number) for number, text in enumerate(keys)]
        _replace(node, "keys", keys_int64s=numbers)
    if values:
        (default,) = _texts(node, "default") or ["_Unused"]
        texts = list(dict.fromkeys((*values, default)))
        _replace(node, "values", values_int64s=[texts.index(text) for text in values])
        _replace(node, "default", default_int64=texts.index(default))
        yield node.output[0], texts


def _texts(node: onnx.NodeProto, what: str) -> list[str]:
    """The texts among a LabelEncoder's keys or values, or its default."""
    found: list[bytes] = []
    if node.op_type == "LabelEncoder":
        for attribute in node.attribute:
            if attribute.name in (f"{what}_strings", f"{what}_string"):
                found = list(attribute.strings) or [attribute.s]
            elif attribute.name == f"{what}_tensor":
                found = list(attribute.t.string_data)
    return [text.decode(errors="replace") for text in found]


def _replace(node: onnx.NodeProto, what: str, **attributes: object) -> None:
    """Attributes in place of those that begin so."""
    kept = [attribute for attribute in node.attribute if not attribute.name.startswith(f"{what}_")]
    kept += [helper.make_attribute(name, value) for name, value in attributes.items()]
    del node.attribute[:]
    node.attribute.extend(kept)
