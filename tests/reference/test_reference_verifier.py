"""The reference verifier and the package come to one verdict.

Certificates have few signs here, so that the reference verifier is quick with them; those of the
command lines have all, as those of tests/vectors have.
"""

import dataclasses
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import networks
import numpy as np
import pytest
from artifacts import prove, reseal
from signs import few_signs

import zkinfer
from tests.reference import hand_circuit
from zkinfer import _core, reference
from zkinfer.fixed import FixedGraph
from zkinfer.keys import VerifyingKey, make_keys
from zkinfer.reference.argument import Argument
from zkinfer.reference.circuit import Circuit
from zkinfer.reference.errors import FormatError
from zkinfer.reference.graph import Graph, parse_graph
from zkinfer.reference.matrix import check_steps

ROOT = Path(__file__).resolve().parents[2]
CASES = networks.cases()
ORDER = hand_circuit.ORDER


def accepts(function: Callable[[], object], refusals: type | tuple[type, ...]) -> bool:
    """Whether the function accepts."""
    try:
        function()
    except refusals:
        return False
    return True


# The argument, on a circuit written by hand.


def both(case: hand_circuit.Case, digest: bytes = hand_circuit.KEY_DIGEST) -> bool:
    """The verdict that both verifiers come to."""
    circuit = Circuit(case.circuit)
    rows = [case.rows[at : at + 32] for at in range(0, len(case.rows), 32)]
    public = [case.public.ravel().tolist()]
    argument = Argument(circuit, [rows], digest, case.context, public)

    def native() -> None:
        verifier = _core.Verifier(_core.Circuit(case.circuit), {"weights": case.rows}, digest)
        verifier.verify(case.context, [case.public], case.body)

    ours = accepts(lambda: argument.run(case.body), FormatError)
    theirs = accepts(native, ValueError)
    assert ours == theirs
    return ours


def circuit_digest(case: hand_circuit.Case) -> bytes:
    return hashlib.sha3_256(case.circuit).digest()


EMPTY_GRAPH = json.dumps(
    {
        "inputs": [["x", [1], 0, 0, 1]],
        "weights": [],
        "nodes": [],
        "outputs": [["x", [1], 0, "real"]],
        "input_mode": "hidden",
        "output_mode": "public",
        "weights_mode": "hidden",
    },
    sort_keys=True,
    separators=(",", ":"),
).encode()


@pytest.fixture(scope="module")
def hand() -> hand_circuit.Case:
    return hand_circuit.honest(columns_log2=5)


@pytest.mark.parametrize("columns_log2", [3, 4, 5, 7, 9])
def test_honest_bodies_verify(columns_log2: int) -> None:
    assert both(hand_circuit.honest(columns_log2, context=b"c" * columns_log2))


def test_a_flipped_bit_in_an_element_is_refused(hand: hand_circuit.Case) -> None:
    count = len(hand.body) // 32
    for element in (*range(0, count, 4), *range(count - 48, count, 5)):
        body = bytearray(hand.body)
        body[32 * element + element * 7 % 32] ^= 1 << element % 8
        assert not both(dataclasses.replace(hand, body=bytes(body))), element


def test_elements_in_another_place_are_refused(hand: hand_circuit.Case) -> None:
    elements = [hand.body[at : at + 32] for at in range(0, len(hand.body), 32)]
    rng = random.Random(1)  # noqa: S311 - test data
    for _ in range(40):
        changed = list(elements)
        i, j = rng.sample(range(len(elements)), 2)
        changed[i], changed[j] = changed[j], changed[i]
        assert not both(dataclasses.replace(hand, body=b"".join(changed))), (i, j)


def test_other_lengths_and_encodings_are_refused(hand: hand_circuit.Case) -> None:
    body = hand.body
    last = int.from_bytes(body[-32:], "little")
    for changed in (
        b"",
        body[:31],
        body[:-1],
        body[:-32],
        body + b"\0",
        body + body[-32:],
        body[32:],
        body[:-32] + (last + ORDER).to_bytes(32, "little"),
        bytes(32) + body[32:],
        body[:-32] + bytes(32),
    ):
        assert not both(dataclasses.replace(hand, body=changed))


