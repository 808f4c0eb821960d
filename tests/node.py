"""Programs of others that run in Node.js: snarkjs, ZoKrates and solc.

They are installed from npm into tests/node, in the versions that are said there, when first asked
for.
"""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "node"
INSTALLED = FOLDER / "node_modules"
SECONDS = 300
"""After so long a program is taken to hang."""


class ThrownError(Exception):
    """What a program threw instead of answering."""


def answers(program: str, requests: Sequence[Sequence[object]]) -> list[object]:
    """What a script of tests/node returns to each request, or a ThrownError where it threw.

    Skips the test where Node.js is not installed, and only there.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node.js is not installed: snarkjs, ZoKrates and solc do not run")
    _install()
    done = subprocess.run(
        ["node", FOLDER / f"{program}.js"],  # noqa: S607
        input=json.dumps(requests).encode(),
        capture_output=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr.decode()
    replies = json.loads(done.stdout)
    return [ThrownError(r["error"]) if "error" in r else r.get("value") for r in replies]


def _install() -> None:
    """Installs what package-lock.json lists, unless it is there; one process at a time."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    with (FOLDER / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        mark = INSTALLED / ".installed-lock.json"
        if not (mark.exists() and mark.read_bytes() == lock):
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],  # noqa: S607
                cwd=FOLDER,
                check=True,
                timeout=SECONDS,
            )
            mark.write_bytes(lock)
