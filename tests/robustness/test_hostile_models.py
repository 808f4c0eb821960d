"""ONNX models made to break the importer: each is refused, or read, in bounded memory.

What may be taken is ten times the model's size, what the entries take that any model may make of
its constants, 32 bytes each, and 16 MiB.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from peak import peak

from tests import onnx_models
from tests.conformance.tiny import ints, make, node, weights
from tests.fuzz.targets import IMPORTING
from zkinfer import UnsupportedModelError, UsageError
from zkinfer.onnx_import import load

MIB = 1 << 20
HUGE = 2**62


def sparse(values: np.ndarray, indices: np.ndarray, *dims: int) -> onnx.ModelProto:
    """x plus a sparse constant."""
    model = make([node("Add", ["x", "c"])], {"x": (4,)})
    arrays = (numpy_helper.from_array(values, "c"), numpy_helper.from_array(indices, "i"))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(*arrays, dims))
    return model


def pool(extent: int, *pads: int, **attrs: int) -> onnx.ModelProto:
    listed = {name: [value] for name, value in attrs.items()}
    return make([node("MaxPool", ["x"], pads=pads, **listed)], {"x": (1, 1, extent)})


def reference(op: str, *inputs: str, **attrs: float) -> onnx.ModelProto:
    """A node with an attribute that is left to a function's, outside of a function."""
    model = make([node(op, inputs, **attrs)], {"x": (2, 2)}, constants={"s": weights(2)})
    (attribute,) = model.graph.node[0].attribute
    name, kind = attribute.name, attribute.type
    attribute.Clear()
    attribute.name, attribute.type, attribute.ref_attr_name = name, kind, "other"
    return model


def grown_bias() -> onnx.ModelProto:
    """A column as bias, and a row after it."""
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "p"], ["b"]),
             node("Add", ["b", "q"], ["c"]), node("Mul", ["c", "q"])]  # fmt: skip
    constants = {"w": weights(1, 4000), "p": weights(4000, 1), "q": weights(1, 4000)}
    return make(nodes, {"x": (4000, 1)}, constants=constants)


def grown_often() -> onnx.ModelProto:
    """Constants that double, over and over."""
    nodes = [node("Concat", [f"c{i}", f"c{i}"], [f"c{i + 1}"], axis=0) for i in range(40)]
    return make([*nodes, node("Add", ["x", "c40"])], {"x": (1,)}, constants={"c0": weights(4)})


def alike(count: int) -> onnx.ModelProto:
    """Nodes of one name, with constants that they scale."""
    nodes = [
        node("Gemm", ["x", "w"], [f"y{i}"], name="same", alpha=float(i + 2)) for i in range(count)
    ]
    outputs = [f"y{i}" for i in range(count)]
    return make(nodes, {"x": (1, 2)}, outputs=outputs, constants={"w": weights(2, 2)})


def split_wrongly() -> onnx.ModelProto:
    """A Split with fewer outputs than it says, which the onnx package does not bear."""
    nodes = [
        node("Split", ["x"], ["a", "b"], num_outputs=3, axis=0),
        node("Add", ["a", "b"], ["c"]),
        node("Relu", ["c"]),
    ]
    return make(nodes, {"x": (6,)}, opset=18)


def of_no_type() -> onnx.ModelProto:
    """Behind a node that is refused an operator of ai.onnx.ml that reads what has no type, which
    the onnx package does not bear.
    """
    ml, numbers = "ai.onnx.ml", [0.0, 1.0]
    nodes = [
        node("Mod", ["x", "x"], ["r"], fmod=1),
        node("QuickGelu", ["r"], ["g"], domain="com.microsoft"),
        node("Flatten", ["g"], ["f"]),
        node("Binarizer", ["f"], ["b"], domain=ml, threshold=0.5),
        node("LabelEncoder", ["b"], domain=ml, keys_floats=numbers, values_floats=numbers),
    ]
    return onnx_models.model(nodes, {"x": (1, 4)}, domains={ml: 3, "com.microsoft": 1})


def no_graph() -> onnx.ModelProto:
    """An input that is no tensor, under a name of two lines."""
    model = make([node("Relu", ["x"])], {"x": (1,)})
    model.graph.input[0].name = "a\nb"
    model.graph.input[0].type.Clear()
    return model