def test_another_statement_is_refused(hand: hand_circuit.Case) -> None:
    assert not both(dataclasses.replace(hand, context=b"other"))
    assert not both(dataclasses.replace(hand, rows=hand.rows[32:] + hand.rows[:32]))
    assert not both(dataclasses.replace(hand, rows=hand.body[: len(hand.rows)]))
    assert not both(hand, digest=bytes(32))
    for place in range(0, hand.public.size, 9):
        public = hand.public.copy()
        public.flat[place] += 1
        assert not both(dataclasses.replace(hand, public=public))


def test_a_proof_is_for_one_circuit(hand: hand_circuit.Case) -> None:
    # Same sizes, another coefficient.
    before, after = hand.circuit.split(b"output")
    term, other = (hand_circuit.number(1) + hand_circuit.integers(n) for n in (-1, -2))
    circuit = before + b"output" + after.replace(term, other, 1)
    assert circuit != hand.circuit
    assert sizes(circuit) == sizes(hand.circuit)
    assert not both(dataclasses.replace(hand, circuit=circuit))


def test_circuits_are_read_alike(hand: hand_circuit.Case) -> None:
    data = hand.circuit
    changes = [data[:length] for length in range(0, len(data), 5)] + [data + b"\0"]
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= (1, 0x80, 3)[place % 3]
        changes.append(bytes(changed))
    accepted = 0
    for changed in changes:
        ours, theirs = sizes(changed), native_sizes(changed)
        # What a block defines is for provers; the native reader alone looks at it.
        assert ours == theirs or "define" in str(theirs)
        accepted += ours is not None
    assert 100 < accepted < len(changes) - 100


def sizes(data: bytes) -> tuple[int, ...] | None:
    try:
        circuit = Circuit(data)
        check_steps(circuit)
    except FormatError:
        return None
    rows = sum(segment.rows for segment in circuit.segments[1:])
    return rows, 1 << circuit.columns_log2, 1 << circuit.nu, 1 << circuit.mu


def native_sizes(data: bytes) -> tuple[int, ...] | str | None:
    try:
        circuit = _core.Circuit(data)
    except ValueError as error:
        return str(error) if "define" in str(error) else None
    return circuit.rows, circuit.columns, circuit.entries, circuit.constraints


# Keys and proofs of networks.


@pytest.mark.parametrize("name", CASES)
def test_verdicts_of_networks_agree(name: str) -> None:
    case = CASES[name]
    weights, inputs = case.random(1)
    with few_signs():
        key = make_keys(case.graph, weights)
    proof = prove(key, inputs, b"context")
    expected = zkinfer.verify(key.verifying_key, proof, context=b"context")
    ours = reference.read_key(key.verifying_key.to_bytes())
    verdict = reference.verify(ours, reference.read_proof(proof.to_bytes()), b"context")
    for member in ("outputs", "outputs_fixed", "inputs", "inputs_fixed"):
        arrays = getattr(expected, member)
        if arrays is None:
            assert member not in verdict
        else:
            assert verdict[member] == {name: array.tolist() for name, array in arrays.items()}
    for member in ("context", "key_digest", "model_commitment", "circuit_digest"):
        assert verdict[member] == getattr(expected, member)


@pytest.mark.parametrize("name", CASES)
def test_the_key_says_the_types_of_what_is_shown(name: str) -> None:
    graph = CASES[name].graph
    read = parse_graph(graph.to_json())
    assert set(read.types) == {*graph.inputs, *graph.outputs}
    for name, (shape, scale) in read.types.items():
        assert (shape, scale) == (graph.tensors[name].shape, graph.tensors[name].scale)
        assert (
            read.scales(name) == np.broadcast_to(graph.encoding(name).scale, shape).ravel().tolist()
        )
    assert set(read.labels) == {t for t, tensor in graph.tensors.items() if tensor.kind == "label"}


@pytest.fixture(scope="module")
def network() -> tuple[VerifyingKey, zkinfer.Proof]:
    case = CASES["perceptron"]
    weights, inputs = case.random(2)
    with few_signs():
        key = make_keys(case.graph, weights)
    return key.verifying_key, prove(key, inputs)


our_key = cache(reference.read_key)
their_key = cache(VerifyingKey.from_bytes)


def code(key: bytes, proof: bytes) -> int:
    """The exit code that both verifiers come to."""

    def ours() -> None:
        reference.verify(our_key(key), reference.read_proof(proof))

    def theirs() -> None:
        zkinfer.verify(their_key(key), zkinfer.Proof.from_bytes(proof))

    codes = []
    for run, invalid, unreadable in (
        (ours, reference.VerificationError, reference.FormatError),
        (theirs, zkinfer.VerificationError, zkinfer.FormatError),
    ):
        try:
            with few_signs():
                run()
            codes.append(0)
        except invalid:
            codes.append(1)
        except unreadable:
            codes.append(2)
    assert codes[0] == codes[1]
    return codes[0]


