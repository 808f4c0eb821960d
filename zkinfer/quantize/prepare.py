"""The float graph made ready: what cannot be proved is refused, what costs less is put first.

In label mode last layers that keep the order of the scores are dropped. A layer that keeps entries
within bounds moves before one that takes the largest of several, where the rescaling of the
accumulators does it at no cost: both are monotone, so they commute. Where weights are hidden,
numbers that are attributes become weights.
"""

import math
from collections import Counter
from dataclasses import replace

from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.graph import Graph, Node, TensorType, unused
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries


def prepare(graph: Graph, output_mode: str, *, hidden: bool) -> Graph:
    """The graph to quantize. hidden: the weights. Raises UnsupportedModelError and UsageError."""
    if output_mode == "label":
        graph = _scores(graph)
    graph = _needed(graph)
    for node in graph.nodes:
        _check_node(graph, node)
    if hidden:
        graph = _hidden_attributes(graph)
    return _bounds_first(graph)


def label_name(graph: Graph) -> str:
    """The output that a label is stated of: of several one that is a label, if there is any."""
    return (*_labels(graph), *graph.outputs)[0]


def _labels(graph: Graph) -> tuple[str, ...]:
    """The outputs that are the place of a largest entry, one number in whatever shape."""
    makers = {tensor: node for node in graph.nodes for tensor in node.outputs}

    def is_label(name: str) -> bool:
        if math.prod(graph.shape(name)) > 1:
            return False
        while name in makers and LAYERS[makers[name].op].entries is Entries.MOVED:
            name = makers[name].inputs[0]
        return name in makers and LAYERS[makers[name].op].entries is Entries.PLACE

    return tuple(filter(is_label, graph.outputs))


def _scores(graph: Graph) -> Graph:
    """The graph that ends in the scores of one sample, which all of its outputs stand for, or those
    that are labels, if there are any.
    """
    scores = {_before_heads(graph, name) for name in _labels(graph) or graph.outputs}
    if len(scores) != 1:
        raise UsageError(
            "a label needs a model with one output, or with several that stand for the same "
            f"scores, or with one that is a label; this one has {', '.join(graph.outputs)}"
        )
    (name,) = scores
    shape = graph.shape(name)
    if math.prod(shape) == 1:
        way = "" if name in graph.outputs else f"export the model with {name} as its output, "
        raise UsageError(
            f"a label is the place of the largest score, and {name} is one score only; {way}use "
            "--output public and compare it with a threshold: 0 before a sigmoid means one half"
        )
    if not _is_vector(graph, name):
        raise UsageError(_not_one_vector(graph, name))
    return replace(graph, outputs=(name,))


def _before_heads(graph: Graph, name: str) -> str:
    """The scores that an output stands for; places that a head reads, and several of them in
    another shape, are scores themselves.
    """
    makers = {tensor: node for node in graph.nodes for tensor in node.outputs}
    output, ordered = name, False
    while name in makers and (head := LAYERS[makers[name].op].head) is not None:
        several = name != output and math.prod(graph.shape(name)) > 1
        if LAYERS[makers[name].op].entries is Entries.PLACE and (ordered or several):
            break
        axis, before = head.axis(makers[name].attrs), makers[name].inputs[0]
        if axis is None and not _is_vector(graph, before):
            break
        name, ordered = before, ordered or axis is not None
        if axis is not None and graph.shape(name)[axis] != math.prod(graph.shape(name)):
            raise UsageError(_not_one_vector(graph, name))
    return name


def _is_vector(graph: Graph, name: str) -> bool:
    """Whether a tensor's entries lie along one axis."""
    shape = graph.shape(name)
    return max(shape, default=1) == math.prod(shape)


def _not_one_vector(graph: Graph, name: str) -> str:
    return (
        f"a label needs the scores of one sample along one axis; {name} has the shape "
        f"{graph.shape(name)}; fix the batch axis to 1 or use --output public"
    )


def _check_node(graph: Graph, node: Node) -> None:
    layer = LAYERS[node.op]
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


def _hidden_attributes(graph: Graph) -> Graph:
    """With the numbers among attributes, where a layer can read them as weights, as weights."""
    nodes, constants, tensors = list(graph.nodes), dict(graph.constants), dict(graph.tensors)
    for place, node in enumerate(nodes):
        weighted = LAYERS[node.op].weighted
        if weighted is None:
            continue
        new, inputs = weighted(node.attrs), list(node.inputs)
        for suffix, array in new.constants.items():
            inputs.append(unused(f"{node.outputs[0]}/{suffix}", tensors))
            constants[inputs[-1]], tensors[inputs[-1]] = array, TensorType(array.shape)
        nodes[place] = Node(node.name, new.op, tuple(inputs), node.outputs, new.attrs)
    return replace(graph, nodes=tuple(nodes), constants=constants, tensors=tensors)


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
        moved = unused(f"{node.outputs[0]}/unpooled", tensors)
        tensors[moved] = tensors[x]
        nodes[before] = replace(node, inputs=pool.inputs, outputs=(moved,))
        nodes[place] = replace(pool, inputs=(moved,), outputs=node.outputs)
        places[moved] = before
    return replace(graph, nodes=tuple(nodes), tensors=tensors)
