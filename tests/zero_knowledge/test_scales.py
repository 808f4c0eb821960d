"""What a key shows of hidden constants: a power of two above each tensor, and nothing else.

Two models that differ in hidden numbers only, of one magnitude, have the same fixed-point graph at
the same widths; the graph is all that a key says of a model, besides commitments.
"""

import numpy as np
import pytest

from zkinfer.fixed import FixedTensor
from zkinfer.graph import Graph, Node, TensorType
from zkinfer.quantize.formats import Widths
from zkinfer.quantize.network import Rounded, build
from zkinfer.quantize.prepare import prepare
from zkinfer.quantize.task import formats, make_task

SHAPE = (2, 5)
OPS = ("matmul", "mul", "add", "sub", "prelu", "leaky_relu", "mul", "add")


def hidden(rng: np.random.Generator, magnitude: int, *shape: int) -> np.ndarray:
    """Numbers below 2^magnitude, the first of them not below half of it; some are coarse or 0."""
    numbers = rng.normal(size=shape) * 2.0 ** rng.integers(-12, 0, size=shape)
    numbers = np.where(
        rng.random(shape) < 0.3, np.sign(numbers) * 0.25, np.clip(numbers, -0.9, 0.9)
    )
    numbers = np.where(rng.random(shape) < 0.2, 0.0, numbers)
    numbers.flat[0] = rng.choice([-1, 1]) * rng.uniform(0.55, 0.95)
    return numbers * 2.0**magnitude


def model(shape_seed: int, value_seed: int) -> Graph:
    """A chain of operators with constants; the second seed draws nothing but the constants."""
    drawn, values = np.random.default_rng(shape_seed), np.random.default_rng(value_seed)
    nodes, constants, tensors = [], {}, {"x": TensorType(SHAPE)}
    last = "x"
    for number, op in enumerate(drawn.permutation(OPS)):
        name, output = f"c{number}", f"t{number}"
        magnitude = int(drawn.integers(-6, 3))
        attrs, inputs = {}, (last, name)
        if op == "leaky_relu":
            attrs, inputs = {"alpha": float(hidden(values, min(magnitude, 0)))}, (last,)
        else:
            extents = (5, 5) if op == "matmul" else [(5,), (1, 5), (2, 1), ()][drawn.integers(4)]
            constants[name] = hidden(values, magnitude, *extents)
            tensors[name] = TensorType(constants[name].shape)
        nodes.append(Node(f"n{number}", str(op), inputs, (output,), attrs))
        tensors[output], last = TensorType(SHAPE), output
    return Graph(("x",), (last,), tuple(nodes), constants, tensors, {"x": True})


def shown(graph: Graph, widths: Widths, weights_mode: str) -> bytes:
    """The fixed-point graph that a key shows, with the same ranges of activations for all."""
    hidden = weights_mode == "hidden"
    graph = prepare(graph, "public", hidden=hidden)
    task = make_task(graph, graph.outputs, "public", hidden=hidden)
    ranges = {name: (-3.0, 5.0) for node in task.graph.nodes for name in node.outputs}
    modes = {"input_mode": "hidden", "output_mode": "public", "weights_mode": weights_mode}
    domains = {"x": FixedTensor(SHAPE, 8, -1024, 1023)}
    made = formats(task, ranges, guaranteed=False)
    return build(task, made, widths, Rounded(), domains, {}, modes).graph.to_json()


@pytest.mark.parametrize("seed", range(25))
def test_hidden_constants_show_a_power_of_two(seed: int) -> None:
    bits = int(np.random.default_rng(seed).integers(6, 20))
    widths = Widths({"x": 8}, bits, bits, detail=14)
    graphs = [shown(model(seed, values), widths, "hidden") for values in range(4)]
    assert len(set(graphs)) == 1


def test_public_constants_may_show_more() -> None:
    """The test can tell: where weights are public, scales depend on them."""
    widths = Widths({"x": 8}, 12, 12, detail=14)
    assert len({shown(model(1, values), widths, "public") for values in range(4)}) > 1
