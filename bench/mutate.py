"""Mutated keys and proofs: the package and the reference verifier must agree on them.

python bench/mutate.py --count 20000 [--seed 1]

Takes keys and proofs of small networks, some with the commitments to data and to labels that a
proof is about, changes one of the files at a time (flipped bits, cut and repeated bytes, swapped,
doubled and emptied sections, edited public values, records, graphs and descriptions, pieces of
another file), renews the checksum of every second one, and asks both verifiers. The package also
checks that the circuits follow from the graph, and public weights against their
commitments, which the reference does not: where the package alone refuses a change to one of these
that is counted, but is no disagreement. Certificates have few signs. Prints a summary. Exit code 1
if the verdicts disagree, if anything but a typed error is raised, or if a changed statement is
accepted.
"""

import argparse
import json
import random
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import networks  # noqa: E402
import numpy as np  # noqa: E402
from artifacts import committed, prove, prove_record, reseal, sections  # noqa: E402
from hidden_records import network, records  # noqa: E402
from signs import few_signs  # noqa: E402

import zkinfer  # noqa: E402
from tests.soundness.labelled import labelled  # noqa: E402
from zkinfer import container, reference  # noqa: E402
from zkinfer.keys import make_keys  # noqa: E402

NAMES = ("perceptron", "matmul", "mul", "prelu", "add of public inputs", "label")
FOLLOWS = {"graph", "circuit", "certificate circuit"}
"""Parts of a key of which only the package checks that they follow from each other."""
KINDS = {
    "key": container.VERIFYING_KEY,
    "proof": container.PROOF,
    "data": container.DATA_COMMITMENT,
    "labels": container.DATA_COMMITMENT,
}
"""What the files of a pair are."""
COMMITTED = {"public weights", "weight commitments"}
"""Parts of a key that shows its weights of which only the package checks that they agree."""


@dataclass(frozen=True)
class Pair:
    """The bytes of a key, of a proof for it, and of the commitments to data and labels that it is
    about, if it is.
    """

    key: bytes
    proof: bytes
    data: bytes = b""
    labels: bytes = b""


@dataclass(frozen=True)
class Mutation:
    """A changed pair, how it was made, and the parts that differ from the original's."""

    pair: Pair
    how: str
    touched: frozenset[str]


def pairs() -> list[Pair]:
    """Two keys with a proof each for every network, one key that shows its weights, and others that
    are about a batch, about data, and about labels.
    """
    made = []
    for name in NAMES:
        case = networks.cases()[name]
        for seed in (1, 2):
            made.append(_pair(case.graph, *case.random(seed)))
    case = networks.cases()["perceptron"]
    made.append(_pair(replace(case.graph, weights_mode="public"), *case.random(3)))
    for name in ("perceptron", "hidden input by column"):
        case = networks.cases()[name]
        key = make_keys(replace(case.graph, input_mode="committed"), case.random(1)[0])
        data = committed(key.graph, [case.random(seed)[1] for seed in range(3)])
        files = (key.verifying_key, prove_record(key, data, 1), data.commitment)
        made.append(Pair(*(file.to_bytes() for file in files)))
    for batch in (1, 2):
        key = make_keys(network(batch=batch), {})
        data = records(key.graph, 10)
        proof = zkinfer.prove(key, data=data, record=[9, 4][:batch])
        files = (key.verifying_key, proof, data.commitment)
        made.append(Pair(*(file.to_bytes() for file in files)))
    inputs = {"x0": np.stack([case.random(seed)[1]["x0"] for seed in range(3)])}
    made.append(_pair(replace(case.graph, batch=3), case.random(1)[0], inputs))
    known = labelled()
    for part in known.parts[1:]:
        files = (known.key.verifying_key, part, *known.public)
        made.append(Pair(*(file.to_bytes() for file in files)))
    return made


def _pair(graph: Any, weights: Any, inputs: Any) -> Pair:
    key = make_keys(graph, weights)
    return Pair(key.verifying_key.to_bytes(), prove(key, inputs).to_bytes())


