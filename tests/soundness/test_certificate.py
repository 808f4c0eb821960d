"""The weights certificate: honest keys are accepted, and every way around it is refused."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from artifacts import sections
from networks import Net, cases

from zkinfer import FormatError, UsageError, VerifyingKey, certificate, container, keys
from zkinfer.backends import transparent
from zkinfer.certificate import certificate_circuit, certificate_witness
from zkinfer.circuit.check import check
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import FixedGraph
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.lower import Witness, lower, weight_arrays

CASES = {name: case for name, case in cases().items() if case.graph.weights}


def many_weights() -> FixedGraph:
    """A network with enough weights of one range for lookups, and some of another for bits."""
    net = Net()
    product = net.node(
        "matmul", net.input(1, 24), net.weight(24, 16), net.weight(16, low=-512, high=511)
    )
    return net.graph(net.requantize(product, 3, low=-64, high=63))


def draw(graph: FixedGraph, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    tensors = {name: graph.tensors[name] for name in graph.weights}
    return {name: rng.integers(t.low, t.high + 1, t.shape) for name, t in tensors.items()}


def sealed(key: ProvingKey, section: bytes) -> bytes:
    """The verifying key with another certificate section."""
    parts = sections(container.VERIFYING_KEY, key.verifying_key.to_bytes())
    return container.write(container.VERIFYING_KEY, (*list(parts.values())[:-1], section))


def failing(
    graph: FixedGraph,
    lie: Callable[[Witness], None] = lambda _: None,
    weights: dict[str, np.ndarray] | None = None,
) -> list[str]:
    """The paths of the certificate that fail."""
    circuit = lower(graph)
    arrays = weight_arrays(graph, weights or draw(graph))
    bits, trace = certificate_witness(graph, circuit, arrays)
    witness = Witness([], arrays, [], bits, trace, {})
    lie(witness)
    return check(certificate_circuit(graph, circuit), witness)


@pytest.mark.parametrize("name", CASES)
def test_honest_keys_are_accepted(name: str) -> None:
    case = CASES[name]
    weights, _ = case.random(1)
    key = make_keys(case.graph, weights).verifying_key
    assert VerifyingKey.from_bytes(key.to_bytes()) == key


def test_both_kinds_of_check_are_used() -> None:
    graph = many_weights()
    circuit = certificate_circuit(graph, lower(graph))
    paths = {block.path for block in circuit.blocks}
    assert paths == {"w0/lookup", "table4/entries", "table4/total", "w1/range"}
    assert failing(graph) == []
    tensors = {name: graph.tensors[name] for name in graph.weights}
    lowest = {name: np.full(t.shape, t.low) for name, t in tensors.items()}
    assert failing(graph, weights=lowest) == []


def test_layout_is_that_of_the_network() -> None:
    for case in CASES.values():
        circuit = lower(case.graph)
        certified = certificate_circuit(case.graph, circuit)
        ours, theirs = (c.segment(Segment.WEIGHTS) for c in (certified, circuit))
        assert [t.extents for t in ours] == [t.extents for t in theirs]
        assert certified.columns == circuit.columns


@pytest.mark.parametrize(
    ("name", "value", "paths"),
    [
        ("w0", 8, {"table4/total"}),
        ("w0", -9, {"table4/total"}),
        ("w1", 512, {"w1/range"}),
        ("w1", -513, {"w1/range"}),
    ],
)
def test_weights_out_of_range(name: str, value: int, paths: set[str]) -> None:
    graph = many_weights()

    def lie(witness: Witness) -> None:
        witness.weights[graph.weights.index(name)].flat[3] = value

    assert set(failing(graph, lie)) == paths


def test_wrong_multiplicities() -> None:
    graph = many_weights()

    def lie(witness: Witness) -> None:
        witness.trace[0].flat[2] += 1

    assert failing(graph, lie) == ["table4/total"]


def test_weights_that_make_a_sum_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner commits to a weight far outside of its range; no certificate of it is accepted."""
    graph = many_weights()
    weights = draw(graph)
    weights["w0"].flat[0] = 2**61

    def witness(graph: FixedGraph, circuit: object, arrays: list[np.ndarray]) -> tuple:
        bounded = [
            np.clip(a, graph.tensors[n].low, graph.tensors[n].high)
            for n, a in zip(graph.weights, arrays, strict=True)
        ]
        return certificate_witness(graph, lower(graph), bounded)

    monkeypatch.setattr(keys, "certificate_witness", witness)
    with pytest.raises(UsageError, match="does not satisfy table4/total"):
        make_keys(graph, weights)
    monkeypatch.setattr(transparent, "make_prover", transparent.Prover.unchecked)
    with pytest.raises(FormatError, match="certificate is not valid"):
        make_keys(graph, weights)


def test_missing_foreign_and_damaged_certificates() -> None:
    graph = many_weights()
    key, other = make_keys(graph, draw(graph)), make_keys(graph, draw(graph, 1))
    with pytest.raises(FormatError, match="missing"):
        VerifyingKey.from_bytes(sealed(key, b""))
    with pytest.raises(FormatError, match="not valid"):
        VerifyingKey.from_bytes(sealed(key, other.verifying_key.certificate))
    section = key.verifying_key.certificate
    for changed in (section[:-1], section + b"\0", section[:-1] + bytes([section[-1] ^ 1])):
        with pytest.raises(FormatError, match="certificate"):
            VerifyingKey.from_bytes(sealed(key, changed))


def test_a_certificate_of_another_layout_or_with_a_block_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = many_weights()
    weights = draw(graph)
    honest = certificate_circuit(graph, lower(graph))
    for cheat in (
        dataclasses.replace(honest, columns=2 * honest.columns),
        dataclasses.replace(honest, blocks=honest.blocks[:-1]),
    ):
        monkeypatch.setattr(keys, "certificate_circuit", lambda *_, cheat=cheat: cheat)
        try:
            encoded = make_keys(graph, weights).verifying_key.to_bytes()
        except FormatError:
            continue  # the rows do not fit the other layout
        monkeypatch.undo()
        with pytest.raises(FormatError, match="not about its weights"):
            VerifyingKey.from_bytes(encoded)


def test_a_prediction_is_no_certificate() -> None:
    graph = many_weights()
    key = make_keys(graph, draw(graph))
    circuit = lower(graph)
    encoded = certificate_circuit(graph, circuit).to_bytes()
    arrays = weight_arrays(graph, key.weights)
    verifying_key = key.verifying_key
    prover = transparent.make_prover(
        transparent.parse_circuit(encoded),
        arrays,
        verifying_key.rows,
        key.blinds,
        verifying_key.key_digest,
    )
    body = transparent.prove(prover, b"", [], [], *certificate_witness(graph, circuit, arrays))
    with pytest.raises(FormatError, match="not valid"):
        VerifyingKey.from_bytes(sealed(key, keys._LENGTH.pack(len(encoded)) + encoded + body))


def test_ranges_must_be_powers_of_two() -> None:
    net = Net()
    graph = net.graph(net.node("mul", net.input(2), net.weight(2, low=-3, high=3)))
    with pytest.raises(FormatError, match="2\\^k"):
        certificate.certificate_circuit(graph, lower(graph))
