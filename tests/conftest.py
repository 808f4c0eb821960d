"""Puts this folder on the import path, for the modules that the tests share.

Several processes run the tests; the threads of numpy would wait for each other's processors. They
start many more, for which the package's bytecode is made first. What hypothesis draws is the same
in every run: long runs look for more (tests/properties/run.py).
"""

import compileall
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

PACKAGE = Path(__file__).resolve().parents[1] / "zkinfer"

_LIMIT = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401

sys.setrecursionlimit(_LIMIT)  # which py_ecc lifts, so that deep recursion would break the process

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the bytecode, and a folder for what zkinfer remembers, before other processes run."""
    if hasattr(config, "workerinput"):
        return
    compileall.compile_dir(PACKAGE, quiet=2)
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    os.environ["XDG_CACHE_HOME"] = folder.name


def pytest_report_header() -> str:
    """Says whether the counterparts of pairing proofs run."""
    if shutil.which("node") and shutil.which("npm"):
        return "Node.js is installed: pairing proofs are checked by snarkjs, ZoKrates and solc"
    return "Node.js is NOT installed: tests with snarkjs, ZoKrates and solc are skipped"
