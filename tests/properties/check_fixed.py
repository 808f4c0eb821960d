"""What must hold of every fixed-point graph that a key may carry, and of every input for it."""

import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.artifacts import committed, prove, prove_outputs, prove_record
from tests.properties import big_integers
from tests.properties.choices import Finding
from tests.properties.draw_fixed import Example
from zkinfer import (
    DataCommitment,
    DataOpening,
    FormatError,
    Proof,
    ProvingKey,
    UnsupportedModelError,
    VerifyingKey,
    prove_committed,
    verify,
)
from zkinfer.circuit.check import check
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve
from zkinfer.reference.graph import parse_graph

Arrays = Mapping[str, np.ndarray]


REFUSALS = {
    "nothing to prove": r"^nothing is to be proven",
    "axes": r"^(node|output|input) .*: a (view|tensor) of \d+ axes",
    "64 bits": r"^node .*(beyond 64 bits|at most 64)",
    "field": r"^node .*more than the field holds",
    "bytes": r"^node .*up to here the circuit takes more than",
    "committed": r"^output .* numbers of \d+ bits; at most",
    "constants": r"^node .*an axis of \d+ entries needs public weights",
}
"""What lowering may say to a graph that is accepted."""

NO_BATCH = r"takes inputs one by one only|does not depend on the input|^no batch of this network"
"""What it may say besides to a batch."""


def outcome(example: Example) -> str:
    """How it ends: "lowered", "held", "proved", or a refusal. Raises Finding."""
    try:
        graph = FixedGraph.from_json(example.graph.to_json())
        try:
            circuit = lower(graph)
        except UnsupportedModelError as error:
            return refusal(graph, str(error))
        for weights, inputs in example.assignments:
            check_integers(graph, circuit, weights, inputs)
        if len(example.assignments) > 1:
            (weights, _), *_ = example.assignments
            check_batch(graph, weights, [inputs for _, inputs in example.assignments])
        if example.proved:
            return check_proofs(graph, *example.assignments[1])
        return "held" if example.assignments else "lowered"
    except Finding:
        raise
    except BaseException as error:  # a panic of the native module is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        raise Finding("crash", described(error)) from error


def refusal(graph: FixedGraph, text: str) -> str:
    """A kind of refusal, for counting. Raises Finding for a sentence that is not foreseen."""
    for name, pattern in REFUSALS.items():
        if re.search(pattern, text, re.DOTALL):
            return f"refused: {name}"
    raise Finding("refused", text)


def described(error: BaseException) -> str:
    """The error and the places in zkinfer where it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "zkinfer/" in f.filename]
    return f"{type(error).__name__} at {' '.join(places[-3:])}: {error}"


def check_integers(graph: FixedGraph, circuit: Circuit, weights: Arrays, inputs: Arrays) -> None:
    """Operators, bounds, witness and circuit agree with integers that cannot overflow."""
    meant = big_integers.run(graph, weights, inputs)
    made = evaluate(graph, weights, inputs)
    for name, tensor in graph.tensors.items():
        array = made[name]
        demand(array.dtype == np.int64, "not int64", name)
        demand(array.shape == meant[name].shape == tensor.shape, "another shape", name)
        demand(np.array_equal(array.astype(object), meant[name]), "evaluate disagrees", name)
        inside = tensor.low <= meant[name].min() and meant[name].max() <= tensor.high
        demand(inside, "a value is out of its bounds", name)
    for name, kind in parse_graph(graph.to_json()).types.items():
        tensor = graph.tensors[name]
        demand(kind == (tensor.shape, tensor.scale), "another type", name)
    witness = solve(graph, weights, inputs)
    names = [name for name, _ in graph.shown]
    demand(set(witness.outputs) == set(graph.outputs), "other outputs", str(witness.outputs.keys()))
    for name, array in [
        *witness.outputs.items(),
        *zip(names, witness.segments[Segment.PUBLIC], strict=True),
    ]:
        demand(array.shape == graph.tensors[name].shape, "solve has another shape", name)
        demand(np.array_equal(array.astype(object), meant[name]), "solve disagrees", name)
    broken = check(circuit, witness.segments)
    demand(not broken, "the honest witness does not satisfy the circuit", ", ".join(broken))


def check_batch(graph: FixedGraph, weights: Arrays, inputs: Sequence[Arrays]) -> None:
    """All inputs at once give what each of them gives, or there is no batch of them."""
    batch = replace(graph, batch=len(inputs))
    try:
        circuit = lower(batch)
    except UnsupportedModelError as error:
        if not re.search(NO_BATCH, str(error)):
            refusal(graph, str(error))
        return
    stacked = {name: np.stack([each[name] for each in inputs]) for name in graph.inputs}
    witness = solve(batch, weights, stacked)
    for number, each in enumerate(inputs):
        meant = evaluate(graph, weights, each)
        for name, array in witness.outputs.items():
            same = np.array_equal(array[number], meant[name])
            demand(same, "a batch disagrees", f"{name} of input {number}")
    broken = check(circuit, witness.segments)
    demand(not broken, "the honest batch does not satisfy the circuit", ", ".join(broken))


def check_proofs(graph: FixedGraph, weights: Arrays, inputs: Arrays) -> str:
    """Keys are made and read again, and an honest proof verifies."""
    try:
        key = ProvingKey.from_bytes(make_keys(graph, weights).to_bytes())
    except FormatError as error:
        if "expected 2^k integers" in str(error) or "the circuit is not acceptable" in str(error):
            return "refused: no key"
        raise
    demand(key.graph == graph, "a key is read as another", "")
    verifying_key = VerifyingKey.from_bytes(key.verifying_key.to_bytes())
    proof, opening, given = proved(key, inputs)
    again = Proof.from_bytes(proof.to_bytes())
    verified = verify(verifying_key, again, context=b"a context", data=given)
    meant, shown = big_integers.run(graph, weights, inputs), dict(verified.outputs_fixed)
    if opening is not None:
        demand(verified.commitment == opening.commitment, "another commitment", "")
        shown = dict(zip(graph.outputs, opening.record(0), strict=True))
    demand(set(shown) == set(graph.outputs), "other outputs are verified", str(shown.keys()))
    for name, array in shown.items():
        demand(np.array_equal(array.astype(object), meant[name]), "verify disagrees", name)
    return "proved"


def proved(
    key: ProvingKey, inputs: Arrays
) -> tuple[Proof, DataOpening | None, DataCommitment | None]:
    """A proof, what opens its outputs if they are committed to, and its data if there are any."""
    context, commits = b"a context", key.graph.output_mode == "committed"
    if key.graph.input_mode != "committed":
        made = (
            prove_outputs(key, inputs, context) if commits else (prove(key, inputs, context), None)
        )
        return *made, None
    last = 0 if key.graph.record_mode == "public" else 8
    data = committed(key.graph, [inputs] * (last + 1))
    if not commits:
        return prove_record(key, data, last, context), None, data.commitment
    options = {"context": context, "allow_saturation": True}
    return *prove_committed(key, data=data, record=last, **options), data.commitment


def demand(condition: bool, kind: str, text: str) -> None:
    if not condition:
        raise Finding(kind, text)


def shown(example: Example) -> str:
    """The graph and its first assignment."""
    return "\n".join([example.graph.to_json().decode(), *map(str, example.assignments)])
