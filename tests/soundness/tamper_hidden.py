"""The rows of tamper.csv about hidden records: what is changed in a proof that does not say which
record it is about, in its key, and in what is given with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from artifacts import prove_record, sections
from hidden_records import among, network, records
from listening import DRAW, MESSAGE, Listening, Mishearing

import zkinfer
from tests.soundness.edits import changed, description_edited, edited, graph_edited, joined
from tests.soundness.fields import Field, Walk, body_fields
from zkinfer import container, reference
from zkinfer.backends import transparent
from zkinfer.circuit.layout import Segment
from zkinfer.data import DataCommitment
from zkinfer.keys import VerifyingKey, make_keys
from zkinfer.reference.field import ORDER
from zkinfer.reference.formats import Proof
from zkinfer.reference.formats import VerifyingKey as ReferenceKey

CONTEXT = b"context"
RECORDS = 10
DIGITS = 2
Runs = tuple[Callable[[], object] | None, Callable[[], object] | None]

FORGED = 3 * 32
"""Where the last three responses begin, from their end on."""


class HiddenRecord:
    """A key for one record, data, and an honest proof about record 6."""

    def __init__(self) -> None:
        self.proving_key = make_keys(network(), {})
        self.key = self.proving_key.verifying_key
        self.data = records(network(), RECORDS)
        self.proof = prove_record(self.proving_key, self.data, 6, CONTEXT)

    @cached_property
    def named(self) -> tuple[VerifyingKey, zkinfer.Proof]:
        """A key that names its records, and a proof for it."""
        key = make_keys(network(mode="public"), {})
        return key.verifying_key, prove_record(key, self.data, 6, CONTEXT)

    @cached_property
    def read(self) -> tuple[ReferenceKey, Proof]:
        """Key and proof as the reference verifier reads them."""
        return (
            reference.read_key(self.key.to_bytes()),
            reference.read_proof(self.proof.to_bytes()),
        )


def record_fields(data: bytes) -> list[Field]:
    """What a proof says of hidden records."""
    walk = Walk(data)
    walk.fixed("count", 4)
    walk.fixed("said", 1)
    walk.each("digest", *["row"] * ((len(data) - 37) // 32))
    return walk.end()


def argument_fields(known: HiddenRecord) -> list[Field]:
    """The argument at the front of a body, and then the body's own fields."""
    body, walk = known.proof.body, Walk(known.proof.body)
    walk.each("A", "B", "C", "D", *["G"] * DIGITS, *["digit"] * 7 * DIGITS, "z_A", "z_C", "z")
    front = walk.position
    rest = body_fields(known.read[0].circuit, body[front:])
    return [*walk.fields, *(replace(field, start=field.start + front) for field in rest)]


def part(known: HiddenRecord, field: str, mutation: str) -> Runs:
    """A proof with something else in it; `of these` of other data, as if it were of the honest."""
    parts = sections(container.PROOF, known.proof.to_bytes())
    if field == "another key's":
        key, proof = known.named
        names = proof.records if mutation == "names" else known.proof.records
        made = replace(known.proof, records=names)
        if mutation == "to name":
            made = replace(proof, records=known.proof.records)
            return verdicts(key, made.to_bytes(), known.data.commitment)
        return verdicts(known.key, made.to_bytes(), known.data.commitment)
    if field in ("count", "said", "digest", "row"):
        parts["records"] = changed(
            parts["records"], record_fields(parts["records"]), field, mutation
        )
    elif field == "body":
        parts["body"] = edited(parts["body"], mutation) if mutation != "short" else bytes(32)
    else:
        parts["body"] = changed(parts["body"], argument_fields(known), field, mutation)
    return verdicts(known.key, joined(container.PROOF, parts), known.data.commitment)


def key(known: HiddenRecord, field: str, mutation: str) -> Runs:
    """The key with another graph."""
    parts = sections(container.VERIFYING_KEY, known.key.to_bytes())
    parts["graph"] = graph_edited(parts["graph"], field, mutation)
    made = joined(container.VERIFYING_KEY, parts)
    return lambda: VerifyingKey.from_bytes(made), lambda: reference.read_key(made)


