"""Measures LeNet-5 on one of many committed digits: a record that proofs name, and a hidden one.

    python bench/hidden_record.py [--records 1,100,1000] [--repeat 5]

A line a number of records and a mode: medians of a prove and of a verify call in a process that has
keys and data loaded, the share of the proof that says that the record is one of the data, and the
proof's size.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

import zkinfer  # noqa: E402
from models.data import DATASETS  # noqa: E402

MODEL = "lenet5"


def main() -> None:
    """Parses the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", default="1,100,1000", help="numbers of records")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    digits = DATASETS[MODEL]().unseen_x
    print("| records | which one | prove | of it membership | verify | proof |")
    print("|---|---|---|---|---|---|")
    for count in map(int, arguments.records.split(",")):
        records = np.resize(digits, (count, *digits.shape[1:]))
        commitment, opening = zkinfer.commit(records)
        for mode in ("public", "hidden"):
            compiled = zkinfer.compile(
                ROOT / "models" / f"{MODEL}.onnx",
                calibration=digits[:100],
                input="committed",
                data=commitment,
                record=mode,
            )
            key, verifying = compiled.proving_key, compiled.verifying_key

            def prove(key: zkinfer.ProvingKey = key, data: zkinfer.DataOpening = opening) -> None:
                zkinfer.prove(key, data=data, record=len(data) // 2, allow_saturation=True)

            proof = zkinfer.prove(key, data=opening, record=count // 2, allow_saturation=True)

            def verify(
                key: zkinfer.VerifyingKey = verifying,
                proof: zkinfer.Proof = proof,
                data: zkinfer.DataCommitment = commitment,
            ) -> None:
                zkinfer.verify(key, proof, data=data)

            proving, verifying_time = (median(call, arguments.repeat) for call in (prove, verify))
            share = key.prover.native.timings.get("membership", 0.0)
            print(
                f"| {count:,} | {mode} | {proving:.1f} ms | {1e3 * share:.1f} ms | "
                f"{verifying_time:.1f} ms | {len(proof.to_bytes()) / 1024:.1f} KiB |",
                flush=True,
            )


def median(call: Callable[[], None], repeat: int) -> float:
    """Milliseconds of a call, after one that warms up."""
    call()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


if __name__ == "__main__":
    main()
