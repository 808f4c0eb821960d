"""Keys that describe monstrous networks are refused in bounded memory, however short they are.

Time is bounded by the same limits: the size of a graph, the number of its tensors, and what the
terms of its circuit take.
"""

import json
from itertools import pairwise
from typing import Any

import pytest
from peak import peak

from tests.artifacts import declared
from zkinfer import container
from zkinfer.certificate import K, Seeds, certificate_circuit, projection_bound
from zkinfer.certified_keys import accept_circuit
from zkinfer.circuit.builder import MAX_TERM_BYTES
from zkinfer.circuit.term import MAX_CONSTANTS, MODULUS
from zkinfer.container import MIB
from zkinfer.errors import FormatError
from zkinfer.fixed import MAX_TENSORS, FixedGraph
from zkinfer.keys import VerifyingKey, read_graph
from zkinfer.lower import lower

HUGE = 2**31 - 1
ADD = {"shift_a": 0, "shift_b": 0}
OWN_BOUNDS = {"low_saturates": False, "high_saturates": False}
REVERSED = {"perm": [*range(7, -1, -1)]}

Node = tuple[str, str, list[str], dict[str, Any]]
"""Its name, which is its output's too, its operator, inputs and attributes."""


def tensor(name: str, *shape: int, low: int = 0, high: int = 1) -> list[Any]:
    return [name, list(shape), 0, low, high]


def graph(
    inputs: list[Any],
    nodes: list[Node],
    *outputs: str,
    weights: tuple[Any, ...] = (),
    output: str = "public",
) -> bytes:
    document = {
        "inputs": inputs,
        "weights": list(weights),
        "nodes": [
            {"name": name, "op": op, "inputs": read, "outputs": [name], "attrs": attrs}
            for name, op, read, attrs in nodes
        ],
        "outputs": [[name, [], 0, "real"] for name in outputs],
        "input_mode": "hidden",
        "output_mode": output,
        "weights_mode": "hidden",
    }
    return json.dumps(declared(document), sort_keys=True, separators=(",", ":")).encode()


def one(op: str, *shape: int, **attrs: Any) -> bytes:
    output = "label" if op == "label" else "public"
    return graph([tensor("x", *shape)], [("y", op, ["x"], attrs)], "y", output=output)


def many(op: str, *shape: int, **attrs: Any) -> bytes:
    """As many nodes as a graph may have, all of which read the input."""
    nodes = [(f"y{i}", op, ["x"], attrs) for i in range(MAX_TENSORS - 1)]
    return graph([tensor("x", *shape)], nodes, "y0", "y1")


def chain(op: str, *shape: int, operands: int = 1, **attrs: Any) -> bytes:
    """As many nodes as a graph may have, each of which reads the one before."""
    names = ["x", *(f"y{i}" for i in range(MAX_TENSORS - 1))]
    nodes = [(name, op, [before] * operands, attrs) for before, name in pairwise(names)]
    return graph([tensor("x", *shape, high=0)], nodes, names[-1])


def wide_sum(more: list[Node], last: str) -> bytes:
    """A value of 64 terms of 8 axes, and nodes that read it as `sum`."""
    names = [f"x{i}" for i in range(64)]
    sums = [names[0], *(f"s{i}" for i in range(62)), "sum"]
    nodes = [(sums[i + 1], "add", [sums[i], names[i + 1]], ADD) for i in range(63)]
    return graph([tensor(name, *[2] * 8) for name in names], [*nodes, *more], last)


def pooled(**attrs: Any) -> bytes:
    point = {"strides": [1], "dilations": [1], "pads": [0, 0]}
    return one("max_pool", 1, 1, HUGE, **point | attrs)


def batch(data: bytes) -> bytes:
    """The graph of as many inputs as a batch may have."""
    return b'{"batch":16384,' + data[1:]


POINT = {"kernel": [1], "strides": [1], "dilations": [1], "pads": [0, 0]}
LIMIT = "up to here the circuit takes more than"
PARTS = [tensor(f"x{i}", 32, 2) for i in range(128)]
FLAT = [(f"r{i}", "reshape", [f"x{i}"], {"shape": [64]}) for i in range(128)]
JOINED = [(f"y{i}", "concat", [f"r{j}" for j in range(128)], {"axis": 0}) for i in range(100)]