def mutate(originals: Sequence[Pair], rng: random.Random) -> tuple[Pair, Mutation]:
    """A pair and a mutation of it; the two differ."""
    while True:
        original, donor = (rng.choice(originals) for _ in range(2))
        for known in ("data", "labels"):
            if not getattr(donor, known):
                donor = replace(donor, **{known: getattr(original, known)})
        name = rng.choice([name for name in KINDS if getattr(original, name)])
        kind, own, other = KINDS[name], getattr(original, name), getattr(donor, name)
        how, change = rng.choice(CHANGES)
        data = change(kind, own, other, rng)
        if len(data) > container.CHECKSUM_SIZE and rng.random() < 0.5:
            data, how = reseal(data), f"{how}, resealed"
        pair = replace(original, **{name: data})
        if pair != original:
            return original, Mutation(pair, how, _touched(kind, own, data))


def _touched(kind: container.Kind, own: bytes, data: bytes) -> frozenset[str]:
    """Names of the parts that differ; none where the container cannot be read."""
    try:
        before, after = _parts(kind, own), _parts(kind, data)
    except zkinfer.FormatError:
        return frozenset()
    return frozenset(name for name in before if before[name] != after[name])


def _parts(kind: container.Kind, data: bytes) -> dict[str, bytes]:
    """The sections by name, the certificate's circuit apart from its body."""
    parts = sections(kind, data)
    if certificate := parts.get("certificate"):
        end = 4 + int.from_bytes(certificate[:4], "little")
        parts["certificate"] = certificate[end:]
        parts["certificate circuit"] = certificate[:end]
    return {"certificate circuit": b"", **parts}


def _flip(_: container.Kind, own: bytes, __: bytes, rng: random.Random) -> bytes:
    data = bytearray(own)
    for _bit in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flip_in_a_section(kind: container.Kind, own: bytes, _: bytes, rng: random.Random) -> bytes:
    """One bit of a section that is chosen first, so that short ones get their share."""
    parts = list(sections(kind, own).values())
    at = rng.choice([i for i, part in enumerate(parts) if part])
    part = bytearray(parts[at])
    part[rng.randrange(len(part))] ^= 1 << rng.randrange(8)
    parts[at] = bytes(part)
    return _unsealed(kind, parts, own)


