"""EZKL on one model and one input, the way its documentation shows: timings as JSON.

python bench/peer_ezkl.py MODEL INPUT

Private input, private parameters, public output; a reference string made locally, whose time is
not counted. Needs the ezkl package.
"""

import asyncio
import inspect
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def wait(value: Any) -> Any:
    """Runs what is awaitable in some versions of the package and not in others."""
    if not inspect.isawaitable(value):
        return value

    async def run() -> Any:
        return await value

    return asyncio.run(run())


def main() -> None:
    """Settings, calibration, setup, witness, proof, verification."""
    try:
        import ezkl
    except ImportError:
        raise SystemExit("ezkl is not installed: pip install ezkl") from None
    model, sample = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        path = {
            name: str(Path(folder) / name)
            for name in ("data", "settings", "circuit", "srs", "pk", "vk", "witness", "proof")
        }
        with np.load(sample) as arrays:
            values = [array.reshape(-1).astype(float).tolist() for array in arrays.values()]
        Path(path["data"]).write_text(json.dumps({"input_data": values}))
        run_args = ezkl.PyRunArgs()
        run_args.input_visibility = "private"
        run_args.param_visibility = "private"
        run_args.output_visibility = "public"
        run_args.variables = [("batch_size", 1), ("batch", 1)]
        start = time.perf_counter()
        ezkl.gen_settings(model, path["settings"], py_run_args=run_args)
        wait(ezkl.calibrate_settings(path["data"], model, path["settings"], "resources"))
        ezkl.compile_circuit(model, path["circuit"], path["settings"])
        logrows = json.loads(Path(path["settings"]).read_text())["run_args"]["logrows"]
        before = time.perf_counter()
        ezkl.gen_srs(path["srs"], logrows)
        reference = time.perf_counter() - before
        ezkl.setup(path["circuit"], path["vk"], path["pk"], path["srs"])
        setup = time.perf_counter() - start - reference
        start = time.perf_counter()
        wait(ezkl.gen_witness(path["data"], path["circuit"], path["witness"]))
        ezkl.prove(path["witness"], path["circuit"], path["pk"], path["proof"], path["srs"])
        prove = time.perf_counter() - start
        start = time.perf_counter()
        valid = ezkl.verify(path["proof"], path["settings"], path["vk"], path["srs"])
        verify = time.perf_counter() - start
        if not valid:
            raise SystemExit("its proof does not verify")
        result = {
            "setup": setup,
            "prove": prove,
            "verify": verify,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "proof": Path(path["proof"]).stat().st_size,
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
