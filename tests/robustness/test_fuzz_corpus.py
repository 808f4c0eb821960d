"""The fuzz targets on their corpora: every file whole, cut, and with single bytes changed.

A reader accepts or raises a documented error, and takes no more memory than docs/formats.md allows.
Fuzzing itself is `python -m tests.fuzz.run`.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz.run import FOLDER, NAMES, Meter
from tests.fuzz.targets import TARGETS, plain

PLACES = 5
"""Where each file is cut and changed, spread evenly."""


def variants(data: bytes) -> Iterator[bytes]:
    """The data, cut and changed."""
    yield data
    for place in range(0, len(data), -(-len(data) // PLACES)):
        yield data[:place]
        for byte in (0, 1, 0xFF):
            yield data[:place] + bytes([byte]) + data[place + 1 :]


@pytest.mark.parametrize("target", NAMES)
def test_nothing_else_is_raised_and_memory_is_bounded(target: str) -> None:
    files = sorted(Path(FOLDER, "corpus", target).iterdir())
    assert files
    TARGETS[target](files[0].read_bytes())  # what is loaded once does not count
    tracemalloc.start()
    try:
        for file in files:
            for data in variants(file.read_bytes()):
                meter = Meter(trace=True)
                TARGETS[target](data, meter)
                assert not meter.excess, file
    finally:
        tracemalloc.stop()


def test_the_honest_proof_verifies() -> None:
    """So that what comes after reading is reached."""
    answers: list[object] = []

    def noted(
        reader: Callable[[bytes], object], data: bytes, *, python: int, native: int = 0
    ) -> object:
        answers.append(plain(reader, data))
        return answers[-1]

    TARGETS["proof"](Path(FOLDER, "corpus", "proof", "public_input").read_bytes(), noted)
    assert len(answers) == 3
    assert None not in answers
