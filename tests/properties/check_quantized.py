"""What must hold of every quantized network: its integers are those of onnxruntime."""

import numpy as np

import zkinfer
from tests.properties.check_models import check_refusal, described
from tests.properties.choices import Finding
from tests.properties.draw_quantized import Network
from tests.properties.drawing import run, session
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.saturation import excesses

MAX_ERROR = 1e-2
RARELY = 1 / 8
"""The part of the samples of which an entry may be off by more, where roundings are not specified:
one on the way that is off by a unit is multiplied by what follows.
"""


def outcome(case: Network) -> str:
    """How it ends: "exact", or a permitted refusal. Raises Finding."""
    data = {"x": np.concatenate([sample["x"] for sample in (*case.samples, *case.fresh)])}
    if case.samples[0]["x"].shape[0] != 1:
        data = {"x": np.stack([sample["x"] for sample in (*case.samples, *case.fresh)])}
    try:
        compiled = zkinfer.compile(
            case.model.SerializeToString(), calibration=data, max_error=MAX_ERROR
        )
    except zkinfer.ZkinferError as error:
        return check_refusal(error)
    except Exception as error:
        raise Finding("crash", f"compile: {described(error)}") from error
    key = compiled.proving_key
    loaded = [session(case.model, optimized=optimized) for optimized in case.optimized]
    (name,) = key.graph.outputs
    whole = "x" in key.graph.quantized  # whatever numbers it gets
    samples = [*case.fresh, *({"x": 3 * sample["x"]} for sample in case.fresh if whole)]
    further: list[float] = []
    for sample in samples:
        x, encoding = sample["x"], key.graph.encoding("x")
        ends = (encoding.numbers(end) for end in (encoding.low, encoding.high))
        integers = quantize_input(key.graph, {"x": x if whole else np.clip(x, *ends)})
        arrays = evaluate(key.graph, key.weights, integers)
        if any((times > 1).any() for _, times in excesses(key.graph, arrays)):
            continue  # floats on the way that no proof is made of
        feeds = {"x": x if whole else encoding.numbers(integers["x"]).astype(x.dtype)}
        found = np.ldexp(arrays[name].astype(np.float64), -key.graph.tensors[name].scale)
        off = min(np.abs(found - run(one, feeds)[0]).max() for one in loaded) / case.unit
        if off > case.steps + 1e-3:
            further.append(off)
    if len(further) > (case.steps and len(samples) * RARELY):
        raise Finding("wrong integers", f"{name} is off by {max(further):g} units")
    try:
        proof = zkinfer.prove(key, case.samples[0], allow_saturation=True)
        zkinfer.verify(compiled.verifying_key, proof)
    except Exception as error:
        raise Finding("crash", f"prove: {described(error)}") from error
    return "exact"