def _element(kind: container.Kind, own: bytes, _: bytes, rng: random.Random) -> bytes:
    """32 bytes of a section become zero, another element of it, or large."""
    parts = list(sections(kind, own).values())
    at = rng.choice([i for i, part in enumerate(parts) if len(part) >= 64])
    part = parts[at]
    place, source = (len(part) - 32 * rng.randint(1, len(part) // 32) for _ in range(2))
    element = rng.choice((bytes(32), part[source : source + 32], b"\xff" * 32))
    parts[at] = part[:place] + element + part[place + 32 :]
    return _unsealed(kind, parts, own)


def _cut(_: container.Kind, own: bytes, __: bytes, rng: random.Random) -> bytes:
    return own[: rng.randrange(len(own))]


def _remove(_: container.Kind, own: bytes, __: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(own))
    return own[:at] + own[at + rng.choice((1, 4, 8, 32)) :]


def _repeat(_: container.Kind, own: bytes, __: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(own)), rng.choice((1, 4, 8, 32, 100))
    return own[:at] + own[at : at + size] + own[at:]


def _move_sections(kind: container.Kind, own: bytes, _: bytes, rng: random.Random) -> bytes:
    """Swaps, doubles, drops or empties whole sections, with or without their tags."""
    tags = [section.tag for section in kind.sections]
    framed = list(zip(tags, sections(kind, own).values(), strict=True))
    i, j = rng.sample(range(len(framed)), 2)
    match rng.randrange(5):
        case 0:
            framed[i], framed[j] = framed[j], framed[i]
        case 1:
            (a, x), (b, y) = framed[i], framed[j]
            framed[i], framed[j] = (a, y), (b, x)
        case 2:
            framed.insert(j, framed[i])
        case 3:
            del framed[i]
        case _:
            framed[i] = (framed[i][0], b"")
    body = b"".join(struct.pack("<BQ", tag, len(part)) + part for tag, part in framed)
    return own[:10] + body + own[-32:]


def _splice(kind: container.Kind, own: bytes, other: bytes, rng: random.Random) -> bytes:
    """Sections of another valid file."""
    parts, others = (list(sections(kind, data).values()) for data in (own, other))
    for at in rng.sample(range(len(parts)), rng.randint(1, len(parts) - 1)):
        parts[at] = others[at]
    return _unsealed(kind, parts, own)


def _splice_bytes(_: container.Kind, own: bytes, other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(min(len(own), len(other)))
    return own[:at] + other[at:]


def _edit(kind: container.Kind, own: bytes, other: bytes, rng: random.Random) -> bytes:
    """A public value, the context or the record of a proof; the graph of a key, or the description
    of data, as canonical JSON.
    """
    if kind is container.PROOF:
        return _edit_proof(own, rng)
    parts = sections(kind, own)
    name = "graph" if kind is container.VERIFYING_KEY else "description"
    document = json.loads(parts[name])
    _edit_json(document, rng)
    parts[name] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return _unsealed(kind, list(parts.values()), own)


def _edit_proof(own: bytes, rng: random.Random) -> bytes:
    proof = zkinfer.Proof.from_bytes(own)
    if rng.random() < 0.1:
        return replace(proof, context=rng.choice((b"x", b"context", b"\0"))).to_bytes()
    if proof.records is not None and rng.random() < 0.5:
        names = proof.records
        number = (rng.choice((0, 2, 3, 2**63)),)
        edited = rng.choice(
            (
                None,
                replace(names, numbers=number, hidden=0),
                replace(names, numbers=(), hidden=names.count),
                replace(names, numbers=names.numbers * 2, hidden=2 * names.hidden),
                replace(names, rows=names.rows * 2),
                replace(names, rows=names.rows[32:] + names.rows[:32]),
                replace(names, digest=bytes(32)),
                replace(names, labels=bytes(32), hidden=0),
            )
        )
        return replace(proof, records=edited).to_bytes()
    values = [array.copy() for array in proof.public_values]
    flat = values[rng.randrange(len(values))].reshape(-1)
    flat[rng.randrange(flat.size)] += rng.choice((1, -1, 2**40, rng.randint(-20, 20)))
    return replace(proof, public_values=tuple(values)).to_bytes()


def _edit_json(document: Any, rng: random.Random) -> None:
    """Changes, drops or doubles something at a random depth."""
    while True:
        places = list(document) if isinstance(document, dict) else list(range(len(document)))
        place = rng.choice(places)
        if not isinstance(document[place], dict | list) or not document[place]:
            break
        if rng.random() < 0.1:
            break
        document = document[place]
    match document[place]:
        case int(number) if rng.random() < 0.8:
            document[place] = number + rng.choice((1, -1, 2, 64, -number))
        case _ if isinstance(document, list) and rng.random() < 0.3:
            document.append(document[place])
        case _ if rng.random() < 0.3:
            del document[place]
        case _:
            document[place] = rng.choice(("hidden", "public", "x0", "w0", 0, 1, [], {}, None, 1.0))


def _unsealed(kind: container.Kind, parts: Sequence[bytes], own: bytes) -> bytes:
    """The container with the checksum of the original."""
    return container.prefix(kind, parts) + own[-container.CHECKSUM_SIZE :]


Change = Callable[[container.Kind, bytes, bytes, random.Random], bytes]
CHANGES: tuple[tuple[str, Change], ...] = (
    ("flip", _flip),
    ("flip in a section", _flip_in_a_section),
    ("element", _element),
    ("cut", _cut),
    ("remove", _remove),
    ("repeat", _repeat),
    ("move sections", _move_sections),
    ("splice", _splice),
    ("splice bytes", _splice_bytes),
    ("edit", _edit),
    ("edit", _edit),
)


def package_verdict(pair: Pair) -> int:
    """0 valid, 1 invalid, also where data are needed or not, 2 unreadable."""
    try:
        key, proof = zkinfer.VerifyingKey.from_bytes(pair.key), zkinfer.Proof.from_bytes(pair.proof)
        data, labels = (
            zkinfer.DataCommitment.from_bytes(known) if known else None
            for known in (pair.data, pair.labels)
        )
        zkinfer.verify(key, proof, data=data, labels=labels)
    except (zkinfer.VerificationError, zkinfer.UsageError):
        return 1
    except zkinfer.FormatError:
        return 2
    return 0


def reference_verdict(pair: Pair) -> int:
    """The same of the reference verifier."""
    try:
        key, proof = reference.read_key(pair.key), reference.read_proof(pair.proof)
        data, labels = (
            reference.read_data(known) if known else None for known in (pair.data, pair.labels)
        )
        if data is None and key.graph.modes["input_mode"] == "committed":
            return 1
        reference.verify(key, proof, b"", data, labels)
    except reference.VerificationError:
        return 1
    except reference.FormatError:
        return 2
    return 0


def changes_statement(original: Pair, pair: Pair, originals: Sequence[Pair]) -> bool:
    """Whether a pair states anything but what one of the originals does.

    A statement is the key without its certificate, all of a proof but its body, and the data.
    """

    def statement(pair: Pair) -> tuple[bytes, ...]:
        key = list(sections(container.VERIFYING_KEY, pair.key).values())
        proof = sections(container.PROOF, pair.proof)
        del proof["body"]
        return (*key[:-1], *proof.values(), pair.data, pair.labels)

    return statement(pair) not in {statement(original), *map(statement, originals)}


def run(count: int, seed: int) -> Counter[str]:
    """The counts of `count` mutations, by outcome and by way of change.

    `disagreements`, `errors` and `changed statements accepted` must be 0.
    """
    with few_signs():
        return _run(count, seed)


def _run(count: int, seed: int) -> Counter[str]:
    rng = random.Random(seed)  # noqa: S311 - no secrets here
    originals = pairs()
    counts: Counter[str] = Counter()
    for pair in originals:
        if package_verdict(pair) or reference_verdict(pair):
            raise RuntimeError("an honest proof is refused")
    for number in range(count):
        original, mutation = mutate(originals, rng)
        counts[f"way: {mutation.how}"] += 1
        try:
            ours, theirs = package_verdict(mutation.pair), reference_verdict(mutation.pair)
        except Exception as error:
            counts["errors"] += 1
            print(f"mutation {number} ({mutation.how}): {type(error).__name__}: {error}")
            continue
        _count(counts, number, mutation, (ours, theirs))
        if not ours and changes_statement(original, mutation.pair, originals):
            counts["changed statements accepted"] += 1
            print(f"mutation {number} ({mutation.how}): a changed statement is accepted")
    return counts


def _count(
    counts: Counter[str], number: int, mutation: Mutation, verdicts: tuple[int, int]
) -> None:
    """Files the verdicts of the package and of the reference."""
    ours, theirs = verdicts
    accepted = "accepts" if not theirs else "finds the proof invalid"
    if ours == theirs:
        counts[f"both say {('valid', 'invalid', 'unreadable')[ours]}"] += 1
    elif ours == 2 and mutation.touched & FOLLOWS:
        counts[f"only the package refuses the circuits, the reference {accepted}"] += 1
    elif ours == 2 and mutation.touched & COMMITTED and _shows_weights(mutation.pair):
        counts[f"only the package refuses the public weights, the reference {accepted}"] += 1
    else:
        counts["disagreements"] += 1
        print(f"mutation {number} ({mutation.how}): package {ours}, reference {theirs}")


def _shows_weights(pair: Pair) -> bool:
    """Whether a key's graph says so; there may be none left in the key."""
    graph = sections(container.VERIFYING_KEY, pair.key)["graph"]
    return b'"weights_mode":"public"' in graph


FAILURES = ("disagreements", "errors", "changed statements accepted")


def main() -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = run(arguments.count, arguments.seed)
    for failure in FAILURES:
        counts.setdefault(failure, 0)
    for name, count in sorted(counts.items()):
        print(f"{count:8}  {name}")
    return int(any(counts[failure] for failure in FAILURES))


if __name__ == "__main__":
    sys.exit(main())
