"""What can be said about a model before any node is converted."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest

import onnx
from onnx import inliner, shape_inference
from onnx.defs import onnx_opset_version

from zkinfer.errors import UnsupportedModelError, flat
from zkinfer.onnx_import.bodies import Body, function
from zkinfer.onnx_import.constants import EVALUATED, OF_SHAPE
from zkinfer.onnx_import.node import DEFAULT_DOMAIN, OnnxNode, canonical_domain
from zkinfer.onnx_import.read import MAX_BYTES
from zkinfer.onnx_import.shapes import Shape
from zkinfer.onnx_import.table import CONVERTERS
from zkinfer.onnx_import.walk import all_nodes

OLDEST_OPSET = 7
"""Nodes of older ones are converted first (zkinfer.onnx_import.upgrade)."""


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the standard operators' domain under its short name, the empty one.

    onnxruntime takes either name, the onnx package only this one.
    """
    if all(item.domain != DEFAULT_DOMAIN for item in _with_domain(model)):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for item in _with_domain(changed):
        item.domain = canonical_domain(item.domain)
    return changed


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its own functions replaced by their nodes."""
    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the package raises bare RuntimeErrors of its C++ part
        raise UnsupportedModelError(
            f"the functions that the model defines cannot be inlined: {flat(error)}"
        ) from error


def opset_versions(model: onnx.ModelProto) -> dict[str, int]:
    """The imported versions by canonical domain.

    Raises UnsupportedModelError for standard operators newer than the installed onnx package
    knows.
    """
    versions: dict[str, int] = {}
    for opset in model.opset_import:
        domain = canonical_domain(opset.domain)
        versions[domain] = max(opset.version, versions.get(domain, 0))
    version, newest = versions.get(""), onnx_opset_version()
    if not versions:
        raise UnsupportedModelError(
            "the model imports no opset; it is no complete ONNX model: export it again"
        )
    if version is not None and version > newest:
        raise UnsupportedModelError(
            f"the model has opset {version}, expected at most {newest}; "
            "install a newer onnx package or export it for an older opset"
        )
    return versions


def check(model: onnx.ModelProto) -> None:
    """Raises UnsupportedModelError unless onnx.checker finds the model valid."""
    try:
        size = model.ByteSize()
        if size > MAX_BYTES:
            raise UnsupportedModelError(
                f"the model has {size} bytes; at most {MAX_BYTES} are supported"
            )
        onnx.checker.check_model(_with_groups_as_instances(_with_shape_fields(model)))
    except UnsupportedModelError:
        raise
    except Exception as error:  # ValidationError, or a bare error of its C++ part
        raise UnsupportedModelError(
            f"the model is not valid ONNX: {flat(error)}; export it again"
        ) from error
    for node in all_nodes(model.graph):
        # the checker lets these pass, and shape inference ends the process
        counts = [a.i for a in node.attribute if a.name == "num_outputs"]
        if counts not in ([], [len(node.output)]):
            raise UnsupportedModelError(
                f"the model is not valid ONNX: node {node.name} ({node.op_type}) has "
                f"{len(node.output)} outputs, expected {counts[0]} as num_outputs says; "
                "export it again"
            )


def is_foldable(node: OnnxNode, constants: Collection[str]) -> bool:
    """Whether the node's outputs are constants because all of its inputs are."""
    known = all(name in constants for name in node.inputs if name)
    text = node.op == "Cast" and node.attrs.get("to") == onnx.TensorProto.STRING
    return known and not node.domain and node.op in EVALUATED and not text


def is_of_shape(node: OnnxNode) -> bool:
    """Whether the node reads no more than a tensor's shape, constant once shapes are fixed."""
    return node.op in OF_SHAPE and not node.domain


def unsupported_nodes(nodes: Sequence[OnnxNode], constants: Collection[str]) -> list[OnnxNode]:
    """The nodes with operators that have no converter, do not fold to constants, and are not
    defined by a function of such operators.
    """
    known, found = set(constants), []
    for node in nodes:
        if is_of_shape(node) or is_foldable(node, known):
            known.update(node.outputs)
        elif (node.domain, node.op) not in CONVERTERS:
            body = function(node)
            if body is None or unsupported_nodes(body.read(), _known_inputs(body, node, known)):
                found.append(node)
    return found


