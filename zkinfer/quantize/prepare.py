"""The float graph made ready: what cannot be proved is refused, what costs less is put first.

In label mode a last layer that keeps the order of the scores is dropped. A layer that keeps entries
within bounds moves before one that takes the largest of several, where the rescaling of the
accumulators does it at no cost: both are monotone, so they commute. Where weights are hidden,
numbers that are attributes become weights.
"""

import math
from collections import Counter
from collections.abc import Container
from dataclasses import replace

from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.graph import Graph, Node, TensorType
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries


def prepare(graph: Graph, output_mode: str, *, hidden: bool) -> Graph:
    """The graph to quantize. hidden: the weights. Raises UnsupportedModelError and UsageError."""
    if output_mode == "label":
        graph = _scores(graph)
    for node in graph.nodes:
        _check_node(graph, node)
    graph = _needed(graph)
    _check(graph)
    if hidden:
        graph = _hidden_attributes(graph)
    return _bounds_first(graph)


def _scores(graph: Graph) -> Graph:
    """The graph that ends in the scores of one sample."""
    if len(graph.outputs) != 1:
        raise UsageError(
            f"a label needs a model with one output; this one has {', '.join(graph.outputs)}"
        )
    (name,) = graph.outputs
    makers = {tensor: node for node in graph.nodes for tensor in node.outputs}
    last = makers.get(name)
    ranks = None if last is None else LAYERS[last.op].ranks
    if last is not None and ranks is not None:
        if graph.shape(name)[ranks(last.attrs)] != math.prod(graph.shape(name)):
            raise UsageError(_not_one_vector(graph, name))
        name = last.inputs[0]
    shape = graph.shape(name)
    if math.prod(shape) < 2 or max(shape) != math.prod(shape):
        raise UsageError(_not_one_vector(graph, name))
    return replace(graph, outputs=(name,))


def _not_one_vector(graph: Graph, name: str) -> str:
    return (
        f"a label needs the scores of one sample; output {name} has shape {graph.shape(name)}; "
        "fix the batch axis to 1 or use --output public"
    )


def _check_node(graph: Graph, node: Node) -> None:
    layer = LAYERS[node.op]
    if layer.emit is None and set(node.outputs) & set(graph.outputs):
        raise UnsupportedModelError(
            f"node {node.name}: a last {node.op} is not proved with public outputs; use --output "
            f"label, or export the model with {node.inputs[0]} as its output"
        )
    if layer.emit is None and any(set(node.outputs) & set(other.inputs) for other in graph.nodes):
        raise UnsupportedModelError(
            f"node {node.name}: {node.op} is supported only as the last node, with --output label"
        )
    for place in layer.constants:
        if place < len(node.inputs) and node.inputs[place] not in graph.constants:
            raise UnsupportedModelError(
                f"node {node.name}: {node.op} needs a constant {node.inputs[place]}, "
                "which depends on the input"
            )


def _needed(graph: Graph) -> Graph:
    """Without the nodes that no output depends on."""
    wanted = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    constants = {name: array for name, array in graph.constants.items() if name in wanted}
    return replace(graph, nodes=tuple(reversed(kept)), constants=constants)


def _check(graph: Graph) -> None:
    if not graph.nodes:
        raise UnsupportedModelError("the model is empty: no node makes its output")
    if not graph.constants:
        raise UnsupportedModelError(
            "the model has no weights, so there is nothing to commit to and nothing to prove"
        )
    depends = set(graph.inputs)
    for node in graph.nodes:
        if depends.intersection(node.inputs):
            depends.update(node.outputs)
    for name in graph.outputs:
        if name not in depends:
            raise UnsupportedModelError(f"output {name} does not depend on the model's input")
        if name in graph.inputs:
            raise UnsupportedModelError(f"output {name} is an input of the model, unchanged")


def _hidden_attributes(graph: Graph) -> Graph:
    """With the numbers among attributes, where a layer can read them as weights, as weights."""
    nodes, constants, tensors = list(graph.nodes), dict(graph.constants), dict(graph.tensors)
    for place, node in enumerate(nodes):
        weighted = LAYERS[node.op].weighted
        if weighted is None:
            continue
        new, inputs = weighted(node.attrs), list(node.inputs)
        for suffix, array in new.constants.items():
            inputs.append(_new_name(f"{node.outputs[0]}/{suffix}", tensors))
            constants[inputs[-1]], tensors[inputs[-1]] = array, TensorType(array.shape)
        nodes[place] = Node(node.name, new.op, tuple(inputs), node.outputs, new.attrs)
    return replace(graph, nodes=tuple(nodes), constants=constants, tensors=tensors)


def _new_name(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _bounds_first(graph: Graph) -> Graph:
    """Moves bounds before maxima whose input has no other reader."""
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs)
    nodes, tensors = list(graph.nodes), dict(graph.tensors)
    places = {tensor: place for place, node in enumerate(nodes) for tensor in node.outputs}
    for place, node in enumerate(nodes):
        before = places.get(node.inputs[0])
        if before is None or LAYERS[node.op].entries is not Entries.CLAMPED:
            continue
        pool = nodes[before]
        if LAYERS[pool.op].entries is not Entries.LARGEST or len(pool.inputs) > 1:
            continue
        (x,), (largest,) = pool.inputs, pool.outputs
        if readers[largest] != 1 or readers[x] != 1 or x in graph.inputs:
            continue
        moved = _new_name(f"{node.outputs[0]}/unpooled", tensors)
        tensors[moved] = tensors[x]
        nodes[before] = replace(node, inputs=pool.inputs, outputs=(moved,))
        nodes[place] = replace(pool, inputs=(moved,), outputs=node.outputs)
        places[moved] = before
    return replace(graph, nodes=tuple(nodes), tensors=tensors)
