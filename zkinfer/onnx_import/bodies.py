"""Nodes that stand for others: what ONNX defines by a function, and the graphs of control flow.

A body's nodes take the place of the node, under names of their own, and are converted as if the
model had them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import defs, helper

from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.constants import Array, initializers
from zkinfer.onnx_import.node import OnnxNode, Refusal, canonical_domain, read_node
from zkinfer.onnx_import.walk import live_nodes, reads, renamed, subgraphs

MAX_INLINED = 1 << 12
"""The most bodies and nodes in them, those of a loop as often as it runs."""


@dataclass(frozen=True)
class Body:
    """Nodes, and what they read and make by names of their own.

    constants: its initial tensors. opsets: versions by canonical domain.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[onnx.NodeProto, ...]
    constants: Mapping[str, Array]
    opsets: Mapping[str, int]

    def read(self) -> list[OnnxNode]:
        """The nodes, under the body's own names."""
        return [read_node(proto, self.opsets) for proto in self.nodes]


def subgraph(site: Site, name: str) -> Body:
    """The graph that is an attribute of a node. Raises Refusal."""
    graph = site.attr(name, None)
    if not isinstance(graph, onnx.GraphProto):
        raise Refusal(f"expected a graph as {name}, got none")
    return Body(
        inputs=tuple(value.name for value in graph.input),
        outputs=tuple(value.name for value in graph.output),
        nodes=tuple(graph.node),
        constants=initializers(graph, site.graph.allowance),
        opsets=site.opsets,
    )


def function(node: OnnxNode, types: Sequence[onnx.TypeProto] | None = None) -> Body | None:
    """What ONNX defines a standard operator by; None for one that it defines by words.

    types: of the inputs, floats if none are given. Of several forms the newest up to the node's
    opset is taken, else the oldest.
    """
    if node.domain or not defs.has(node.op, node.domain):
        return None
    try:
        schema: Any = defs.get_schema(node.op, node.version, node.domain)
    except defs.SchemaError:
        return None
    if schema.has_function:
        version = _form(schema.function_opset_versions, node.version)
        text = schema.get_function_with_opset_version(version)
    elif schema.has_context_dependent_function:
        version = _form(schema.context_dependent_function_opset_versions, node.version)
        given = [onnx.TypeProto() if not name else FLOATS for name in node.inputs]
        serialized = [each.SerializeToString() for each in (types or given)]
        proto = node.proto.SerializeToString()
        text = schema.get_context_dependent_function_with_opset_version(version, proto, serialized)
    else:
        return None
    made = onnx.FunctionProto.FromString(text)
    if not made.node:
        return None
    defaults = {name: a.default_value for name, a in schema.attributes.items()}
    given_attributes = {a.name: a for a in node.proto.attribute}
    values = {
        name: given_attributes.get(name, default)
        for name, default in defaults.items()
        if name in given_attributes or default.type
    }
    return Body(
        inputs=tuple(made.input),
        outputs=tuple(made.output),
        nodes=tuple(_bound(proto, values) for proto in made.node),
        constants={},
        opsets={canonical_domain(opset.domain): opset.version for opset in made.opset_import},
    )


FLOATS = helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)
"""Floats of any shape."""


def _form(versions: Iterable[int], newest: int) -> int:
    """Of the opsets of a function's forms the newest up to a given one, else the oldest."""
    known = sorted(versions)
    return max((version for version in known if version <= newest), default=known[0])


def _bound(proto: onnx.NodeProto, values: Mapping[str, onnx.AttributeProto]) -> onnx.NodeProto:
    """A node of a function with the values of the attributes that it refers to."""
    copy = onnx.NodeProto()
    copy.CopyFrom(proto)
    _bind(copy, values)
    return copy


def _bind(proto: onnx.NodeProto, values: Mapping[str, onnx.AttributeProto]) -> None:
    bound = list(_attributes(proto, values))
    del proto.attribute[:]
    proto.attribute.extend(bound)
    for graph in subgraphs(proto):
        for node in graph.node:
            _bind(node, values)


def _attributes(
    proto: onnx.NodeProto, values: Mapping[str, onnx.AttributeProto]
) -> Iterator[onnx.AttributeProto]:
    """A node's attributes; those that refer to one without a value are left out."""
    for attribute in proto.attribute:
        if not attribute.ref_attr_name:
            yield attribute
        elif attribute.ref_attr_name in values:
            value = onnx.AttributeProto()
            value.CopyFrom(values[attribute.ref_attr_name])
            value.name = attribute.name
            yield value


def inlined(site: Site, body: Body, inputs: Sequence[str]) -> list[str]:
    """Converts a body's nodes; returns what its outputs are called outside.

    inputs: what its inputs are called outside, empty for those left out. Raises Refusal.
    """
    graph, title = site.graph, site.node.name
    names = dict(zip(body.inputs, inputs, strict=False))
    names.update(dict.fromkeys(body.inputs[len(inputs) :], ""))
    for name, array in body.constants.items():
        names[name] = graph.new_tensor(f"{title}/{name}")
        graph.arrays[names[name]] = array
    live = live_nodes(body.read(), body.outputs)
    graph.inlined += 1 + len(live)
    if graph.inlined > MAX_INLINED:
        raise Refusal(
            f"unrolled, the loops and functions up to here hold more than {MAX_INLINED} nodes; "
            "make the loops shorter"
        )
    protos = []
    for node in live:
        made = filter(None, node.outputs)
        names.update({name: graph.new_tensor(f"{title}/{name}") for name in made})
        proto = renamed(node.proto, names)
        proto.name = f"{title}/{node.name}"
        protos.append(proto)
    outputs = [names.get(name, name) for name in body.outputs]
    nodes = [read_node(proto, body.opsets) for proto in protos]
    graph.used.update(outputs, *(reads(node.proto) for node in nodes))
    site.convert(nodes, body.opsets)
    return outputs


def stand_for(site: Site, index: int, name: str) -> None:
    """Lets an output of the node stand for a tensor or a constant."""
    output, source = site.node.outputs[index], site.graph.source(name)
    if source in site.graph.arrays:
        site.graph.arrays[output] = site.graph.arrays[source]
        return
    site.graph.alias(output, source)
    if name in site.graph.integral:
        site.graph.integral.add(output)
