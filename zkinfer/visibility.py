"""Who sees what of a network in each mode: public, committed or hidden."""

from zkinfer.fixed import FixedGraph


def who_sees_what(graph: FixedGraph) -> list[dict[str, str]]:
    """What verifying key and proofs show: entries what, status and where, as text."""
    weights = "public", "in the verifying key"
    if not graph.weights:
        weights = "none", "the verifying key commits to nothing but the function itself"
    elif graph.weights_mode == "hidden":
        weights = "committed", "the verifying key fixes them without showing them"
    rows = [
        ("architecture, scales, ranges", "public", "in the verifying key"),
        ("weights", *weights),
        (
            "input",
            graph.input_mode,
            {
                "hidden": "known to the prover only",
                "public": "in the proof",
                "committed": "the data commitment fixes it without showing it",
            }[graph.input_mode],
        ),
        ("intermediate values", "hidden", "known to the prover only"),
    ]
    if graph.input_mode == "committed":
        if graph.record_mode == "hidden":
            rows.append(("data commitment", "public", "in the proof"))
            rows.append(("which of its records", "hidden", "known to the prover only"))
        else:
            rows.append(("data commitment, numbers of the records", "public", "in the proof"))
    if graph.output_mode == "public":
        rows.append(("outputs", "public", "in the proof"))
    elif graph.output_mode == "committed":
        fixed = "the commitment in the proof fixes them without showing them"
        rows.append(("outputs", "committed", fixed))
    else:
        scores = "scores" if graph.output_mode == "label" or graph.counts_labels else "outputs"
        rows.append((scores, "hidden", "known to the prover only"))
    if graph.output_mode == "label":
        rows.append(("label", "public", "in the proof"))
    if graph.counts_labels:
        rows.append(("label", "hidden", "known to the prover only"))
    if graph.compares:
        what = "true labels" if graph.target is None else "targets"
        fixed = "their commitment fixes them without showing them"
        rows.append((what, "committed", fixed))
    if graph.counts:
        counted = {
            "accuracy": "how many of a proof's records are labelled right",
            "confusion": "how many of a proof's records have one label and get another",
            "summary": "sums, lowest and highest of the outputs for a proof's records",
            "error": "sums, lowest and highest of outputs less targets of a proof's records",
        }
        rows.append((counted[graph.output_mode], "public", "in the proof"))
    return [{"what": what, "status": status, "where": where} for what, status, where in rows]
