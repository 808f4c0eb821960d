"""How closely a key follows its model on inputs that compile has not seen, as JSON.

python bench/fidelity.py PROVING_KEY MODEL INPUTS

INPUTS is a .npz file of arrays by input name, stacked on axis 0. The network in integers is run,
which gives what a proof would say, against onnxruntime. The figures are of the worst output: of a
row of scores the share of inputs with the same largest entry, of any other output the share of
entries with the same sign; and the largest error over the largest entry of all inputs, but of
labels. Inputs that `prove` would refuse, as they leave the domain or make values saturate, are
counted; they have no error, and do not agree. Counted are, besides, the inputs with onnxruntime's
labels (outputs of integers), those of the others that are at a tie (the two largest scores of an
output, or a single one and zero, are within 2 MAX_ERROR), and the inputs all of whose outputs are
onnxruntime's, in its types.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

import zkinfer
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.float_oracle import onnxruntime
from zkinfer.onnx_import import read, upgraded
from zkinfer.saturation import excesses

Outputs = dict[str, npt.NDArray[Any]]

MAX_ERROR = 1e-3
"""What compile aims at."""


class Oracle:
    """onnxruntime as its users run a model, in one thread: with more, the float32 sums of many
    trees' votes depend on how many there are.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        self._types = {
            value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            for value in model.graph.input
        }

    def run(self, inputs: Outputs) -> Outputs:
        """The outputs by name."""
        feeds = {name: array.astype(self._types[name]) for name, array in inputs.items()}
        names = [value.name for value in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, feeds), strict=True))


def given(
    paths: Sequence[str],
) -> tuple[zkinfer.ProvingKey, list[Outputs], list[tuple[Outputs, Outputs]]]:
    """The key, the inputs, and what `compared` finds. paths: of the key, the model, the inputs."""
    key_path, model_path, inputs_path = map(Path, paths)
    key = zkinfer.ProvingKey.load(key_path)
    oracle = Oracle(upgraded(read(model_path)))
    with np.load(inputs_path) as stacked:
        rows = zip(*stacked.values(), strict=True)
        samples = [dict(zip(stacked, row, strict=True)) for row in rows]
    return key, samples, list(compared(key, oracle, samples))


def main() -> None:
    """Compares all inputs."""
    key, samples, pairs = given(sys.argv[1:])
    figures = {name: judged([(a[name], b[name]) for a, b in pairs]) for name in key.graph.outputs}
    labels = {name for _, theirs in pairs for name, a in theirs.items() if a.dtype.kind in "iu"}
    sizes = {
        name: max(float(np.abs(theirs[name]).max()) for _, theirs in pairs)
        for name in (pairs[0][1] if pairs else ())
    }
    wrong = [theirs for ours, theirs in pairs if not same(ours, theirs, labels)]
    errors = [error for name, (_, error) in figures.items() if name not in labels]
    result = {
        "inputs": len(samples),
        "refused": len(samples) - len(pairs),
        "agree": min(agree for agree, _ in figures.values()) * len(pairs) / len(samples),
        "error": max(errors, default=0.0),
        "labels": len(pairs) - len(wrong),
        "ties": sum(at_a_tie(theirs, sizes) for theirs in wrong),
        "equal": sum(same(ours, theirs, figures) for ours, theirs in pairs),
    }
    print(json.dumps(result))


def compared(
    key: zkinfer.ProvingKey, oracle: Oracle, samples: list[dict[str, npt.NDArray[Any]]]
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


def same(ours: Outputs, theirs: Outputs, names: Iterable[str]) -> bool:
    """Whether these outputs are the same, in the types of the second."""
    pairs = ((ours[name], theirs[name]) for name in names)
    return all(np.array_equal(a.astype(b.dtype).reshape(b.shape), b) for a, b in pairs)


def at_a_tie(outputs: Outputs, sizes: Mapping[str, float]) -> bool:
    """Whether the two largest of a row of scores, or a single score and zero, are nearly equal.

    sizes: the largest of each output.
    """
    for name, scores in outputs.items():
        row = np.sort(np.append(scores, 0.0) if scores.size == 1 else scores.ravel())
        if scores.dtype.kind == "f" and row[-1] - row[-2] <= 2 * MAX_ERROR * sizes[name]:
            return True
    return False


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
