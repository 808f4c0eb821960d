"""How fast this machine proves, against the one that the coefficients of `zkinfer.costs` are for.

One product of matrices is proved a few times: the best time over what its counts say is the
factor. It is kept in the user's cache folder, for this version of zkinfer and this processor. What
only finds these out is loaded there, as proving and verifying load this module too.
"""

import json
import os
import time
from pathlib import Path

import numpy as np

from zkinfer.costs import costs
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor
from zkinfer.keys import make_keys
from zkinfer.lower import lower, solve

RUNS = 5
SIZE = 128


def factor() -> float:
    """How many times as long as on that machine proofs take on this one, measured or remembered."""
    import platform
    from importlib import metadata

    machine = [metadata.version("zkinfer"), platform.node(), platform.processor(), os.cpu_count()]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zkinfer"
    path = folder / "speed.json"
    try:
        known = json.loads(path.read_bytes())
        if known["machine"] == machine and known["factor"] > 0:
            return float(known["factor"])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # it is measured again
    found = measured()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine, "factor": found}))
    except OSError:
        pass  # it is measured again the next time
    return found


def measured() -> float:
    """The factor by measurement, which takes a second."""
    graph = _graph()
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


def _graph() -> FixedGraph:
    """A product of two matrices, rounded."""
    byte = FixedTensor((SIZE, SIZE), 0, -128, 127)
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
