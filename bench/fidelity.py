"""How closely a key follows its model on inputs that compile has not seen, as JSON.

python bench/fidelity.py PROVING_KEY MODEL INPUTS

INPUTS is a .npz file of arrays by input name, stacked on axis 0. The network in integers is run,
which gives what a proof would say, against onnxruntime. The figures are of the worst output: of a
row of scores the share of inputs with the same largest entry, of any other output the share of
entries with the same sign; and the largest error over the largest entry of all inputs. Inputs that
`prove` would refuse, as they leave the domain or make values saturate, are counted; they have no
error, and do not agree.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

import zkinfer
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.float_oracle import FloatOracle
from zkinfer.saturation import excesses

Outputs = dict[str, npt.NDArray[np.float64]]


def main() -> None:
    """Compares all inputs."""
    key_path, model_path, inputs_path = map(Path, sys.argv[1:])
    key = zkinfer.ProvingKey.load(key_path)
    oracle = FloatOracle(onnx.load(model_path))
    with np.load(inputs_path) as stacked:
        rows = zip(*stacked.values(), strict=True)
        samples = [dict(zip(stacked, row, strict=True)) for row in rows]
    pairs = list(compared(key, oracle, samples))
    figures = [judged([(a[name], b[name]) for a, b in pairs]) for name in key.graph.outputs]
    result = {
        "inputs": len(samples),
        "refused": len(samples) - len(pairs),
        "agree": min(agree for agree, _ in figures) * len(pairs) / len(samples),
        "error": max(error for _, error in figures),
    }
    print(json.dumps(result))


def compared(
    key: zkinfer.ProvingKey, oracle: FloatOracle, samples: list[dict[str, npt.NDArray[Any]]]
) -> Iterator[tuple[Outputs, Outputs]]:
    """The key's outputs and onnxruntime's, for each input that is not refused."""
    graph = key.graph
    for sample in samples:
        x = {name: sample[name].reshape(graph.tensors[name].shape) for name in graph.inputs}
        try:
            arrays = evaluate(graph, key.weights, quantize_input(graph, x))
        except zkinfer.UsageError:
            continue
        if any((times > 1).any() for _, times in excesses(graph, arrays)):
            continue
        ours = {name: graph.encoding(name).numbers(arrays[name]) for name in graph.outputs}
        yield ours, oracle.run(x)


def judged(pairs: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> tuple[float, float]:
    """The share of what agrees in an output, and its largest error over its largest entry."""
    if not pairs:
        return 0.0, float("nan")
    sides = zip(*pairs, strict=True)
    ours, floats = (np.stack([np.ravel(array) for array in side]) for side in sides)
    if max(pairs[0][0].shape, default=1) == floats.shape[1] > 1:
        same = ours.argmax(axis=1) == floats.argmax(axis=1)
    else:
        same = (ours > 0) == (floats > 0)
    largest = np.abs(floats).max() or 1.0
    return float(same.mean()), float(np.abs(ours - floats).max() / largest)


if __name__ == "__main__":
    main()
