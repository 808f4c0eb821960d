"""From a fixed-point graph to its circuit, and from an input to the circuit's witness.

Both run the same `constrain` functions of the ops, once without integers and once with them, so
that circuit and witness cannot drift apart. `lower` is a pure function of the graph: whoever
accepts a key lowers its graph again and compares the bytes. What is decided on the way is in plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from zkinfer.certificate import certified_bound
from zkinfer.circuit import linear, window
from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder, Lies, physical_order, regroup
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.gadgets.agreement import count_equal
from zkinfer.circuit.gadgets.confusion import count_pairs
from zkinfer.circuit.gadgets.ranges import in_range, in_ranges, nonnegative
from zkinfer.circuit.gadgets.summary import summarize
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.target import TRANSPARENT, Ranges, Target
from zkinfer.circuit.value import Integers, Interval, Value
from zkinfer.description import Description
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import FixedGraph, FixedTensor
from zkinfer.ops.exact import one_thread
from zkinfer.plan import Plan, kernels, make_plan
from zkinfer.records import RecordGrid
from zkinfer.steps import Steps, Times
from zkinfer.summary import to_one_scale


@dataclass(frozen=True, slots=True)
class Witness:
    """The arrays of every tensor that is not of the sketch, int64, and the outputs.

    segments: by segment, in the circuit's order; of the public one without the constant one, of
    bits the numbers, without the axis of the position. outputs: by the graph's names, in their
    logical shapes. saturated: by node, for the values that saturate, how many times their range.
    """

    segments: Mapping[Segment, list[Integers]]
    outputs: dict[str, Integers]
    saturated: Mapping[str, Times]


def lower(graph: FixedGraph, target: Target = TRANSPARENT) -> Circuit:
    """The circuit of a graph, for an argument.

    Raises UnsupportedModelError, naming the node, when a view has too many axes, and when nothing
    is to be proven.
    """
    b = Builder(target=target)
    if graph.output_mode == "committed":
        Description.of_outputs(graph)  # within the limits of data
    _constrain(b, make_plan(graph), None, None)
    circuit = b.circuit()
    if not circuit.blocks:
        raise UnsupportedModelError(
            "nothing is to be proven: the inputs are public, and every output is a constant"
        )
    return circuit


@one_thread()
def solve(
    graph: FixedGraph,
    weights: Mapping[str, Integers],
    inputs: Mapping[str, Integers],
    *,
    plan: Plan | None = None,
    lies: Lies | None = None,
    target: Target = TRANSPARENT,
) -> Witness:
    """The witness for one input, or all of a batch, stacked.

    weights, inputs: int64 arrays of the declared shapes and bounds; in output modes that count the
    inputs' labels or targets and which of them count too (`true_labels`, `counting`).
    plan: the graph's, if it is made already. lies: for tests, by path, what a dishonest prover does
    to an advice array. target: the circuit's.
    """
    b = Builder(solving=True, lies=lies, target=target)
    with np.errstate(over="ignore"):  # integers are kept modulo 2^64
        outputs, saturated = _constrain(b, plan or make_plan(graph), weights, inputs)
    return Witness(b.witness, {name: v.array for name, v in outputs.items()}, saturated)


def weight_arrays(graph: FixedGraph, weights: Mapping[str, Integers]) -> list[Integers]:
    """The weights as the circuit's tensors hold them: what `commit_weights` and a prover take.

    weights: int64 arrays of the graph's shapes, by name.
    """
    arrays, groups = [], kernels(graph)
    for name in graph.weights:
        laid = _laid_out(weights[name], groups.get(name, 0))
        arrays.append(regroup(laid, tuple((axis,) for axis in physical_order(laid.shape))))
    return arrays


def _constrain(
    b: Builder,
    plan: Plan,
    weights: Mapping[str, Integers] | None,
    inputs: Mapping[str, Integers] | None,
) -> tuple[dict[str, Value], dict[str, Times]]:
    """Declares everything in the graph's order; returns the outputs, and what saturates."""
    graph = plan.graph
    values: dict[str, Value] = {}
    for name in graph.inputs:
        try:
            values[name] = _input(b, plan, name, None if inputs is None else inputs[name])
        except UnsupportedModelError as error:
            raise UnsupportedModelError(f"input {name}: {error}") from error
    known = _known(graph, b.target)
    checked = b.target.ranges is Ranges.CHECKED and graph.weights_mode == "hidden"
    for name in graph.weights:
        array = None if weights is None else weights[name]
        tensor = graph.tensors[name]
        certain = known or Interval(tensor.low, tensor.high)
        value = _weight(b, name, tensor, certain, array, plan.kernels.get(name, 0))
        values[name] = _ranged(b, name, value) if checked else value
    steps = Steps(b, plan, values)
    steps.run()
    for name in graph.outputs:
        try:
            if graph.counts:
                stated = _labelled if graph.counts_labels else _summarized
                stated(b, plan, name, values[name], inputs)
            elif graph.output_mode == "committed":
                _committed(b, plan, name, values[name])
            else:
                _publish(b, graph, name, values[name])
        except UnsupportedModelError as error:
            raise UnsupportedModelError(f"output {name}: {error}") from error
    b.finish()
    return {name: values[name] for name in graph.outputs}, steps.saturated