GRAPHS: dict[str, tuple[bytes, str]] = {
    "a label of many scores": (one("label", HUGE, kept=0), f"at most {MAX_CONSTANTS}"),
    "a window of many entries": (pooled(kernel=[HUGE]), "does not follow"),
    "a window that is padding": (
        pooled(kernel=[HUGE - 1], pads=[HUGE - 1, 0]),
        "lies in the padding",
    ),
    "windows of many axes": (
        one("max_pool", 1, 1, *[8] * 6, kernel=[2] * 6, strides=[1] * 6, dilations=[1] * 6,
            pads=[1] * 12),
        "a view of 12 axes",
    ),
    "padding on all sides": (one("pad", *[4] * 8, pads=[2**20] * 16, value=3), "has shape"),
    "padding again and again": (chain("pad", 4, pads=[1, 1], value=3), LIMIT),
    "a sum that doubles": (chain("add", 4, operands=2, **ADD), LIMIT),
    "a wide sum seen again and again": (
        wide_sum(
            [(f"t{i}", "transpose", [f"t{i - 1}" if i else "sum"], REVERSED) for i in range(3900)],
            "t3899",
        ),
        LIMIT,
    ),
    "a wide sum rounded again and again": (
        wide_sum(
            [
                (f"t{i}", "requantize", ["sum"], {"shift": 1, "low": 0, "high": 7, **OWN_BOUNDS})
                for i in range(3900)
            ],
            "t0",
        ),
        LIMIT,
    ),
    "many joined parts": (graph(PARTS, [*FLAT, *JOINED], "y0"), LIMIT),
    "many products": (many("leaky_relu", *[2] * 8, alpha=3, shift=4), LIMIT),
    "many slices": (
        many("slice", HUGE, starts=[0], stops=[9], axes=[0], steps=[1]),
        "does not follow",
    ),
    "many inputs": (
        graph([tensor(f"x{i}", 2) for i in range(MAX_TENSORS)], [], "x0"),
        "does not follow",
    ),
    "too many inputs": (
        graph([tensor(f"x{i}", 2) for i in range(MAX_TENSORS + 1)], [], "x0"),
        f"at most {MAX_TENSORS}",
    ),
    "many weights": (
        graph(
            [tensor("x", 2)],
            [],
            "x",
            weights=tuple(tensor(f"w{i}", HUGE) for i in range(MAX_TENSORS - 1)),
        ),
        "does not follow",
    ),
    "a zero scaled again and again": (
        chain("reduce_sum", 2, axes=[], keepdims=True, multiplier=2**40 - 1, scale=0),
        "does not follow",
    ),
    "many outputs": (
        graph(
            [tensor("x", 2)],
            [],
            *["x"] * 40_000,
            weights=tuple(tensor(f"w{i}", 2) for i in range(4000)),
        ),
        "an output is named twice",
    ),
    "a batch of a sum that doubles": (batch(chain("add", 4, operands=2, **ADD)), LIMIT),
    "a batch of many inputs": (
        batch(graph([tensor(f"x{i}", 2) for i in range(MAX_TENSORS)], [], "x0")),
        "does not follow",
    ),
    "a batch of many entries": (batch(one("neg", HUGE)), "has no circuit: no batch of this"),
    "a batch of many views": (
        batch(many("average_pool", 2, 1, 1, **POINT, multipliers=[[1]], scale=0)),
        "no batch of this",
    ),
    "a batch of views of views": (
        batch(chain("average_pool", 2, 1, 1, **POINT, multipliers=[[1]], scale=0)),
        "no batch of this",
    ),
    "a shape of many axes": (one("reshape", 2, shape=[2**63 - 1] * 45_000), "does not reshape"),
    "nested lists": (b"[" * MIB + b"]" * MIB, "not JSON"),
    "empty lists": (
        b'{"nodes":[' + b"[]," * (2 * MIB // 3 - 10) + b"[]]}",
        "members are not known",
    ),
    "a long number": (
        graph([tensor("x", 2)], [], "x").replace(b"[2]", b"[2" + b"0" * 100_000 + b"]"),
        "not JSON",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_bounded(name: str) -> None:
    data, reason = GRAPHS[name]
    assert len(data) <= 2 * MIB
    with peak() as taken, pytest.raises(FormatError, match=reason):
        accept_circuit(read_graph(data), b"", b"")
    assert taken.bytes <= 10 * len(data) + 32 * MIB


def test_what_is_taken_is_counted() -> None:
    """Of Python, whether or not it is kept, and of arrays."""
    for take in (lambda: [0] * (4 * MIB), lambda: bytearray(32 * MIB)):
        with peak() as taken:
            take()
        assert 30 * MIB < taken.bytes < 36 * MIB


def test_a_key_is_within_the_native_limits_before_it_is_accepted() -> None:
    data = graph([tensor("x", 2**30)], [], "x")
    circuit = lower(FixedGraph.from_json(data)).to_bytes()
    key = container.write(container.VERIFYING_KEY, (b"transparent", data, circuit, b"", b"", b""))
    with pytest.raises(FormatError, match="the circuit is not acceptable"):
        VerifyingKey.from_bytes(key)


def test_a_certificate_of_many_large_weights() -> None:
    """Its circuit is as small as any, and no number in it is longer than the field's."""
    most = 2**61
    weights = tuple(
        tensor(f"w{i}", 2**18, low=-most, high=most - 1) for i in range(MAX_TENSORS - 1)
    )
    read = FixedGraph.from_json(graph([tensor("x", 2)], [], "x", weights=weights))
    circuit = certificate_circuit(read, lower(read), Seeds.of(b"", b""))
    assert circuit.rows == 2
    assert len(circuit.to_bytes()) < 1024
    assert K**2 * len(weights) * 2**18 * most <= projection_bound(read) < MODULUS // 2


def test_the_limit_of_terms_is_that_of_the_message() -> None:
    data, reason = GRAPHS["a sum that doubles"]
    with pytest.raises(FormatError, match=f"{reason} {MAX_TERM_BYTES} bytes"):
        accept_circuit(read_graph(data), b"", b"")