def test_every_part_of_a_proof_counts(network: tuple[VerifyingKey, zkinfer.Proof]) -> None:
    key, proof = network[0].to_bytes(), network[1].to_bytes()
    assert code(key, proof) == 0
    rng = random.Random(3)  # noqa: S311 - test data
    front = len(proof) - len(network[1].body)
    seen = set()
    for place in [*range(0, front, 3), *rng.sample(range(front, len(proof) - 32), 60)]:
        changed = bytearray(proof)
        changed[place] ^= 1 << rng.randrange(8)
        assert code(key, bytes(changed)) == 2
        seen.add(code(key, reseal(bytes(changed))))
    assert seen == {1, 2}
    for changed in (b"", proof[:50], proof[:-1], proof + b"\0", reseal(proof + b"\0"), key):
        assert code(key, changed) == 2


def test_every_part_of_a_key_counts(network: tuple[VerifyingKey, zkinfer.Proof]) -> None:
    key, proof = network[0].to_bytes(), network[1].to_bytes()
    rng = random.Random(4)  # noqa: S311 - test data
    for place in rng.sample(range(len(key) - 32), 150):
        changed = bytearray(key)
        changed[place] ^= 1 << rng.randrange(8)
        assert code(bytes(changed), proof) == 2
        with pytest.raises((reference.FormatError, reference.VerificationError)):
            reference.verify(
                reference.read_key(reseal(bytes(changed))), reference.read_proof(proof)
            )
    for changed in (b"", key[:50], key[:-1], key + b"\0", reseal(key + b"\0"), proof):
        assert code(changed, proof) == 2


def test_public_values_are_bound_and_bounded(network: tuple[VerifyingKey, zkinfer.Proof]) -> None:
    key, proof = network
    for number, values in enumerate(proof.public_values):
        for change in (1, -1, 2**40):
            changed = [array.copy() for array in proof.public_values]
            changed[number].flat[0] += change
            other = dataclasses.replace(proof, public_values=tuple(changed))
            assert code(key.to_bytes(), other.to_bytes()) == 1
        for array in (values.reshape(-1), values[None], np.repeat(values, 2, axis=0)):
            changed = list(proof.public_values)
            changed[number] = array
            other = dataclasses.replace(proof, public_values=tuple(changed))
            assert code(key.to_bytes(), other.to_bytes()) == 1
    for public in (proof.public_values[:1], proof.public_values * 2, ()):
        other = dataclasses.replace(proof, public_values=public)
        assert code(key.to_bytes(), other.to_bytes()) == 1


def test_public_weights(network: tuple[VerifyingKey, zkinfer.Proof]) -> None:
    case = CASES["perceptron"]
    weights, inputs = case.random(5)
    key = make_keys(dataclasses.replace(case.graph, weights_mode="public"), weights)
    public = key.verifying_key.to_bytes()
    assert code(public, prove(key, inputs).to_bytes()) == 0
    assert code(public, network[1].to_bytes()) == 1


GRAPH = json.loads(CASES["label"].graph.to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": []},
        {"inputs": [["x0", [1, 5], 0, -8]]},
        {"inputs": [["x0", [1, 5], 300, -8, 7]]},
        {"inputs": [["x0", [1, 5], 0.0, -8, 7]]},
        {"inputs": [[0, [1, 5], 0, -8, 7]]},
        {"inputs": 3},
        {"weights": [["x0", [1, 5], 0, -8, 7]]},
        {"nodes": [{}]},
        {"nodes": GRAPH["nodes"] * 2},
        {"outputs": []},
        {"outputs": [["nothing", [], 0, "label"]]},
        {"outputs": [["label_out", [], 0, "label"]] * 2},
        {"outputs": [["label_out", [], 0, "real"]]},
        {"outputs": [["label_out", [], 0, "boolean"]]},
        {"outputs": [["label_out", [], 0]]},
        {"outputs": [["label_out", [], 257, "label"]]},
        {"outputs": [["label_out", ["1"], 0, "label"]]},
        {"outputs": ["label_out"]},
        {"outputs": [[]]},
        {"input_mode": "secret"},
        {"more": 1},
    ],
)
def test_graphs_that_are_refused(change: dict) -> None:
    for parse, error in ((parse_graph, FormatError), (FixedGraph.from_json, zkinfer.FormatError)):
        data = json.dumps({**GRAPH, **change}, sort_keys=True, separators=(",", ":")).encode()
        with pytest.raises(error):
            parse(data)