MODELS: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "a huge sparse constant": (lambda: sparse(weights(1), ints(0), 2**20, 2**8), "more entries"),
    "a sparse constant with an index that is a number": (
        lambda: sparse(weights(1), np.array(0), 4),
        "is damaged",
    ),
    "a huge input": (lambda: make([node("Relu", ["x"])], {"x": (HUGE, HUGE)}), "entries"),
    "a huge output that is its input": (
        lambda: make([node("Identity", ["x"])], {"x": (HUGE, 3)}),
        "entries",
    ),
    "an input of many axes": (
        lambda: make([node("Relu", ["x"])], {"x": (1,) * 5000}),
        "at most 64 axes",
    ),
    "windows in huge padding": (
        lambda: pool(1, 2**41, 2**41, kernel_shape=2**40 + 1, dilations=2, strides=2),
        "windows that begin in the padding",
    ),
    "a window in huge padding": (
        lambda: pool(1, 2**31, 0, kernel_shape=2**31 + 1),
        "",
    ),
    "an attribute of no function": (
        lambda: reference("Gemm", "x", "x", alpha=1.0),
        "a value of alpha",
    ),
    "an epsilon of no function": (
        lambda: reference("BatchNormalization", "x", *"ssss", epsilon=1.0),
        "a value of epsilon",
    ),
    "a bias that grows": (grown_bias, ""),
    "constants that double": (grown_often, "more entries"),
    "a product of no known shape": (
        lambda: make([node("NonZero", ["x"], ["n"]), node("Add", ["x", "n"])], {"x": (1,)}),
        "not supported",
    ),
    "an expansion to 2^40 entries": (
        lambda: make([node("Expand", ["x", "s"])], {"x": (1,)}, outputs={"y": None},
                     constants={"s": ints(1 << 40)}),
        "more entries",
    ),
    "a tiling to 2^60 entries": (
        lambda: make([node("Tile", ["x", "r"])], {"x": (1 << 20,)}, outputs={"y": None},
                     constants={"r": ints(1 << 40)}),
        "more entries",
    ),
    "many indices of a wide axis": (
        lambda: make([node("Gather", ["x", "i"], axis=0)], {"x": (1 << 20,)}, outputs={"y": None},
                     constants={"i": ints(*range(0, 1 << 20, 1999), 3, 1, 7, *range(900, 1, -97),
                                          *(n * n for n in range(1000)))}),
        "more entries",
    ),
    "many nodes of one name": (lambda: alike(300), ""),
    "labels of what has no type": (of_no_type, "expected constant divisor"),
    "a split into more than it names": (split_wrongly, "has 2 outputs, expected 3"),
    "a name of two lines": (no_graph, r"its input a\?b"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_bounded(name: str) -> None:
    make_model, reason = MODELS[name]
    data = make_model().SerializeToString()
    with peak() as taken:
        if reason:
            with pytest.raises(UsageError, match=reason) as caught:
                load(data)
            assert all(line.isprintable() for line in str(caught.value).split("\n"))
        else:
            load(data)
    assert taken.bytes <= 10 * len(data) + IMPORTING


@pytest.mark.parametrize("where", ["initializer", "sparse", "attribute", "function", "branch"])
def test_bytes_read_no_other_files(tmp_path: Path, where: str) -> None:
    """A model that is given as bytes has no folder, so that no tensor of it lies in a file."""
    path = tmp_path / "weights"
    path.write_bytes(weights(4).tobytes())
    tensor = TensorProto(
        name="c", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value=str(path))
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    add = node("Add", ["x", "c"])
    model = make([add], {"x": (4,)})
    graph = model.graph
    if where == "initializer":
        graph.initializer.append(tensor)
    elif where == "sparse":
        indices = numpy_helper.from_array(ints(0, 1, 2, 3), "i")
        graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [4]))
    elif where == "attribute":
        graph.node.insert(0, constant)
    elif where == "function":
        opsets = [helper.make_opsetid("", 17)]
        model.functions.append(
            helper.make_function("own", "F", ["x"], ["y"], [constant, add], opsets)
        )
        model.opset_import.append(helper.make_opsetid("own", 1))
        graph.node[0].CopyFrom(helper.make_node("F", ["x"], ["y"], domain="own"))
    else:
        branch = helper.make_graph(
            [constant], "branch", [], [helper.make_tensor_value_info("c", 1, [4])]
        )
        graph.initializer.append(numpy_helper.from_array(np.array(True), "k"))
        graph.node[0].CopyFrom(node("If", ["k"], then_branch=branch, else_branch=branch))
    with pytest.raises(UsageError, match="external files") as caught:
        load(model.SerializeToString())
    assert not isinstance(caught.value, UnsupportedModelError)
