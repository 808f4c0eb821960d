"""The weights certificate: honest keys are accepted, and every way around it is refused."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from artifacts import sections
from networks import Net, cases

from zkinfer import FormatError, UsageError, VerifyingKey, certificate, certified_keys, container
from zkinfer.backends import transparent
from zkinfer.certificate import (
    DIGIT,
    K,
    Seeds,
    certificate_circuit,
    certified_bound,
    combine,
    project,
    projection_bound,
    weight_matrix,
)
from zkinfer.circuit.check import check
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.expand import addresses
from zkinfer.circuit.layout import Segment, strides
from zkinfer.circuit.term import MODULUS, Projection
from zkinfer.fixed import FixedGraph
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.lower import lower, weight_arrays

CASES = {name: case for name, case in cases().items() if case.graph.weights}
SEEDS = Seeds(*(bytes([n]) * 32 for n in range(3)))


def many_weights() -> FixedGraph:
    """A network with weights of different ranges, in several rows."""
    net = Net()
    product = net.node(
        "matmul", net.input(1, 24), net.weight(24, 16), net.weight(16, low=-512, high=511)
    )
    return net.graph(net.requantize(product, 3, low=-64, high=63))


def wide_weights() -> FixedGraph:
    """Weights so wide that an entry of P takes two numbers."""
    net = Net()
    return net.graph(
        net.node(
            "add", net.input(5), net.weight(5, low=-(2**60), high=2**60 - 1), shift_a=0, shift_b=0
        )
    )


def draw(graph: FixedGraph, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    tensors = {name: graph.tensors[name] for name in graph.weights}
    return {name: rng.integers(t.low, t.high + 1, t.shape) for name, t in tensors.items()}


def sealed(key: ProvingKey, section: bytes) -> bytes:
    """The verifying key with another certificate section."""
    parts = sections(container.VERIFYING_KEY, key.verifying_key.to_bytes())
    return container.write(container.VERIFYING_KEY, (*list(parts.values())[:-1], section))


def witness(graph: FixedGraph, matrix: np.ndarray) -> dict[Segment, list[np.ndarray]]:
    """What an honest prover fills in for a committed matrix."""
    projections = project(graph, matrix, SEEDS)
    return {
        Segment.WEIGHTS: [matrix],
        Segment.PROJECTIONS: projections,
        Segment.BITS: combine(graph, projections, SEEDS),
    }


def matrix_of(graph: FixedGraph, seed: int = 0) -> np.ndarray:
    return weight_matrix(lower(graph), weight_arrays(graph, draw(graph, seed)))


Lie = Callable[[dict[Segment, list[np.ndarray]]], None]


def failing(graph: FixedGraph, matrix: np.ndarray, lie: Lie = lambda _: None) -> list[str]:
    """The paths of the certificate that fail."""
    filled = witness(graph, matrix)
    lie(filled)
    return check(certificate_circuit(graph, lower(graph), SEEDS), filled)


@pytest.mark.parametrize("name", CASES)
def test_honest_keys_are_accepted(name: str) -> None:
    case = CASES[name]
    weights, _ = case.random(1)
    key = make_keys(case.graph, weights).verifying_key
    assert VerifyingKey.from_bytes(key.to_bytes()) == key


@pytest.mark.parametrize("make", [many_weights, wide_weights])
@pytest.mark.parametrize("end", ["low", "high", None])
def test_weights_at_the_ends_of_their_ranges(make: Callable[[], FixedGraph], end: str) -> None:
    graph = make()
    tensors = {name: graph.tensors[name] for name in graph.weights}
    weights = draw(graph)
    if end:
        weights = {name: np.full(t.shape, getattr(t, end)) for name, t in tensors.items()}
    assert failing(graph, weight_matrix(lower(graph), weight_arrays(graph, weights))) == []
    digits = 2 if make is wide_weights else 1
    assert len(witness(graph, matrix_of(graph))[Segment.PROJECTIONS]) == digits


def test_the_matrix_is_the_committed_segment() -> None:
    """Entry by entry, by the placement of protocol.md, and by the native module's rows."""
    for case in CASES.values():
        circuit = lower(case.graph)
        weights, _ = case.random(2)
        arrays = weight_arrays(case.graph, weights)
        matrix = weight_matrix(circuit, arrays)
        tensors = circuit.segment(Segment.WEIGHTS)
        starts, _ = addresses(circuit)
        places = [s for s, t in zip(starts, circuit.tensors, strict=True) if t in tensors]
        expected = np.zeros(matrix.size, np.int64)
        for tensor, start, array in zip(tensors, places, arrays, strict=True):
            index = np.indices(tensor.extents or (1,)).reshape(max(len(tensor.extents), 1), -1)
            at = np.array(strides(tensor.extents or (1,))) @ index + start - places[0]
            expected[at] = array.reshape(-1)
        assert np.array_equal(matrix.reshape(-1), expected)
        certified = certificate_circuit(case.graph, circuit, SEEDS)
        hidden = {"hidden": False}
        rows = [
            transparent.commit(
                transparent.parse_circuit(c.to_bytes()), Segment.WEIGHTS, given, **hidden
            )
            for c, given in ((circuit, arrays), (certified, [matrix]))
        ]
        assert rows[0] == rows[1]


