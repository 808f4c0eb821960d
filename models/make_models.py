"""Trains the example models and writes them, with sample inputs and calibration data.

    python models/make_models.py [NAME ...]        writes the committed files next to this script
    python models/make_models.py --generated DIR   writes the models with random weights

All seeds are fixed and numpy's BLAS runs on one thread, so a second run on the same machine writes
the same bytes. Every model is checked by onnx.checker and measured by onnxruntime.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
if not __package__:
    sys.path.insert(0, str(HERE.parent))

from models import data, integers, nn, nn_sequences, transformers, trees  # noqa: E402
from models.export import GraphWriter  # noqa: E402
from models.generated import GENERATED, Inputs  # noqa: E402


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


def cancer_boosting(path: Path) -> None:
    """Gradient boosting of 50 trees of depth 4 on the data of the risk MLP, raw."""
    trees.boosted(path, data.breast_cancer(), 50, 4)


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


def lenet5_int8(path: Path) -> None:
    """The committed LeNet-5 in integers, by operators on them."""
    integers.quantize(HERE / "lenet5.onnx", path, data.mnist().calibration, operators=True)


def lenet5_qdq(path: Path) -> None:
    """The committed LeNet-5 in integers, with floats between them."""
    integers.quantize(HERE / "lenet5.onnx", path, data.mnist().calibration, operators=False)


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


def digits_gru(path: Path) -> None:
    """GRU of 32 states that reads 8x8 digits row by row, and a dense layer on its last state."""
    source = data.digits_rows()
    rng = np.random.default_rng(105)
    gru, dense = nn_sequences.Gru(rng, 8, 32), nn.Linear(rng, 32, 10)
    nn.train(
        [gru, dense],
        source.train_x,
        source.train_y,
        rng,
        epochs=100,
        batch=32,
        rate=5e-3,
        decay=0.1,
        augment=lambda x, rng: nn.shift_images(x[:, None], rng, reach=1)[:, 0],
    )
    w, r, b, c = gru.parameters
    weights = {"W": w[None], "R": r[None], "B": np.concatenate([b, c])[None]}
    writer = GraphWriter("digits_gru", "rows", (8, 8))
    name = writer.node("Transpose", "steps", "rows", perm=(1, 0, 2))
    _, name = writer.recurrent("gru", "GRU", name, weights, gru.hidden, linear_before_reset=1)
    axis = writer.constant("last.axis", np.array([0], np.int64))
    name = writer.node("Squeeze", "last", name, axis)
    writer.save(path, writer.gemm("fc", name, *dense.parameters), "logits", (10,))


def mobilenet(path: Path) -> None:
    """MobileNetV3-like: a stem, two inverted residuals that squeeze and excite, a pool."""
    source = data.mnist()
    rng = np.random.default_rng(106)
    writer = GraphWriter("mobilenet", "image", (1, 28, 28))
    layers: list[nn.Layer] = [
        nn.Conv(rng, 1, 16, 3, 1, stride=2),
        nn.HardSwish(),
        *_inverted(rng, 16, 32, 24, stride=2),
        nn.Residual(*_inverted(rng, 24, 64, 24, stride=1)),
        nn.Conv(rng, 24, 64, 1, 0),
        nn.HardSwish(),
        nn.GlobalAveragePool(),
        nn.Linear(rng, 64, 10),
    ]
    nn.even_out(nn.Chain(*layers), source.train_x[:200])
    nn.train(
        layers,
        source.train_x,
        source.train_y,
        rng,
        epochs=20,
        batch=50,
        rate=5e-3,
        decay=0.05,
        augment=nn.shift_images,
    )
    writer.save(path, _write_images(writer, "features", "image", layers), "logits", (10,))


def prose_transformer(path: Path) -> None:
    """Token and position embeddings, one encoder layer of 2 heads, a dense layer on the mean."""
    source = data.prose()
    rng = np.random.default_rng(107)
    width, tokens = 32, source.train_x.shape[1]
    embedding = nn_sequences.Embedding(rng, 128, tokens, width)
    attention, dense = nn_sequences.Attention(rng, width, heads=2), nn.Linear(rng, width, 2)
    wide, narrow = nn.Linear(rng, width, 4 * width), nn.Linear(rng, 4 * width, width)
    norms = [nn_sequences.LayerNorm(width) for _ in range(3)]
    layers: list[nn.Layer] = [
        *(embedding, norms[0]),
        *(nn.Residual(attention), norms[1]),
        *(nn.Residual(wide, nn_sequences.Gelu(), narrow), norms[2]),
        *(nn_sequences.MeanOfTokens(), dense),
    ]
    nn.train(layers, source.train_x, source.train_y, rng, epochs=8, batch=50, rate=2e-3, decay=0.1)
    names = ("attention.self.query", "attention.self.key", "attention.self.value")
    parts = dict(zip((*names, "attention.output.dense"), attention.dense, strict=True))
    parts |= {"intermediate.dense": wide, "output.dense": narrow}
    scales = dict(zip(("attention.output.LayerNorm", "output.LayerNorm"), norms[1:], strict=True))
    trained = {
        f"encoder.layer.0.{name}": layer.parameters for name, layer in (parts | scales).items()
    }
    trained["embeddings.LayerNorm"] = norms[0].parameters
    transformers.text_classifier(path, embedding.parameters, trained, dense.parameters, heads=2)


COMMITTED: Mapping[str, Callable[[Path], None]] = {
    make.__name__: make
    for make in (
        breast_cancer,
        cancer_boosting,
        digits_mlp,
        lenet5,
        mlp_784_128_10,
        digits_gru,
        mobilenet,
        prose_transformer,
        lenet5_int8,
        lenet5_qdq,
    )
}
"""Functions that write the committed models, each called as its model is."""


def main() -> None:
    """Writes the models that the command line asks for and prints one line about each."""
    parser = argparse.ArgumentParser(description="Write the example models.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMMITTED))
    parser.add_argument(
        "--generated", metavar="DIR", type=Path, help="write those with random weights there"
    )
    arguments = parser.parse_args()
    directory: Path | None = arguments.generated
    with threadpool_limits(1):
        if directory is None:
            for name in arguments.names or COMMITTED:
                path = HERE / f"{name}.onnx"
                COMMITTED[name](path)
                _write_inputs(path)
                print(f"{_describe(path)}, {_accuracy(path)}", flush=True)
        else:
            directory.mkdir(parents=True, exist_ok=True)
            for name, generated in GENERATED.items():
                path = directory / f"{name}.onnx"
                generated.write(path)
                print(f"{_describe(path)}, {_spread(path, generated.inputs(16, 0))}", flush=True)


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


def _inverted(
    rng: np.random.Generator, inputs: int, expanded: int, outputs: int, stride: int
) -> list[nn.Layer]:
    """Expansion, a convolution by channel, squeeze and excitation, projection."""
    return [
        nn.Conv(rng, inputs, expanded, 1, 0),
        nn.HardSwish(),
        nn.Conv(rng, expanded, expanded, 3, 1, stride, groups=expanded),
        nn.HardSwish(),
        nn.SqueezeExcite(rng, expanded, 8),
        nn.Conv(rng, expanded, outputs, 1, 0),
    ]


def _write_images(writer: GraphWriter, path: str, x: str, layers: Sequence[nn.Layer]) -> str:
    """Adds layers of images, each named by its place; returns the last output."""
    for number, layer in enumerate(layers):
        name = f"{path}.{number}"
        match layer:
            case nn.Conv():
                weight, bias = layer.parameters
                x = writer.conv(name, x, weight, bias, layer.stride, layer.pad, layer.groups)
            case nn.Linear():
                x = writer.gemm(name, writer.flatten(f"{name}.flatten", x), *layer.parameters)
            case nn.GlobalAveragePool():
                x = writer.global_average_pool(name, x)
            case nn.SqueezeExcite():
                gates = _write_excited(writer, name, x, layer)
                x = writer.node("Mul", name, gates, x)
            case nn.Residual():
                x = writer.add(name, _write_images(writer, name, x, layer.layers), x)
            case nn.HardSwish():
                x = writer.node("HardSwish", name, x)
    return x


def _write_excited(writer: GraphWriter, name: str, x: str, layer: nn.SqueezeExcite) -> str:
    """The gates (batch, channels, 1, 1) of channels, as pointwise convolutions of their means."""
    x = writer.global_average_pool(f"{name}.avgpool", x)
    for number, dense in enumerate((layer.squeeze, layer.excite), start=1):
        weight, bias = dense.parameters
        x = writer.conv(f"{name}.fc{number}", x, weight[:, :, None, None], bias, 1, 0)
        if number == 1:
            x = writer.relu(f"{name}.relu", x)
    return writer.node("HardSigmoid", f"{name}.sigmoid", x, alpha=1 / 6, beta=0.5)


def _write_inputs(path: Path) -> None:
    """Writes <name>_input.npy (one unseen sample) and <name>_calibration.npz next to a model."""
    source = data.DATASETS[path.stem]()
    input_name = onnx.load(path).graph.input[0].name
    np.save(path.with_name(f"{path.stem}_input.npy"), source.sample)
    calibration = path.with_name(f"{path.stem}_calibration.npz")
    np.savez_compressed(calibration, allow_pickle=False, **{input_name: source.calibration})


def _run(path: Path, inputs: Inputs) -> data.Floats:
    """The model's output for a batch, by onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    output: data.Floats = session.run(None, inputs)[0]
    return output


def _describe(path: Path) -> str:
    """Name, number of weights and file size."""
    weights = sum(int(np.prod(tensor.dims)) for tensor in onnx.load(path).graph.initializer)
    return f"{path.stem}: {weights} weights, {path.stat().st_size} bytes"


def _accuracy(path: Path) -> str:
    """Share of training and of unseen samples whose largest score is the label's."""
    source = data.DATASETS[path.stem]()
    (name,) = (given.name for given in onnx.load(path).graph.input)
    train = float(np.mean(_run(path, {name: source.train_x}).argmax(axis=1) == source.train_y))
    right = int(np.sum(_run(path, {name: source.unseen_x}).argmax(axis=1) == source.unseen_y))
    count = len(source.unseen_y)
    return f"train {train:.2%}, unseen {right}/{count} = {right / count:.2%}"


def _spread(path: Path, inputs: Inputs) -> str:
    """Scale of the outputs of a model with random weights."""
    output = _run(path, inputs)
    labels = len(set(output.reshape(len(output), -1).argmax(axis=1).tolist()))
    return f"largest output {np.abs(output).max():.2f}, {labels} different labels on 16 inputs"


if __name__ == "__main__":
    main()
