"""What must hold of the rows of pairing proofs, of every graph that a key may carry."""

import numpy as np

from tests.pairing_rows import Rows
from tests.properties.check_fixed import described, refusal
from tests.properties.choices import Finding
from tests.properties.draw_fixed import Example
from tests.soundness.test_lies import UNREAD, single_lies
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.pairing.forest import spelt_out

LIES = 6
"""How many changes of one entry are tried."""

MOST_ROWS = 60_000
"""More are not expanded."""


def outcome(example: Example) -> str:
    """How it ends: "held", or a refusal. Raises Finding."""
    try:
        return _outcome(example)
    except Finding:
        raise
    except BaseException as error:  # a panic of the native module is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        raise Finding("crash", described(error)) from error


def _outcome(example: Example) -> str:
    graph = FixedGraph.from_json(example.graph.to_json())
    if not example.assignments:
        return "skipped: no assignments"
    if graph.input_mode == "committed" or graph.output_mode == "committed" or graph.counts:
        return "skipped: committed data"
    weights, inputs = example.assignments[0]
    try:
        spelt, known = spelt_out(graph, weights)
    except UnsupportedModelError as error:
        if "trees" in str(error):
            return "refused: trees"
        raise
    for ranges in PAIRING:
        try:
            rows = Rows(spelt, ranges)
        except UnsupportedModelError as error:
            return refusal(graph, str(error))
        if len(rows.named) > MOST_ROWS:
            return "skipped: large"
        witness, z = rows.solved(known, inputs)
        for name, array in evaluate(graph, weights, inputs).items():
            if name in witness.outputs and (witness.outputs[name] != array).any():
                raise Finding("wrong answer", f"{ranges.value}: output {name} differs")
        failing, few = rows.unsatisfied(z)
        if failing or few:
            raise Finding("refused honest witness", f"{ranges.value}: {failing}, fewer: {few}")
        if ranges is Ranges.CHECKED:
            _lie(rows, known, inputs)
    return "held"


def _lie(rows: Rows, weights: dict[str, np.ndarray], inputs: dict[str, np.ndarray]) -> None:
    lies = [lie for lie in single_lies(rows.circuit) if lie[0] != UNREAD]
    rng = np.random.default_rng(0)
    for place in rng.choice(len(lies), min(LIES, len(lies)), replace=False):
        path, lie = lies[place]
        _, z = rows.solved(weights, inputs, lies={path: lie})
        failing, few = rows.unsatisfied(z)
        if not few and any(rows.named.unsatisfied(rows.restored(z))):
            raise Finding("accepted lie", f"{path}: fewer rows take what {failing} refuse")
