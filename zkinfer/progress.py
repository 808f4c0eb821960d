"""A progress bar of named stages on a terminal; nothing in a pipe."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from zkinfer.interrupts import undone

Report = Callable[[str], None]
"""Called with the name of a stage when it begins."""

_WIDTH = 24


_WIPE = b"\r\x1b[K"


@contextmanager
def progress_bar(stages: int) -> Iterator[Report]:
    """Draws one line on standard error per stage and wipes it at the end.

    stages: how many will be reported.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    terminal = sys.stderr.fileno()
    done = 0

    def draw(stage: str) -> None:
        nonlocal done
        filled = _WIDTH * done // stages
        bar = "#" * filled + "." * (_WIDTH - filled)
        os.write(terminal, _WIPE + f"[{bar}] {stage}".encode())
        done = min(done + 1, stages)

    def wipe() -> None:
        os.write(terminal, _WIPE)

    with undone(wipe):
        yield draw
        wipe()
