"""formats.md, graph: what a verdict takes from a fixed-point graph.

These are names, modes, and the outputs' scales, by the rules of docs/ops.md; shapes and bounds are
those of the circuit's public tensors.
"""

import json
from dataclasses import dataclass
from typing import Any

from zkinfer.reference.errors import FormatError, demand

MODES = {
    "input_mode": ("hidden", "public"),
    "output_mode": ("public", "label"),
    "weights_mode": ("hidden", "public"),
}
SAME_SCALE = ("concat", "max_pool", "neg", "pad", "reshape", "slice", "transpose")
SUM_OF_SCALES = ("conv", "matmul", "mul")
ATTRIBUTE_ADDED = {
    "add": "shift_a",
    "average_pool": "scale",
    "leaky_relu": "shift",
    "prelu": "shift",
    "reduce_sum": "scale",
    "sub": "shift_a",
}


@dataclass
class Graph:
    """Names of inputs and outputs, scales of all tensors, and the tensors that are labels."""

    inputs: list[str]
    outputs: list[str]
    scales: dict[str, int]
    labels: set[str]
    modes: dict[str, str]

    @property
    def public(self) -> list[str]:
        """The names of the circuit's public tensors but tensor 0, in order."""
        return [*(self.inputs if self.modes["input_mode"] == "public" else []), *self.outputs]


def parse(data: bytes) -> Graph:
    """Reads canonical JSON. Raises FormatError."""
    try:
        document = json.loads(data.decode("ascii"))
        again = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
        demand(again == data, "the key's graph is not canonical JSON")
        return _graph(document)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError("the key's graph is not a fixed-point graph in JSON") from error


def _graph(document: Any) -> Graph:
    members = {"inputs", "weights", "nodes", "outputs", *MODES}
    demand(set(document) == members, "the key's graph has other members")
    modes = {mode: document[mode] for mode in MODES}
    demand(all(modes[m] in words for m, words in MODES.items()), "a mode does not exist")
    demand(len(document["nodes"]) <= 10_000, "the key's graph has more than 10,000 nodes")
    inputs, weights = ([t[0] for t in document[list_]] for list_ in ("inputs", "weights"))
    made = [(name, scale) for name, _, scale, _, _ in document["inputs"] + document["weights"]]
    scales: dict[str, int] = {}
    labels = set()
    for name, scale in made:
        _add(scales, name, scale)
    for node in document["nodes"]:
        _add(scales, node["output"], _scale(node, scales))
        if node["op"] == "label":
            labels.add(node["output"])
    outputs = document["outputs"]
    known = set(scales) - set(weights)
    demand(bool(inputs) and bool(outputs), "the key's graph has no input or no output")
    demand(len(known & set(outputs)) == len(outputs), "an output is named twice or not made")
    return Graph(inputs, outputs, scales, labels, modes)


def _scale(node: Any, scales: dict[str, int]) -> int:
    """The scale of what a node makes."""
    op, operands = node["op"], [scales[name] for name in node["inputs"]]
    if op == "label":
        return 0
    if op == "requantize":
        return operands[0] - node["attrs"]["shift"]
    if op in SUM_OF_SCALES:
        return operands[0] + operands[1]
    if op in ATTRIBUTE_ADDED:
        return operands[0] + node["attrs"][ATTRIBUTE_ADDED[op]]
    demand(op in SAME_SCALE, f"the operator {op} does not exist")
    return operands[0]


def _add(scales: dict[str, int], name: str, scale: int) -> None:
    fits = type(name) is str and type(scale) is int and abs(scale) <= 256
    demand(fits and name not in scales, f"the tensor {name!r} is made twice, or has no scale")
    scales[name] = scale