def _known_inputs(body: Body, node: OnnxNode, known: Collection[str]) -> set[str]:
    """The inputs of a function's body that are constants or left out."""
    pairs = zip_longest(body.inputs, node.inputs, fillvalue="")
    return {inner for inner, outer in pairs if not outer or outer in known}


EQUATION = re.compile(rb"TERM(,TERM)*(->TERM)?".replace(b"TERM", rb"[A-Za-z ]*(\.{3}[A-Za-z ]*)?"))
"""Of Einsum."""


def missed(node: onnx.NodeProto) -> str:
    """What a node lacks at which the onnx package's inference ends the process, or never ends."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type == "GatherND" and "batch_dims" in attributes:
        return "batch_dims of at least 0" if attributes["batch_dims"].i < 0 else ""
    if node.op_type == "Einsum" and "equation" in attributes:
        known = EQUATION.fullmatch(attributes["equation"].s)
        return "" if known else "an equation of letters, and one ellipsis a term at most"
    return ""


def standard_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without the operators of other domains: the onnx package's inference for some of them
    ends the process where it does not know what they read; and without others of the kind.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:]
    nodes = model.graph.node
    standard = (node for node in nodes if not canonical_domain(node.domain))
    copy.graph.node.extend(node for node in standard if not missed(node))
    return copy


def inferred_shapes(model: onnx.ModelProto, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes that the onnx package infers from the fixed inputs, where it finds them whole."""
    fixed = standard_nodes(model)
    for value in fixed.graph.input:
        if value.name in inputs:
            tensor = value.type.tensor_type
            tensor.ClearField("shape")
            for extent in inputs[value.name]:
                tensor.shape.dim.add().dim_value = extent
            if not inputs[value.name]:
                tensor.shape.SetInParent()
    try:
        # without data propagation, which makes every constant however large
        graph = shape_inference.infer_shapes(fixed).graph
    except Exception:  # a bare error of its C++ part; without shapes less can be said
        return {}
    shapes: dict[str, Shape] = {}
    for value in graph.value_info:
        tensor = value.type.tensor_type
        shape = tuple(dim.dim_value for dim in tensor.shape.dim)
        if tensor.HasField("shape") and all(extent > 0 for extent in shape):
            shapes[value.name] = shape
    return shapes


def _with_shape_fields(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, in which tensors of unknown rank have a shape, as the checker demands."""

    def lacking(graph: onnx.GraphProto) -> list[onnx.TypeProto.Tensor]:
        values = (*graph.input, *graph.output)
        tensors = [v.type.tensor_type for v in values if v.type.HasField("tensor_type")]
        return [tensor for tensor in tensors if not tensor.HasField("shape")]

    if lacking(model.graph):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        model = changed
        for tensor in lacking(model.graph):
            tensor.shape.SetInParent()
    return model


def _with_groups_as_instances(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, in which a GroupNormalization before opset 21 is the operator with its inputs, as
    the checker refuses this form, which onnxruntime takes, as deprecated.
    """
    version = opset_versions(model).get("", 0)
    if version >= 21 or not any(map(_is_group_normalization, all_nodes(model.graph))):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in filter(_is_group_normalization, all_nodes(changed.graph)):
        counts = [a for a in node.attribute if a.name == "num_groups"]
        if [a.type for a in counts] != [onnx.AttributeProto.INT]:
            raise UnsupportedModelError(
                f"the model is not valid ONNX: node {node.name} (GroupNormalization) has no "
                "number of groups; export it again"
            )
        node.op_type = "InstanceNormalization"
        node.attribute.remove(counts[0])
    return changed


def _is_group_normalization(node: onnx.NodeProto) -> bool:
    return node.op_type == "GroupNormalization" and not node.domain


def _with_domain(model: onnx.ModelProto) -> Iterator[onnx.NodeProto | onnx.OperatorSetIdProto]:
    """All that names the domain of operators: imports and nodes."""
    for part in (model, *model.functions):
        yield from part.opset_import
    for graph in (model.graph, *model.functions):
        yield from all_nodes(graph)
