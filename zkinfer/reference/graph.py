"""formats.md, graph: what a verdict takes from a fixed-point graph.

These are names, modes, and shapes, scales and kinds of the tensors that a proof shows. That they
follow from the nodes is not checked here, no more than that the circuit does.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from zkinfer.reference.errors import FormatError, demand

MODES: dict[str, tuple[str, ...]] = {
    "input_mode": ("hidden", "public", "committed"),
    "output_mode": ("public", "label", "committed", "accuracy", "confusion", "summary", "error"),
    "weights_mode": ("hidden", "public"),
}


class Graph:
    """Names, shapes and scales of inputs and outputs, the modes, the outputs that are labels."""

    def __init__(self, document: Any) -> None:
        members = {"inputs", "weights", "nodes", "outputs", *MODES}
        fits = set(document) - {"batch", "tables", "classes", "record_mode", "target"} == members
        demand(fits, "the key's graph has other members")
        self.batch: int = document.get("batch", 1)
        fits = type(self.batch) is int and 1 <= self.batch <= 2**14
        demand(fits and document.get("batch") != 1, "the key's graph has a batch of another sort")
        self.modes: dict[str, str] = {mode: document[mode] for mode in MODES}
        self.hides = "record_mode" in document
        demand(not self.hides or document["record_mode"] == "hidden", "records are of another mode")
        names = [tensor[0] for tensor in document["inputs"] + document["weights"]]
        made = [name for node in document["nodes"] for name in node["outputs"]]
        fits = all(self.modes[mode] in words for mode, words in MODES.items())
        fits = fits and len(names) + max(len(made), len(document["nodes"])) <= 8192
        demand(fits, "the key's graph has an unknown mode, or more than 8,192 tensors")
        for name in names + made:
            demand(type(name) is str and name != "", "a tensor of the key's graph has no name")
        demand(len(set(names + made)) == len(names + made), "a tensor is made twice")
        self.inputs: list[str] = names[: len(document["inputs"])]
        self.outputs: list[str] = [output[0] for output in document["outputs"]]
        fits = len({*self.inputs, *made} & {*self.outputs}) == len(self.outputs)
        fits = fits and bool(self.outputs and self.inputs)
        demand(fits, "the key's graph has no inputs or outputs, or outputs that it does not make")
        self.types: dict[str, tuple[tuple[int, ...], int]] = {}
        self.columns: dict[str, tuple[int, list[int]]] = {}  # an axis, and the scales along it
        self.quantized: dict[str, tuple[int, int, int]] = {}  # mantissa, exponent, zero point
        for name, shape, scale, *domain in document["inputs"]:
            self._add(name, shape, scale)
            if len(domain) == 3:
                self._add_quantized(name, scale, *domain[2])
            elif len(domain) != 2:
                axis, scales, _, _ = domain
                fits = axis in range(len(shape)) and len(scales) == shape[axis]
                fits = fits and all(type(s) is int and abs(s) <= 256 for s in scales)
                demand(fits, f"input {name} has other columns than its shape says")
                self.columns[name] = axis, scales
        mode = self.modes["output_mode"]
        self.sums = mode in ("summary", "error")
        self.counts = mode in ("accuracy", "confusion") or self.sums
        self.compares = self.counts and mode != "summary"
        self.classes = 0  # of a confusion matrix, as the circuit has it
        self.commits = mode == "committed"
        fits = self.modes["input_mode"] == "committed" and not self.counts
        demand(fits or not self.hides, "the key is about hidden records of nothing, or counts them")
        self.labels = self.outputs if mode == "label" or (self.counts and not self.sums) else []
        fits = len(self.outputs) == 1 and self.modes["input_mode"] == "committed"
        shape = document["outputs"][0][1]
        fits = fits and (math.prod(shape) == 1 if self.sums else shape == [])
        fits = fits and self.outputs[0] not in self.columns
        demand(fits or not self.counts, "the key counts something else than one number a record")
        demand(("target" in document) == (mode == "error"), "the key has a target, or needs one")
        self.target_scale: int | None = None
        if mode == "error":
            self._add_target(*document["target"])
        self.bounds: dict[str, tuple[int, int]] = {}  # of committed outputs
        for name, shape, scale, kind, *bounds in document["outputs"]:
            expected = "label" if name in self.labels else "real"
            demand(kind == expected, f"output {name} is not of the kind that output_mode says")
            self._add(name, shape, scale)
            if self.commits:
                low, high = self.bounds[name] = (bounds[0], bounds[1])
                fits = type(low) is type(high) is int and -(2**62) < low <= high < 2**62
                fits = fits and name not in self.columns
                demand(fits, f"output {name} has no bounds, or is an input by column")
            demand(len(bounds) == 2 * self.commits, f"output {name} has other members")
        shown = self.inputs if self.modes["input_mode"] == "public" else []
        shown_outputs = [] if self.commits else self.outputs
        self.public = [*shown, *shown_outputs]  # the circuit's public tensors but tensor 0
        if self.counts:
            spread = ["sum", "squares", "lowest", "highest"]
            shown_counts = spread if self.sums else [{"accuracy": "right"}.get(mode, mode)]
            self.public = ["counted", *shown_counts]

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a public tensor, which has a first axis of the inputs in a batch."""
        if name in self.public[1:] and self.counts:
            shapes = {"squares": (2,), "confusion": (self.classes, self.classes)}
            return shapes.get(name, ())
        (shape, _) = ((), 0) if self.counts else self.types[name]
        return shape if self.batch == 1 else (self.batch, *shape)

    def numbers(self, name: str, values: Sequence[int]) -> list[float]:
        """What a tensor's integers stand for, in row-major order, of all inputs in a batch."""
        if name in self.quantized:
            mantissa, exponent, zero_point = self.quantized[name]
            return [math.ldexp(float((v - zero_point) * mantissa), -exponent) for v in values]
        scaled = zip(values, self.scales(name) * self.batch, strict=True)
        return [math.ldexp(float(v), -s) for v, s in scaled]

    def scales(self, name: str) -> list[int]:
        """Of the entries of a tensor in row-major order: v of scale s stands for v / 2^s."""
        shape, scale = self.types[name]
        axis, columns = self.columns.get(name, (0, [scale] * math.prod(shape[:1])))
        inner = math.prod(shape[axis + 1 :])
        return [s for s in columns for _ in range(inner)] * math.prod(shape[:axis])

    @property
    def summed_scale(self) -> int:
        """Of the numbers that are summed up: outputs, or outputs less targets."""
        (_, scale) = self.types[self.outputs[0]]
        return scale if self.target_scale is None else max(scale, self.target_scale)

    def _add_quantized(self, name: str, scale: int, *numbers: int) -> None:
        """An input that is what a QuantizeLinear makes of numbers."""
        mantissa, exponent, zero_point = numbers
        fits = all(type(number) is int for number in numbers) and scale == 0
        fits = fits and 2**23 <= mantissa < 2**24 and -104 <= exponent <= 172
        fits = fits and abs(zero_point) <= 2**16 and self.modes["input_mode"] != "committed"
        demand(fits, f"input {name} is quantized by no scale and zero point")
        self.quantized[name] = mantissa, exponent, zero_point

    def _add_target(self, scale: int, low: int, high: int) -> None:
        whole = all(type(number) is int for number in (scale, low, high))
        fits = whole and abs(scale) <= 256 and -(2**62) < low <= high < 2**62
        demand(fits, "the key's target has no scale and bounds")
        self.target_scale = scale

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
