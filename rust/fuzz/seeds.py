"""Writes the seeds of the fuzz targets from the test vectors: `python rust/fuzz/seeds.py`.

Seeds keep the names of their vectors; whatever else lies in the corpora stays.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zkinfer import container
from zkinfer.backends import groth16
from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.layout import Segment, Tensor
from zkinfer.circuit.sparse import Sparse
from zkinfer.circuit.term import Axis, Projection, Term
from zkinfer.keys import VerifyingKey
from zkinfer.pairing.keys import Setup, model_key, public_signals, signals
from zkinfer.pairing.r1cs import Matrix, R1cs, blocks, matrix, write_r1cs
from zkinfer.proof import Proof

FUZZ = Path(__file__).resolve().parent
TESTS = FUZZ.parents[1] / "tests"
VECTORS = TESTS / "vectors"
NAMES = ("average_pool", "conv", "label", "matmul", "max_pool", "requantize")


def _circuit(
    columns: int,
    challenges: tuple[int, ...],
    terms: list[Term],
    *,
    extents: tuple[int, ...] = (),
    traces: tuple[int, ...] = (),
) -> bytes:
    """Eight bits, a tensor in the trace of each extent, and a block with these terms."""
    tensors = (
        Tensor("one", Segment.PUBLIC, (), 1, 1),
        Tensor("bits", Segment.BITS, (8,)),
        *(Tensor("trace", Segment.TRACE, (extent,)) for extent in traces),
    )
    block = Block("", extents, tuple(terms), (), ())
    return Circuit(columns, challenges, tensors, (block,)).to_bytes()


def _along(tensor: int, extent: int, weight: Projection | None = None) -> Term:
    """A term that is a tensor, row by row."""
    return Term(tensor, 1, (0,), (Axis(extent, weight, (1,)),))


_MANY, _SIGNS, _TERMS = (1 << 21) - 64, 32_200, 1 << 16
HOSTILE = {
    "most_steps": _circuit(1 << 10, (), [_along(2, _MANY)], extents=(_MANY,), traces=(_MANY,)),
    "most_signs": _circuit(
        1 << 10,
        (10,),
        [_along(2, _SIGNS, Projection(0, 1024, bytes(32)))],
        extents=(_SIGNS,),
        traces=(_SIGNS,),
    ),
    "most_terms": _circuit(8, (), [Term(0, 0, (), ())] * _TERMS),
    "largest_challenge": _circuit(8, (22,), [_along(1, 8)], extents=(8,)),
}
"""Circuits of few bytes, as expensive as the limit lets them be: in steps, in signs, in memory for
a byte, and in a table.
"""


def _matrix(rows: Sequence[Mapping[int, int]]) -> Matrix:
    sparse = Sparse.of(rows)
    return matrix(sparse.starts, sparse.entries, sparse.factors)


_SIDES = [{3: 1}, {6: 1}], [{5: 1}, {6: 1}], [{6: 1}, {2: 1, 4: -1}]
_PRODUCT = R1cs(7, 4, *(_matrix(side) for side in _SIDES))
"""(w x)^2 = y - b, of the wires one, context, y, w, b, x, w x: all but the last two are signals."""

_VALUES = (1, 17, 36 + 5, 2, 5, 3, 6)
"""Of these wires."""

RANK_ONE = {
    "product": _PRODUCT,
    "all_public": R1cs(20, 19, *(_matrix([{wire: wire + 1 for wire in range(20)}]),) * 3),
    "empty_rows": R1cs(2, 1, *(_matrix([{}] * 30),) * 3),
}
"""Circuits of pairing proofs: one that has a proof, and those of many signals and rows for their
size.
"""


def main() -> None:
    """Seeds of every target."""
    _transparent()
    _pairing()


def _transparent() -> None:
    """Circuit, proof and case of each vector, circuits of certificates, and expensive ones."""
    for name, circuit in HOSTILE.items():
        _write("circuit", name, circuit)
        _write("verify", name, _sized(circuit))
    for name in NAMES:
        vector = json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))
        key = bytes.fromhex(vector["key"])
        proof = Proof.from_bytes(bytes.fromhex(vector["proof"]))
        _, _, circuit, rows, _, certificate = container.read(container.VERIFYING_KEY, key)
        values = b"".join(array.astype(np.int64).tobytes() for array in proof.public_values)
        head = _sized(circuit)
        case = head + proof.key_digest + rows + values + proof.body
        for target, seed in (("circuit", circuit), ("proof", proof.body), ("verify", case)):
            _write(target, name, seed)
        if certificate:
            (length,) = struct.unpack_from("<I", certificate)
            _write("circuit", f"{name}_certificate", certificate[4 : 4 + length])


def _pairing() -> None:
    """Circuits, a setup with an assignment, and the key and the proof of the vector."""
    for name, made in RANK_ONE.items():
        circuit = write_r1cs(made)
        _write("r1cs", name, circuit)
        case = _sized(circuit) + _sized(groth16.setup(circuit))
        _write("setup", name, case + (blocks(_VALUES).tobytes() if made is _PRODUCT else b""))
    vector = json.loads((TESTS / "pairing" / "vector.json").read_text(encoding="ascii"))
    key = VerifyingKey.from_bytes(bytes.fromhex(vector["key"]))
    proof = Proof.from_bytes(bytes.fromhex(vector["proof"]))
    setup, public = Setup.from_bytes(key.circuit).verifying_key, public_signals(key.graph)
    case = _sized(setup) + struct.pack("<I", public) + key.rows + key.key_digest + key.certificate
    _write("opening", "perceptron", case)
    values = signals(key.key_digest, proof.context, proof.public_values)
    _write("pairing", "perceptron", _sized(model_key(key).to_bytes()) + values + proof.body)


def _sized(part: bytes) -> bytes:
    return struct.pack("<I", len(part)) + part


def _write(target: str, name: str, seed: bytes) -> None:
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
