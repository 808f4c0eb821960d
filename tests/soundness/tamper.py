"""The rows of tamper.csv: what is changed, and what both verifiers then say."""

import csv
import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from artifacts import Integers, committed, prove, prove_record, reseal, sections
from listening import (
    DRAW,
    MESSAGE,
    Listening,
    Mishearing,
    Programmed,
    certificate_parts,
    certified,
)
from networks import Net, cases

import zkinfer
from tests.reference import hand_circuit
from tests.soundness import tamper_accuracy, tamper_hidden, tamper_outputs
from tests.soundness.chained import chained
from tests.soundness.edits import (
    changed,
    damaged,
    description_edited,
    edited,
    graph_edited,
    joined,
)
from tests.soundness.fields import (
    Field,
    body_fields,
    certificate_fields,
    circuit_fields,
    container_fields,
    public_fields,
    record_fields,
)
from tests.soundness.labelled import labelled
from tests.soundness.summed import summed
from zkinfer import container, reference
from zkinfer.backends import transparent
from zkinfer.certificate import Seeds
from zkinfer.circuit.layout import Segment
from zkinfer.data import DataCommitment, DataOpening, RevealedRecord
from zkinfer.keys import ProvingKey, VerifyingKey, make_keys
from zkinfer.reference.argument import Argument
from zkinfer.reference.circuit import Circuit
from zkinfer.reference.field import ORDER
from zkinfer.reference.formats import Proof as ReferenceProof
from zkinfer.reference.formats import VerifyingKey as ReferenceKey
from zkinfer.reference.graph import parse_graph
from zkinfer.reference.matrix import check_steps

TABLE = Path(__file__).with_name("tamper.csv")
CONTEXT = b"context"

Run = Callable[[], object] | None
"""A verifier at work on what was changed; None where it has nothing to look at."""


@dataclass(frozen=True)
class Row:
    """part, field and mutation say what is changed; the others what each verifier must say.

    package, reference: `Error: a part of its message`, `accepts`, or `-` where a verifier has
    nothing to look at.
    """

    part: str
    field: str
    mutation: str
    package: str
    reference: str


def read_table() -> list[Row]:
    with open(TABLE, encoding="utf-8", newline="") as file:
        return [Row(**line) for line in csv.DictReader(file)]


class Subject:
    """Honest keys and proofs, made once: of one network with hidden and with public weights.

    A key with public weights has no certificate, so nothing is checked before a proof is.
    """

    def __init__(self) -> None:
        case = cases()["matmul then requantize"]
        weights, self.inputs = case.random(3)
        self.proving_key = make_keys(case.graph, weights)
        self.key = self.proving_key.verifying_key
        self.proof = prove(self.proving_key, self.inputs, CONTEXT)
        self.other_key = make_keys(case.graph, weights).verifying_key
        self.public_proving_key = make_keys(replace(case.graph, weights_mode="public"), weights)
        self.public_key = self.public_proving_key.verifying_key
        self.public_proof = prove(self.public_proving_key, self.inputs, CONTEXT)
        table = cases()["public input by column"]
        proving_key = make_keys(table.graph, {})
        self.table_key = proving_key.verifying_key
        self.table_proof = prove(proving_key, table.random(3)[1], CONTEXT)
        quantized = cases()["public quantized input"]
        proving_key = make_keys(quantized.graph, {})
        self.quantized_key = proving_key.verifying_key
        self.quantized_proof = prove(proving_key, quantized.random(3)[1], CONTEXT)
        case = cases()["perceptron"]
        self.third_key = make_keys(case.graph, case.random(3)[0]).verifying_key
        graph = replace(cases()["hidden input by column"].graph, input_mode="committed")
        records = [cases()["hidden input by column"].random(seed)[1] for seed in range(3)]
        self.record_proving_key = make_keys(graph, {})
        self.record_key = self.record_proving_key.verifying_key
        self.data = committed(graph, records)
        self.record_proof = prove_record(self.record_proving_key, self.data, 1, CONTEXT)
        self.labelled = labelled(CONTEXT)
        self.spread, self.errors = summed(CONTEXT), summed(CONTEXT, "finer")
        self.chained = chained(CONTEXT)
        self.hidden = tamper_hidden.HiddenRecord()
        self.hand = hand_circuit.honest(columns_log2=4, context=CONTEXT)

    @cached_property
    def reference_key(self) -> ReferenceKey:
        return reference.read_key(self.key.to_bytes())

    @cached_property
    def reference_proof(self) -> ReferenceProof:
        return reference.read_proof(self.proof.to_bytes())

    def outcomes(self, row: Row) -> tuple[str, str]:
        """What the package and the reference verifier say about a row's mutation."""
        package, ours = PARTS[row.part](self, row.field, row.mutation)
        return _outcome(package, "zkinfer.errors"), _outcome(ours, "zkinfer.reference.errors")


