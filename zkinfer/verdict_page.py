"""What a proof establishes as an HTML page, for the person who must decide."""

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.api import Verified
from zkinfer.fixed import FixedGraph
from zkinfer.page import code, document, table, visibility_table
from zkinfer.visibility import who_sees_what

SHOWN = 200
"""Most numbers of one tensor that are listed."""


def render_verdict(verified: Verified, graph: FixedGraph, command: str) -> str:
    """The page. graph: that of the key. command: what verifies the proof again."""
    whose = "an input that stays hidden" if verified.inputs is None else "the input below"
    record = verified.record
    if record is not None:
        whose = f"record {record.number} of the data {code(record.data_digest)}"
        if not record.checked:
            whose = f"hidden data; the prover says that they are {whose}, which was not checked"
    if graph.weights_mode == "hidden":
        model = "the model whose hidden weights the verifying key is committed to"
    else:
        model = "the model in the verifying key"
    context = "none: the proof is not bound to an occasion"
    if verified.context:
        context = code(verified.context.decode(errors="backslashreplace"))
    parts = [
        "<h1>The proof is valid</h1>",
        f"<p>The outputs below are what {model} computes on {whose}.</p>",
        *_numbers(verified, graph),
        "<h2>Who sees what</h2>",
        visibility_table(who_sees_what(graph)),
        "<h2>What it is about</h2>",
        table(
            ("What", "Name"),
            [
                ("Context", context),
                ("Verifying key", f"<code>{verified.key_digest}</code>"),
                ("Commitment to the model", f"<code>{verified.model_commitment}</code>"),
                ("Circuit", f"<code>{verified.circuit_digest}</code>"),
            ],
        ),
        "<p>Two proofs are about one model if their commitments are equal, and about the same "
        "statement if their keys are.</p>",
        "<h2>How to check again</h2>",
        f"<div class='card'><code>{escape(command)}</code></div>",
        "<p>This page is a record of one verification. It proves nothing to whoever did not run "
        "it: only the proof does, with the verifying key of a party that they know.</p>",
    ]
    return document("zkinfer: the proof is valid", parts)


def _numbers(verified: Verified, graph: FixedGraph) -> Iterator[str]:
    """The tensors that the proof shows, the outputs first."""
    yield "<h2>Outputs</h2>"
    for name, integers in verified.outputs_fixed.items():
        names = verified.classes.get(name)
        yield _tensor(name, verified.outputs[name], integers, names)
    for name, integers in (verified.inputs_fixed or {}).items():
        yield "<h2>Input</h2>"
        yield _tensor(name, (verified.inputs or {})[name], integers, None)
    scales = {name: graph.tensors[name].scale for name in verified.outputs_fixed}
    said = ", ".join(f"{escape(name)} 2<sup>-{scale}</sup>" for name, scale in scales.items())
    yield f"<p>A value is its integer times a power of two: of {said}.</p>"


def _tensor(
    name: str,
    values: npt.NDArray[Any],
    integers: npt.NDArray[Any],
    classes: npt.NDArray[Any] | None,
) -> str:
    """The numbers of one tensor, row by row."""
    head = ["Place", "-Value", "-Integer", *(() if classes is None else ("Class",))]
    rows = []
    for place in list(np.ndindex(integers.shape))[:SHOWN]:
        cells = [", ".join(map(str, place)), f"{values[place]:.8g}", f"{integers[place]:,}"]
        rows.append([*cells, *(() if classes is None else (escape(str(classes[place])),))])
    more = ""
    if integers.size > SHOWN:
        more = f"<p>and {integers.size - SHOWN:,} more, which `zkinfer verify --json` lists</p>"
    return f"<p>{code(name)}</p>{table(head, rows)}{more}"
