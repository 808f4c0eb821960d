"""Writes the seeds of the fuzz targets from the test vectors: `python rust/fuzz/seeds.py`.

Seeds keep the names of their vectors; whatever else lies in the corpora stays.
"""

import json
import struct
from pathlib import Path

import numpy as np

from zkinfer import container
from zkinfer.proof import Proof

FUZZ = Path(__file__).resolve().parent
VECTORS = FUZZ.parents[1] / "tests" / "vectors"
NAMES = ("average_pool", "conv", "label", "matmul", "max_pool", "requantize")


def _circuit(columns_log2: int, challenges: tuple[int, ...], *traces: int) -> bytes:
    """Eight bits, a tensor in the trace of each extent, and a block that is the last tensor."""
    extents = (8, *traces)
    tensors = [struct.pack("<BBqq", 0, 0, 1, 1)]
    tensors += [struct.pack("<BBI", 4 if i else 3, 1, n) for i, n in enumerate(extents)]
    term = struct.pack("<I32sBBBqq", len(extents), b"\1", 0, 0, 1, 0, 1)
    block = struct.pack("<HBIH", 0, 1, extents[-1], 1) + term + bytes(4)
    head = b"zkicirc1" + struct.pack(
        f"<BI{len(challenges)}B", columns_log2, len(challenges), *challenges
    )
    return head + struct.pack("<I", len(tensors)) + b"".join(tensors) + struct.pack("<I", 1) + block


HOSTILE = {
    "most_steps": _circuit(10, (), (1 << 21) - 64),
    "largest_challenge": _circuit(3, (22,)),
}
"""Circuits of few bytes, as expensive as the limit lets them be: in steps, and in a table."""


def main() -> None:
    """One circuit, proof and case a vector; and the most expensive circuits."""
    for name, circuit in HOSTILE.items():
        _write("circuit", name, circuit)
        _write("verify", name, struct.pack("<I", len(circuit)) + circuit)
    for name in NAMES:
        vector = json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))
        key = bytes.fromhex(vector["key"])
        proof = Proof.from_bytes(bytes.fromhex(vector["proof"]))
        _, circuit, rows, _, _ = container.read(container.VERIFYING_KEY, key)
        values = b"".join(array.astype(np.int64).tobytes() for array in proof.public_values)
        head = struct.pack("<I", len(circuit)) + circuit
        case = head + proof.key_digest + rows + values + proof.body
        for target, seed in (("circuit", circuit), ("proof", proof.body), ("verify", case)):
            _write(target, name, seed)


def _write(target: str, name: str, seed: bytes) -> None:
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
