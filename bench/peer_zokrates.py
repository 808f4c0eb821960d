"""ZoKrates on an MLP with hidden weights, in JavaScript's build of it: timings as JSON.

python bench/peer_zokrates.py MODEL INPUT WIDTHS TOOLS

WIDTHS are those of the layers, as 4-16-8-3. TOOLS is the folder that it is installed into.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from peer_mlp import PROGRAMS, Mlp, install

PACKAGE = "zokrates-js@1.1.9"


def main() -> None:
    """Runs it, and checks what it proved."""
    mlp, tools = Mlp(*sys.argv[1:4]), Path(sys.argv[4])
    install(tools, PACKAGE)
    program = tools / "zokrates.mjs"
    shutil.copyfile(PROGRAMS / program.name, program)
    asked = json.dumps({"source": mlp.zokrates(), "inputs": list(mlp.inputs.values())})
    words = ["node", "--max-old-space-size=8192", program]
    done = subprocess.run(words, input=asked, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "Error" in line or "error" in line]
        raise SystemExit(f"ZoKrates fails: {(lines or ['no message'])[0][:200]}")
    found = json.loads(done.stdout)
    if not found.pop("valid") or found.pop("scores") != mlp.scores:
        raise SystemExit("ZoKrates proves other scores, or its proof does not verify")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