def given(known: HiddenRecord, mutation: str) -> Runs:
    """Other data beside an honest proof. Relabelled: that says it is about these."""
    data, proof = known.data.commitment, known.proof
    if mutation in ("none", "any"):
        asked = {} if mutation == "none" else {"any_data": True}
        _, ours = verdicts(known.key, proof.to_bytes(), None)
        return lambda: zkinfer.verify(known.key, proof, context=CONTEXT, **asked), ours
    edit = mutation.removesuffix(", relabelled")
    rows = data.rows
    size = 32 * data.rows_each
    other = {
        "a row exchanged": lambda: replace(data, rows=rows[32:64] + rows[:32] + rows[64:]),
        "the record left out": lambda: replace(
            data,
            description=replace(data.description, records=RECORDS - 1),
            rows=rows[: 6 * size] + rows[7 * size :],
        ),
        "two records exchanged": lambda: replace(
            data, rows=rows[size : 2 * size] + rows[:size] + rows[2 * size :]
        ),
        "no point": lambda: replace(data, rows=bytes([1, *bytes(31)]) + rows[32:]),
        "another scale": lambda: _scaled(data),
    }[edit]()
    if edit != mutation and proof.records is not None:
        named = replace(proof.records, digest=other.digest_bytes)
        proof = replace(proof, records=named)
    return verdicts(known.key, proof.to_bytes(), other)


def _scaled(data: DataCommitment) -> DataCommitment:
    parts = sections(container.DATA_COMMITMENT, data.to_bytes())
    parts["description"] = description_edited(parts["description"], "tensors/0/scales/0", "= 3")
    return DataCommitment.from_bytes(joined(container.DATA_COMMITMENT, parts))


def statement(known: HiddenRecord, mutation: str) -> Runs:
    """What the native verifier is told of the data, beside the digest that binds them."""
    rows, count = known.data.commitment.rows, RECORDS
    others = {
        "rotate": lambda: (count, edited(rows, "rotate")),
        "one record fewer": lambda: (count - 1, rows),
        "no records": lambda: (0, b""),
        "no rows": lambda: (count, rows),
        "of no circuit": lambda: (count, rows),
        "half a row": lambda: (count, rows[:-16]),
        "no point": lambda: (count, bytes([1, *bytes(31)]) + rows[32:]),
    }

    def package() -> None:
        verifier, names = known.key.verifier, known.proof.records
        assert names is not None
        opened: Mapping[Segment, bytes] = {Segment.RECORD: names.rows}
        if mutation == "no rows":
            opened = {Segment.RECORD: bytes([1, *bytes(31)]) + names.rows[32:]}
        if mutation == "of no circuit":
            graph = replace(network(), input_mode="hidden", record_mode="public")
            verifier, opened = make_keys(graph, {}).verifying_key.verifier, {}
        verifier.verify(
            CONTEXT,
            known.proof.public_values,
            known.proof.body,
            data=names.stated,
            rows=opened,
            among=transparent.make_data(*others[mutation]()),
        )

    return package, None


def transcript(known: HiddenRecord, field: str, mutation: str) -> Runs:
    """What is absorbed and drawn: the reference verifier mishears it; the package gets what
    differs in it.
    """
    if mutation == "forged":
        run = _listening(known, Listening(*known.read))
        run.run()
        drawn = dict(run.challenges)
        size = 32 * (8 * DIGITS + 7)
        body = forged(known.proof.body[:size], drawn["membership/fold"]) + known.proof.body[size:]
        made = replace(known.proof, body=body).to_bytes()
        return verdicts(known.key, made, known.data.commitment)
    kind = DRAW if mutation == "other draw" else MESSAGE
    misheard = _listening(known, Mishearing(*known.read, kind, field))
    package, _ = part(known, "A", "= U")
    return None if kind == DRAW else package, misheard.run


def _listening(known: HiddenRecord, run: Any) -> Any:
    run.hidden = among(known.data)
    return run


def forged(argument: bytes, fold: tuple[int, ...]) -> bytes:
    """Other blindings in two equations: neither holds, but their sum under the fold does."""
    first, second = (int.from_bytes(argument[at : at + 32], "little") for at in (-96, -64))
    changes = (first + fold[1], second - fold[0])
    new = b"".join((scalar % ORDER).to_bytes(32, "little") for scalar in changes)
    return argument[:-FORGED] + new + argument[-32:]


def verdicts(key: VerifyingKey, proof: bytes, data: DataCommitment | None) -> Runs:
    """Of both verifiers."""

    def package() -> None:
        zkinfer.verify(key, zkinfer.Proof.from_bytes(proof), context=CONTEXT, data=data)

    def ours() -> None:
        known = None if data is None else reference.read_data(data.to_bytes())
        read = reference.read_proof(proof)
        reference.verify(reference.read_key(key.to_bytes()), read, CONTEXT, known)

    return package, ours