@pytest.mark.parametrize("change", [{"op": "gather"}, {"inputs": ["nothing"]}, {"attrs": {"a": 1}}])
def test_what_nodes_do_is_for_the_package_to_refuse(change: dict) -> None:
    changed = {**GRAPH, "nodes": [{**GRAPH["nodes"][0], **change}]}
    data = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()
    assert parse_graph(data).outputs == ["label_out"]
    with pytest.raises(zkinfer.FormatError):
        FixedGraph.from_json(data)


def test_graphs_are_canonical() -> None:
    data = CASES["label"].graph.to_json()
    assert isinstance(parse_graph(data), Graph)
    for other in (data + b" ", data.replace(b":", b": "), b"[" * 100_000, b"\xff", b"null"):
        with pytest.raises(FormatError):
            parse_graph(other)


# The command line, and the shape of the package.


def run(module: str, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", module, "verify", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_command_lines_agree(tmp_path: Path) -> None:
    """One key has a certificate; those of the others' weights are public."""
    case, text = CASES["perceptron"], "claim é 7"
    names = ("certified", "shown", "other")
    for seed, name in enumerate(names):
        mode = "hidden" if name == "certified" else "public"
        weights, inputs = case.random(seed)
        made = make_keys(dataclasses.replace(case.graph, weights_mode=mode), weights)
        made.verifying_key.save(tmp_path / f"{name}.key")
        prove(made, inputs, text.encode()).save(tmp_path / f"{name}.zkp")
    certified, key, other = (tmp_path / f"{name}.key" for name in names)
    proof, damaged = tmp_path / "shown.zkp", tmp_path / "damaged.zkp"
    damaged.write_bytes(proof.read_bytes()[:-1])
    for arguments, expected in (
        ((certified, tmp_path / "certified.zkp", "--context", text, "--json"), 0),
        ((key, proof, "--context", text, "--json"), 0),
        ((key, proof, "--context", text), 0),
        ((key, proof, "--json"), 1),
        ((other, proof, "--context", text, "--json"), 1),
        ((key, damaged, "--json"), 1),
        ((proof, key, "--json"), 2),
        ((key, tmp_path / "nothing", "--json"), 2),
        ((key, tmp_path), 2),
        ((key,), 2),
        ((key, proof, "--nothing"), 2),
    ):
        words = [str(word) for word in arguments]
        ours, theirs = run("zkinfer.reference", *words), run("zkinfer", *words)
        assert ours[0] == theirs[0] == expected, (arguments, ours, theirs)
        assert (ours[2] == "") == (expected == 0)
        assert "Traceback" not in ours[2]
        if "--json" in words and expected == 0:
            verdict = json.loads(ours[1])
            count = 1 if arguments[0] == certified else 2
            assert (
                verdict.pop("not_checked")
                == [
                    "the key's circuits and output types follow from its nodes",
                    "its public weights are those committed",
                ][:count]
            )
            assert verdict == json.loads(theirs[1])
        if "--json" in words and expected == 1:
            assert json.loads(ours[1]).keys() == json.loads(theirs[1]).keys()
            assert json.loads(ours[1])["valid"] is False
        if expected == 2:
            assert ours[1] == ""


def test_nothing_else_is_imported() -> None:
    program = (
        "import sys; before = set(sys.modules); import zkinfer.reference.__main__; "
        "print(*{name.split('.')[0] for name in set(sys.modules) - before}, "
        "*{name for name in sys.modules if name.startswith('zkinfer')})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in done.stdout.split():
        own = name == "zkinfer" or name.startswith("zkinfer.reference")
        assert own or name.split(".")[0] in sys.stdlib_module_names, name


def test_the_reference_is_short() -> None:
    """Each of the two arguments, with what both read."""
    files = list((ROOT / "zkinfer" / "reference").glob("*.py"))
    lengths = {file.stem: len(file.read_text().splitlines()) for file in files}
    pairing = lengths["groth16"] + lengths["pairing"]
    assert sum(lengths.values()) - pairing < 1750
    assert pairing < 350
    assert max(lengths.values()) < 400
    assert all("assert " not in file.read_text() for file in files)
