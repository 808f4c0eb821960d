"""The rows of tamper.csv about committed outputs: what is changed in a proof, in its key, in what
is given with it, and in the next proof of a chain.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import zkinfer
from tests.networks import Net
from tests.soundness.chained import Chained
from tests.soundness.edits import changed, graph_edited, joined
from tests.soundness.fields import Field
from zkinfer import container, reference
from zkinfer.keys import VerifyingKey

CONTEXT = b"context"
Runs = tuple[Callable[[], object], Callable[[], object] | None]


def outputs(known: Chained, field: str, mutation: str) -> Runs:
    """A proof with other rows of outputs; the first of them is changed where `row` is the field."""
    proof, _ = known.made[0]
    rows = proof.outputs
    if mutation == "another proof's":
        rows = known.made[1][0].outputs
    else:
        size = 32 if field == "row" else len(rows)
        rows = changed(rows, [Field(field, 0, size)], field, mutation)
    return _verdicts(known.first.verifying_key, replace(proof, outputs=rows))


def key(known: Chained, field: str, mutation: str) -> Runs:
    """The key of the first network with another graph."""
    names = (section.name for section in container.VERIFYING_KEY.sections)
    data = known.first.verifying_key.to_bytes()
    parts = dict(zip(names, container.read(container.VERIFYING_KEY, data), strict=True))
    graphs = {"62 bits": _wide, "65 outputs": _many, "an input by column": _table}
    if mutation in graphs:
        parts["graph"] = graphs[mutation]()
    else:
        parts["graph"] = graph_edited(parts["graph"], field, mutation)
    made = joined(container.VERIFYING_KEY, parts)
    return lambda: VerifyingKey.from_bytes(made), lambda: reference.read_key(made)


def _wide() -> bytes:
    net = Net()
    return net.graph(net.node("neg", net.input(1, low=-(2**61))), output="committed").to_json()


def _many() -> bytes:
    net = Net()
    names = [net.node("neg", net.input(1), name=f"neg{number}") for number in range(65)]
    return net.graph(*names, output="committed").to_json()


def _table() -> bytes:
    net = Net()
    document = json.loads(net.graph(net.table(3, axis=0, lows=(0, 4, 0), bits=3)).to_json())
    document["outputs"][0] += [0, 11]
    document["output_mode"] = "committed"
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def given(known: Chained, other: tuple[VerifyingKey, zkinfer.Proof], mutation: str) -> Runs:
    """What outputs must be committed to by, beside an honest proof.

    other: a key whose outputs are shown, and a proof for it.
    """
    (proof, opening), (_, second) = known.made
    verifying_key, told = known.first.verifying_key, opening.commitment
    if mutation == "another proof's":
        told = second.commitment
    elif mutation == "of a key that shows them":
        verifying_key, proof = other
    elif mutation == "rows for a key that shows them":
        verifying_key, proof = other[0], replace(other[1], outputs=proof.outputs)
        return _verdicts(verifying_key, proof)
    else:
        return lambda: zkinfer.verify(verifying_key, proof, context=CONTEXT, outputs=mutation), None
    return _verdicts(verifying_key, proof, outputs=told)


def link(known: Chained, field: str, mutation: str) -> Runs:
    """The next proof, held against what the first one commits to."""
    proof, (_, opening) = known.read[0], known.made[0]
    commitment = opening.commitment
    assert proof.records is not None
    if mutation.startswith("another proof's"):
        proof = known.read[1]
        names = replace(proof.records, digest=commitment.digest_bytes)
        if mutation.endswith("of its rows"):
            names = replace(names, rows=commitment.record_rows(1))
        if field == "proof, relabelled":
            proof = replace(proof, records=names)
    else:
        names = replace(proof.records, numbers=(0,), rows=commitment.record_rows(0))
        proof = replace(proof, records=names)
    return _verdicts(known.second.verifying_key, proof, data=commitment)


def _verdicts(
    verifying_key: VerifyingKey, proof: zkinfer.Proof, **told: zkinfer.DataCommitment
) -> Runs:
    def package() -> None:
        read = zkinfer.Proof.from_bytes(proof.to_bytes())
        zkinfer.verify(verifying_key, read, context=CONTEXT, **told)

    def ours() -> None:
        known: dict[str, Any] = {
            name: reference.read_data(each.to_bytes()) for name, each in told.items()
        }
        read = reference.read_proof(proof.to_bytes())
        reference.verify(reference.read_key(verifying_key.to_bytes()), read, CONTEXT, **known)

    return package, ours
