"""Writes ONNX files node by node, with the names that a PyTorch export of the same network has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.data import Floats

ML_DOMAIN = "ai.onnx.ml"
OPSETS = {"": 17, ML_DOMAIN: 3}
IR_VERSION = 8


class GraphWriter:
    """A float32 graph under construction: one output, a dynamic axis 0 named "batch".

    Every method adds one node called `name`, whose output is `<name>_output` and whose constants
    are initializers called `<name>.weight`, `<name>.bias` and so on; it returns the output's name.
    """

    def __init__(
        self,
        name: str,
        input_name: str,
        input_shape: Sequence[int],
        kind: int = TensorProto.FLOAT,
    ) -> None:
        self._name = name
        self._inputs: list[onnx.ValueInfoProto] = []
        self.input(input_name, input_shape, kind)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def input(self, name: str, shape: Sequence[int], kind: int = TensorProto.FLOAT) -> str:
        """Another input."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, ["batch", *shape]))
        return name

    def conv(
        self,
        name: str,
        x: str,
        weight: Floats,
        bias: Floats | None,
        stride: int,
        pad: int,
        groups: int = 1,
    ) -> str:
        """Conv with weight (outputs, inputs / groups, k, k), optional bias (outputs,)."""
        constants = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return self._add(
            "Conv",
            name,
            [x],
            constants,
            dilations=[1, 1],
            group=groups,
            kernel_shape=list(weight.shape[2:]),
            pads=[pad] * 4,
            strides=[stride, stride],
        )

    def gemm(self, name: str, x: str, weight: Floats, bias: Floats) -> str:
        """Gemm with weight (outputs, inputs) transposed, bias (outputs,)."""
        constants = {"weight": weight, "bias": bias}
        return self._add("Gemm", name, [x], constants, alpha=1.0, beta=1.0, transB=1)

    def batch_norm(
        self, name: str, x: str, scale: Floats, bias: Floats, mean: Floats, variance: Floats
    ) -> str:
        """BatchNormalization in inference form, all parameters of shape (channels,)."""
        constants = {
            "weight": scale,
            "bias": bias,
            "running_mean": mean,
            "running_var": variance,
        }
        return self._add("BatchNormalization", name, [x], constants, epsilon=1e-5, momentum=0.9)

    def subtract(self, name: str, x: str, constant: Floats) -> str:
        """Subtracts a constant, initializer `<name>.value`."""
        return self._add("Sub", name, [x], {"value": constant})

    def divide(self, name: str, x: str, constant: Floats) -> str:
        """Divides by a constant, initializer `<name>.value`."""
        return self._add("Div", name, [x], {"value": constant})

    def add(self, name: str, a: str, b: str) -> str:
        """Adds two tensors."""
        return self._add("Add", name, [a, b], {})

    def relu(self, name: str, x: str) -> str:
        """Relu."""
        return self._add("Relu", name, [x], {})

    def max_pool(self, name: str, x: str) -> str:
        """MaxPool over 2x2 windows with stride 2."""
        return self._add("MaxPool", name, [x], {}, ceil_mode=0, kernel_shape=[2, 2], strides=[2, 2])

    def global_average_pool(self, name: str, x: str) -> str:
        """GlobalAveragePool: (N, C, H, W) to (N, C, 1, 1)."""
        return self._add("GlobalAveragePool", name, [x], {})

    def recurrent(
        self, name: str, op: str, x: str, weights: dict[str, Floats], hidden: int, **attrs: Any
    ) -> tuple[str, str]:
        """LSTM, GRU or RNN of x (steps, batch, inputs) with weights W, R and B as ONNX has them.

        Returns the names of all states and of the last one, `<name>_output` and `<name>_last`.
        """
        states = self._add(op, name, [x], weights, hidden_size=hidden, **attrs)
        self._nodes[-1].output.append(f"{name}_last")
        return states, f"{name}_last"

    def flatten(self, name: str, x: str) -> str:
        """Flatten from axis 1."""
        return self._add("Flatten", name, [x], {}, axis=1)

    def save(self, path: Path, x: str, output_name: str, output_shape: Sequence[int]) -> None:
        """Makes tensor x the output, checks the model with onnx.checker and writes it to path."""
        for node in self._nodes:
            node.output[:] = [output_name if name == x else name for name in node.output]
        output = helper.make_tensor_value_info(
            output_name, TensorProto.FLOAT, ["batch", *output_shape]
        )
        used = {"", *(node.domain for node in self._nodes)}
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, [output], initializer=self._constants
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid(name, OPSETS[name]) for name in OPSETS if name in used
            ],
            ir_version=IR_VERSION,
            producer_name="zkinfer-models",
        )
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))

    def classifier(self, name: str, x: str, attrs: Mapping[str, Any]) -> str:
        """TreeEnsembleClassifier of ai.onnx.ml; its scores, without the labels."""
        labels, output = f"{name}_label", f"{name}_output"
        self._nodes.append(
            helper.make_node(
                "TreeEnsembleClassifier", [x], [labels, output], name, domain=ML_DOMAIN, **attrs
            )
        )
        return output

    def node(self, op: str, name: str, *inputs: str, **attrs: Any) -> str:
        """Any node without constants of its own."""
        return self._add(op, name, list(inputs), {}, **attrs)

    def constant(self, name: str, array: npt.NDArray[Any]) -> str:
        """An initializer."""
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _add(
        self, op: str, name: str, inputs: list[str], constants: dict[str, Floats], **attrs: Any
    ) -> str:
        """Appends one node and its constants."""
        names = list(inputs)
        for key, value in constants.items():
            names.append(f"{name}.{key}")
            array = np.ascontiguousarray(value, dtype=np.float32)
            self._constants.append(numpy_helper.from_array(array, names[-1]))
        output = f"{name}_output"
        self._nodes.append(helper.make_node(op, names, [output], name=name, **attrs))
        return output
