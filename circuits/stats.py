"""Golden costs of circuits: python circuits/stats.py rewrites circuits/stats.csv.

One row for each small network in tests/networks.py (those named like an op hold little else) and
for each model in models/, compiled with its calibration data. Columns: constraint rows, and entries
of bits, trace and sketch, all with the padding inside and between blocks and tensors; bytes of the
circuit.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from networks import cases  # noqa: E402

import zkinfer  # noqa: E402
from zkinfer.circuit.layout import Segment  # noqa: E402
from zkinfer.fixed import FixedGraph  # noqa: E402
from zkinfer.lower import lower  # noqa: E402

FILE = ROOT / "circuits" / "stats.csv"
HEADER = ("network", "rows", "bits", "trace", "sketch", "bytes")


def costs(graph: FixedGraph) -> tuple[int, ...]:
    """The columns after the name."""
    circuit = lower(graph)
    entries = [circuit.entries(s) for s in (Segment.BITS, Segment.TRACE, Segment.SKETCH)]
    return circuit.rows, *entries, len(circuit.to_bytes())


def compiled(name: str) -> zkinfer.Compiled:
    """A model of models/, on its calibration data."""
    stem = ROOT / "models" / name
    calibration = np.load(stem.with_name(f"{name}_calibration.npz"))
    return zkinfer.compile(stem.with_suffix(".onnx"), calibration=dict(calibration))


def graphs(
    compiled: Callable[[str], zkinfer.Compiled],
) -> Iterator[tuple[str, FixedGraph]]:
    """Every network by name, the models last."""
    yield from ((name, case.graph) for name, case in cases().items())
    for model in sorted((ROOT / "models").glob("*.onnx")):
        yield model.name, compiled(model.stem).verifying_key.graph


def render(compiled: Callable[[str], zkinfer.Compiled] = compiled) -> str:
    """The file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((name, *costs(graph)) for name, graph in graphs(compiled))
    return text.getvalue()


if __name__ == "__main__":
    FILE.write_text(render())
