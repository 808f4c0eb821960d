"""One process that has the keys of groth16 loaded: what its calls take, as JSON.

python bench/pairing_call.py FOLDER REPEAT

The folder has proving.key, verifying.key and input.npz. Prove and verify are medians. The setup is
made again, and not kept. The verifier in plain Python is timed with the key of the model read; it
does not check the opening of the commitment, which accepting the verifying key does once. "gas" is
that of a transaction that calls the contract, its 21,000 and the data's included, or null where
Node.js or pyrevm are not installed.
"""

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import zkinfer  # noqa: E402
from zkinfer.backends import groth16  # noqa: E402
from zkinfer.inputs import read_input  # noqa: E402
from zkinfer.pairing import evm, solidity  # noqa: E402
from zkinfer.pairing.groth16 import Key, Proof, decode_key, decode_proof  # noqa: E402
from zkinfer.pairing.keys import Setup, model_key, public_signals, signals  # noqa: E402
from zkinfer.reference import read_proof  # noqa: E402
from zkinfer.reference.graph import parse_graph  # noqa: E402
from zkinfer.reference.pairing import PairingKey, verify_pairing  # noqa: E402


def main() -> None:
    """Times the calls."""
    folder, repeat = Path(sys.argv[1]), int(sys.argv[2])
    seconds, verifying = timed(lambda: zkinfer.VerifyingKey.load(folder / "verifying.key"))
    found: dict[str, Any] = {"accept": seconds}
    key = zkinfer.ProvingKey.load(folder / "proving.key")
    x = read_input(str(folder / "input.npz"))
    proof = zkinfer.prove(key, x)
    found["prove"] = median(lambda: zkinfer.prove(key, x), repeat)
    check = lambda: zkinfer.verify(verifying, proof, insecure_setup=True)  # noqa: E731
    check()
    found["verify"] = median(check, repeat)
    known = Setup.from_bytes(verifying.circuit)
    public = public_signals(verifying.graph)
    model = model_key(verifying).to_bytes()
    found |= {"proof": len(proof.body), "standard_key": len(model), "public": public}
    found["reference"] = in_python(verifying, proof)
    values = signals(verifying.key_digest, proof.context, proof.public_values)
    stated = [int.from_bytes(values[at : at + 32], "little") for at in range(0, len(values), 32)]
    points = decode_key(model), decode_proof(proof.body)
    found["gas"] = gas(*points, stated, verifying.key_digest)
    draft = zkinfer.Draft(key.graph, key.weights, known.ranges)
    found["constraints"] = draft.rows
    r1cs = draft.r1cs()
    found["setup"], _ = timed(lambda: groth16.setup(r1cs))
    print(json.dumps(found))


def in_python(key: zkinfer.VerifyingKey, proof: zkinfer.Proof) -> float:
    """Seconds of the verifier on py_ecc."""
    graph = parse_graph(key.graph.to_json())
    held = PairingKey(graph, key.circuit, key.rows, key.key_digest)
    read = read_proof(proof.to_bytes())
    timed(lambda: held.model)
    return timed(lambda: verify_pairing(held, read, proof.context))[0]


def gas(key: Key, proof: Proof, values: list[int], digest: bytes) -> int | None:
    """What verifying the proof by the contract takes; the contract has to accept it."""
    if not (shutil.which("node") and shutil.which("npm") and find_spec("pyrevm")):
        return None
    from tests.pairing.verifiers import compiled

    (contract,) = compiled([solidity.write_contract(key, digest)])
    answer = contract.call(evm.calldata(key, proof, values))
    if int.from_bytes(answer) != 1:
        raise SystemExit("the contract does not accept the proof")
    return contract.gas_used


def median(call: Callable[[], object], repeat: int) -> float:
    """The median of so many calls, in seconds."""
    return statistics.median(timed(call)[0] for _ in range(repeat))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the call returns."""
    start = time.perf_counter()
    made = call()
    return time.perf_counter() - start, made


if __name__ == "__main__":
    main()
