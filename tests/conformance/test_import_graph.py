"""How the importer reads a graph: constants, names, shapes, batch axes, sources, functions."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.tiny import compare, ints, make, node, samples, weights
from tests.float_oracle import evaluate
from zkinfer.graph import TensorType
from zkinfer.onnx_import import load

W = {"w": weights(4, 5)}
X = {"x": (1, 4)}


def test_sources_agree(tmp_path: Path) -> None:
    model = make([node("MatMul", ["x", "w"])], X, constants=W)
    before = model.SerializeToString()
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    external = tmp_path / "e.onnx"
    onnx.save(onnx.load(path), external, save_as_external_data=True, location="w.bin",
              size_threshold=0)  # fmt: skip
    graphs = [load(source) for source in (model, before, path, str(path), external)]
    assert model.SerializeToString() == before
    for graph in graphs:
        assert graph.nodes == graphs[0].nodes
        np.testing.assert_array_equal(graph.constants["w"], W["w"])
        assert graph.constants["w"].dtype == np.float64


def test_names_stay() -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"], name="first"), node("Relu", ["h"], name="second")]
    graph = load(make(nodes, X, constants=W))
    assert [made.name for made in graph.nodes] == ["first", "second"]
    assert graph.nodes[0].inputs == ("x", "w")
    shapes = {"x": (1, 4), "w": (4, 5), "h": (1, 5), "y": (1, 5)}
    assert graph.tensors == {name: TensorType(shape) for name, shape in shapes.items()}


def test_node_names_are_unique() -> None:
    nodes = [
        node("Relu", ["x"], ["a"], name="same"),
        node("Neg", ["a"], ["b"], name="same"),
        node("Relu", ["b"], name=""),
    ]
    graph = load(make(nodes, X))
    assert len({made.name for made in graph.nodes}) == 3


def test_generated_names_avoid_those_of_the_model() -> None:
    gemm = node("Gemm", ["x", "w", "z"], ["g"], name="gemm", transA=1, alpha=2.0)
    model = make([gemm], {"x": (4, 1), "z": (1, 5)}, constants=W, outputs=("g",))
    taken = [made.outputs[0] for made in load(model).nodes[:-1]]
    nodes = [gemm, *(node("Relu", ["g"], [name]) for name in taken)]
    nodes.append(node("Concat", ["g", *taken], axis=0))
    clash = make(nodes, {"x": (4, 1), "z": (1, 5)}, constants=W, outputs={"y": (None, 5)})
    compare(clash, samples({"x": (4, 1), "z": (1, 5)}))


def test_initializers_listed_as_inputs() -> None:
    graph = load(make([node("MatMul", ["x", "w"])], X, constants=W, listed=["w"]))
    assert graph.inputs == ("x",)


def test_weights_in_constant_nodes() -> None:
    nodes = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(W["w"])),
        helper.make_node("Constant", [], ["b"], value_floats=[1.0, 2.0, 3.0, 4.0, 5.0]),
        helper.make_node("Constant", [], ["c"], value_float=0.5),
        node("MatMul", ["x", "w"], ["h"]),
        node("Add", ["h", "b"], ["k"]),
        node("Mul", ["k", "c"]),
    ]
    compare(make(nodes, X), samples(X))


def test_constant_subgraph() -> None:
    """Operators that zkinfer does not know otherwise are fine on constants."""
    nodes = [
        node("Transpose", ["v"], ["t"]),
        node("Tanh", ["t"], ["u"]),
        node("MatMul", ["x", "u"]),
    ]
    graph = compare(make(nodes, X, constants={"v": weights(5, 4)}), samples(X))
    assert [made.op for made in graph.nodes] == ["matmul"]


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 21])
def test_shape_arithmetic_of_exporters(opset: int) -> None:
    """x.view(x.size(0), -1) + zeros(x.size(0), 12), as PyTorch writes it."""
    unsqueeze = (
        node("Unsqueeze", ["size", "axis"], ["first"])
        if opset >= 13
        else node("Unsqueeze", ["size"], ["first"], axes=[0])
    )
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zero"], ["size"], axis=0),
        unsqueeze,
        node("Concat", ["first", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["flat"]),
        node("Concat", ["first", "twelve"], ["wide"], axis=0),
        node("ConstantOfShape", ["wide"], ["zeros"]),
        node("Add", ["flat", "zeros"]),
    ]
    constants = {
        "zero": np.array(0, np.int64), "axis": ints(0), "rest": ints(-1), "twelve": ints(12)
    }  # fmt: skip
    model = make(nodes, {"x": ("batch", 3, 4)}, outputs={"y": ("batch", 12)},
                 constants=constants, opset=opset)  # fmt: skip
    graph = compare(model, samples({"x": (1, 3, 4)}))
    assert graph.shape("y") == (1, 12)
    graph = compare(model, samples({"x": (5, 3, 4)}), shapes={"x": (5, 3, 4)})
    assert graph.shape("y") == (5, 12)


def test_unused_constants_are_dropped() -> None:
    graph = load(make([node("MatMul", ["x", "w"])], X, constants={**W, "spare": weights(3)}))
    assert set(graph.constants) == {"w"}


@pytest.mark.parametrize(
    ("declared", "fixed", "batch"),
    [
        (("N", 4), (1, 4), True),
        ((None, 4), (1, 4), True),
        ((0, 4), (1, 4), True),
        ((1, 4), (1, 4), True),
        ((3, 4), (3, 4), False),
        ((1,), (1,), False),
        (("N",), (1,), True),
    ],
)
def test_batch_axis(
    declared: tuple[int | str | None, ...], fixed: tuple[int, ...], batch: bool
) -> None:
    graph = load(make([node("Relu", ["x"])], {"x": declared}))
    assert graph.shape("x") == graph.shape("y") == fixed
    assert graph.batch_axis == {"x": batch}


def test_chosen_batch_axis() -> None:
    graph = load(make([node("Relu", ["x"])], {"x": ("N", 4)}), shapes={"x": (8, 4)})
    assert graph.shape("y") == (8, 4)
    assert graph.batch_axis == {"x": True}


def test_integer_input_that_is_cast() -> None:
    nodes = [node("Cast", ["x"], ["f"], to=TensorProto.FLOAT), node("MatMul", ["f", "w"])]
    model = make(nodes, X, constants=W, types={"x": TensorProto.UINT8})
    graph = compare(model, {"x": np.array([[1, 2, 250, 0]], np.uint8)})
    assert [made.op for made in graph.nodes] == ["matmul"]


@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.FLOAT16])
def test_other_floats(kind: int) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"])]
    constants = {"w": W["w"].astype(dtype)}
    graph = load(make(nodes, X, constants=constants, types={"x": kind, "y": kind}))
    np.testing.assert_array_equal(graph.constants["w"], constants["w"].astype(np.float64))


def test_functions_of_the_model() -> None:
    domain = "org.example"
    versions = [helper.make_opsetid("", 17)]
    inside = [node("MatMul", ["a", "b"], ["h"]), node("Relu", ["h"], ["r"])]
    function = helper.make_function(domain, "Layer", ["a", "b"], ["r"], inside, versions)
    model = make([node("Relu", ["x"])], X, constants=W)
    del model.graph.node[:]
    model.graph.node.append(node("Layer", ["x", "w"], domain=domain))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    model.opset_import.append(helper.make_opsetid(domain, 1))
    model.functions.append(function)
    graph = compare(model, samples(X))
    assert [made.op for made in graph.nodes] == ["matmul", "relu"]


def test_several_inputs_and_outputs() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Add", ["h", "z"], ["total"]),
        node("Relu", ["total"], ["positive"]),
        node("Neg", ["h"], ["negative"]),
    ]
    inputs = {"x": (2, 4), "z": (5,)}
    model = make(nodes, inputs, constants=W, outputs=("positive", "negative", "total"))
    graph = compare(model, samples(inputs))
    assert graph.inputs == ("x", "z")
    assert graph.batch_axis == {"x": False, "z": False}


def test_two_names_for_one_output() -> None:
    nodes = [node("Relu", ["x"], ["h"]), *(node("Identity", ["h"], [name]) for name in "yz")]
    graph = compare(make(nodes, X, outputs=("y", "z")), samples(X))
    assert graph.outputs == ("y", "z")


def test_identity_of_an_input_as_an_output() -> None:
    nodes = [node("Identity", ["x"]), node("MatMul", ["x", "w"], ["z"])]
    graph = compare(make(nodes, X, constants=W, outputs=("y", "z")), samples(X))
    assert graph.outputs == ("y", "z")


def test_output_that_is_listed_twice() -> None:
    twice = make([node("MatMul", ["x", "w"])], X, constants=W)
    twice.graph.output.append(twice.graph.output[0])
    assert compare(twice, samples(X)).outputs == ("y",)


def test_input_as_an_output() -> None:
    graph = compare(
        make([node("MatMul", ["x", "w"])], X, constants=W, outputs=("y", "x")), samples(X)
    )
    assert graph.outputs == ("y", "x")
    assert load(make([], X, outputs=("x",))).nodes == ()


@pytest.mark.parametrize("shape", [(), (5,), (4, 5)])
def test_constant_outputs(shape: tuple[int, ...]) -> None:
    constants = {"w": weights(4, 5), "k": weights(*shape)}
    nodes = [node("MatMul", ["x", "w"]), node("Identity", ["k"], ["c"]), node("Neg", ["c"], ["d"]),
             node("Add", ["y", "k"], ["z"])]  # fmt: skip
    model = make(nodes, X, constants=constants, outputs=("w", "k", "y", "c", "d", "z"))
    graph = compare(model, samples(X))
    assert not set(graph.constants).intersection(graph.outputs)


def test_infinite_bounds_of_clip() -> None:
    constants = {"low": np.float32(-np.inf).reshape(()), "high": np.float32(1).reshape(())}
    graph = load(make([node("Clip", ["x", "low", "high"])], X, constants=constants))
    assert graph.nodes[0].attrs["low"] == -np.inf
    assert evaluate(graph, {"x": [[-9.0, 0.0, 2.0, 1.0]]})["y"].tolist() == [[-9.0, 0.0, 1.0, 1.0]]