def test_projections_are_matrix_products() -> None:
    for graph in (many_weights(), wide_weights()):
        matrix = matrix_of(graph)
        a, b = (
            Projection(0, K, seed).signs(extent).astype(object)
            for seed, extent in zip((SEEDS.a, SEEDS.b), matrix.shape, strict=True)
        )
        d = Projection(2, K, SEEDS.d).signs(K * K).astype(object)
        p = a @ matrix.astype(object) @ b.T
        numbers = project(graph, matrix, SEEDS)
        given = sum(n.astype(object) << DIGIT * i for i, n in enumerate(numbers))
        assert np.array_equal(given, p.reshape(-1))
        q = d @ p.reshape(-1)
        bound = projection_bound(graph)
        assert all(-bound <= value < bound for value in q)
        circuit = certificate_circuit(graph, lower(graph), SEEDS)
        starts = [int(t.path.rpartition("/")[2]) for t in circuit.segment(Segment.BITS)]
        pieces = combine(graph, numbers, SEEDS)
        combined = sum(n.astype(object) << s for n, s in zip(pieces, starts, strict=True))
        assert np.array_equal(combined - bound, q)


def test_signs_are_as_often_zero_as_not() -> None:
    signs = Projection(0, K, bytes(32)).signs(4096)
    shares = [(signs == value).mean() for value in (0, 1, -1)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.005)
    assert abs(signs.astype(np.int64).mean(axis=1)).max() < 0.06


@pytest.mark.parametrize("size", [2**61, 2**40, 3, -(2**61)])
def test_a_large_weight_is_no_witness(size: int) -> None:
    """Whatever else a prover fills in: the combinations have no room for it."""
    graph = many_weights()
    matrix = matrix_of(graph)
    matrix[1, 3] = size
    fits = abs(size) < 512
    assert failing(graph, matrix) == ([] if fits else ["combinations"])

    def shifted(filled: dict[Segment, list[np.ndarray]]) -> None:
        """Projections that fit the bits, of another matrix."""
        filled[Segment.PROJECTIONS] = project(graph, matrix_of(graph), SEEDS)
        filled[Segment.BITS] = combine(graph, filled[Segment.PROJECTIONS], SEEDS)

    assert failing(graph, matrix, shifted) == ["projections"]