def _outcome(run: Run, errors: str) -> str:
    """errors: the module of the errors that are expected; others are named in full."""
    if run is None:
        return "-"
    try:
        run()
    except Exception as error:
        kind = type(error)
        name = kind.__name__ if kind.__module__ == errors else f"{kind.__module__}.{kind.__name__}"
        return f"{name}: {error}"
    return "accepts"


def _verdicts(key: bytes, proof: bytes) -> tuple[Run, Run]:
    def package() -> None:
        read = zkinfer.Proof.from_bytes(proof)
        zkinfer.verify(VerifyingKey.from_bytes(key), read, context=CONTEXT)

    def ours() -> None:
        reference.verify(reference.read_key(key), reference.read_proof(proof), CONTEXT)

    return package, ours


def _record_verdicts(subject: Subject, proof: bytes, data: bytes | None) -> tuple[Run, Run]:
    """On a proof about a record; of any data where there are none."""
    key = subject.record_key

    def package() -> None:
        known = None if data is None else DataCommitment.from_bytes(data)
        read = zkinfer.Proof.from_bytes(proof)
        zkinfer.verify(key, read, context=CONTEXT, data=known, any_data=data is None)

    def ours() -> None:
        known = None if data is None else reference.read_data(data)
        read = reference.read_proof(proof)
        reference.verify(reference.read_key(key.to_bytes()), read, CONTEXT, known)

    return package, ours


def _file(kind: container.Kind, data: bytes, field: str, mutation: str) -> bytes:
    """A container with a field of its frame changed, and sealed again."""
    if field == "file":
        return damaged(kind, data, mutation)
    copy = changed(data, container_fields(kind, data), field, mutation)
    return copy if field == "checksum" else reseal(copy)


# The parts of the table. Each takes a field and a mutation, and gives the two verifiers' runs.


