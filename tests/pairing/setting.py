"""A model, its setup by snarkjs, its keys and its proofs: what the tests give to every verifier.

The circuit is y = sum_i w_i x_i + w_m, a row a product. Public signals are the context's element,
y, the weights and the blinding b, of which only the first two are public values of a model's key.
"""

import dataclasses
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py_ecc import optimized_bn128 as bn

from tests.node import answers
from zkinfer.circuit.sparse import Sparse
from zkinfer.pairing import snarkjs
from zkinfer.pairing.curve import G1, G2, R
from zkinfer.pairing.groth16 import Key, Proof, context_element
from zkinfer.pairing.r1cs import Matrix, R1cs, blocks, matrix, write_r1cs, write_wtns

FEATURES = 3
WEIGHTS = FEATURES + 1
PUBLIC = 2
"""True public values: the context's element and y."""

Y, W, B = 2, 1 + PUBLIC, 1 + PUBLIC + WEIGHTS
X = B + 1
PRODUCT = X + FEATURES
WIRES = PRODUCT + FEATURES - 1
KEY_DIGEST = bytes(range(32))
POWER = 4
"""2^4 rows: one a feature, and those of snarkjs for the constant one and the B public signals."""

OUTSIDE: G2 = (
    (94, 45),
    (
        5996462912754319256397488822339472162404962347377101561570798656927487316,
        20260974884201764848005188506918358979720436320432168644672376008665937956867,
    ),
)
"""On the curve that G2 is in, and not of order r."""


@dataclass(frozen=True)
class Model:
    """Weights, the blinding, the commitment to both and the key that verifies their proofs."""

    weights: list[int]
    blinding: int
    commitment: G1
    key: Key


@dataclass(frozen=True)
class Proved:
    """A proof and its public values."""

    values: list[int]
    proof: Proof


@dataclass(frozen=True)
class Setting:
    """A setup, two models, and proofs: two of the first model, and one of the second.

    uncontributed: snarkjs' key of the same setup before anybody contributed to it.
    """

    setup: Key
    uncontributed: dict[str, Any]
    model: Model
    other: Model
    first: Proved
    second: Proved
    others: Proved


def circuit() -> R1cs:
    """w_i x_i = p_i, but in the last row w_i x_i = y - w_m - sum_j p_j."""
    last = {Y: 1, W + FEATURES: -1, **{PRODUCT + i: -1 for i in range(FEATURES - 1)}}
    return R1cs(
        WIRES,
        B,
        matrix_of([{W + i: 1} for i in range(FEATURES)]),
        matrix_of([{X + i: 1} for i in range(FEATURES)]),
        matrix_of([*({PRODUCT + i: 1} for i in range(FEATURES - 1)), last]),
    )


def matrix_of(rows: Sequence[Mapping[int, int]]) -> Matrix:
    """The matrix of rows {wire: coefficient}; zeros are left out."""
    sparse = Sparse.of([{w: k for w, k in row.items() if k % R} for row in rows])
    return matrix(sparse.starts, sparse.entries, sparse.factors)


def assignment(weights: list[int], blinding: int, inputs: list[int], context: bytes) -> list[int]:
    """The values of all wires."""
    products = [w * x for w, x in zip(weights, inputs, strict=False)]
    y = sum(products) + weights[-1]
    public = [1, context_element(KEY_DIGEST, context), y]
    return [v % R for v in (*public, *weights, blinding, *inputs, *products[:-1])]


def make(folder: Path) -> Setting:
    """Sets up and proves with snarkjs."""
    rng = random.Random(14)  # noqa: S311
    file = folder / "circuit.r1cs"
    file.write_bytes(write_r1cs(circuit()))
    (keys,) = answers("snarkjs", [["setup", str(file), str(folder), POWER]])
    setup = read_key(keys["contributed"])
    weights = ([rng.randrange(-1000, 1000) for _ in range(WEIGHTS)] for _ in range(2))
    model, other = (committed(setup, each, rng.randrange(R)) for each in weights)
    inputs = [[rng.randrange(-1000, 1000) for _ in range(FEATURES)] for _ in range(2)]
    filled = [
        assignment(of.weights, of.blinding, x, b"the context")
        for of, x in ((model, inputs[0]), (model, inputs[1]), (other, inputs[0]))
    ]
    files = [folder / f"{number}.wtns" for number in range(len(filled))]
    for path, values in zip(files, filled, strict=True):
        path.write_bytes(write_wtns(blocks(values).tobytes()))
    done = answers("snarkjs", [["prove", str(folder), str(path)] for path in files])
    proved = (
        Proved(values[1 : 1 + PUBLIC], snarkjs.read_proof(json.dumps(each["proof"])))
        for values, each in zip(filled, done, strict=True)
    )
    return Setting(setup, keys["uncontributed"], model, other, *proved)


def committed(setup: Key, weights: list[int], blinding: int) -> Model:
    """The model of these weights: D = sum_i w_i IC_i + b IC_b, in py_ecc's arithmetic."""
    total = bn.Z1
    for scalar, base in zip([*weights, blinding], setup.ic[1 + PUBLIC :], strict=True):
        total = bn.add(total, bn.multiply(projective(base), scalar % R))
    return Model(weights, blinding, affine(total), model_key(setup, affine(total)))


def model_key(setup: Key, commitment: G1) -> Key:
    """The setup's key with IC_0 + D first, and without what the weights had."""
    first = bn.add(projective(setup.ic[0]), projective(commitment))
    return dataclasses.replace(setup, ic=(affine(first), *setup.ic[1 : 1 + PUBLIC]))


def read_key(text: dict[str, Any]) -> Key:
    """The key in snarkjs' verification_key.json."""
    g1 = lambda point: tuple(map(int, point[:2]))  # noqa: E731
    g2 = lambda point: tuple(tuple(map(int, pair)) for pair in point[:2])  # noqa: E731
    beta, gamma, delta = (g2(text[f"vk_{name}_2"]) for name in ("beta", "gamma", "delta"))
    return Key(g1(text["vk_alpha_1"]), beta, gamma, delta, tuple(map(g1, text["IC"])))


def projective(point: G1) -> Any:
    """A point of G1 as py_ecc has it."""
    return bn.FQ(point[0]), bn.FQ(point[1]), bn.FQ.one()


def affine(point: Any) -> G1:
    """A point of G1, not infinity, from py_ecc."""
    x, y = bn.normalize(point)
    return x.n, y.n


def projective2(point: G2) -> Any:
    """A point of G2 as py_ecc has it."""
    return bn.FQ2(point[0]), bn.FQ2(point[1]), bn.FQ2.one()


def affine2(point: Any) -> G2:
    """A point of G2, not infinity, from py_ecc."""
    (x0, x1), (y0, y1) = (map(int, each.coeffs) for each in bn.normalize(point))
    return (x0, x1), (y0, y1)