@pytest.mark.parametrize("power", [250, 100, 60, 0])
def test_the_lemma(power: int) -> None:
    """At most half of all random signs take a vector with a large entry below half of that."""
    rng = np.random.default_rng(power)
    rest = [int(n) << power // 2 for n in rng.integers(-(2**30), 2**30, 19)]
    vector = np.array([MODULUS // 2 >> (250 - power), *rest], dtype=object)
    sums = vector @ Projection(0, 4000, bytes([power])).signs(20).T.astype(object).reshape(20, -1)
    least = [min(s % MODULUS, -s % MODULUS) for s in sums]
    most = max(min(v % MODULUS, -v % MODULUS) for v in vector)
    assert np.mean([2 * value < most for value in least]) < 0.53


def test_another_projection_or_combination() -> None:
    graph = many_weights()

    def entry(filled: dict[Segment, list[np.ndarray]]) -> None:
        filled[Segment.PROJECTIONS][0][7] += 1

    def combination(filled: dict[Segment, list[np.ndarray]]) -> None:
        filled[Segment.BITS][0][3] ^= 1

    assert failing(graph, matrix_of(graph), entry) == ["projections", "combinations"]
    assert failing(graph, matrix_of(graph), combination) == ["combinations"]


def test_every_block_is_needed() -> None:
    """Without one a weight of any size passes."""
    graph = many_weights()
    matrix = matrix_of(graph)
    matrix[0, 0] = 2**61
    circuit = certificate_circuit(graph, lower(graph), SEEDS)
    honest = witness(graph, matrix_of(graph))
    projected = project(graph, matrix, SEEDS)
    forgeries = {
        "projections": {**honest, Segment.WEIGHTS: [matrix]},
        "combinations": {
            Segment.WEIGHTS: [matrix],
            Segment.PROJECTIONS: projected,
            Segment.BITS: honest[Segment.BITS],
        },
    }
    for block in circuit.blocks:
        forged = forgeries[block.path]
        assert check(circuit, forged) == [block.path]
        others = tuple(other for other in circuit.blocks if other is not block)
        assert check(dataclasses.replace(circuit, blocks=others), forged) == []


def test_weights_that_make_a_sum_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner commits to a weight far outside of its range; no certificate of it is accepted."""
    graph = many_weights()
    weights = draw(graph)
    weights["w0"].flat[0] = 2**61
    with pytest.raises(UsageError, match="does not satisfy combinations"):
        make_keys(graph, weights)
    monkeypatch.setattr(transparent, "make_prover", unchecked)
    with pytest.raises(FormatError, match="certificate is not valid"):
        make_keys(graph, weights)
    honest = draw(graph)
    monkeypatch.setattr(
        certified_keys,
        "project",
        lambda graph, matrix, seeds: project(graph, matrix_of(graph), seeds),
    )
    with pytest.raises(FormatError, match="certificate is not valid"):
        make_keys(graph, honest | {"w0": weights["w0"]})


def unchecked(
    circuit: transparent.Circuit, committed: dict[Segment, transparent.Opened], digest: bytes
) -> transparent.Prover:
    """A prover that proves what is false."""
    return transparent.Prover.unchecked(circuit, transparent.native_openings(committed), digest)


def test_signs_that_a_prover_likes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs that were drawn until a large weight cancels out."""
    graph = many_weights()
    weights = draw(graph)
    weights["w0"].flat[0] = 2**61
    zeros = next(
        seed
        for seed in (n.to_bytes(32, "little") for n in range(10**6))
        if not Projection(0, 4, seed).signs(1).any()
    )
    monkeypatch.setattr(certificate, "K", 4)
    monkeypatch.setattr(certificate, "_CHALLENGE", 2)
    monkeypatch.setattr(certified_keys, "Seeds", Liked := type("Liked", (Seeds,), {}))
    monkeypatch.setattr(Liked, "of", classmethod(lambda cls, *_: Seeds(zeros, zeros, zeros)))
    encoded = make_keys(graph, weights).verifying_key.to_bytes()
    monkeypatch.undo()
    with pytest.raises(FormatError, match="not about its weights"):
        VerifyingKey.from_bytes(encoded)


def test_missing_foreign_and_damaged_certificates() -> None:
    graph = many_weights()
    key, other = make_keys(graph, draw(graph)), make_keys(graph, draw(graph, 1))
    for foreign in (b"", other.verifying_key.certificate):
        with pytest.raises(FormatError, match="missing or not about its weights"):
            VerifyingKey.from_bytes(sealed(key, foreign))
    section = key.verifying_key.certificate
    for changed in (section[:-1], section + b"\0", section[:-1] + bytes([section[-1] ^ 1])):
        with pytest.raises(FormatError, match="certificate"):
            VerifyingKey.from_bytes(sealed(key, changed))


def test_a_certificate_of_another_layout_or_with_a_block_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = many_weights()
    weights = draw(graph)

    def wider(graph: FixedGraph, circuit: Circuit, seeds: Seeds) -> Circuit:
        made = certificate_circuit(graph, circuit, seeds)
        return dataclasses.replace(made, columns=2 * made.columns)

    def shorter(graph: FixedGraph, circuit: Circuit, seeds: Seeds) -> Circuit:
        made = certificate_circuit(graph, circuit, seeds)
        return dataclasses.replace(made, blocks=made.blocks[:-1])

    for cheat in (wider, shorter):
        monkeypatch.setattr(certified_keys, "certificate_circuit", cheat)
        try:
            encoded = make_keys(graph, weights).verifying_key.to_bytes()
        except FormatError:
            continue  # the rows do not fit the other layout
        finally:
            monkeypatch.undo()
        with pytest.raises(FormatError, match="not about its weights"):
            VerifyingKey.from_bytes(encoded)


def test_a_prediction_is_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = many_weights()
    prove = transparent.prove

    def prediction(*arguments: object, certificate: bool) -> bytes:
        assert certificate
        return prove(*arguments, certificate=False)

    monkeypatch.setattr(transparent, "prove", prediction)
    with pytest.raises(FormatError, match="certificate is not valid"):
        make_keys(graph, draw(graph))


def test_what_is_certified() -> None:
    graph = many_weights()
    total = 24 * 16 * 8 + 16 * 512
    assert projection_bound(graph) // 2 < K * K * total <= projection_bound(graph)
    assert certified_bound(graph) == 8 * projection_bound(graph)
