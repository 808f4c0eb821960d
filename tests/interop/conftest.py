"""Fixtures of the command-line tests: processes and two compiled models."""

import os
import subprocess
import sys

import pytest

from tests.interop.support import Done, Keys, Run, make_keys


@pytest.fixture(scope="session")
def zkinfer() -> Run:
    """Runs `zkinfer ARGUMENTS` in a process of its own."""

    def run(*arguments: object, stdin: bytes = b"", traceback: bool = False) -> Done:
        environment = {k: v for k, v in os.environ.items() if k != "ZKINFER_TRACEBACK"}
        if traceback:
            environment["ZKINFER_TRACEBACK"] = "1"
        done = subprocess.run(
            [sys.executable, "-P", "-m", "zkinfer", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=environment,
            timeout=600,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def keys(zkinfer: Run, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The breast-cancer model, compiled and proved. Tests must not change the files."""
    return make_keys(zkinfer, tmp_path_factory.mktemp("keys"), seed=None)


@pytest.fixture(scope="session")
def other_keys(zkinfer: Run, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The same architecture with other weights, as a retrained model has."""
    return make_keys(zkinfer, tmp_path_factory.mktemp("other"), seed=7)
