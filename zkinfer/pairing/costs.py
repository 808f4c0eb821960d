"""What proofs of a circuit cost with the pairing backend, by rows and signals.

Rows are counted before they are made fewer, but for products of matrices, which pairs halve (up to
one in two for weights that rows keep small). A setup and a proof work on a domain: the least power
of two above the rows and the public signals, of which each weight is one. The coefficients are
fitted to the models of bench/pairing.py, a small CNN and a forest, by what they take on one core of
a common server; `zkinfer.speed` says how another machine compares, and bench/pairing.md how close
they are.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from zkinfer.circuit.circuit import Circuit, Defines
from zkinfer.circuit.layout import Segment, next_power
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.costs import FRAME, node_of, nodes_and_inputs
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedGraph
from zkinfer.lower import lower

MOST_ROWS = 1 << 20
"""More take too much time and memory to make."""

MOST_SIGNALS = 131_000
"""Public signals and weights; each has a point in the verifying key."""

SETUP = {"calls": 0.09, "domain": 3.0e-6, "rows": 4.2e-5, "weights": 3.9e-5}
"""Seconds to make a setup."""

PROVING = {"calls": 0.0125, "domain": 8.0e-6, "rows": 2.4e-6, "weights": 1.1e-6}
"""Seconds of a prove call with the key loaded."""

VERIFYING = {"calls": 1.9e-3, "public": 1.5e-6}
"""Seconds of a verify call with the key loaded."""

MEMORY = {"calls": 5.0e7, "domain": 300.0, "rows": 3400.0, "weights": 1100.0}
"""Bytes at the peak of a process that proves."""

PROVING_KEY = {"domain": 64.0, "rows": 525.0, "weights": 460.0}
"""Bytes of a proving key beside those of its verifying key."""

PROOF = 128
POINT = 32


@dataclass(frozen=True)
class PairingCosts:
    """counts: what times follow from. setup, prove, verify: seconds on the machine that
    coefficients are fitted to. memory: bytes at the peak of a process that proves. verifying_key,
    proving_key: bytes. rows: by node of the graph, the most first.
    """

    counts: Mapping[str, int]
    setup: float
    prove: float
    verify: float
    memory: int
    verifying_key: int
    proving_key: int
    rows: Mapping[str, int]


def pairing_costs(graph: FixedGraph, ranges: Ranges) -> PairingCosts:
    """The costs of a graph. Raises UnsupportedModelError where it has no such circuit."""
    circuit = lower(graph, PAIRING[ranges])
    rows = _rows(graph, circuit)
    public = 1 + sum(math.prod(tensor.shape) for _, tensor in graph.shown)
    weights = sum(math.prod(graph.tensors[name].shape) for name in graph.weights) + 1
    total = sum(rows.values())
    counts = {
        "calls": 1,
        "rows": total,
        "public": public,
        "weights": weights,
        "domain": next_power(total + public + weights + 1),
    }
    verifying_key = FRAME + len(graph.to_json()) + POINT * (public + weights + 8)
    if graph.weights_mode == "hidden":
        verifying_key += 2 * POINT * next_power(weights).bit_length()
    return PairingCosts(
        counts=counts,
        setup=_sum(SETUP, counts),
        prove=_sum(PROVING, counts),
        verify=_sum(VERIFYING, counts),
        memory=round(_sum(MEMORY, counts)),
        verifying_key=verifying_key,
        proving_key=verifying_key + round(_sum(PROVING_KEY, counts)),
        rows=dict(rows.most_common()),
    )


def check_size(costs: PairingCosts) -> None:
    """Raises UnsupportedModelError for more rows, or more signals, than are made."""
    total, signals = costs.counts["rows"], costs.counts["public"] + costs.counts["weights"]
    if signals > MOST_SIGNALS:
        raise UnsupportedModelError(
            f"{signals:,} public values and weights, each of which is a signal of the backend "
            f"groth16; at most {MOST_SIGNALS:,} are supported; use --backend transparent"
        )
    if total > MOST_ROWS:
        most = ", ".join(f"{name} ({count:,})" for name, count in list(costs.rows.items())[:3])
        raise UnsupportedModelError(
            f"about {total:,} rows for the backend groth16, which takes one for each product; at "
            f"most {MOST_ROWS:,} are supported; most are those of {most}; use --backend transparent"
        )


def _rows(graph: FixedGraph, circuit: Circuit) -> Counter[str]:
    rows: Counter[str] = Counter()
    known = nodes_and_inputs(graph)
    for block in circuit.blocks:
        if block.a and block.b:
            count = math.prod(block.extents)
            halved = block.defines == Defines.PRODUCT
            rows[node_of(known, block.path)] += -(-count // 2) if halved else count
    for tensor in circuit.segment(Segment.BITS):
        rows[node_of(known, tensor.path)] += math.prod(tensor.extents)
    return rows


def _sum(coefficients: Mapping[str, float], counts: Mapping[str, int]) -> float:
    return sum(each * counts[name] for name, each in coefficients.items())