def _input(b: Builder, plan: Plan, name: str, array: Integers | None) -> Value:
    """An input with a check of its declared range; of a public one whoever verifies checks it, but
    for that of its columns.
    """
    graph = plan.graph
    tensor, columns = graph.tensors[name], graph.columns.get(name)
    low, high = tensor.low, tensor.high
    if graph.input_mode == "public":
        value = b.public(name, tensor.shape, low, high, array)
    else:
        certain = Interval(low, high)
        value = b.advice(name, Segment.INPUT, tensor.shape, low, high, array, certain=certain)
    if columns is not None:
        in_ranges(b, f"{name}/range", value, columns.axis, columns.lows, columns.bits)
    elif graph.input_mode != "public" or not b.target.bounds:
        in_range(b, f"{name}/range", value, low, high)
    if graph.input_mode == "committed":
        _recorded(b, f"{name}/record", Segment.RECORD, value, plan.batch)
    return value


def _recorded(b: Builder, path: str, segment: Segment, value: Value, count: int) -> None:
    """States that a value is what the rows of so many records commit to: all cells, the zeros
    included.
    """
    shape = value.shape[1:] if count > 1 else value.shape
    grid = RecordGrid.of(shape)
    array = grid.cells(value.array.reshape(count, *shape)) if b.solving else None
    rows = b.record(path, segment, (count * grid.rows, grid.width), value, array)
    cells = views.reshape(rows, (count, *grid.padded))
    placed: Value | None = views.regrouped(value, views.factors_of((count, *grid.shape)))
    for axis, extent in enumerate(grid.padded, start=1):
        if placed is not None:
            placed = window.place_in(placed, axis, 0, extent, b.tensors)
    if cells is None or placed is None:
        raise ValueError(f"{path}: a value of shape {value.shape} has no rows")
    b.equal(path, placed, cells)


