"""Fixtures of the command-line tests: processes and two compiled models."""

import multiprocessing
import os
from pathlib import Path

import pytest

from tests.interop.process import command
from tests.interop.support import Done, Keys, Run, make_keys

SECONDS = 600
"""After so long a process is taken to hang."""

LOADED = ("zkinfer.cli", "zkinfer.onnx_import", "zkinfer.float_oracle", "zkinfer.quantize.search")
"""What is loaded once, for all processes."""


@pytest.fixture(scope="session")
def zkinfer(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs `zkinfer ARGUMENTS` in a process of its own, forked from one that has loaded zkinfer."""
    folder = tmp_path_factory.mktemp("streams")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(list(LOADED))

    def run(*arguments: object, stdin: bytes = b"", traceback: bool = False) -> Done:
        environment = {k: v for k, v in os.environ.items() if k != "ZKINFER_TRACEBACK"}
        if traceback:
            environment["ZKINFER_TRACEBACK"] = "1"
        streams: list[Path] = [folder / name for name in ("in", "out", "err")]
        streams[0].write_bytes(stdin)
        words = ("zkinfer", *map(str, arguments))
        process = processes.Process(target=command, args=(words, streams, environment))
        process.start()
        process.join(SECONDS)
        assert process.exitcode is not None, f"{words} hangs"
        return Done(process.exitcode, streams[1].read_text(), streams[2].read_text())

    return run


@pytest.fixture(scope="session")
def keys(zkinfer: Run, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The breast-cancer model, compiled and proved. Tests must not change the files."""
    return make_keys(zkinfer, tmp_path_factory.mktemp("keys"), seed=None)


@pytest.fixture(scope="session")
def other_keys(zkinfer: Run, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The same architecture with other weights, as a retrained model has."""
    return make_keys(zkinfer, tmp_path_factory.mktemp("other"), seed=7)
