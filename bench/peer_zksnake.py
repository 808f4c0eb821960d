"""zksnake on circom's circuit of an MLP with hidden weights: timings of calls as JSON.

python bench/peer_zksnake.py MODEL INPUT WIDTHS TOOLS

WIDTHS are those of the layers, as 4-16-8-3. TOOLS is the folder that it, circom and snarkjs, which
computes the witness, are installed into.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from peer_mlp import PROGRAMS, Mlp, compiled, install
from peer_snarkjs import PACKAGES
from run import timed

PACKAGE = "zksnake==0.1.0"


def main() -> None:
    """The circuit and the witness by the others, the rest by zksnake."""
    mlp, tools = Mlp(*sys.argv[1:4]), Path(sys.argv[4])
    programs = install(tools, *PACKAGES)
    python = tools / "zksnake" / "bin" / "python"
    if not python.exists():
        venv.create(tools / "zksnake", with_pip=True)
    installing = [python, "-m", "pip", "install", "--quiet", PACKAGE]
    if subprocess.run(installing, capture_output=True).returncode:
        raise SystemExit(f"pip does not install {PACKAGE}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = compiled(mlp, programs, folder)
        inputs, witness = folder / "input.json", folder / "network.wtns"
        inputs.write_text(json.dumps(mlp.inputs))
        program = folder / "network_js" / "network.wasm"
        timed([programs / "snarkjs", "wtns", "calculate", program, inputs, witness])
        words = [python, PROGRAMS / "by_zksnake.py", folder / "network.r1cs", witness]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise SystemExit(f"zksnake fails: {lines[-1][:200]}")
    found |= json.loads(done.stdout.splitlines()[-1])
    if found.pop("scores") != mlp.scores:
        raise SystemExit("zksnake proves other scores")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
