"""The pass over the nodes: each becomes constants, operators, or the nodes that it stands for."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import onnx
from onnx import helper

from zkinfer.errors import ZkinferError
from zkinfer.onnx_import import model as models
from zkinfer.onnx_import.bodies import FLOATS, function, inlined, stand_for
from zkinfer.onnx_import.builder import Builder, Site, Unfinished
from zkinfer.onnx_import.constants import fold, of_shape
from zkinfer.onnx_import.node import OnnxNode, Refusal
from zkinfer.onnx_import.problems import Problems, malformed
from zkinfer.onnx_import.shapes import Shape
from zkinfer.onnx_import.table import CONVERTERS, WHOLE
from zkinfer.onnx_import.walk import reads


class Conversion:
    """Converts nodes into a builder, and gathers what is in the way.

    problems: that. nodes: all of them, those of bodies too.

    Where a node is refused the onnx package's shape inference stands in for it, so that the nodes
    after it are judged too; those whose shapes stay unknown are passed over.
    """

    def __init__(self, model: onnx.ModelProto, inputs: Mapping[str, Shape], builder: Builder):
        self.problems = Problems()
        self.nodes: list[OnnxNode] = []
        self._model = model
        self._inputs = inputs
        self._builder = builder
        self._unknown: set[str] = set()

    def convert(self, nodes: Sequence[OnnxNode], opsets: Mapping[str, int]) -> None:
        """Converts nodes of these opsets. Raises Unfinished where one of them is in the way."""
        self.nodes += nodes
        finished = True
        for node in nodes:
            done = self._passed_over(node) or self._converted(node, opsets)
            finished = finished and done and self._unknown.isdisjoint(node.outputs)
        if not finished:
            raise Unfinished

    def _passed_over(self, node: OnnxNode) -> bool:
        """Whether the node reads tensors of which nothing is known, as then of what it makes."""
        known = (node.domain, node.op) in CONVERTERS or models.is_of_shape(node)
        if self._unknown.isdisjoint(node.inputs) or not known:
            return False
        self._unknown.update(filter(None, node.outputs))
        return True

    def _converted(self, node: OnnxNode, opsets: Mapping[str, int]) -> bool:
        """Converts a node, or says what is in the way and what shapes its outputs have."""
        try:
            if self._node(node, opsets):
                return True
            self.problems.unsupported.append(node)
        except Unfinished:
            pass
        except Refusal as refusal:
            self.problems.refused.append(f"{node.title}: {refusal}")
        except (ZkinferError, MemoryError):
            raise
        except Exception as error:  # of a node that no exporter writes
            self.problems.refused.append(f"{node.title}: {malformed(error)}")
        for name in filter(None, node.outputs):
            if name in self._inferred:
                self._builder.shapes[name] = self._inferred[name]
            else:
                self._unknown.add(name)
        return False

    @cached_property
    def _inferred(self) -> dict[str, Shape]:
        return models.inferred_shapes(self._model, self._inputs)

    def _node(self, node: OnnxNode, opsets: Mapping[str, int]) -> bool:
        """Folds a node to constants or adds its operators. False where nothing is known of it.

        Raises Refusal and Unfinished.
        """
        if missed := models.missed(node.proto):
            raise Refusal(f"expected {missed}")
        references = [name for name, value in node.attrs.items() if value is None]
        if references:
            listed = ", ".join(references)
            raise Refusal(f"expected a value of {listed}, got a function's attribute")
        builder = self._builder
        sources = {name: builder.source(name) for name in node.inputs if name}
        if models.is_of_shape(node):
            name = node.inputs[0]
            shape, dtype = builder.shape(sources[name]), self._dtype(name)
            array = of_shape(node, shape, dtype, builder.allowance)
            builder.arrays[node.outputs[0]] = array
            return True
        if models.is_foldable(node, [name for name in sources if sources[name] in builder.arrays]):
            arrays = {name: builder.arrays[source] for name, source in sources.items()}
            builder.arrays.update(fold(node, arrays, opsets, builder.allowance))
            return True
        known = self._operators(node, opsets)
        if node.op != "Cast" and not builder.narrow.isdisjoint(reads(node.proto)):
            builder.narrow.update(builder.integral.intersection(node.outputs))
        return known

    def _operators(self, node: OnnxNode, opsets: Mapping[str, int]) -> bool:
        """Adds a node's operators. False where nothing is known of it."""
        builder = self._builder
        whole = node.op in WHOLE and not node.domain
        site = Site(node, builder, opsets, self.convert, whole)
        builder.makers.update(dict.fromkeys(node.outputs, node))
        converter = CONVERTERS.get((node.domain, node.op))
        if converter is None:
            return self._function(site)
        converter(site)
        if whole and not builder.integral.isdisjoint(node.inputs):
            builder.integral.add(node.outputs[0])
        self._made_constants(node)
        return True

    def _made_constants(self, node: OnnxNode) -> None:
        """Makes what a node computed of constants constants of the model."""
        builder = self._builder
        arrays = [builder.arrays.get(builder.source(name)) for name in node.inputs]
        kinds = [array.dtype for array in arrays if array is not None]
        real = next((kind for kind in kinds if kind.kind == "f"), np.dtype(np.float32))
        for name in filter(None, node.outputs):
            source = builder.source(name)
            if source in builder.weights and source not in builder.arrays:
                kind = np.dtype(np.int64) if name in builder.integral else real
                builder.arrays[source] = builder.weights[source].astype(kind)
                builder.integral.discard(name)

    def _function(self, site: Site) -> bool:
        """Converts the nodes of the function that a node is defined by, if all are known."""
        builder = self._builder
        constants = {n for n in site.node.inputs if builder.source(n) in builder.arrays}
        body = function(site.node, [self._type(name) for name in site.node.inputs])
        if body is None or models.unsupported_nodes([site.node], constants):
            return False
        for index, name in enumerate(inlined(site, body, site.node.inputs)):
            if site.uses_output(index):
                stand_for(site, index, name)
        return True

    def _dtype(self, name: str) -> np.dtype:
        """The type of a tensor: a constant's own, else int64 or float32."""
        builder = self._builder
        source = builder.source(name)
        if source in builder.arrays:
            return builder.arrays[source].dtype
        return np.dtype(np.int64 if name in builder.integral else np.float32)

    def _type(self, name: str) -> onnx.TypeProto:
        """The type of an input, as onnx writes it."""
        if not name:
            return onnx.TypeProto()
        builder = self._builder
        source = builder.source(name)
        known = source in builder.arrays or source in builder.shapes
        kind = helper.np_dtype_to_tensor_dtype(self._dtype(name))
        return helper.make_tensor_type_proto(kind, builder.shape(source)) if known else FLOATS
