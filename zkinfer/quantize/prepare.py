"""The float graph made ready: what cannot be proved is refused, what costs less is put first.

In label mode a last softmax and the like are dropped, which keeps the order of the scores. A relu
or clip after a max pool moves before it, where the rescaling of the accumulators does it at no
cost: both are monotone, so they commute. Where weights are hidden the slope of a leaky relu is one
of them.
"""

import math
from collections import Counter
from collections.abc import Container
from dataclasses import replace

import numpy as np

from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.graph import HEADS, Graph, Node

ACTIVATIONS = ("relu", "clip")


def prepare(graph: Graph, output_mode: str, *, hidden: bool) -> Graph:
    """The graph to quantize. hidden: the weights. Raises UnsupportedModelError and UsageError."""
    if output_mode == "label":
        graph = _scores(graph)
    graph = _needed(graph)
    for node in graph.nodes:
        _check_node(graph, node)
    if hidden:
        graph = _hidden_slopes(graph)
    return _activations_first(graph)


def label_name(graph: Graph) -> str:
    """The output that a label is stated of: of several the one of an ArgMax, if there is any."""
    labels = {node.output for node in graph.nodes if node.op == "arg_max"}
    return next((name for name in graph.outputs if name in labels), graph.outputs[0])


def _scores(graph: Graph) -> Graph:
    """The graph that ends in the scores of one sample, which all of its outputs stand for."""
    scores = {_before_heads(graph, name) for name in graph.outputs}
    if len(scores) != 1:
        raise UsageError(
            "a label needs a model with one output, or with several that stand for the same "
            f"scores; this one has {', '.join(graph.outputs)}"
        )
    (name,) = scores
    shape = graph.shapes[name]
    if math.prod(shape) == 1:
        way = "" if name in graph.outputs else f"export the model with {name} as its output, "
        raise UsageError(
            f"a label is the place of the largest score, and {name} is one score only; {way}use "
            "--output public and compare it with a threshold: 0 before a sigmoid means one half"
        )
    if max(shape) != math.prod(shape):
        raise UsageError(_not_one_vector(graph, name))
    return replace(graph, outputs=(name,))


def _before_heads(graph: Graph, name: str) -> str:
    """The scores that an output stands for."""
    makers = {node.output: node for node in graph.nodes}
    while name in makers and makers[name].op in HEADS:
        node = makers[name]
        (name,) = node.inputs
        shape = graph.shapes[name]
        axes = node.attrs.get("axes", (node.attrs.get("axis"),))
        if axes != (None,) and shape[axes[0]] != math.prod(shape):
            raise UsageError(_not_one_vector(graph, name))
    return name


def _not_one_vector(graph: Graph, name: str) -> str:
    return (
        f"a label needs the scores of one sample along one axis; {name} has the shape "
        f"{graph.shapes[name]}; fix the batch axis to 1 or use --output public"
    )


def _check_node(graph: Graph, node: Node) -> None:
    if node.op in HEADS:
        (scores,) = node.inputs
        export = f"export the model with {scores} as its output"
        if math.prod(graph.shapes[scores]) == 1:
            raise UnsupportedModelError(
                f"node {node.name}: a last {HEADS[node.op]} is not proved; {export} and compare "
                "that one score with a threshold: 0 before a sigmoid means one half"
            )
        raise UnsupportedModelError(
            f"node {node.name}: a last {HEADS[node.op]} is not proved with public outputs; use "
            f"--output label, or {export}"
        )
    constants = {"conv": (1, 2), "matmul": (2,), "prelu": (1,)}.get(node.op, ())
    for position in constants:
        if position < len(node.inputs) and node.inputs[position] not in graph.constants:
            raise UnsupportedModelError(
                f"node {node.name}: {node.op} needs a constant {node.inputs[position]}, "
                "which depends on the input"
            )


def _needed(graph: Graph) -> Graph:
    """Without the nodes that no output depends on."""
    wanted = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    constants = {name: array for name, array in graph.constants.items() if name in wanted}
    return replace(graph, nodes=tuple(reversed(kept)), constants=constants)


def _hidden_slopes(graph: Graph) -> Graph:
    """With the slope of each leaky relu as a weight."""
    nodes, constants, shapes = list(graph.nodes), dict(graph.constants), dict(graph.shapes)
    for place, node in enumerate(nodes):
        if node.op == "leaky_relu":
            slope = _new_name(f"{node.output}/slope", shapes)
            constants[slope], shapes[slope] = np.array(node.attrs["alpha"], np.float64), ()
            nodes[place] = Node(node.name, "prelu", (*node.inputs, slope), node.output, {})
    return replace(graph, nodes=tuple(nodes), constants=constants, shapes=shapes)


def _new_name(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _activations_first(graph: Graph) -> Graph:
    """Moves relu and clip before max pools whose input has no other reader."""
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs)
    nodes = list(graph.nodes)
    shapes = dict(graph.shapes)
    places = {node.output: place for place, node in enumerate(nodes)}
    for place, node in enumerate(nodes):
        before = places.get(node.inputs[0])
        if node.op not in ACTIVATIONS or before is None:
            continue
        pool = nodes[before]
        alone = readers[pool.output] == 1 and readers[pool.inputs[0]] == 1
        if pool.op != "max_pool" or not alone or pool.inputs[0] in graph.inputs:
            continue
        moved = _new_name(f"{node.output}/unpooled", shapes)
        shapes[moved] = shapes[pool.inputs[0]]
        nodes[before] = replace(node, inputs=pool.inputs, output=moved)
        nodes[place] = replace(pool, inputs=(moved,), output=node.output)
        places[moved] = before
    return replace(graph, nodes=tuple(nodes), shapes=shapes)
