"""From a ModelProto to a Graph: one pass over the nodes, every problem gathered into one error."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx

from zkinfer.errors import UnsupportedModelError
from zkinfer.graph import Graph, Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import import model as models
from zkinfer.onnx_import.builder import Builder, Site, finite
from zkinfer.onnx_import.chains import recognized
from zkinfer.onnx_import.constants import Allowance, fold, initializers
from zkinfer.onnx_import.fuse import fuse
from zkinfer.onnx_import.inputs import (
    Input,
    check_shapes,
    fix_shapes,
    has_batch_axis,
    read_inputs,
    unknown_dimensions,
)
from zkinfer.onnx_import.masking import masked
from zkinfer.onnx_import.node import OnnxNode, Refusal, read_node
from zkinfer.onnx_import.problems import Problems
from zkinfer.onnx_import.read import Source, read
from zkinfer.onnx_import.shapes import Shape
from zkinfer.onnx_import.spelt import named
from zkinfer.onnx_import.table import CONVERTERS
from zkinfer.onnx_import.upgrade import upgraded


def load(source: Source, shapes: Mapping[str, Sequence[int]] | None = None) -> Graph:
    """The float graph of an ONNX model, every dimension fixed and constants folded.

    source: a path, the file's bytes or an onnx.ModelProto, which is not changed. shapes: full
    shapes by input name; an unknown axis 0 of other inputs becomes 1.

    Raises UnsupportedModelError for a model that is invalid or that zkinfer cannot compile, with
    every node that is in the way (name, operator, domain); UsageError for a file that cannot be
    read, a shape that does not fit, and dimensions that stay unknown, all of them listed.
    """
    model = models.inline_functions(models.canonical(upgraded(read(source))))
    opsets = models.opset_versions(model)
    allowance = Allowance.of(model)
    try:
        constants = initializers(model.graph, allowance)
    except Refusal as refusal:
        raise Problems(refused=[str(refusal)]).error() from refusal
    outputs = tuple(dict.fromkeys(value.name for value in model.graph.output))
    inputs = read_inputs(model.graph, constants)
    nodes = models.live_nodes([read_node(node, opsets) for node in model.graph.node], outputs)
    problems = Problems(
        unsupported=models.unsupported_nodes(nodes, constants), refused=_input_problems(inputs)
    )
    try:
        models.check(model)
    except UnsupportedModelError as error:
        raise (problems.error() if problems else error) from error
    check_shapes(inputs, shapes or {})
    fixed, unknown = fix_shapes(inputs, shapes or {})
    if unknown:
        raise problems.error() if problems else unknown_dimensions(inputs, unknown)

    used = frozenset(outputs).union(*(node.inputs for node in nodes))
    names = used.union(constants, fixed, *(node.outputs for node in nodes))
    builder = Builder(constants, names, used, allowance)
    builder.shapes.update(fixed)
    builder.kinds.update({value.name: value.kind for value in inputs if value.kind is not None})
    builder.integral.update(name for name, kind in builder.kinds.items() if kind != Real())
    problems.refused += _convert(model, nodes, fixed, builder, opsets)
    problems.inner = _inner_heads(nodes, builder)
    if problems:
        raise problems.error()
    return _finish(builder, inputs, fixed, outputs)


def _input_problems(inputs: Sequence[Input]) -> list[str]:
    return [
        f"input {value.name}: expected floats, integers or booleans, got {value.type_name}"
        for value in inputs
        if value.kind is None
    ]


def _convert(
    model: onnx.ModelProto,
    nodes: Sequence[OnnxNode],
    fixed: Mapping[str, Shape],
    builder: Builder,
    opsets: Mapping[str, int],
) -> list[str]:
    """Converts node by node into the builder; returns what is in the way.

    Where a node is refused the onnx package's shape inference stands in for it, so that the nodes
    after it are judged too; those whose shapes stay unknown are passed over.
    """
    problems: list[str] = []
    inferred: dict[str, Shape] | None = None
    unknown: set[str] = set()
    for node in nodes:
        supported = (node.domain, node.op) in CONVERTERS
        if unknown.intersection(node.inputs) and (supported or models.is_shape(node)):
            unknown.update(filter(None, node.outputs))
            continue
        try:
            if _convert_node(node, builder, opsets):
                continue
        except Refusal as refusal:
            problems.append(f"{node.title}: {refusal}")
        if inferred is None:
            inferred = models.inferred_shapes(model, fixed)
        for name in filter(None, node.outputs):
            if name in inferred:
                builder.shapes[name] = inferred[name]
            else:
                unknown.add(name)
    return problems


def _inner_heads(nodes: Sequence[OnnxNode], builder: Builder) -> list[OnnxNode]:
    """The heads that are not proved whose outputs others than heads read, and those whose label any
    node reads.
    """
    heads, labels = set[str](), set[str]()
    for node in builder.nodes:
        if LAYERS[node.op].emit is None:
            heads.update(node.outputs)
            if LAYERS[node.op].entries is Entries.PLACE:
                labels.update(node.outputs)
    inner: set[str] = set()
    for node in builder.nodes:
        inner.update((heads if LAYERS[node.op].head is None else labels).intersection(node.inputs))
    return [node for node in nodes if inner.intersection(node.outputs)]


def _convert_node(node: OnnxNode, builder: Builder, opsets: Mapping[str, int]) -> bool:
    """Folds the node to constants or adds its operators. False where it has no converter.

    Raises Refusal.
    """
    references = [name for name, value in node.attrs.items() if value is None]
    if references:
        raise Refusal(f"expected a value of {', '.join(references)}, got a function's attribute")
    sources = {name: builder.source(name) for name in node.inputs if name}
    if models.is_shape(node):
        shape = builder.shape(sources[node.inputs[0]])
        start, end = node.attrs.get("start", 0), node.attrs.get("end")
        builder.arrays[node.outputs[0]] = np.array(shape[start:end], dtype=np.int64)
        return True
    if models.is_foldable(node, [name for name in sources if sources[name] in builder.arrays]):
        arrays = {name: builder.arrays[source] for name, source in sources.items()}
        builder.arrays.update(fold(node, arrays, opsets, builder.allowance))
        return True
    converter = CONVERTERS.get((node.domain, node.op))
    if converter is None:
        return False
    converter(Site(node, builder))
    return True


def _finish(
    builder: Builder,
    inputs: Sequence[Input],
    fixed: Mapping[str, Shape],
    outputs: tuple[str, ...],
) -> Graph:
    """The graph, its outputs under the model's names, constants folded into conv and matmul."""
    constant = [name for name in outputs if builder.source(name) in builder.arrays]
    if len(constant) == len(outputs):
        raise UnsupportedModelError(
            "the model has no output that depends on an input: there is nothing to prove; its "
            f"outputs are {', '.join(outputs) or 'none'}"
        )
    for name in constant:
        try:
            _make_constant(builder, name, inputs[0].name)
        except Refusal as refusal:
            raise Problems(refused=[f"output {name}: {refusal}"]).error() from refusal
    nodes, alike = _name_outputs(builder, fixed, outputs)
    nodes = named(recognized(nodes, builder.weights), outputs, builder)
    try:
        nodes = masked(nodes, outputs, builder)
    except Refusal as refusal:
        raise Problems(refused=[str(refusal)]).error() from refusal
    nodes = fuse(nodes, outputs, builder)
    read_names = {name for node in nodes for name in node.inputs}
    constants = {name: array for name, array in builder.weights.items() if name in read_names}
    made = [name for node in nodes for name in node.outputs]
    return Graph(
        inputs=tuple(value.name for value in inputs),
        outputs=outputs,
        nodes=tuple(nodes),
        constants=constants,
        tensors={name: builder.type_of(name) for name in (*constants, *fixed, *made)},
        batch_axis={value.name: has_batch_axis(value, fixed[value.name]) for value in inputs},
        alike=alike,
    )


