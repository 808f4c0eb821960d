"""formats.md, graph: what a verdict takes from a fixed-point graph.

These are names, modes, and shapes, scales and kinds of the tensors that a proof shows. That they
follow from the nodes is not checked here, no more than that the circuit does.
"""

import json
from typing import Any

from zkinfer.reference.errors import FormatError, demand

MODES = {"input_mode": ("hidden", "public"), "output_mode": ("public", "label")}
MODES["weights_mode"] = MODES["input_mode"]


class Graph:
    """Names, shapes and scales of inputs and outputs, the modes, the outputs that are labels."""

    def __init__(self, document: Any) -> None:
        members = {"inputs", "weights", "nodes", "outputs", *MODES}
        demand(set(document) == members, "the key's graph has other members")
        self.modes: dict[str, str] = {mode: document[mode] for mode in MODES}
        names = [tensor[0] for tensor in document["inputs"] + document["weights"]]
        made = [name for node in document["nodes"] for name in node["outputs"]]
        fits = all(self.modes[mode] in words for mode, words in MODES.items())
        fits = fits and len(names) + max(len(made), len(document["nodes"])) <= 4096
        demand(fits, "the key's graph has an unknown mode, or more than 4,096 tensors")
        for name in names + made:
            demand(type(name) is str and name != "", "a tensor of the key's graph has no name")
        demand(len(set(names + made)) == len(names + made), "a tensor is made twice")
        self.inputs: list[str] = names[: len(document["inputs"])]
        self.outputs: list[str] = [output[0] for output in document["outputs"]]
        fits = len({*self.inputs, *made} & {*self.outputs}) == len(self.outputs)
        fits = fits and bool(self.outputs and self.inputs)
        demand(fits, "the key's graph has no inputs or outputs, or outputs that it does not make")
        self.types: dict[str, tuple[tuple[int, ...], int]] = {}
        for name, shape, scale, _, _ in document["inputs"]:
            self._add(name, shape, scale)
        for name, shape, scale, kind in document["outputs"]:
            demand(kind in ("real", "label"), f"output {name} is of an unknown kind")
            self._add(name, shape, scale)
        self.labels = {name for name, _, _, kind in document["outputs"] if kind == "label"}
        labels = {*self.outputs} if self.modes["output_mode"] == "label" else set()
        demand(self.labels == labels, "the key's output_mode is not that of its outputs")
        shown = self.inputs if self.modes["input_mode"] == "public" else []
        self.public = [*shown, *self.outputs]  # the circuit's public tensors but tensor 0

    def _add(self, name: str, shape: list[int], scale: int) -> None:
        fits = all(type(number) is int for number in (*shape, scale)) and abs(scale) <= 256
        fits = fits and self.types.setdefault(name, (tuple(shape), scale)) == (tuple(shape), scale)
        demand(fits, f"tensor {name} has no shape and scale, or two")


def parse_graph(data: bytes) -> Graph:
    """Reads canonical JSON. Raises FormatError."""
    try:
        document = json.loads(data.decode("ascii"))
        again = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
        demand(again == data, "the key's graph is not canonical JSON")
        return Graph(document)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError("the key's graph is not a fixed-point graph in JSON") from error
