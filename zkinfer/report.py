"""The fidelity report of a compilation: JSON for programs, one self-contained page for people.

It is for the model's owner: the errors per layer say something about the hidden weights.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zkinfer.fixed import FixedGraph
from zkinfer.quantize import Fidelity, LayerFidelity, Measured, Quantized
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
            "max_error": fidelity.max_error,
            "fitted": _measured(fidelity.fitted),
            "held_out": fidelity.held_out and _measured(fidelity.held_out),
            "samples_are": "drawn from the input range" if fidelity.synthetic else "calibration",
            "promise": promise(fidelity),
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
                "error_over_the_number_itself": {
                    f"{quantile:g}": error for quantile, error in output.own_errors.items()
                },
                "float": list(output.floats),
                "fixed": list(output.fixed),
            }
            for output in fidelity.fitted.outputs
        ],
        "layers": _layers(fidelity.fitted.layers),
        "layers_held_out": _layers(fidelity.held_out.layers) if fidelity.held_out else [],
        "tensors": _tensors(graph),
        "who_sees_what": who_sees_what(graph),
        "costs": dict(costs),
    }


def promise(fidelity: Fidelity) -> list[str]:
    """What was reached, and what it says of other inputs, in sentences.

    Errors are relative to the largest output of all samples.
    """
    fitted, held_out, allowed = fidelity.fitted, fidelity.held_out, fidelity.max_error
    whose = "samples drawn from the input range" if fidelity.synthetic else "fitted samples"
    said = [_reached(fitted, whose)]
    if fidelity.step:
        said.append(
            f"the model rounds its outputs to steps of {allowed:.2g} of the largest, and some are "
            "off by one"
        )
    if held_out is None and not fidelity.synthetic:
        said.append("too few samples to hold some out: how other inputs fare is not known")
    if held_out is not None:
        said.append(_reached(held_out, "held-out samples"))
        if held_out.error > allowed:
            said.append(
                f"the held-out samples miss the target of {allowed:.3g}, and so will other inputs: "
                "calibrate with more samples, or ask for a smaller error"
            )
        if held_out.saturating:
            said.append(
                f"values saturate on {held_out.saturating} of the held-out samples, and so will "
                "they on other inputs, which prove refuses: calibrate with more samples"
            )
    return said


def _reached(measured: Measured, samples: str) -> str:
    labels = measured.agreement
    same = "" if labels is None else f", the label is the same for {labels:.2%}"
    return f"error {measured.error:.2e} of the largest output on {measured.samples} {samples}{same}"


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "samples": measured.samples,
        "error": measured.error,
        "same_label": measured.agreement,
        "saturating": measured.saturating,
    }


def _layers(layers: Sequence[LayerFidelity]) -> list[dict[str, Any]]:
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
        for layer in layers
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
            "scale": "by column" if name in graph.columns else tensor.scale,
            "low": tensor.low,
            "high": tensor.high,
        }
        for name, tensor in graph.tensors.items()
    ]
