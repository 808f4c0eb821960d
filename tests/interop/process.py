"""A process of the command line, forked where zkinfer is loaded already."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from zkinfer.__main__ import main


def command(words: Sequence[str], streams: Sequence[Path], environment: Mapping[str, str]) -> None:
    """Runs the command in this process and ends it, with files as its three standard streams."""
    os.environ.clear()
    os.environ.update(environment)
    modes = (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC] * 2)
    for number, (path, mode) in enumerate(zip(streams, modes, strict=True)):
        os.dup2(os.open(path, mode, 0o600), number)
    sys.stdin, sys.argv = open(0, closefd=False), list(words)  # noqa: SIM115
    raise SystemExit(main())
