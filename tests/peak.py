"""How much memory code takes at its peak, as the kernel counts it: cheap, and native code's too."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROCESS = Path("/proc/self")


@dataclass
class Peak:
    """bytes: resident ones beyond those before the block, at most; known after it."""

    bytes: int = 0


@contextmanager
def peak() -> Iterator[Peak]:
    """Measures the block. What was freed before is given back first, so that it counts again."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    (PROCESS / "clear_refs").write_text("5")
    before, found = _resident("VmRSS"), Peak()
    yield found
    found.bytes = _resident("VmHWM") - before


def _resident(name: str) -> int:
    lines = (PROCESS / "status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) << 10
