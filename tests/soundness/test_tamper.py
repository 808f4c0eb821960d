"""Every field, every absorbed item and every check has a row in tamper.csv, and each row holds.

Certificates have few signs here, so that the reference verifier is quick with them.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from artifacts import sections
from listening import certificate_parts
from signs import few_signs

from tests.soundness.checks import native_checks, package_checks, reference_checks, says
from tests.soundness.edits import COLUMNS, DECLARATION, OUTPUT, QUANTIZED, joined
from tests.soundness.fields import (
    BODY,
    body_fields,
    certificate_fields,
    circuit_fields,
    container_fields,
    public_fields,
    record_fields,
)
from tests.soundness.tamper import PARTS, Row, Subject, read_table
from tests.soundness.tamper_hidden import DIGITS, HiddenRecord, argument_fields
from tests.soundness.tamper_hidden import record_fields as hidden_record_fields
from zkinfer import container
from zkinfer.circuit.layout import Segment

ROOT = Path(__file__).resolve().parents[2]
TABLE = read_table()
ROWS = [row for row in TABLE if row.part != "unreachable"]
UNREACHABLE = {row.mutation for row in TABLE if row.part == "unreachable"}
FRAMES = {
    "proof file": (container.PROOF, {"key digest", "context", "body"}, "proof"),
    "key file": (
        container.VERIFYING_KEY,
        {"backend", "graph", "circuit", "public weights"},
        "key",
    ),
    "proving key": (container.PROVING_KEY, {"verifying key", "weights", "blindings"}, ""),
    "data commitment file": (container.DATA_COMMITMENT, {"row commitments"}, "data commitment"),
    "data opening": (container.DATA_OPENING, {"data commitment", "records", "blindings"}, ""),
    "revealed record": (
        container.REVEALED_RECORD,
        {"data digest", "number", "record", "blindings"},
        "",
    ),
}
"""By the part with the frame of a file: its kind, sections that are tampered with as a whole, and
the part with their rows. What else there is in a file has rows of its own, field by field."""

PAIRING = {"setup"}
"""Sections that only keys of pairing proofs have, whose tests are tests/pairing; so are those of
drafts.
"""


class Artifact(Protocol):
    """A file of zkinfer."""

    def to_bytes(self) -> bytes: ...


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with few_signs():
        yield Subject()


@pytest.fixture(scope="module")
def outcomes(subject: Subject) -> dict[Row, tuple[str, str]]:
    """What both verifiers say about every row; run once."""
    return {row: subject.outcomes(row) for row in ROWS}


def fields_of(part: str) -> set[str]:
    """The fields with a row, without the number of an occurrence."""
    return {row.field.partition("@")[0] for row in TABLE if row.part == part}


def test_rows_are_unlike() -> None:
    keys = [(row.part, row.field, row.mutation) for row in TABLE]
    assert len(set(keys)) == len(keys)
    assert {row.part for row in ROWS} == set(PARTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.part}: {row.field}: {row.mutation}")
def test_tampering_is_refused(outcomes: dict[Row, tuple[str, str]], row: Row) -> None:
    assert row.package.partition(":")[0] in ("FormatError", "VerificationError", "UsageError", "-")
    for said, expected in zip(outcomes[row], (row.package, row.reference), strict=True):
        kind, _, message = expected.partition(": ")
        assert said.partition(": ")[0] == kind
        assert says(said, message)


def test_what_is_put_together_again_is_the_same(subject: Subject) -> None:
    """The tools of the table change nothing by themselves."""
    for artifact in every_artifact(subject):
        data = artifact.to_bytes()
        kind = container.identify(data)
        assert joined(kind, sections(kind, data)) == data
    same = Row("graph", "weights/0/low", "= -8", "", "")
    assert subject.outcomes(same) == ("accepts", "accepts")


def every_artifact(subject: Subject) -> tuple[Artifact, ...]:
    data = subject.data
    own = (subject.record_proof, data.commitment, data, data.reveal(1))
    made, _ = subject.chained.made[0]
    own += (replace(subject.record_proof, outputs=made.outputs),)
    return (subject.proof, subject.key, subject.proving_key, *own)


# What must have a row.


@pytest.mark.parametrize("part", FRAMES)
def test_every_section_has_rows(subject: Subject, part: str) -> None:
    kind, as_a_whole, content = FRAMES[part]
    names = {section.name for section in kind.sections} - PAIRING
    frame = {"magic", "version", "checksum"}
    frame |= {f"{name}/{field}" for name in names for field in ("tag", "length")}
    assert {"file", *frame} <= fields_of(part)
    assert as_a_whole <= names & fields_of(content or part)
    files = (artifact.to_bytes() for artifact in every_artifact(subject))
    *_, data = (file for file in files if container.identify(file) is kind)
    assert {field.name for field in container_fields(kind, data)} == frame | names


def test_every_section_is_one_of_the_table() -> None:
    named = {name for _, names, _ in FRAMES.values() for name in names}
    field_by_field = {"public values", "certificate", "weight commitments", "description"}
    field_by_field |= {"outputs"}
    kinds = set(container.KINDS) - {container.DRAFT}
    sections = {section.name for kind in kinds for section in kind.sections} - PAIRING
    assert sections == named | field_by_field
    assert "weight commitments" in fields_of("key")


def test_every_field_of_public_values_has_rows(subject: Subject) -> None:
    data = sections(container.PROOF, subject.proof.to_bytes())["public values"]
    assert {field.name for field in public_fields(data)} <= fields_of("proof")


def test_every_field_of_a_body_has_rows(subject: Subject) -> None:
    names = {field.name for field in body_fields(subject.reference_key.circuit, subject.proof.body)}
    assert names <= fields_of("proof")
    assert names == {name for names in BODY.values() for name in names}
    source = (ROOT / "rust/zkinfer-verify/src/proof.rs").read_text()
    (struct,) = re.findall(r"pub struct Proof \{(.*?)\n\}", source, re.DOTALL)
    assert set(re.findall(r"pub (\w+):", struct)) == set(BODY)
    for name in names:
        rows = [row for row in ROWS if row.part == "proof" and row.field == name]
        said = {row.package.rpartition(": ")[2] for row in rows}
        assert "the closing equations do not hold" in said
        assert any("canonical" in message for message in said)


def test_every_field_of_a_certificate_has_rows(subject: Subject) -> None:
    names = {field.name for field in certificate_fields(subject.key.certificate)}
    assert names <= fields_of("certificate")


def test_every_field_of_a_circuit_has_rows(subject: Subject) -> None:
    circuits = {
        "circuit": subject.hand.circuit,
        "certificate's circuit": certificate_parts(subject.key.certificate)[0],
    }
    names: set[str] = set()
    for part, data in circuits.items():
        here = {field.name for field in circuit_fields(data)} - names
        assert here <= fields_of(part)
        names |= here
    # The circuits have fields of every sort that formats.md knows, but definitions of quotients.
    for name, kinds in (
        ("segment/binding", 5),
        ("tensor/segment", 6),
        ("weight/kind", 5),
        ("block/defines", 2),
    ):
        found = {
            data[field.start]
            for data in circuits.values()
            for field in circuit_fields(data)
            if field.name == name
        }
        assert found == set(range(kinds)), name


def test_every_member_of_a_graph_has_rows(subject: Subject) -> None:
    members = {"inputs", "weights", "nodes", "outputs", "input_mode", "output_mode", "weights_mode"}
    assert members <= fields_of("graph")
    for name in DECLARATION:
        assert {f"inputs/0/{name}", f"weights/0/{name}"} <= fields_of("graph")
    assert {f"outputs/0/{name}" for name in OUTPUT[:4]} <= fields_of("graph")
    assert {f"outputs/0/{name}" for name in OUTPUT[4:]} <= fields_of("outputs key")
    assert set(COLUMNS) - set(DECLARATION) <= fields_of("input by column")
    assert set(QUANTIZED) - set(DECLARATION) <= fields_of("quantized input")
    for name in ("name", "op", "inputs", "outputs", "attrs"):
        assert f"nodes/0/{name}" in fields_of("graph")


def test_every_part_of_the_statement_has_rows() -> None:
    """As the native verifier's struct names them; the kind is what `protocol` says."""
    source = (ROOT / "rust/zkinfer-verify/src/verify.rs").read_text()
    (struct,) = re.findall(r"pub struct Statement<'a> \{(.*?)\n\}", source, re.DOTALL)
    names = {"kind": "protocol", "key_digest": "digest"}
    found = {names.get(name, name) for name in re.findall(r"pub (\w+):", struct)}
    assert found == {"protocol", "digest", "context", "public", "data", "rows", "hidden"}
    assert found - {"protocol"} <= fields_of("statement")


