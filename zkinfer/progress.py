"""A progress bar of named stages on a terminal; nothing in a pipe."""

import sys
from collections.abc import Callable
from types import TracebackType

Report = Callable[[str], None]
"""Called with the name of a stage when it begins."""

_WIDTH = 24


class ProgressBar:
    """Draws one line on standard error per stage and wipes it at the end.

    An instance is a `Report`. `stages` is how many will be reported.
    """

    def __init__(self, stages: int) -> None:
        self._stages = stages
        self._done = 0
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> "ProgressBar":
        return self

    def __call__(self, stage: str) -> None:
        """Shows that a stage has begun."""
        if self._shown:
            filled = _WIDTH * self._done // self._stages
            bar = "#" * filled + "." * (_WIDTH - filled)
            sys.stderr.write(f"\r\x1b[K[{bar}] {stage}")
            sys.stderr.flush()
        self._done = min(self._done + 1, self._stages)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
