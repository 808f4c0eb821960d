"""What a proof establishes as an HTML page, for the person who must decide."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.fixed import FixedGraph
from zkinfer.page import code, document, table, visibility_table
from zkinfer.summary import Summary
from zkinfer.verdict import Verified
from zkinfer.visibility import who_sees_what

SHOWN = 200
"""Most numbers of one tensor that are listed."""


def render_verdict(verified: Verified, graph: FixedGraph, command: str) -> str:
    """The page. graph: that of the key. command: what verifies the proof again."""
    whose = "an input that stays hidden" if verified.inputs is None else "the input below"
    if graph.batch > 1:
        whose = f"each of {graph.batch} inputs: {whose}"
    records = verified.records
    if records is not None:
        some = _hidden(records.hidden) if records.hidden else _numbered(records.numbers)
        whose = f"{some} of the data {code(records.data_digest)}"
        whose += ", which one is hidden" if records.hidden == 1 else ""
        if not records.checked:
            whose = f"hidden data; the prover says that they are {whose}, which was not checked"
    if graph.weights_mode == "hidden":
        model = "the model whose hidden weights the verifying key is committed to"
    else:
        model = "the model in the verifying key"
    context = "none: the proof is not bound to an occasion"
    if verified.context:
        context = code(verified.context.decode(errors="backslashreplace"))
    said = [f"<p>The outputs below are what {model} computes on {whose}.</p>"]
    if verified.commitment is not None:
        digest = code(verified.commitment.digest)
        said = [f"<p>The data commitment {digest} is to what {model} computes on {whose}.</p>"]
    true = None if records is None else records.labels_digest
    if records is not None and true is not None and verified.right is not None:
        said = [
            f"<p>{len(records.numbers)} records, {whose}, have labels in the data {code(true)}. "
            f"Of these records <b>{verified.right}</b> get that label from {model}.</p>"
        ]
    if verified.confusion is not None:
        said += _confusion(verified.confusion, [*graph.classes.values()])
    if verified.summary is not None:
        said = [*_summary(verified.summary, model, whose, true)]
    if records is not None and records.left_out:
        said.append(
            f"<p class='warn'>Not counted, by the choice of whoever proved it: "
            f"{_numbered(records.left_out)}.</p>"
        )
    said += [f"<p class='warn'>Note: {escape(caveat)}.</p>" for caveat in verified.caveats]
    parts = [
        "<h1>The proof is valid</h1>",
        *said,
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


def _confusion(matrix: npt.NDArray[Any], classes: Sequence[Sequence[str]]) -> Iterator[str]:
    """How many records have the label of a row and get that of a column."""
    names = [escape(name) for name in classes[0]] if classes else [*map(str, range(len(matrix)))]
    yield "<h2>Confusion</h2><p>Rows are the labels that records have, columns those they get.</p>"
    rows = [[name, *map(str, row)] for name, row in zip(names, matrix.tolist(), strict=True)]
    yield table(["Label", *(f"-{name}" for name in names)], rows)


def _summary(summary: Summary, model: str, whose: str, targets: str | None) -> Iterator[str]:
    """How outputs or errors for records are spread."""
    less = f", less the targets in the data {code(targets)}," if targets else ""
    yield f"<p>What {model} computes on {whose}{less} is spread like this.</p>"
    yield f"<h2>Summary of {summary.count} {summary.of}</h2>"
    found = summary.statistics().items()
    yield table(("What", "-Value"), [(n.replace("_", " "), f"{v:.8g}") for n, v in found])
    fixed = summary.document()["summary_fixed"].items()
    yield "<p>These follow from integers, numbers times 2<sup>scale</sup>, and their sums.</p>"
    yield table(("What", "-Integer"), [(name, f"{number:,}") for name, number in fixed])


def _hidden(count: int) -> str:
    """Records without their numbers."""
    return "a record" if count == 1 else f"{count} records (hidden ones, and perhaps the same)"


def _numbered(numbers: Sequence[int]) -> str:
    """Records by their numbers."""
    if len(numbers) == 1:
        return f"record {numbers[0]}"
    if list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"records {numbers[0]} to {numbers[-1]}"
    return f"the records {', '.join(map(str, numbers))}"


def _numbers(verified: Verified, graph: FixedGraph) -> Iterator[str]:
    """The tensors that the proof shows, the outputs first."""
    if verified.outputs_fixed:
        yield "<h2>Outputs</h2>"
    for name, integers in verified.outputs_fixed.items():
        names = verified.classes.get(name)
        yield _tensor(name, verified.outputs[name], integers, names)
    for name, integers in (verified.inputs_fixed or {}).items():
        yield "<h2>Input</h2>"
        yield _tensor(name, (verified.inputs or {})[name], integers, None)
    scales = {name: graph.tensors[name].scale for name in verified.outputs_fixed}
    if not scales:
        return
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
