"""From a ModelProto to a Graph: one pass over the nodes, every problem gathered into one error."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any

import onnx

from zkinfer.errors import UnsupportedModelError
from zkinfer.graph import Graph, Node, Real
from zkinfer.onnx_import import model as models
from zkinfer.onnx_import.absorb import absorb
from zkinfer.onnx_import.builder import Builder, Unfinished, finite
from zkinfer.onnx_import.chains import recognized
from zkinfer.onnx_import.constants import Allowance, initializers
from zkinfer.onnx_import.convert import Conversion
from zkinfer.onnx_import.division import exact
from zkinfer.onnx_import.fuse import fuse
from zkinfer.onnx_import.grown import grown
from zkinfer.onnx_import.inputs import (
    TEXTS,
    Input,
    check_shapes,
    fix_shapes,
    has_batch_axis,
    is_narrow,
    read_inputs,
    unknown_dimensions,
)
from zkinfer.onnx_import.joined import joined
from zkinfer.onnx_import.labels import names_of
from zkinfer.onnx_import.masking import masked
from zkinfer.onnx_import.node import Refusal, read_node
from zkinfer.onnx_import.problems import Problems, reading
from zkinfer.onnx_import.read import Source, read
from zkinfer.onnx_import.shapes import Shape
from zkinfer.onnx_import.shifted import shifted
from zkinfer.onnx_import.spelt import named
from zkinfer.onnx_import.upgrade import upgraded
from zkinfer.onnx_import.walk import live_nodes, reads


def load(source: Source, shapes: Mapping[str, Sequence[int]] | None = None) -> Graph:
    """The float graph of an ONNX model, every dimension fixed and constants folded.

    source: a path, the file's bytes or an onnx.ModelProto, which is not changed. shapes: full
    shapes by input name; an unknown axis 0 of other inputs becomes 1.

    Raises UnsupportedModelError for a model that is invalid or that zkinfer cannot compile, with
    every node that is in the way (name, operator, domain); UsageError for a file that cannot be
    read, a shape that does not fit, and dimensions that stay unknown, all of them listed.
    """
    model = upgraded(read(source))
    with reading():
        return _loaded(model, shapes)


def _loaded(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]] | None) -> Graph:
    model = models.inline_functions(models.canonical(model))
    opsets = models.opset_versions(model)
    allowance = Allowance.of(model)
    try:
        constants = initializers(model.graph, allowance)
    except Refusal as refusal:
        raise Problems(refused=[str(refusal)]).error() from refusal
    outputs = tuple(dict.fromkeys(value.name for value in model.graph.output))
    inputs = read_inputs(model.graph, constants)
    nodes = live_nodes([read_node(node, opsets) for node in model.graph.node], outputs)
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

    nodes = live_nodes(joined(nodes, constants, outputs, opsets, allowance), outputs)
    used = frozenset(outputs).union(*(reads(node.proto) for node in nodes))
    made = (*(node.output for node in model.graph.node), *(node.outputs for node in nodes))
    names = used.union(constants, fixed, *made)
    builder = Builder(constants, names, used, allowance)
    builder.shapes.update(fixed)
    builder.kinds.update({value.name: value.kind for value in inputs if value.kind is not None})
    builder.integral.update(name for name, kind in builder.kinds.items() if kind != Real())
    builder.narrow.update(name for name, kind in builder.kinds.items() if is_narrow(kind))
    conversion = Conversion(model, fixed, builder)
    with suppress(Unfinished):
        conversion.convert(nodes, opsets)
    found = conversion.problems
    found.refused[:0] = problems.refused
    if found:
        raise found.error()
    return replace(_finish(builder, inputs, fixed, outputs), classes=names_of(model))


def _input_problems(inputs: Sequence[Input]) -> list[str]:
    return [
        f"input {value.name}: expected floats, integers or booleans, got {value.type_name}"
        + ("; make numbers of them before the model" if value.type_name == TEXTS else "")
        for value in inputs
        if value.kind is None
    ]


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
    nodes = recognized(grown(nodes, fixed, outputs, builder), builder)
    nodes = named(nodes, outputs, builder)
    try:
        nodes = masked(nodes, outputs, builder)
    except Refusal as refusal:
        raise Problems(refused=[str(refusal)]).error() from refusal
    nodes = shifted(nodes, outputs, builder)
    exact(nodes, builder)
    nodes = absorb(fuse(nodes, outputs, builder), outputs, builder)
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
