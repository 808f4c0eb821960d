"""Rounded copies of numbers that are compared as they are, for all that does not compare them.

An input that trees read has many bits. What else reads it, as a linear model beside them does,
reads a copy in a format of its own.
"""

from dataclasses import replace

from zkinfer.graph import Graph, Node, unused
from zkinfer.layers import COPY, COPY_ATTRS, LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.quantize.columns import compared


def with_copies(graph: Graph) -> Graph:
    """The graph with a copy of each such tensor; itself where there is none."""
    fine = set(compared(graph))
    tensors, taken = dict(graph.tensors), {node.name for node in graph.nodes}
    copies: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        layer = LAYERS[node.op]
        if layer.entries is Entries.MOVED:
            if fine.intersection(node.inputs):
                fine.update(node.outputs)
            nodes.append(node)
            continue
        inputs = list(node.inputs)
        for place, name in enumerate(node.inputs):
            if name not in fine or place in layer.compared:
                continue
            if name not in copies:
                copies[name] = unused(f"{name}/rounded", tensors)
                tensors[copies[name]] = graph.tensors[name]
                made = unused(copies[name], taken)
                taken.add(made)
                nodes.append(Node(made, COPY, (name,), (copies[name],), COPY_ATTRS))
            inputs[place] = copies[name]
        nodes.append(replace(node, inputs=tuple(inputs)))
    return replace(graph, nodes=tuple(nodes), tensors=tensors) if copies else graph