def _make_constant(builder: Builder, name: str, x: str) -> None:
    """Makes a constant the output of a node: an entry of an input, clipped to 0, plus it."""
    array = finite(builder.arrays[builder.source(name)], name)
    builder.free(name)
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("reshape", {"shape": (prod(builder.shape(x)),)}),
        ("slice", {"starts": (0,), "stops": (1,), "axes": (0,), "steps": (1,)}),
        ("clip", {"low": 0.0, "high": 0.0}),
        ("reshape", {"shape": (1,) * array.ndim}),
    )
    for op, attrs in steps:
        step = builder.new_tensor(f"{name}/{op}")
        builder.add(step, op, (x,), (step,), **attrs)
        x = step
    builder.add(name, "add", (x, builder.new_weight(f"{name}/constant", array)), (name,))


def _name_outputs(
    builder: Builder, fixed: Mapping[str, Shape], outputs: tuple[str, ...]
) -> tuple[list[Node], dict[str, str]]:
    """The builder's nodes, in which every output of the model is the output of a node, and what
    stands for tensors that are alike.

    An output that stands for another tensor takes over its name; where that is an input or an
    output itself, a reshape to the same shape makes a copy.
    """
    renamed: dict[str, str] = {}
    for name in outputs:
        source = builder.source(name)
        if source == name:
            continue
        if source in fixed or source in outputs or source in renamed:
            source = renamed.get(source, source)
            builder.add(name, "reshape", (source,), (name,), shape=builder.shape(source))
        else:
            renamed[source] = name
            builder.shapes[name] = builder.shapes[source]
            builder.kinds[name] = builder.type_of(source).kind
    nodes = [
        Node(
            node.name,
            node.op,
            tuple(renamed.get(source, source) for source in node.inputs),
            tuple(renamed.get(name, name) for name in node.outputs),
            node.attrs,
        )
        for node in builder.nodes
    ]
    return nodes, {renamed.get(name, name): one for name, one in builder.alike.items()}
