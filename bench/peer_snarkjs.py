"""circom and snarkjs on an MLP with hidden weights: timings of processes as JSON.

python bench/peer_snarkjs.py MODEL INPUT WIDTHS TOOLS

WIDTHS are those of the layers, as 4-16-8-3. TOOLS is the folder that both are installed into, where
powers of tau stay for another run: those of 2^17 take minutes.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from peer_mlp import Mlp, compiled, install
from run import timed

PACKAGES = ("circom2@0.2.23", "snarkjs@0.7.6")


def main() -> None:
    """Circuit, setup, proof, verification."""
    mlp, tools = Mlp(*sys.argv[1:4]), Path(sys.argv[4])
    programs = install(tools, *PACKAGES)
    os.environ["NODE_OPTIONS"] = "--max-old-space-size=8192"
    snarkjs = programs / "snarkjs"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = compiled(mlp, programs, folder)
        signals = found["constraints"] + mlp.widths[-1] + 1
        powers = powers_of_tau(snarkjs, tools, (signals - 1).bit_length())
        circuit, zkey, key = (folder / f"network.{end}" for end in ("r1cs", "zkey", "json"))
        found["setup"], _ = timed([snarkjs, "groth16", "setup", circuit, powers, zkey])
        timed([snarkjs, "zkey", "export", "verificationkey", zkey, key])
        inputs, proof, public = (folder / f"{name}.json" for name in ("input", "proof", "public"))
        inputs.write_text(json.dumps(mlp.inputs))
        program = folder / "network_js" / "network.wasm"
        proving = [snarkjs, "groth16", "fullprove", inputs, program, zkey, proof, public]
        found["prove"], found["memory"] = timed(proving)
        found["verify"], _ = timed([snarkjs, "groth16", "verify", key, public, proof])
        if json.loads(public.read_text()) != mlp.scores:
            raise SystemExit("snarkjs proves other scores")
    print(json.dumps(found))


def powers_of_tau(snarkjs: Path, tools: Path, power: int) -> Path:
    """Powers of tau for 2^power rows, with one contribution."""
    path = tools / f"powers_{power}.ptau"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=tools) as scratch:
            new, contributed, prepared = (Path(scratch) / f"{step}.ptau" for step in range(3))
            words = [snarkjs, "powersoftau"]
            timed([*words, "new", "bn128", str(power), new])
            timed([*words, "contribute", new, contributed, "--name=bench", "-e=bench"])
            timed([*words, "prepare", "phase2", contributed, prepared])
            prepared.replace(path)
    return path


if __name__ == "__main__":
    main()
