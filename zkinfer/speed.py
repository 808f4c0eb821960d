"""How fast this machine proves and verifies, against the one that `zkinfer.costs` is fitted to.

One small network is proved and verified again and again for a second, and for the pairing backend
the setup of a smaller one is made: the best times over those of that machine are the factors. They
are kept in the user's cache folder, for this version of zkinfer and this processor. What only finds
these out is loaded there, as proving and verifying load this module too.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np

from zkinfer.backends import groth16
from zkinfer.circuit.target import Ranges
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor
from zkinfer.keys import make_keys
from zkinfer.lower import solve
from zkinfer.pairing.wiring import Wiring

RUNS, SECONDS = 5, 1.0
"""Fewest runs, and how long they go on."""

SIZE, PAIRING_SIZE = 96, 6


@dataclass(frozen=True)
class Speed:
    """How many times as long as on that machine proving and verifying take, and what the pairing
    backend does.
    """

    proving: float
    verifying: float
    pairing: float


BEST = Speed(0.039, 0.0044, 0.143)
"""Seconds of the small networks there."""


def this_machine() -> Speed:
    """The speed of the machine that it runs on, measured or remembered."""
    from importlib import metadata

    machine = [metadata.version("zkinfer"), *_processor()]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zkinfer"
    path = folder / "speed.json"
    with suppress(OSError, ValueError, TypeError, KeyError):  # it is measured again
        known = json.loads(path.read_bytes())
        found = Speed(*(float(known[name]) for name in ("proving", "verifying", "pairing")))
        if known["machine"] == machine and min(astuple(found)) > 0:
            return found
    found = measured()
    with suppress(OSError):  # it is measured again the next time
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine, **asdict(found)}))
    return found


def _processor() -> list[object]:
    """The machine's name, its processor's as Linux knows it, and the number of its cores."""
    import platform

    named: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return [platform.node(), *named[:1], os.cpu_count()]


def measured() -> Speed:
    """By measurement, which takes a second."""
    graph = _graph(SIZE)
    rng = np.random.default_rng(0)
    shapes = {name: graph.tensors[name].shape for name in ("x", "w", "v")}
    x, w, v = (rng.integers(-128, 128, shape) for shape in shapes.values())
    key = make_keys(graph, {"w": w, "v": v})
    proving: list[float] = []
    verifying: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(proving) < RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        witness = solve(graph, key.weights, {"x": x}, plan=key.plan)
        body = key.prover.prove(b"", witness.segments)
        proved = time.perf_counter()
        key.verifying_key.verifier.verify(b"", [witness.outputs["y"]], body)
        proving.append(proved - start)
        verifying.append(time.perf_counter() - proved)
    r1cs = Wiring.of(_graph(PAIRING_SIZE), Ranges.CHECKED).r1cs
    pairing = []
    for _ in range(RUNS):
        start = time.perf_counter()
        groth16.setup(r1cs)
        pairing.append(time.perf_counter() - start)
    best = zip((proving, verifying, pairing), astuple(BEST), strict=True)
    return Speed(*(min(times) / known for times, known in best))


def _graph(size: int) -> FixedGraph:
    """Two products of matrices, rounded."""
    ends = {"low": -128, "high": 127, "low_saturates": True, "high_saturates": True}
    byte = FixedTensor((size, size), 0, -128, 127)
    nodes = (
        FixedNode("first", "matmul", ("x", "w"), ("first",), {}),
        FixedNode("hidden", "requantize", ("first",), ("hidden",), {"shift": 12, **ends}),
        FixedNode("second", "matmul", ("hidden", "v"), ("second",), {}),
        FixedNode("y", "requantize", ("second",), ("y",), {"shift": 12, **ends}),
    )
    return FixedGraph(
        inputs=("x",),
        weights=("w", "v"),
        nodes=nodes,
        outputs=("y",),
        declared={"x": byte, "w": byte, "v": FixedTensor((size, 1), 0, -128, 127)},
        input_mode="hidden",
        output_mode="public",
        weights_mode="public",
    )
