"""How fast this machine proves, against the one that the coefficients of costs are for.

For the transparent backend one product of matrices is proved a few times, and for the pairing
backend the setup of a smaller one is made: the best time over what its counts say is the factor.
Factors are kept in the user's cache folder, for this version of zkinfer and this processor. What
only finds these out is loaded there, as proving and verifying load this module too.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zkinfer.backends import groth16
from zkinfer.circuit.target import Ranges
from zkinfer.costs import costs
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve
from zkinfer.pairing.costs import pairing_costs
from zkinfer.pairing.wiring import Wiring

RUNS = 5
SIZE = 128
PAIRING_SIZE = 6


def factor() -> float:
    """How many times as long as on that machine proofs take on this one, measured or remembered."""
    return _known("factor", measured)


def pairing_factor() -> float:
    """The same for the pairing backend."""
    return _known("pairing_factor", pairing_measured)


def _known(name: str, measure: Callable[[], float]) -> float:
    """A factor by its name in the cache."""
    import platform
    from importlib import metadata

    machine = [metadata.version("zkinfer"), platform.node(), platform.processor(), os.cpu_count()]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zkinfer"
    path, known = folder / "speed.json", {"machine": machine}
    try:
        read = json.loads(path.read_bytes())
        if read["machine"] == machine:
            known = read
            if known[name] > 0:
                return float(known[name])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # it is measured again
    found = measure()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**known, name: found}))
    except OSError:
        pass  # it is measured again the next time
    return found


def measured() -> float:
    """The factor by measurement, which takes a second."""
    graph = _graph(SIZE)
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-128, 128, (SIZE, SIZE)) for _ in range(2))
    key = make_keys(graph, {"w": w})
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        witness = solve(graph, key.weights, {"x": x}, plan=key.plan)
        key.prover.prove(b"", witness.segments)
        times.append(time.perf_counter() - start)
    return min(times) / costs(graph, lower(graph)).prove


def pairing_measured() -> float:
    """The factor of the pairing backend by measurement, which takes a second."""
    graph = _graph(PAIRING_SIZE)
    r1cs = Wiring.of(graph, Ranges.CHECKED).r1cs
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        groth16.setup(r1cs)
        times.append(time.perf_counter() - start)
    return min(times) / pairing_costs(graph, Ranges.CHECKED).setup


def _graph(size: int) -> FixedGraph:
    """A product of two matrices, rounded."""
    byte = FixedTensor((size, size), 0, -128, 127)
    ends = {"low": -128, "high": 127, "low_saturates": True, "high_saturates": True}
    nodes = (
        FixedNode("product", "matmul", ("x", "w"), ("product",), {}),
        FixedNode("rounded", "requantize", ("product",), ("y",), {"shift": 12, **ends}),
    )
    return FixedGraph(
        inputs=("x",),
        weights=("w",),
        nodes=nodes,
        outputs=("y",),
        declared={"x": byte, "w": byte},
        input_mode="hidden",
        output_mode="public",
        weights_mode="public",
    )
