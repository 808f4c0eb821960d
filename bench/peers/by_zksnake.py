"""Sets up, proves and verifies with zksnake, which the Python that runs this has: times as JSON.

python bench/peers/by_zksnake.py CIRCUIT.r1cs WITNESS.wtns
"""

import json
import resource
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zksnake.arithmetization import R1CS
from zksnake.groth16 import Groth16
from zksnake.parser import R1CSReader

ELEMENT = 32


def main() -> None:
    """Times the calls."""
    r1cs, witness = sys.argv[1:]
    circuit = R1CS.from_file(r1cs)
    circuit.compile()
    system = Groth16(circuit)
    found: dict[str, Any] = {}
    found["setup"], _ = timed(system.setup)
    names = map(str, R1CSReader(r1cs).read()["wires"])
    named = dict(zip(names, read_witness(Path(witness).read_bytes()), strict=True))
    public, private = circuit.generate_witness(named)
    found["prove"], proof = timed(lambda: system.prove(public, private))
    found["verify"], valid = timed(lambda: system.verify(proof, public))
    if not valid:
        raise SystemExit("its proof does not verify")
    found["scores"] = [str(value) for value in public[1:]]
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))


def read_witness(data: bytes) -> list[int]:
    """The values of all wires in a .wtns file of 32-byte elements."""
    sections, at = {}, 12
    while at < len(data):
        kind, size = struct.unpack_from("<IQ", data, at)
        sections[kind] = data[at + 12 : at + 12 + size]
        at += 12 + size
    values = sections[2]
    return [
        int.from_bytes(values[i : i + ELEMENT], "little") for i in range(0, len(values), ELEMENT)
    ]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the call returns."""
    start = time.perf_counter()
    made = call()
    return time.perf_counter() - start, made


if __name__ == "__main__":
    main()
