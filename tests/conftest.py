"""Puts this folder on the import path, for the modules that the tests share.

Several processes run the tests; the threads of numpy would wait for each other's processors. They
start many more, which share the bytecode that the first of them makes. What hypothesis draws is the
same in every run: long runs look for more (tests/properties/run.py).
"""

import os
import tempfile

import pytest
from hypothesis import settings

BYTECODE = "PYTHONPYCACHEPREFIX"

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Gives all processes of this run one folder for bytecode, and for what zkinfer remembers."""
    if BYTECODE not in os.environ:
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ[BYTECODE] = os.environ["XDG_CACHE_HOME"] = folder.name
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
