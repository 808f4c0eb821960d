"""The fidelity report as an HTML page, with plots as inline SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from zkinfer.page import code, document, short, table, visibility_table


def render_html(report: Mapping[str, Any]) -> str:
    """The page for a report as zkinfer.report.build makes it."""
    parts = [
        "<h1>Fidelity report</h1>",
        "<p>How close the fixed-point network that proofs are about is to the float network. "
        "For the model's owner: do not publish it together with hidden weights.</p>",
        _tiles(report["summary"]),
        *(f"<p>{escape(_sentence(said))}</p>" for said in report["summary"]["promise"]),
        "<h2>Outputs, fixed against float</h2><div class='plots'>",
        *(_scatter(output) for output in report["outputs"]),
        "</div>",
        _layer_plots(report["layers"]),
        "<h2>Layers</h2>",
        _layer_table(report["layers"]),
        "<h2>Who sees what</h2>",
        visibility_table(report["who_sees_what"]),
        _costs(report["costs"]),
        "<h2>Numbers</h2><p>A value is its integer times 2<sup>-scale</sup>; the bounds hold for "
        "every input of the domain.</p>",
        _tensor_table(report["tensors"]),
    ]
    return document("zkinfer fidelity report", parts)


def _tiles(summary: Mapping[str, Any]) -> str:
    """The summary; of several outputs the worst."""
    parts = [("fitted", summary["fitted"]), ("held-out", summary["held_out"])]
    known = [(name, part) for name, part in parts if part is not None]
    allowed = summary["max_error"]
    tiles = [
        (
            f"<b class='{'' if part['error'] <= allowed else 'bad'}'>{_number(part['error'])}</b>",
            f"output error over the largest output, {name} samples; allowed {_number(allowed)}",
        )
        for name, part in known
    ]
    tiles += [
        (f"<b>{part['same_label']:.2%}</b>", f"of {name} samples have the same largest output")
        for name, part in known
        if part["same_label"] is not None
    ]
    counts = " + ".join(f"{part['samples']:,}" for _, part in known)
    tiles += [
        (
            f"<b>{summary['activation_bits']} / {summary['weight_bits']}</b>",
            "usual bits of activations / weights",
        ),
        (f"<b>{summary['weights']:,}</b>", "weights"),
        (f"<b>{counts}</b>", f"samples, {escape(summary['samples_are'])}"),
    ]
    listed = "".join(f"<div class='tile'>{big}<span>{small}</span></div>" for big, small in tiles)
    return f"<div class='tiles'>{listed}</div>"


def _scatter(output: Mapping[str, Any]) -> str:
    """Fixed-point over float values; the dashed line is equality."""
    xs, ys = output["float"], output["fixed"]
    low, high = min(*xs, *ys, 0.0), max(*xs, *ys, 0.0)
    span = (high - low) or 1.0
    size, margin = 300.0, 34.0

    def at(x: float, y: float) -> tuple[float, float]:
        inner = size - 2 * margin
        return margin + inner * (x - low) / span, size - margin - inner * (y - low) / span

    (x0, y0), (x1, y1) = at(low, low), at(high, high)
    dots = "".join(
        "<circle class='dot' cx='{:.1f}' cy='{:.1f}' r='2.5'/>".format(*at(x, y))
        for x, y in zip(xs, ys, strict=True)
    )
    name = escape(short(output["name"]))
    return (
        f"<div class='card'><code title='{escape(output['name'])}'>{name}</code>"
        f"<svg class='scatter' viewBox='0 0 {size:.0f} {size:.0f}' role='img' "
        f"aria-label='fixed-point against float values of {escape(output['name'])}'>"
        f"<path class='axis' d='M{x0:.1f} {y1:.1f}V{y0:.1f}H{x1:.1f}'/>"
        f"<line class='ideal' x1='{x0:.1f}' y1='{y0:.1f}' x2='{x1:.1f}' y2='{y1:.1f}'/>{dots}"
        f"<text x='{x0:.1f}' y='{size - 14:.0f}'>{_number(low)}</text>"
        f"<text x='{x1:.1f}' y='{size - 14:.0f}' text-anchor='end'>float {_number(high)}</text>"
        f"<text x='{x0:.1f}' y='{y1 - 8:.1f}'>fixed {_number(high)}</text></svg>"
        f"<p>largest difference {_number(output['error'])} for outputs up to "
        f"{_number(output['largest'])}{_own_errors(output)}</p></div>"
    )


def _own_errors(output: Mapping[str, Any]) -> str:
    """The difference of a number over the number itself, which is larger for small numbers."""
    quantiles = output["error_over_the_number_itself"]
    if not quantiles:
        return ""
    listed = ", ".join(
        f"at most {_number(error)} for {float(quantile):.0%}"
        for quantile, error in quantiles.items()
    )
    return f"; over the output itself {listed}"


def _layer_plots(layers: Sequence[Mapping[str, Any]]) -> str:
    if not layers:
        return ""
    errors = [layer["relative_error"] for layer in layers]
    floor = min((error for error in errors if error > 0), default=1e-9)
    low = math.floor(math.log10(floor)) - 1
    high = max(math.ceil(math.log10(max(*errors, floor, 10.0 ** (low + 1)))), low + 1)
    places = [0.0 if error <= 0 else (math.log10(error) - low) / (high - low) for error in errors]
    error_rows = [
        (layer["tensor"], place, _number(error), False)
        for layer, place, error in zip(layers, places, errors, strict=True)
    ]
    use_rows = [
        (
            layer["tensor"],
            min(layer["range_used"], 1.0),
            f"{layer['range_used']:.0%}"
            + (f", {layer['saturated']:,} saturated" if layer["saturated"] else ""),
            layer["saturated"] > 0,
        )
        for layer in layers
    ]
    return (
        "<h2>Error and range by layer</h2><div class='plots'>"
        f"<div class='card'><p>Largest error over the largest value, log scale from 1e{low}</p>"
        f"{_bars(error_rows)}</div><div class='card'><p>Part of the range that the data reach</p>"
        f"{_bars(use_rows)}</div></div>"
    )


def _bars(rows: Sequence[tuple[str, float, str, bool]]) -> str:
    """Horizontal bars: name, length from 0 to 1, label, whether to warn."""
    step, left, width = 26, 4, 360
    parts = [f"<svg viewBox='0 0 {left + width + 4} {step * len(rows) + 4}' role='img'>"]
    for index, (name, length, label, warn) in enumerate(rows):
        top = index * step
        parts.append(
            f"<text x='{left}' y='{top + 11}'>{escape(short(name))}</text>"
            f"<text x='{left + width}' y='{top + 11}' text-anchor='end'>{escape(label)}</text>"
            f"<rect class='rest' x='{left}' y='{top + 15}' width='{width}' height='6' rx='3'/>"
            f"<rect class='{'over' if warn else 'bar'}' x='{left}' y='{top + 15}' "
            f"width='{max(width * length, 0):.1f}' height='6' rx='3'/>"
        )
    return "".join(parts) + "</svg>"


def _layer_table(layers: Sequence[Mapping[str, Any]]) -> str:
    head = ("Node", "Op", "-Error", "-Largest", "-Relative", "-Range", "-Saturated", "Against")
    rows = [
        (
            code(layer["node"]),
            escape(layer["op"]),
            _number(layer["error"]),
            _number(layer["largest"]),
            _number(layer["relative_error"]),
            f"{layer['range_used']:.0%}",
            f"<span class='{'warn' if layer['saturated'] else ''}'>"
            f"{layer['saturated']:,} of {layer['numbers']:,}</span>",
            escape(layer["compared_with"]),
        )
        for layer in layers
    ]
    return table(head, rows)


def _tensor_table(tensors: Sequence[Mapping[str, Any]]) -> str:
    head = ("Tensor", "Made by", "Shape", "-Bits", "-Scale", "-Least", "-Greatest")
    rows = [
        (
            code(tensor["name"]),
            escape(tensor["made_by"]),
            " x ".join(map(str, tensor["shape"])) or "number",
            str(tensor["bits"]),
            str(tensor["scale"]),
            f"{tensor['low']:,}",
            f"{tensor['high']:,}",
        )
        for tensor in tensors
    ]
    return table(head, rows)


def _costs(costs: Mapping[str, int]) -> str:
    if not costs:
        return ""
    rows = [(escape(name), f"{value:,}") for name, value in costs.items()]
    return "<h2>Cost of a proof</h2>" + table(("What", "-Count"), rows)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _number(value: float) -> str:
    return f"{value:.3g}"
