"""The fidelity report of a compilation: JSON for programs, one self-contained page for people.

It is for the model's owner: the errors per layer say something about the hidden weights.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zkinfer.fixed import FixedGraph
from zkinfer.quantize import Fidelity, Quantized
from zkinfer.report_page import render_html
from zkinfer.visibility import who_sees_what

__all__ = ["Report", "build", "make_report", "render_html"]


@dataclass(frozen=True)
class Report:
    """A report; content is as `build` makes it."""

    content: Mapping[str, Any]

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps(self.content, indent=2, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """The page."""
        return render_html(self.content)


def make_report(quantized: Quantized, costs: Mapping[str, int] | None = None) -> Report:
    """The report of a quantized model. costs: as for `build`."""
    return Report(build(quantized, costs or {}))


def build(quantized: Quantized, costs: Mapping[str, int]) -> dict[str, Any]:
    """The report as JSON values.

    costs: what the proof takes, by a short description ("constraints": 1234), shown as given.
    """
    graph, fidelity = quantized.graph, quantized.fidelity
    return {
        "summary": {
            "error": fidelity.error,
            "max_error": fidelity.max_error,
            "samples": fidelity.samples,
            "samples_are": "drawn from the input range" if fidelity.synthetic else "calibration",
            "activation_bits": fidelity.activation_bits,
            "weight_bits": fidelity.weight_bits,
            "weights": sum(math.prod(graph.tensors[name].shape) for name in graph.weights),
        },
        "outputs": [
            {
                "name": output.name,
                "error": output.error,
                "relative_error": output.relative,
                "largest": output.magnitude,
                "same_label": output.agreement,
                "float": list(output.floats),
                "fixed": list(output.fixed),
            }
            for output in fidelity.outputs
        ],
        "layers": _layers(fidelity),
        "tensors": _tensors(graph),
        "who_sees_what": who_sees_what(graph),
        "costs": dict(costs),
    }


def _layers(fidelity: Fidelity) -> list[dict[str, Any]]:
    return [
        {
            "node": layer.name,
            "op": layer.op,
            "tensor": layer.tensor,
            "error": layer.error,
            "relative_error": layer.error / (layer.magnitude or 1.0),
            "largest": layer.magnitude,
            "range_used": layer.used,
            "saturated": layer.saturated,
            "numbers": layer.count,
            "compared_with": "onnxruntime" if layer.against_oracle else "float64",
        }
        for layer in fidelity.layers
    ]


def _tensors(graph: FixedGraph) -> list[dict[str, Any]]:
    """Inputs, weights and what each node makes: width, scale and bounds."""
    makers = {name: node.op for node in graph.nodes for name in node.outputs}
    makers.update(dict.fromkeys(graph.inputs, "input"), **dict.fromkeys(graph.weights, "weight"))
    return [
        {
            "name": name,
            "made_by": makers[name],
            "shape": list(tensor.shape),
            "bits": (tensor.high - tensor.low).bit_length(),
            "scale": tensor.scale,
            "low": tensor.low,
            "high": tensor.high,
        }
        for name, tensor in graph.tensors.items()
    ]
