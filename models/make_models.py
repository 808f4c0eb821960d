"""Trains the example models and writes them, with sample inputs and calibration data.

    python models/make_models.py               writes the committed files next to this script
    python models/make_models.py --large DIR   writes vgg16.onnx and resnet18.onnx (random weights)

All seeds are fixed and numpy's BLAS runs on one thread, so a second run on the same machine writes
the same bytes. Every model is checked by onnx.checker and measured by onnxruntime.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
if not __package__:
    sys.path.insert(0, str(HERE.parent))

from models import data, large, nn  # noqa: E402
from models.export import GraphWriter  # noqa: E402


def breast_cancer(path: Path) -> None:
    """Risk MLP 30-16-8-2 on raw features; standardization is in the graph as Sub and Div."""
    source = data.breast_cancer()
    mean = source.train_x.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = source.train_x.std(axis=0, dtype=np.float64).astype(np.float32)
    rng = np.random.default_rng(101)
    layers = _dense(rng, (30, 16, 8, 2))
    x = (source.train_x - mean) / deviation
    nn.train(layers, x, source.train_y, rng, epochs=60, batch=32, rate=3e-3, decay=0.1)
    writer = GraphWriter("breast_cancer", "features", (30,))
    name = writer.subtract("center", "features", mean)
    name = writer.divide("standardize", name, deviation)
    writer.save(path, _write_dense(writer, name, layers), "scores", (2,))


def digits_mlp(path: Path) -> None:
    """MLP 64-32-10 on 8x8 digits."""
    source = data.digits()
    rng = np.random.default_rng(102)
    layers = _dense(rng, (64, 32, 10))
    nn.train(
        layers, source.train_x, source.train_y, rng, epochs=80, batch=32, rate=4e-3, decay=0.02
    )
    writer = GraphWriter("digits_mlp", "pixels", (64,))
    writer.save(path, _write_dense(writer, "pixels", layers), "logits", (10,))


def lenet5(path: Path) -> None:
    """LeNet-5 with ReLU and max pooling on 28x28 digits."""
    source = data.mnist()
    rng = np.random.default_rng(103)
    conv1, conv2 = nn.Conv(rng, 1, 6, 5, 2), nn.Conv(rng, 6, 16, 5, 0)
    dense = _dense(rng, (400, 120, 84, 10))
    layers: list[nn.Layer] = [conv1, nn.Relu(), nn.MaxPool(), conv2, nn.Relu(), nn.MaxPool()]
    layers += [nn.Flatten(), *dense]
    nn.train(
        layers,
        source.train_x,
        source.train_y,
        rng,
        epochs=30,
        batch=50,
        rate=2e-3,
        decay=0.05,
        augment=nn.shift_images,
    )
    writer = GraphWriter("lenet5", "image", (1, 28, 28))
    name = "image"
    for number, conv in enumerate((conv1, conv2), start=1):
        weight, bias = conv.parameters
        name = writer.conv(f"conv{number}", name, weight, bias, 1, conv.pad)
        name = writer.relu(f"relu{number}", name)
        name = writer.max_pool(f"pool{number}", name)
    name = writer.flatten("flatten", name)
    writer.save(path, _write_dense(writer, name, dense, first_relu=3), "logits", (10,))


def mlp_784_128_10(path: Path) -> None:
    """MLP 784-128-10 on flattened 28x28 digits."""
    source = data.mnist()
    rng = np.random.default_rng(104)
    dense = _dense(rng, (784, 128, 10))
    layers: list[nn.Layer] = [nn.Flatten(), *dense]
    nn.train(
        layers,
        source.train_x,
        source.train_y,
        rng,
        epochs=40,
        batch=50,
        rate=2e-3,
        decay=0.05,
        augment=nn.shift_images,
    )
    writer = GraphWriter("mlp_784_128_10", "pixels", (784,))
    writer.save(path, _write_dense(writer, "pixels", dense), "logits", (10,))


COMMITTED: Sequence[Callable[[Path], None]] = (breast_cancer, digits_mlp, lenet5, mlp_784_128_10)
"""Functions that write the committed models, each called as its model is."""

LARGE: Sequence[Callable[[Path], None]] = (large.vgg16, large.resnet18)
"""Functions that write the models with random weights."""


def main() -> None:
    """Writes the models that the command line asks for and prints one line about each."""
    parser = argparse.ArgumentParser(description="Write the example models.")
    parser.add_argument(
        "--large", metavar="DIR", type=Path, help="write the two large models there"
    )
    directory: Path | None = parser.parse_args().large
    with threadpool_limits(1):
        if directory is None:
            for make in COMMITTED:
                path = HERE / f"{make.__name__}.onnx"
                make(path)
                _write_inputs(path)
                print(f"{_describe(path)}, {_accuracy(path)}", flush=True)
        else:
            directory.mkdir(parents=True, exist_ok=True)
            for make in LARGE:
                path = directory / f"{make.__name__}.onnx"
                make(path)
                print(f"{_describe(path)}, {_spread(path)}", flush=True)


def _dense(rng: np.random.Generator, widths: Sequence[int]) -> list[nn.Layer]:
    """Linear layers of the given widths with ReLU between them."""
    layers: list[nn.Layer] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(rng, inputs, outputs), nn.Relu()]
    return layers[:-1]


def _write_dense(
    writer: GraphWriter, name: str, layers: Sequence[nn.Layer], first_relu: int = 1
) -> str:
    """Adds the layers of _dense as fc1, relu<first_relu>, fc2, ...; returns the last output."""
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(linear, start=1):
        name = writer.gemm(f"fc{number}", name, *layer.parameters)
        if number < len(linear):
            name = writer.relu(f"relu{first_relu + number - 1}", name)
    return name


def _write_inputs(path: Path) -> None:
    """Writes <name>_input.npy (one unseen sample) and <name>_calibration.npz next to a model."""
    source = data.DATASETS[path.stem]()
    input_name = onnx.load(path).graph.input[0].name
    np.save(path.with_name(f"{path.stem}_input.npy"), source.sample)
    calibration = path.with_name(f"{path.stem}_calibration.npz")
    np.savez_compressed(calibration, allow_pickle=False, **{input_name: source.calibration})


def _run(path: Path, x: data.Floats) -> data.Floats:
    """The model's output for a batch, by onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    output: data.Floats = session.run(None, {session.get_inputs()[0].name: x})[0]
    return output


def _describe(path: Path) -> str:
    """Name, number of weights and file size."""
    weights = sum(int(np.prod(tensor.dims)) for tensor in onnx.load(path).graph.initializer)
    return f"{path.stem}: {weights} weights, {path.stat().st_size} bytes"


def _accuracy(path: Path) -> str:
    """Share of training and of unseen samples whose largest score is the label's."""
    source = data.DATASETS[path.stem]()
    train = float(np.mean(_run(path, source.train_x).argmax(axis=1) == source.train_y))
    right = int(np.sum(_run(path, source.unseen_x).argmax(axis=1) == source.unseen_y))
    count = len(source.unseen_y)
    return f"train {train:.2%}, unseen {right}/{count} = {right / count:.2%}"


def _spread(path: Path) -> str:
    """Scale of the outputs of a large model over random images."""
    output = _run(path, data.random_images(16))
    labels = len(set(output.argmax(axis=1).tolist()))
    return f"largest output {np.abs(output).max():.2f}, {labels} different labels on 16 images"


if __name__ == "__main__":
    main()