def _weight(
    b: Builder,
    name: str,
    tensor: FixedTensor,
    certain: Interval,
    array: Integers | None,
    groups: int,
) -> Value:
    """A constant tensor, seen in the graph's shape. groups: of a kernel, 0 for other weights."""
    low, high = tensor.low, tensor.high
    if not groups:
        return b.advice(name, Segment.WEIGHTS, tensor.shape, low, high, array, certain=certain)
    filters, *kernel = tensor.shape
    laid = None if array is None else _laid_out(array, groups)
    shape = (groups, prod(kernel), filters // groups)
    value = b.advice(name, Segment.WEIGHTS, shape, low, high, laid, certain=certain)
    back = views.transpose(value, (0, 2, 1))
    return b.reshape(name, back, tensor.shape)


def _ranged(b: Builder, name: str, weight: Value) -> Value:
    """The weight, whose bits show that it is small."""
    width = (weight.high - weight.low).bit_length()
    nonnegative(b, f"{name}/range", linear.shifted(weight, -weight.low), width)
    return replace(weight, certain=Interval(weight.low, weight.low + (1 << width) - 1))


def _known(graph: FixedGraph, target: Target) -> Interval | None:
    """What holds every hidden weight, whatever its declared range. None for what public ones and
    rows keep in that.
    """
    if graph.weights_mode == "public" or target.ranges is Ranges.CHECKED:
        return None
    if target.ranges is Ranges.UNCHECKED:
        return target.elements
    bound = certified_bound(graph)
    return Interval(-bound, bound)


def _laid_out(array: Integers, groups: int) -> Integers:
    """A kernel as [groups, taps, filters of a group]; any other weight as it is."""
    if not groups:
        return array
    filters, *kernel = array.shape
    return array.reshape(groups, filters // groups, prod(kernel)).transpose(0, 2, 1)


def _labelled(
    b: Builder, plan: Plan, name: str, value: Value, inputs: Mapping[str, Integers] | None
) -> None:
    """States how the labels of inputs that count are related to those that their records say."""
    graph, last = plan.graph, plan.graph.tensors[name].high
    if value.shape != _each(plan):
        raise UnsupportedModelError(f"{graph.output_mode} is that of one label an input")
    true = _true(b, plan, name, Interval(0, last), inputs)
    counts = _counts(b, plan, name, inputs)
    if graph.output_mode == "accuracy":
        count_equal(b, name, value, true, counts)
        return
    value, true, counts = (b.reshape(name, v, (plan.batch,)) for v in (value, true, counts))
    count_pairs(b, name, value, true, counts, last + 1)


def _summarized(
    b: Builder, plan: Plan, name: str, value: Value, inputs: Mapping[str, Integers] | None
) -> None:
    """States how the numbers of inputs that count are spread, less their targets if there are."""
    target, numbers = plan.graph.target, prod(value.shape) // plan.batch
    if numbers > 1:
        raise UnsupportedModelError(
            f"{plan.graph.output_mode} is that of one number an input, and this has {numbers}; "
            "take one of them in the model"
        )
    value = b.reshape(name, b.settle(f"{name}/copy", value), (plan.batch,))
    if target is not None:
        true = _true(b, plan, name, Interval(target.low, target.high), inputs)
        value, true = b.aligned(name, value, b.reshape(name, true, (plan.batch,)))
        mine, its = to_one_scale(plan.graph.tensors[name], target)
        value = linear.add(linear.scale(value, mine), linear.scale(true, -its))
    counts = b.reshape(name, _counts(b, plan, name, inputs), (plan.batch,))
    summarize(b, name, value, counts)


def _each(plan: Plan) -> tuple[int, ...]:
    """The shape of one number an input."""
    return (plan.batch,) if plan.batch > 1 else ()


def _true(
    b: Builder, plan: Plan, name: str, ends: Interval, inputs: Mapping[str, Integers] | None
) -> Value:
    """What the records say of an output, their labels or targets, within these ends."""
    path = true_labels(name)
    known = None if inputs is None else inputs[path]
    true = b.advice(path, Segment.INPUT, _each(plan), *ends, known, certain=ends)
    in_range(b, f"{path}/range", true, *ends)
    _recorded(b, f"{path}/record", Segment.RECORD, true, plan.batch)
    return true


def _counts(b: Builder, plan: Plan, name: str, inputs: Mapping[str, Integers] | None) -> Value:
    """Which inputs count, in the open."""
    known = None if inputs is None else inputs[counting(name)]
    return b.public(counting(name), _each(plan), 0, 1, known)


def true_labels(name: str) -> str:
    """What the labels or targets of records are called, with which an output is compared."""
    return f"{name}/true"


def counting(name: str) -> str:
    """What says which inputs count; 0 or 1 for each."""
    return f"{name}/counted"


def _committed(b: Builder, plan: Plan, name: str, value: Value) -> None:
    """States that an output is what rows commit to; what does not read tensors whole is stored
    first, so that there are zeros beside it.
    """
    path = f"{name}/committed"
    whole = all(
        window.reads_fully(term, position, b.tensors) is not None
        for term in value.terms
        for position in range(len(term.rows))
    )
    if value.parts or not whole or value.factors != views.factors_of(value.shape):
        value = b.store(f"{path}/copy", value)
    _recorded(b, path, Segment.OUTPUT, value, plan.batch)


def _publish(b: Builder, graph: FixedGraph, name: str, value: Value) -> None:
    """States that a public tensor equals an output; bounds alone say so of a sure constant, where
    whoever verifies checks them.
    """
    tensor = graph.tensors[name]
    array = value.array if b.solving else None
    shown = b.public(f"{name}/public", tensor.shape, tensor.low, tensor.high, array)
    constant = (tensor.low, tensor.low) == value.certain and tensor.low == tensor.high
    if not constant or not b.target.bounds:
        b.equal(f"{name}/public", value, views.matched(shown, value.factors))
