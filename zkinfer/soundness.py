"""The soundness error of a key's proofs, by docs/protocol.md, section 7 ("Soundness").

A false statement passes with a probability of at most the sum of the terms over l. The terms of a
proof, or of a certificate, with 2^mu rows, 2^beta bits, 2^nu entries and C columns are

    3 mu + 3 beta        the zero-checks: a point, and rounds of degree 2
    2 nu                 the inner sum-check: rounds of degree 2
    nu - log2 C          the rows, combined into one
    coordinates          of all challenge vectors (Freivalds)
    look-ups             rows of tables and tuples, times the coordinates
    scalar commitments   combined by powers of gamma; 2 mu + 2 beta + 2 nu + 2 are sent
    10                   rho, omega, the Sigma protocol and its folding
    hidden records       2^26 + 9 each, and 1: the rows of the data, the digits of a record's number

A certificate is a proof too. What its random projections leave open, 3 2^-160, is far more, so that
it is the error of a key with hidden weights as a whole.
"""

import math
from collections.abc import Mapping
from typing import Any

from zkinfer.certificate import (
    STATISTICAL_BITS,
    Seeds,
    certificate_circuit,
    certified_bound,
)
from zkinfer.circuit.circuit import Circuit, Defines
from zkinfer.circuit.layout import Segment, next_power, used_entries
from zkinfer.circuit.term import MODULUS
from zkinfer.container import DATA_COMMITMENT
from zkinfer.costs import ELEMENT
from zkinfer.fixed import FixedGraph
from zkinfer.lower import lower

COMPUTATIONAL = "rests on the discrete logarithm in ristretto255 (about 126 bits)"
CONSTANT = 10
MOST_ROWS = DATA_COMMITMENT.sections[1].limit // ELEMENT
"""Rows of all records of data."""
MOST_DIGITS = -(-(MOST_ROWS - 1).bit_length() // 3)
"""Digits of a record's number to the base 8."""


def soundness(graph: FixedGraph) -> dict[str, Any]:
    """Bits and terms of what the keys of a graph prove, and what the argument rests on besides.

    `bits` is the base-2 logarithm of 1/error of one attempt at a proof, rounded down to a tenth; of
    a certificate the same without what its projections leave open, which `projections` says.
    `weights_below` is the power of two that no certified weight exceeds in absolute value.
    """
    circuit = lower(graph)
    proof = proof_terms(circuit, graph.batch if graph.record_mode == "hidden" else 0)
    total = sum(proof.values())
    described: dict[str, Any] = {"proof": _described(proof)}
    bits = _bits(total)
    if graph.weights and graph.weights_mode == "hidden":
        certificate = proof_terms(certificate_circuit(graph, circuit, Seeds.of(b"", b"")))
        bits = float(STATISTICAL_BITS)
        described["certificate"] = {
            **_described(certificate),
            "projections": bits,
            "weights_below": certified_bound(graph).bit_length(),
        }
    return {"bits": bits, **described, "computational": COMPUTATIONAL}


def proof_terms(circuit: Circuit, hidden: int = 0) -> dict[str, int]:
    """The numerators of the terms for a proof about a circuit.

    hidden: records that it does not name, of data of as many rows as a file may have.
    """
    mu, beta, nu, columns = logarithms(circuit)
    return {
        "outer_zero_check": 3 * mu,
        "booleanity": 3 * beta,
        "inner_sum_check": 2 * nu,
        "rows": nu - columns,
        "challenge_coordinates": sum(circuit.challenges),
        "look_ups": _looked_up(circuit) * sum(circuit.challenges),
        "scalar_commitments": 2 * mu + 2 * beta + 2 * nu + 2,
        "constant": CONSTANT,
        **({"hidden_records": hidden * (MOST_ROWS + MOST_DIGITS) + 1} if hidden else {}),
    }


def _looked_up(circuit: Circuit) -> int:
    """Tuples that are looked up, and rows of their tables: all that has an inverse."""
    blocks = (block for block in circuit.blocks if block.defines == Defines.QUOTIENT)
    return sum(math.prod(block.extents) for block in blocks)


def logarithms(circuit: Circuit) -> tuple[int, int, int, int]:
    """Mu, beta, nu and log2 C."""
    padded = {
        segment: max(circuit.columns, next_power(used))
        for segment, used in used_entries(circuit.tensors).items()
    }
    sizes = (
        max(2, circuit.rows),
        padded[Segment.BITS],
        sum(padded.values()),
        circuit.columns,
    )
    mu, beta, nu, columns = ((size - 1).bit_length() for size in sizes)
    return mu, beta, nu, columns


def _described(terms: Mapping[str, int]) -> dict[str, Any]:
    return {"bits": _bits(sum(terms.values())), "terms_over_l": dict(terms)}


def _bits(total: int) -> float:
    """log2(l / total), rounded down to a tenth."""
    return math.floor(10 * (math.log2(MODULUS) - math.log2(total))) / 10
