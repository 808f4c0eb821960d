"""What the importer refuses: each refusal is one plain sentence that names what is in the way."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.conformance.tiny import Array, ints, make, node, scalar, weights
from zkinfer.errors import UnsupportedModelError, UsageError, ZkinferError
from zkinfer.onnx_import import load

W = {"w": weights(4, 5)}


def dense(shape: Sequence[int | str | None] = (1, 4), array: Array | None = None) -> Any:
    """x w, for an input of this shape."""
    constants = W if array is None else {"w": array}
    return make([node("MatMul", ["x", "w"])], {"x": shape}, constants=constants)


def message(model: Any, error: type[ZkinferError] = UsageError, **options: Any) -> str:
    """The text of the error: one line, and what is listed below it."""
    with pytest.raises(error) as caught:
        load(model, **options)
    text = str(caught.value)
    assert all(line.startswith("  ") for line in text.split("\n")[1:])
    assert "Traceback" not in text
    return text


def test_all_unsupported_nodes_are_listed() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("Det", ["a"], ["e"], name="the_det"),
        node("Det", ["e"], ["b"], name="the_det_2"),
        node("Mystery", ["b"], ["c"], name="the_mystery", domain="org.example"),
        node("MatMul", ["c", "missing_shape"], ["d"]),
        node("Unique", ["d"], ["y"], name=""),
    ]
    constants = {**W, "missing_shape": weights(99, 3)}
    model = make(nodes, {"x": (1, "open")}, constants=constants, domains={"org.example": 1})
    text = message(model, UnsupportedModelError)
    assert text.split("\n")[1:] == [
        "  Det x2, first: node the_det",
        "  Mystery (domain org.example) x1, first: node the_mystery",
        "  Unique x1, first: node y, whose output's shape depends on the data, "
        "while that of a proof is fixed",
    ]


def test_unsupported_node_that_nothing_reads() -> None:
    nodes = [node("MatMul", ["x", "w"]), node("Det", ["x"], ["unread"])]
    assert len(load(make(nodes, {"x": (1, 4)}, constants=W)).nodes) == 1


def test_all_refused_attributes_are_listed() -> None:
    nodes = [
        node("Mod", ["x", "v"], ["a"], name="remainder"),
        node("Pow", ["v", "x"], ["b"], name="inverse"),
        node("Add", ["a", "b"]),
    ]
    text = message(make(nodes, {"x": (1, 5)}, constants={"v": weights(5)}), UnsupportedModelError)
    assert "remainder" in text
    assert "inverse" in text


def mixed(op: str, inputs: str, **attrs: Any) -> list[onnx.NodeProto]:
    return [node(op, inputs.split(), name="culprit", **attrs)]


REFUSED: Mapping[str, tuple[list[onnx.NodeProto], dict[str, Array]]] = {
    "computed conv weights": (mixed("Conv", "x z"), {}),
    "conv channels": (mixed("Conv", "x c"), {"c": weights(2, 5, 2, 2)}),
    "conv larger than its input": (mixed("Conv", "x c"), {"c": weights(2, 4, 9, 9)}),
    "conv groups": (mixed("Conv", "x c", group=3), {"c": weights(2, 4, 2, 2)}),
    "matmul shapes": (mixed("MatMul", "x c"), {"c": weights(9, 2)}),
    "add shapes": (mixed("Add", "x c"), {"c": weights(7)}),
    "division by zero": (mixed("Div", "x c"), {"c": weights(5) * np.float32(0)}),
    "exponents of many kinds": (mixed("Pow", "x c"), {"c": weights(5)}),
    "base below zero": (mixed("Pow", "c x"), {"c": -(weights(5) ** 2)}),
    "reshape": (mixed("Reshape", "x s"), {"s": ints(7, -1)}),
    "reshape twice unknown": (mixed("Reshape", "x s"), {"s": ints(-1, -1)}),
    "reflecting pad": (mixed("Pad", "x p", mode="reflect"), {"p": ints(0, 0, 5, 1, 0, 0, 1, 1)}),
    "unknown pad": (mixed("Pad", "x p", mode="mirror"), {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)}),
    "computed transposed weights": (mixed("ConvTranspose", "x z"), {}),
    "transposed groups": (mixed("ConvTranspose", "x c", group=3), {"c": weights(4, 2, 2, 2)}),
    "transposed pads": (
        mixed("ConvTranspose", "x c", pads=[9, 9, 9, 9]),
        {"c": weights(4, 2, 2, 2)},
    ),
    "two sizes": (
        mixed("Resize", "x - s n".replace("-", "e")),
        {"e": weights(0), "s": weights(4), "n": ints(1, 4, 9, 9)},
    ),
    "no sizes": (mixed("Resize", "x"), {}),
    "negative scales": (mixed("Resize", "x e s"), {"e": weights(0), "s": -abs(weights(4))}),
    "unknown coordinates": (
        mixed("Resize", "x e s", coordinate_transformation_mode="middle"),
        {"e": weights(0), "s": np.float32([1, 1, 2, 2])},
    ),
    "unknown interpolation": (
        mixed("Resize", "x e s", mode="spline"),
        {"e": weights(0), "s": np.float32([1, 1, 2, 2])},
    ),
    "blocks": (mixed("DepthToSpace", "x", blocksize=3), {}),
    "blocks of places": (mixed("SpaceToDepth", "x", blocksize=2), {}),
    "no block": (mixed("SpaceToDepth", "x", blocksize=0), {}),
    "indices beyond": (mixed("GatherElements", "x i"), {"i": ints(1).reshape(1, 1, 1, 1)}),
    "indices of too many axes": (mixed("GatherND", "x i"), {"i": ints(0, 0, 0, 0, 0)}),
    "indices of another rank": (mixed("GatherElements", "x i"), {"i": ints(0)}),
    "computed scatter": (mixed("ScatterND", "x z z"), {}),
    "updates of another shape": (
        mixed("ScatterND", "x i u"),
        {"i": ints(0).reshape(1, 1), "u": weights(1, 4, 5, 4)},
    ),
    "condition that holds nowhere": (
        mixed("Compress", "x c", axis=1),
        {"c": np.array([False, False])},
    ),
    "condition that is too long": (mixed("Compress", "x c", axis=1), {"c": np.ones(5, bool)}),
    "lengths": (mixed("ReverseSequence", "x n"), {"n": ints(1, 2, 3, 4)}),
    "axis of a running sum": (mixed("CumSum", "x a"), {"a": np.array(4)}),
    "einsum of another rank": (mixed("Einsum", "x", equation="ab->a"), {}),
    "einsum of another extent": (mixed("Einsum", "x z", equation="abcd,acbd->a"), {}),
    "einsum of two terms": (mixed("Einsum", "x", equation="abcd,abcd->a"), {}),
    "einsum of unknown labels": (mixed("Einsum", "x", equation="abcd->e"), {}),
    "pairs of three": (mixed("DFT", "x"), {}),
    "frames": (
        mixed("STFT", "x s - n".replace("-", "w")),
        {"s": np.array(1), "w": weights(3), "n": np.array(3)},
    ),
    "large slope": (mixed("PRelu", "x s"), {"s": weights(2, 1, 4, 5, 5)}),
    "squeeze of a long axis": (mixed("Squeeze", "x a"), {"a": ints(1)}),
    "training batch norm": (
        mixed("BatchNormalization", "x f f f f", training_mode=1),
        {"f": weights(4)},
    ),
    "negative variance": (
        mixed("BatchNormalization", "x f f f v"),
        {"f": weights(4), "v": np.full(4, -1, np.float32)},
    ),
    "training dropout": (
        mixed("Dropout", "x r t"),
        {"r": scalar(0.5), "t": np.array(True)},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_node(case: str) -> None:
    nodes, constants = REFUSED[case]
    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.FLOAT, (1, 4, 5, 5)) for name in ("x", "z")]
    output = value("y", TensorProto.FLOAT, ("a", "b"))
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, [output], tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    text = message(model, UnsupportedModelError)
    assert "culprit" in text
    assert nodes[0].op_type in text


def test_indices_of_max_pool() -> None:
    nodes = [
        node("MaxPool", ["x"], ["p", "i"], name="with_indices", kernel_shape=[2]),
        node("Cast", ["i"], ["j"], to=TensorProto.FLOAT),
        node("Add", ["p", "j"]),
    ]
    assert "with_indices" in message(make(nodes, {"x": (1, 1, 4)}), UnsupportedModelError)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_not_finite(value: float) -> None:
    array = weights(4, 5)
    array[2, 3] = value
    text = message(dense(array=array))
    assert "w" in text.split()
    assert "matmul" in text.lower()
    assert "finite" in text
    assert "[2, 3]" in text


def test_unknown_dimensions_are_all_listed() -> None:
    model = make(
        [node("Add", ["x", "z"])], {"x": ("batch", "width", 4), "z": ("batch", 1, "depth")}
    )
    text = message(model)
    for word in ("x", "width", "z", "depth", "--shape"):
        assert word in text
    assert "batch" not in text
    graph = load(model, shapes={"x": (1, 3, 4), "z": (1, 1, 4)})
    assert graph.shape("y") == (1, 3, 4)


@pytest.mark.parametrize(
    "shapes", [{"w": (1, 4)}, {"x": (1, 5)}, {"x": (4,)}, {"x": (0, 4)}, {"x": (1.5, 4)}]
)
def test_wrong_shapes(shapes: Mapping[str, Any]) -> None:
    assert next(iter(shapes)) in message(dense(("batch", 4)), shapes=shapes)


@pytest.mark.parametrize("kind", [TensorProto.COMPLEX64, TensorProto.STRING])
def test_input_types(kind: int) -> None:
    nodes = [node("Cast", ["x"], ["f"], to=TensorProto.FLOAT), node("MatMul", ["f", "w"])]
    text = message(make(nodes, {"x": (1, 4)}, constants=W, types={"x": kind}))
    assert "x" in text
    assert "float" in text


def test_integer_arithmetic() -> None:
    nodes = [node("Add", ["x", "x"], name="sum_of_ints")]
    types = {"x": TensorProto.UINT32, "y": TensorProto.UINT32}
    assert "sum_of_ints" in message(make(nodes, {"x": (1, 4)}, types=types), UnsupportedModelError)


def test_opset() -> None:
    model = dense()
    model.opset_import[0].version = 99
    text = message(model)
    assert "99" in text
    assert "opset" in text


def test_outputs_that_depend_on_no_input() -> None:
    nodes = [node("MatMul", ["x", "w"]), node("Neg", ["w"], ["fixed"])]
    text = message(make(nodes, {"x": (1, 4)}, constants=W, outputs=("fixed",)))
    assert "fixed" in text
    assert "input" in text


def test_constant_output_that_is_no_number() -> None:
    nodes = [node("MatMul", ["x", "w"]), node("Identity", ["bad"], ["fixed"])]
    constants = {**W, "bad": np.array([np.nan], np.float32)}
    text = message(make(nodes, {"x": (1, 4)}, constants=constants, outputs=("y", "fixed")))
    assert "output fixed" in text
    assert "nan" in text


def test_no_inputs() -> None:
    assert "input" in message(make([node("Neg", ["w"])], {}, constants=W))


@pytest.mark.parametrize("content", [b"", b"no onnx file", b"\x00" * 100])
def test_not_an_onnx_file(content: bytes, tmp_path: Path) -> None:
    assert "onnx" in message(content).lower()
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert "m.onnx" in message(path)


def refusal(data: bytes) -> str | None:
    """What the importer says against the bytes; None if it takes them. Fails on other errors."""
    try:
        load(data)
    except UsageError as error:
        return str(error)
    return None


def test_every_truncation() -> None:
    nodes = [node("MatMul", ["x", "w"]), node("Relu", ["y"], ["z"])]
    model = make(nodes, {"x": (1, 4)}, outputs=("z",), constants=W)
    data = model.SerializeToString()
    texts = [refusal(data[:length]) for length in range(len(data))]
    assert all(text is None or "\n" not in text or "supported:\n  " in text for text in texts)
    assert sum(text is not None for text in texts) > len(data) // 2


def test_damaged_files() -> None:
    data = dense().SerializeToString()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x14
        refusal(bytes(damaged))


@pytest.mark.parametrize("path", ["missing.onnx", ".", "\0"])
def test_unreadable_paths(path: str, tmp_path: Path) -> None:
    message(f"{tmp_path}/{path}")


def test_wrong_argument() -> None:
    assert "int" in message(17)


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def damage_outside(path: Path) -> None:
    model = onnx.load(path.parent / "m.onnx", load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../outside"
    path.parent.joinpath("m.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize("damage", [damage_missing, damage_short, damage_outside])
def test_external_data(damage: Callable[[Path], None], tmp_path: Path) -> None:
    onnx.save(
        dense(), tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    load(tmp_path / "m.onnx")
    content = (tmp_path / "m.onnx").read_bytes()
    assert "path" in message(content)
    damage(tmp_path / "w.bin")
    assert "w" in message(tmp_path / "m.onnx")
