"""One process that has the keys loaded: medians of prove and verify calls, as JSON.

And of the weights certificate: how long it takes to make one, and to check one.

python bench/call.py PROVING_KEY VERIFYING_KEY INPUT REPEAT
"""

import json
import math
import statistics
import sys
import time
from pathlib import Path

import zkinfer
from zkinfer.certified_keys import accept_certificate, certify
from zkinfer.circuit.layout import Segment
from zkinfer.fixed import quantize_input
from zkinfer.inputs import by_name, read_input
from zkinfer.lower import lower, solve


def main() -> None:
    """Times the calls."""
    proving_path, verifying_path, sample, repeat = sys.argv[1:]
    key = zkinfer.ProvingKey.load(Path(proving_path))
    verifying_key = zkinfer.VerifyingKey.load(Path(verifying_path))
    x = read_input(sample)
    proof = zkinfer.prove(key, x)
    proves, verifies, solves, steps = [], [], [], []
    inputs = quantize_input(key.graph, by_name(x, key.graph.inputs, "the input"))
    for _ in range(int(repeat)):
        start = time.perf_counter()
        proof = zkinfer.prove(key, x)
        proves.append(time.perf_counter() - start)
        steps.append(dict(key.prover.native.timings))
        start = time.perf_counter()
        solve(key.graph, key.weights, inputs, plan=key.plan)
        solves.append(time.perf_counter() - start)
    for _ in range(int(repeat) + 1):
        start = time.perf_counter()
        zkinfer.verify(verifying_key, proof)
        verifies.append(time.perf_counter() - start)
    circuit = lower(key.graph)
    bits = sum(math.prod(t.extents) for t in circuit.tensors if t.segment == Segment.BITS)
    start = time.perf_counter()
    opened = (verifying_key.rows, key.blinds)
    certify(key.graph, circuit, key.weights, opened, verifying_key.key_digest)
    made = time.perf_counter() - start
    checks = []
    for _ in range(int(repeat)):
        start = time.perf_counter()
        accept_certificate(verifying_key, circuit)
        checks.append(time.perf_counter() - start)
    result = {
        "prove": statistics.median(proves),
        "verify": statistics.median(verifies[1:]),
        "solve": statistics.median(solves),
        "steps": {step: statistics.median(s[step] for s in steps) for step in steps[0]},
        "bits": bits,
        "certificate": len(verifying_key.certificate),
        "certificate_made": made,
        "certificate_checked": statistics.median(checks),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
