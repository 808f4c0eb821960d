"""Walks over the nodes of a graph and of the graphs inside of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import onnx

from zkinfer.onnx_import.node import OnnxNode


def subgraphs(proto: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs among a node's attributes."""
    for attribute in proto.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def all_nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph or function and of the graphs inside of them."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from all_nodes(inner)


def reads(proto: onnx.NodeProto) -> set[str]:
    """Names that the node reads, or that its subgraphs may read from the graph around them."""
    return {*filter(None, proto.input), *_captured(proto)}


def live_nodes(nodes: Sequence[OnnxNode], outputs: Iterable[str]) -> list[OnnxNode]:
    """The nodes that an output depends on, in the model's order."""
    needed, live = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(filter(None, node.outputs)):
            needed.update(reads(node.proto))
            live.append(node)
    return live[::-1]


def renamed(proto: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """The node with other names of tensors, also where its subgraphs read them."""
    copy = onnx.NodeProto()
    copy.CopyFrom(proto)
    _rename(copy, names)
    return copy


def _rename(proto: onnx.NodeProto, names: Mapping[str, str]) -> None:
    for field in (proto.input, proto.output):
        field[:] = [names.get(name, name) for name in field]
    for graph in subgraphs(proto):
        own = {value.name for value in (*graph.input, *graph.initializer)}
        own.update(name for node in graph.node for name in node.output)
        outer = {name: other for name, other in names.items() if name not in own}
        for node in graph.node:
            _rename(node, outer)
        for value in graph.output:
            value.name = outer.get(value.name, value.name)


def _captured(proto: onnx.NodeProto) -> set[str]:
    """Names that the node's subgraphs may read from the graph around them."""
    names: set[str] = set()
    for graph in subgraphs(proto):
        for node in all_nodes(graph):
            names.update(node.input)
        names.update(value.name for value in graph.output)
    return names