def test_every_field_of_a_record_and_of_data_has_rows(subject: Subject) -> None:
    data = sections(container.PROOF, subject.record_proof.to_bytes())["records"]
    assert {field.name for field in record_fields(data)} | {"records"} <= fields_of("record")
    described = json.loads(subject.data.commitment.description.to_json())
    members = {f"tensors/0/{name}" for name in described["tensors"][0]}
    assert set(described) | members | {"columns", "json"} <= fields_of("data commitment")


def test_every_field_of_a_hidden_record_has_rows(subject: Subject) -> None:
    known = subject.hidden
    said = sections(container.PROOF, known.proof.to_bytes())["records"]
    front = argument_fields(known)[: -len(body_fields(known.read[0].circuit, _main(known)))]
    names = {field.name for field in (*hidden_record_fields(said), *front)}
    assert names <= fields_of("hidden record")
    for name in {field.name for field in front}:
        rows = [row for row in ROWS if row.part == "hidden record" and row.field == name]
        said = {row.package.rpartition(": ")[2] for row in rows}
        assert "a hidden record is none of the data" in said
        assert any("canonical" in message for message in said)


def _main(known: HiddenRecord) -> bytes:
    """The body behind the argument about hidden records."""
    return known.proof.body[32 * (8 * DIGITS + 7) :]


