"""Makes the test vector: `python -m tests.pairing.make_vector`, in the project's root.

Keys and proofs are randomized, so every run makes other bytes.
"""

import json
from pathlib import Path

from tests.artifacts import prove
from tests.networks import cases
from zkinfer.circuit.target import Ranges
from zkinfer.fixed import evaluate
from zkinfer.keys import make_pairing_keys

VECTOR = Path(__file__).with_name("vector.json")
CONTEXT = b"claim 17"


def main() -> None:
    """Writes the vector: a verifying key, a proof, and what it establishes."""
    case = cases()["perceptron"]
    weights, inputs = case.random(1)
    key = make_pairing_keys(case.graph, weights, Ranges.CHECKED)
    computed = evaluate(case.graph, weights, inputs)
    made = {
        "key": key.verifying_key.to_bytes().hex(),
        "proof": prove(key, inputs, CONTEXT).to_bytes().hex(),
        "context": CONTEXT.hex(),
        "key_digest": key.verifying_key.digest,
        "outputs_fixed": {name: computed[name].tolist() for name in case.graph.outputs},
    }
    VECTOR.write_text(json.dumps(made, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