def _proof_file(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    if field.startswith("records/"):
        proof = _file(container.PROOF, subject.record_proof.to_bytes(), field, mutation)
        return _record_verdicts(subject, proof, subject.data.commitment.to_bytes())
    if field.startswith("outputs/"):
        made, _ = subject.chained.made[0]
        proof = _file(container.PROOF, made.to_bytes(), field, mutation)
        return _verdicts(subject.chained.first.verifying_key.to_bytes(), proof)
    proof = _file(container.PROOF, subject.public_proof.to_bytes(), field, mutation)
    return _verdicts(subject.public_key.to_bytes(), proof)


def _key_file(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    key = _file(container.VERIFYING_KEY, subject.key.to_bytes(), field, mutation)
    return _verdicts(key, subject.proof.to_bytes())


def _proof(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    parts = sections(container.PROOF, subject.public_proof.to_bytes())
    if field.startswith("public values/"):
        name, fields = "public values", public_fields(parts["public values"])
    elif field in parts:
        name, fields = field, [Field(field, 0, len(parts[field]))]
    else:
        name, fields = "body", body_fields(subject.reference_key.circuit, parts["body"])
    parts[name] = changed(parts[name], fields, field, mutation)
    return _verdicts(subject.public_key.to_bytes(), joined(container.PROOF, parts))


def _record(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    """What a proof says of its record; `of any data`: where the verifier takes all."""
    parts = sections(container.PROOF, subject.record_proof.to_bytes())
    edit = mutation.removesuffix(", of any data")
    whole = [Field("records", 0, len(parts["records"]))]
    fields = whole if field == "records" else record_fields(parts["records"])
    if edit == "the next one's":
        parts["records"] = parts["records"][:-32] + subject.data.commitment.record_rows(2)
    elif edit == "two rows":
        parts["records"] += parts["records"][-32:]
    elif edit in ("twice", "none") and subject.record_proof.records is not None:
        named = subject.record_proof.records
        twice = replace(named, numbers=named.numbers * 2)
        parts["records"] = (twice if edit == "twice" else replace(named, rows=b"")).to_bytes()
    else:
        parts["records"] = changed(parts["records"], fields, field, edit)
    data = subject.data.commitment.to_bytes() if edit == mutation else None
    return _record_verdicts(subject, joined(container.PROOF, parts), data)


def _data_file(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    commitment = subject.data.commitment.to_bytes()
    data = _file(container.DATA_COMMITMENT, commitment, field, mutation)
    return _record_verdicts(subject, subject.record_proof.to_bytes(), data)


def _data(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    """What a data commitment says. Relabelled: with a proof that says that it is about these."""
    parts = sections(container.DATA_COMMITMENT, subject.data.commitment.to_bytes())
    edit = mutation.removesuffix(", relabelled")
    if edit == "two":  # one more tensor, so that each record has two rows
        parts["description"] = parts["description"].replace(b'"name":"x0"', b'"name":"y"')
        first = sections(container.DATA_COMMITMENT, subject.data.commitment.to_bytes())
        both = [json.loads(p["description"])["tensors"] for p in (first, parts)]
        document = {"records": 3, "tensors": [*both[0], *both[1]]}
        parts["description"] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        parts["row commitments"] *= 2
    elif field == "row commitments":
        whole = [Field(field, 0, len(parts[field]))]
        parts[field] = changed(parts[field], whole, field, edit)
    else:
        parts["description"] = description_edited(parts["description"], field, edit)
    data, proof = joined(container.DATA_COMMITMENT, parts), subject.record_proof
    if edit != mutation and proof.records is not None:
        named = replace(proof.records, digest=data[-32:])
        if edit == "two":
            named = replace(named, rows=DataCommitment.from_bytes(data).record_rows(1))
        proof = replace(proof, records=named)
    return _record_verdicts(subject, proof.to_bytes(), data)


def _opening(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    """Whoever reads it proves with it."""
    data = subject.data.to_bytes()
    parts = sections(container.DATA_OPENING, data)
    if field in parts:
        parts[field] = changed(parts[field], [Field(field, 0, len(parts[field]))], field, mutation)
        data = joined(container.DATA_OPENING, parts)
    else:
        data = _file(container.DATA_OPENING, data, field, mutation)

    def package() -> None:
        opening = DataOpening.from_bytes(data)
        proof = prove_record(subject.record_proving_key, opening, 0, CONTEXT)
        known = subject.data.commitment
        zkinfer.verify(subject.record_key, proof, context=CONTEXT, data=known)

    return package, None


def _revealed(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    data = subject.data.reveal(1).to_bytes()
    parts = sections(container.REVEALED_RECORD, data)
    if field in parts:
        parts[field] = changed(parts[field], [Field(field, 0, len(parts[field]))], field, mutation)
        data = joined(container.REVEALED_RECORD, parts)
    else:
        data = _file(container.REVEALED_RECORD, data, field, mutation)
    return lambda: subject.data.commitment.verify(RevealedRecord.from_bytes(data)), None


def _key(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_key(subject.key, subject.proof, field, mutation)


def _public_key(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_key(subject.public_key, subject.public_proof, field, mutation)


def _graph(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_key(subject.key, subject.proof, f"graph:{field}", mutation)


def _table(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_key(subject.table_key, subject.table_proof, f"graph:inputs/0/{field}", mutation)


def _quantized(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    path = f"graph:{field}" if field == "input_mode" else f"graph:inputs/0/{field}"
    return _changed_key(subject.quantized_key, subject.quantized_proof, path, mutation)


def _changed_key(
    key: VerifyingKey, proof: zkinfer.Proof, field: str, mutation: str
) -> tuple[Run, Run]:
    """field: a section, or after a colon a field in it.

    Relabelled: with a proof that says that it is for the changed key.
    """
    parts = sections(container.VERIFYING_KEY, key.to_bytes())
    edit = mutation.removesuffix(", relabelled")
    name, _, inside = field.partition(":")
    if not inside:
        parts[name] = changed(parts[name], [Field(name, 0, len(parts[name]))], name, edit)
    elif name == "graph":
        parts[name] = graph_edited(parts[name], inside, edit)
    else:
        parts[name] = changed(parts[name], circuit_fields(parts[name]), inside, edit)
    if edit != mutation:
        *most, _ = parts.values()
        digest = hashlib.sha3_256(container.prefix(container.VERIFYING_KEY, most)).digest()
        proof = replace(proof, key_digest=digest)
    return _verdicts(joined(container.VERIFYING_KEY, parts), proof.to_bytes())


def _certificate(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    """It is in no digest; so the honest proof is one for the changed key.

    field: one of the certificate's, or after a colon one of its circuit's. Signed: with the signs
    that follow from the changed rows.
    """
    key = subject.key
    parts = sections(container.VERIFYING_KEY, key.to_bytes())
    honest, other = parts["certificate"], subject.other_key.certificate
    edit = mutation.removesuffix(", signed")
    circuit, rows, body = certificate_parts(honest)
    if field == "certificate":
        changed_one = {
            "none": lambda: b"",
            "another key's": lambda: other,
            "another network's": lambda: subject.third_key.certificate,
            "the proof": lambda: _certificate_of(parts["circuit"], b"", subject.proof.body),
            "another key's rows": lambda: _certificate_of(
                circuit, certificate_parts(other)[1], body
            ),
            "a public value": lambda: _certificate_of(_one_tensor_more(circuit), rows, body),
            "another key's body": lambda: _certificate_of(
                circuit, rows, certificate_parts(other)[2]
            ),
        }[edit]()
    elif field.startswith("circuit:"):
        name = field.partition(":")[2]
        circuit = changed(circuit, circuit_fields(circuit), name, edit)
        changed_one = _certificate_of(circuit, rows, body)
    else:
        changed_one = changed(honest, certificate_fields(honest), field, edit)
    if edit != mutation:
        circuit, new, body = certificate_parts(changed_one)
        before, after = (Seeds.of(key.key_digest, points).d for points in (rows, new))
        changed_one = _certificate_of(circuit.replace(before, after), new, body)
    parts["certificate"] = changed_one
    return _verdicts(joined(container.VERIFYING_KEY, parts), subject.proof.to_bytes())


def _one_tensor_more(circuit: bytes) -> bytes:
    """The circuit with another tensor, which is public."""
    places = {field.name: field.start for field in circuit_fields(circuit)}
    count, end = places["tensors/count"], places["blocks/count"]
    tensor = bytes([0]) + hand_circuit.extents() + hand_circuit.integers(0, 1)
    more = hand_circuit.number(circuit[count] + 1)
    return circuit[:count] + more + circuit[count + 1 : end] + tensor + circuit[end:]


def _certificate_of(circuit: bytes, rows: bytes, body: bytes) -> bytes:
    return struct.pack("<I", len(circuit)) + circuit + rows + body


def _proving_key(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_proving_key(subject, subject.proving_key, field, mutation)


def _public_proving_key(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_proving_key(subject, subject.public_proving_key, field, mutation)


def _changed_proving_key(
    subject: Subject, key: ProvingKey, field: str, mutation: str
) -> tuple[Run, Run]:
    """Whoever reads it proves with it; the proof is verified with the honest verifying key."""
    data = key.to_bytes()
    parts = sections(container.PROVING_KEY, data)
    if field in parts:
        parts[field] = changed(parts[field], [Field(field, 0, len(parts[field]))], field, mutation)
        data = joined(container.PROVING_KEY, parts)
    elif field == "blinding":
        parts["blindings"] = edited(parts["blindings"][:32], mutation) + parts["blindings"][32:]
        data = joined(container.PROVING_KEY, parts)
    else:
        data = _file(container.PROVING_KEY, data, field, mutation)

    def package() -> None:
        proof = prove(ProvingKey.from_bytes(data), subject.inputs, CONTEXT)
        zkinfer.verify(key.verifying_key, proof, context=CONTEXT)

    return package, None


def _call(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    """What the caller gives to the verifiers, with an honest proof."""
    if field == "data":
        return _call_with_data(subject, mutation)
    if field == "hidden record":
        return tamper_hidden.given(subject.hidden, mutation)
    if field == "labels":
        other = subject.record_key, subject.record_proof
        return tamper_accuracy.given(subject.labelled, other, mutation)
    if field == "targets":
        return tamper_accuracy.targets(subject.errors, subject.spread, mutation)
    if field == "outputs":
        return tamper_outputs.given(subject.chained, (subject.key, subject.proof), mutation)
    key = subject.other_key if field == "key" else subject.key
    proof = subject.proof.to_bytes() if field == "proof" else subject.proof
    context: object = CONTEXT
    if field == "context":
        context = {
            "other": b"other",
            "none": b"",
            "text": "context",
            "65537 bytes": bytes(65537),
        }[mutation]

    def package() -> None:
        zkinfer.verify(key, proof, context=context)

    def ours() -> None:
        reference.verify(reference.read_key(key.to_bytes()), subject.reference_proof, context)

    typed = isinstance(context, bytes) and isinstance(proof, zkinfer.Proof)
    return package, ours if typed else None


def _evaluation(subject: Subject, _: str, mutation: str) -> tuple[Run, Run]:
    """Other parts of an evaluation than there are."""
    if mutation == "of no statistic":
        known = subject.record_key, subject.record_proof, subject.data.commitment
        return tamper_accuracy.of_no_statistic(*known)
    if mutation == "of a summary that leaves one out":
        return tamper_accuracy.leaving_one_out(subject.spread)
    return tamper_accuracy.parts(subject.labelled, mutation)


def _call_with_data(subject: Subject, mutation: str) -> tuple[Run, Run]:
    """Data where they are needed, and where they are not."""
    commitment = subject.data.commitment
    about, key = subject.record_proof, subject.record_key
    if mutation in ("of another key", "any, of another key", "a proof for another key"):
        about, key = subject.public_proof, subject.public_key
    named = replace(about, records=subject.record_proof.records)
    proof, known, anything = {
        "none": (about, None, False),
        "these, and any": (about, commitment, True),
        "a file's name": (about, "x.commitment", False),
        "of another key": (about, commitment, False),
        "any, of another key": (about, None, True),
        "a proof for another key": (named, None, False),
    }[mutation]

    def package() -> None:
        zkinfer.verify(key, proof, context=CONTEXT, data=known, any_data=anything)

    def ours() -> None:
        data = None if known is None else reference.read_data(known.to_bytes())
        read = reference.read_proof(proof.to_bytes())
        reference.verify(reference.read_key(key.to_bytes()), read, CONTEXT, data)

    return package, ours if mutation in ("of another key", "a proof for another key") else None


@dataclass(frozen=True)
class Claim:
    """A statement about a circuit, and the body of a proof of it; nothing follows from a graph.

    Of the circuit written by hand, which uses everything that circuits can but projections, or of
    a certificate's, which has these. The digest of the key is what the test says.
    """

    circuit: bytes
    digest: bytes
    rows: dict[str, bytes]
    context: bytes
    public: list[Integers]
    body: bytes
    certificate: bool = False
    data: bytes = b""

    @classmethod
    def honest(cls, hand: hand_circuit.Case) -> "Claim":
        digest, rows = hand_circuit.KEY_DIGEST, {"weights": hand.rows}
        return cls(hand.circuit, digest, rows, hand.context, [hand.public], hand.body)

    @classmethod
    def certified(cls, key: VerifyingKey) -> "Claim":
        circuit, projections, body = certificate_parts(key.certificate)
        rows = {"weights": key.rows, "projections": projections}
        return cls(circuit, key.key_digest, rows, b"", [], body, certificate=True)

    def package(self) -> None:
        circuit = transparent.parse_circuit(self.circuit)
        rows = {Segment(name): points for name, points in self.rows.items()}
        verifier = transparent.make_verifier(circuit, rows, self.digest)
        transparent.verify(
            verifier,
            self.context,
            self.public,
            self.body,
            data=self.data,
            certificate=self.certificate,
        )

    def ours(self) -> None:
        circuit = Circuit(self.circuit)
        check_steps(circuit)
        committed = [
            [points[at : at + 32] for at in range(0, len(points), 32)]
            for points in self.rows.values()
        ]
        if self.certificate:
            argument = Argument(circuit, committed, self.digest, self.context, [])
            argument.kind = b"certificate"
            argument.run(self.body)
            return
        net = Net()
        graph = parse_graph(net.graph(net.input(1)).to_json())
        key = ReferenceKey(graph, circuit, committed[0], self.digest, b"")
        values = [(array.shape, tuple(array.ravel().tolist())) for array in self.public]
        proof = ReferenceProof(self.digest, self.context, values, self.body, self.data)
        reference.verify(key, proof, self.context)


def _circuit(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_circuit(Claim.honest(subject.hand), field, mutation)


def _projection(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    return _changed_circuit(Claim.certified(subject.key), field, mutation)


def _changed_circuit(claim: Claim, field: str, mutation: str) -> tuple[Run, Run]:
    fields = circuit_fields(claim.circuit)
    if field == "circuit":
        data = {
            "longer": lambda: claim.circuit + bytes(1),
            "huge": lambda: claim.circuit + bytes(1 << 22),
            "the first block twice": lambda: _one_block_more(claim.circuit, fields),
            "a last block without terms": lambda: _one_block_more(
                claim.circuit, fields, hand_circuit.block("many", (1 << 30,), [], [], [])
            ),
        }[mutation]()
    else:
        data = changed(claim.circuit, fields, field, mutation)
        if mutation == "= 0" and field.endswith("s/count"):  # and none follow
            (count,) = (known for known in fields if known.name == field)
            data = data[: count.start + count.size]
    claim = replace(claim, circuit=data)
    return claim.package, claim.ours


def _one_block_more(data: bytes, fields: list[Field], last: bytes = b"") -> bytes:
    """The circuit with another last block, or with its first one twice."""
    (count,) = (field for field in fields if field.name == "blocks/count")
    first, second, *_ = (field for field in fields if field.name == "block/path length")
    more = hand_circuit.number(data[count.start] + 1)
    again = b"" if last else data[first.start : second.start]
    return data[: count.start] + more + again + data[first.start :] + last


def _statement(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    claim = Claim.honest(subject.hand)
    if field == "hidden":
        return tamper_hidden.statement(subject.hidden, mutation)
    if field == "public":
        (values,) = claim.public
        third = (np.arange(values.size) == 3).reshape(values.shape)
        public = {
            "plus 1": lambda: [values + third],
            "one below": lambda: [np.where(third, -1, values)],
            "one above": lambda: [np.where(third, 2**40 + 1, values)],
            "fewer": lambda: [values[:-1]],
            "none": list,
        }[mutation]()
        claim = replace(claim, public=public)
    elif field == "rows":
        weights = claim.rows["weights"]
        no_point = bytes([1, *bytes(31)])
        others = {
            "of no segment": {},
            "of another segment": {"input": weights},
            "of two segments": {**claim.rows, "input": weights},
            "no point": {"weights": no_point + weights[32:]},
        }
        rows = others[mutation] if mutation in others else {"weights": edited(weights, mutation)}
        claim = replace(claim, rows=rows)
        if claim.rows.keys() != {"weights"}:  # the reference is given rows in order, by no name
            return claim.package, None
    else:
        claim = replace(claim, **{field: edited(getattr(claim, field), mutation)})
    return claim.package, claim.ours


def _transcript(subject: Subject, field: str, mutation: str) -> tuple[Run, Run]:
    """What is absorbed: the reference verifier mishears it; the package gets what differs in it."""
    if field.startswith("membership/"):
        return tamper_hidden.transcript(subject.hidden, field, mutation)
    key, proof = subject.reference_key, subject.reference_proof
    if mutation == "other draw":
        return None, Mishearing(key, proof, DRAW, field).run
    if mutation == "zeros":
        return None, Programmed(key, proof, {field: (0,) * 64}).run
    if mutation == "forged":
        run = Listening(key, proof)
        run.run()
        body = forged(proof.body, run.challenges[-1][1])
        package, ours = _verdicts(
            subject.key.to_bytes(), replace(subject.proof, body=body).to_bytes()
        )
        return package, ours
    if field == "rows/output":
        made, _ = subject.chained.made[0]
        read = reference.read_key(subject.chained.first.verifying_key.to_bytes())
        misheard = Mishearing(read, reference.read_proof(made.to_bytes()), MESSAGE, field)
        package, _ = tamper_outputs.outputs(subject.chained, "rows", "rotate")
        return package, misheard.run
    if field in ("data", "rows/record"):
        misheard = Mishearing(
            reference.read_key(subject.record_key.to_bytes()),
            reference.read_proof(subject.record_proof.to_bytes()),
            MESSAGE,
            field,
        )
        inside, edit = ("number", "plus 1") if field == "data" else ("row", "the next one's")
        package, _ = _record(subject, inside, f"{edit}, of any data")
        return package, misheard.run
    if field == "protocol":
        claim = replace(Claim.honest(subject.hand), certificate=True)
        return claim.package, Mishearing(key, proof, MESSAGE, field).run
    if field == "rows/projections":
        claim = Claim.certified(subject.key)
        rows = {**claim.rows, "projections": edited(claim.rows["projections"], "rotate")}
        misheard = Mishearing(*certified(key), MESSAGE, field)
        misheard.kind = b"certificate"
        return replace(claim, rows=rows).package, misheard.run
    part, inside, edit = {
        "circuit": (_circuit, "term/coefficient", "= 2"),
        "key": (_statement, "digest", "flip"),
        "rows/weights": (_statement, "rows", "rotate"),
        "context": (_statement, "context", "flip"),
        "public": (_statement, "public", "plus 1"),
        "outer/round": (_proof, "outer/a", "= U"),
        "outer/values": (_proof, "vA", "= U"),
        "boolean/round": (_proof, "boolean/a", "= U"),
        "boolean/value": (_proof, "vb", "= U"),
        "inner/round": (_proof, "inner/g(0)", "= U"),
        "opening/announcements": (_proof, "announcement 1", "= U"),
    }.get(field, (_proof, field, "= U"))
    package, _ = part(subject, inside, edit)
    return package, Mishearing(key, proof, MESSAGE, field).run


def forged(body: bytes, fold: tuple[int, ...]) -> bytes:
    """Other blindings in two equations: neither holds, but their sum under the fold does."""
    first, second = (int.from_bytes(body[at : at + 32], "little") for at in (-224, -192))
    changes = (first + fold[1], second - fold[0])
    new = b"".join((scalar % ORDER).to_bytes(32, "little") for scalar in changes)
    return body[:-224] + new + body[-160:]


PARTS: dict[str, Callable[[Subject, str, str], tuple[Run, Run]]] = {
    "proof file": _proof_file,
    "proof": _proof,
    "record": _record,
    "accuracy": lambda subject, *row: tamper_accuracy.part(subject.labelled, *row),
    "accuracy key": lambda subject, *row: tamper_accuracy.key(subject.labelled, *row),
    "summary": lambda subject, *row: tamper_accuracy.part(subject.spread, *row),
    "summary key": lambda subject, *row: tamper_accuracy.key(subject.spread, *row),
    "error": lambda subject, *row: tamper_accuracy.part(subject.errors, *row),
    "error key": lambda subject, *row: tamper_accuracy.key(subject.errors, *row),
    "outputs": lambda subject, *row: tamper_outputs.outputs(subject.chained, *row),
    "outputs key": lambda subject, *row: tamper_outputs.key(subject.chained, *row),
    "link": lambda subject, *row: tamper_outputs.link(subject.chained, *row),
    "hidden record": lambda subject, *row: tamper_hidden.part(subject.hidden, *row),
    "hidden record's key": lambda subject, *row: tamper_hidden.key(subject.hidden, *row),
    "evaluation": _evaluation,
    "data commitment file": _data_file,
    "data commitment": _data,
    "data opening": _opening,
    "revealed record": _revealed,
    "key file": _key_file,
    "key": _key,
    "key with public weights": _public_key,
    "graph": _graph,
    "input by column": _table,
    "quantized input": _quantized,
    "certificate": _certificate,
    "proving key": _proving_key,
    "proving key with public weights": _public_proving_key,
    "call": _call,
    "circuit": _circuit,
    "certificate's circuit": _projection,
    "statement": _statement,
    "transcript": _transcript,
}
