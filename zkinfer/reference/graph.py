"""formats.md, graph: what a verdict takes from a fixed-point graph.

These are names, modes, and the outputs' scales, by the rules of docs/ops.md; shapes and bounds are
those of the circuit's public tensors.
"""

import json
from typing import Any

from zkinfer.reference.errors import FormatError, demand

MODES = {"input_mode": ("hidden", "public"), "output_mode": ("public", "label")}
MODES["weights_mode"] = MODES["input_mode"]
SUM_OF_SCALES = ("conv", "matmul", "mul")
OTHERS = ["add", "average_pool", "concat", "leaky_relu", "max_pool", "neg", "pad", "prelu"]
OTHERS += ["reduce_sum", "reshape", "slice", "sub", "transpose"]


class Graph:
    """Names of inputs and outputs, modes, scales of all tensors, the tensors that are labels."""

    def __init__(self, document: Any) -> None:
        members = {"inputs", "weights", "nodes", "outputs", *MODES}
        demand(set(document) == members, "the key's graph has other members")
        self.modes: dict[str, str] = {mode: document[mode] for mode in MODES}
        fits = all(self.modes[mode] in words for mode, words in MODES.items())
        fits = fits and sum(len(document[k]) for k in ("inputs", "weights", "nodes")) <= 4096
        demand(fits, "the key's graph has an unknown mode, or more than 4,096 tensors")
        self.scales: dict[str, int] = {}
        for name, _, scale, _, _ in document["inputs"] + document["weights"]:
            self._add(name, scale=scale)
        for node in document["nodes"]:
            self._add(*node["outputs"], scale=self._scale(node))
        self.labels = {node["outputs"][0] for node in document["nodes"] if node["op"] == "label"}
        self.inputs: list[str] = [tensor[0] for tensor in document["inputs"]]
        self.outputs: list[str] = document["outputs"]
        made = set(self.scales) - {tensor[0] for tensor in document["weights"]}
        fits = len(made & set(self.outputs)) == len(self.outputs) > 0 < len(self.inputs)
        demand(fits, "the key's graph has no inputs or outputs, or outputs that it does not make")
        shown = self.inputs if self.modes["input_mode"] == "public" else []
        self.public = [*shown, *self.outputs]  # the circuit's public tensors but tensor 0

    def _scale(self, node: Any) -> int:
        """The scale of what a node makes."""
        op, attrs, operands = node["op"], node["attrs"], [self.scales[n] for n in node["inputs"]]
        if op == "label":
            return 0
        if op == "requantize":
            return operands[0] - attrs["shift"]
        if op in SUM_OF_SCALES:
            return operands[0] + operands[1]
        demand(op in OTHERS, f"the operator {op} does not exist")
        return operands[0] + sum(attrs.get(name, 0) for name in ("shift_a", "shift", "scale"))

    def _add(self, name: str, *, scale: int) -> None:
        fits = type(name) is str and type(scale) is int and abs(scale) <= 256
        demand(fits and name not in self.scales, f"tensor {name!r} is made twice or has no scale")
        self.scales[name] = scale


def parse_graph(data: bytes) -> Graph:
    """Reads canonical JSON. Raises FormatError."""
    try:
        document = json.loads(data.decode("ascii"))
        again = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
        demand(again == data, "the key's graph is not canonical JSON")
        return Graph(document)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError("the key's graph is not a fixed-point graph in JSON") from error
