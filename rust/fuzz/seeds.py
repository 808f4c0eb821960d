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


def _most_steps() -> bytes:
    """A circuit of few bytes that is as expensive to evaluate as the limit lets it be."""
    extent = (1 << 21) - 64
    one = struct.pack("<BBqq", 0, 0, 1, 1)
    bits = struct.pack("<BBI", 3, 1, 8)
    trace = struct.pack("<BBI", 4, 1, extent)
    term = struct.pack("<I32sBBBqq", 2, b"\1", 0, 0, 1, 0, 1)
    block = struct.pack("<HBI", 0, 1, extent) + struct.pack("<H", 1) + term + bytes(4)
    head = b"zkicirc1" + struct.pack("<BII", 10, 0, 3)
    return head + one + bits + trace + struct.pack("<I", 1) + block


def _largest_challenge() -> bytes:
    """A circuit of few bytes whose challenge vector has the largest table."""
    one = struct.pack("<BBqq", 0, 0, 1, 1)
    bits = struct.pack("<BBI", 3, 1, 8)
    term = struct.pack("<I32sBBBqq", 1, b"\1", 0, 0, 1, 0, 1)
    block = struct.pack("<HBI", 0, 1, 8) + struct.pack("<H", 1) + term + bytes(4)
    head = b"zkicirc1" + struct.pack("<BIBI", 3, 1, 22, 2)
    return head + one + bits + struct.pack("<I", 1) + block


HOSTILE = {"most_steps": _most_steps(), "largest_challenge": _largest_challenge()}


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