def test_every_absorbed_item_has_a_row() -> None:
    source = (ROOT / "rust/zkinfer-verify/src/transcript.rs").read_text()
    native = set(re.findall(r'pub const \w+: &str = "(.*)";', source)) - {"rows/"}
    native |= {f"rows/{segment.value}" for segment in Segment if segment != Segment.PUBLIC}
    assert native == fields_of("transcript")
    trees = [
        ast.parse((ROOT / f"zkinfer/reference/{name}.py").read_text())
        for name in ("argument", "membership")
    ]
    said = {
        ast.unparse(node.args[0]).strip("f'\"")
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("absorb", "draw", "draw_one", "receive", "receive_scalars")
    } - {"label"}
    for label in said:
        pattern = re.sub(r"\{[^}]*\}", ".+", label)
        assert any(re.fullmatch(pattern, name) for name in native), label
    for name in native:
        assert any(re.fullmatch(re.sub(r"\{[^}]*\}", ".+", label), name) for label in said), name


@pytest.mark.parametrize(
    ("checks", "side"),
    [(package_checks, 0), (native_checks, 0), (reference_checks, 1)],
    ids=["package", "native", "reference"],
)
def test_every_check_has_a_row(checks, side: int, outcomes: dict[Row, tuple[str, str]]) -> None:
    said = [outcome[side] for outcome in outcomes.values()]
    found = checks()
    assert len(found) > 35
    missing = [
        f"{where}: {check}"
        for check, where in found.items()
        if check not in UNREACHABLE and not any(says(message, check) for message in said)
    ]
    assert missing == []


def test_unreachable_checks_exist_and_are_not_reached(
    outcomes: dict[Row, tuple[str, str]],
) -> None:
    found = {**package_checks(), **native_checks()}
    for row in TABLE:
        if row.part == "unreachable":
            assert found[row.mutation].rpartition("/")[2].partition(".")[0] in row.field
            assert not any(says(package, row.mutation) for package, _ in outcomes.values())
