"""Converters of control flow that is known before any input: If, Loop and Scan.

The branch that is taken stands in the place of an If; the bodies of loops are unrolled.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.onnx_import.bodies import Body, inlined, stand_for, subgraph
from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.moves import end_to_end, reshaped, sliced
from zkinfer.onnx_import.node import Refusal


def if_(site: Site) -> None:
    """If with a constant condition."""
    branch = "then_branch" if _flag(site, site.node.inputs[0], "condition") else "else_branch"
    body = subgraph(site, branch)
    _check(site, body, 0, len(site.node.outputs))
    for index, name in enumerate(inlined(site, body, ())):
        if site.uses_output(index):
            stand_for(site, index, name)


def loop(site: Site) -> None:
    """Loop whose trip count and conditions are constant."""
    body, graph = subgraph(site, "body"), site.graph
    carried = list(site.node.inputs[2:])
    _check(site, body, 2 + len(carried), 1 + len(site.node.outputs))
    trips = site.scalar(0, "trip count")
    going = not site.has(1) or _flag(site, site.node.inputs[1], "condition")
    stacks: list[list[str]] = [[] for _ in body.outputs[1 + len(carried) :]]
    trip = 0
    graph.loops += 1
    while going and (trips is None or trip < trips):
        number, condition = graph.new_tensor("trip"), graph.new_tensor("condition")
        graph.arrays[number], graph.arrays[condition] = np.array(trip), np.array(True)
        condition, *made = inlined(site, body, (number, condition, *carried))
        going = _flag(site, condition, "condition")
        carried, rest = made[: len(carried)], made[len(carried) :]
        for stack, name in zip(stacks, rest, strict=True):
            stack.append(name)
        trip += 1
    graph.loops -= 1
    for index, name in enumerate(carried):
        if site.uses_output(index):
            stand_for(site, index, name)
    for index, stack in enumerate(stacks, len(carried)):
        if site.uses_output(index):
            _stack(site, index, stack, 0)


def scan(site: Site) -> None:
    """Scan over as many entries as the scanned axes have."""
    if site.version < 9:
        raise Refusal("expected a Scan of opset 9 or later; export the model again")
    body, count = subgraph(site, "body"), int(site.attr("num_scan_inputs", 0))
    split = len(site.node.inputs) - count
    states, places = list(site.node.inputs[:split]), range(split, len(site.node.inputs))
    if count < 1 or split < 0:
        raise Refusal(f"expected num_scan_inputs from 1 to its inputs, got {count}")
    _check(site, body, len(site.node.inputs), len(site.node.outputs))
    outputs = len(body.outputs) - split
    axes = _listed(site, "scan_input_axes", count)
    backward = _listed(site, "scan_input_directions", count)
    axes = tuple(
        axis_in(axis, len(site.shape(place))) for axis, place in zip(axes, places, strict=True)
    )
    lengths = {site.shape(place)[axis] for axis, place in zip(axes, places, strict=True)}
    if len(lengths) != 1:
        raise Refusal(f"expected scanned axes of one length, got {sorted(lengths)}")
    stacks: list[list[str]] = [[] for _ in range(outputs)]
    (length,) = lengths
    site.graph.loops += 1
    for step in range(length):
        entries = [
            _entry(site, place, axis, length - 1 - step if back else step)
            for place, axis, back in zip(places, axes, backward, strict=True)
        ]
        made = inlined(site, body, (*states, *entries))
        states = made[:split]
        for stack, name in zip(stacks, made[split:], strict=True):
            stack.append(name)
    site.graph.loops -= 1
    for index, name in enumerate(states):
        if site.uses_output(index):
            stand_for(site, index, name)
    out_axes = _listed(site, "scan_output_axes", outputs)
    out_backward = _listed(site, "scan_output_directions", outputs)
    for place, stack in enumerate(stacks):
        if site.uses_output(split + place):
            ordered = stack[::-1] if out_backward[place] else stack
            _stack(site, split + place, ordered, out_axes[place])


def _check(site: Site, body: Body, inputs: int, outputs: int) -> None:
    """Raises Refusal unless a body has so many inputs and outputs, and all inputs are there."""
    if (len(body.inputs), len(body.outputs)) != (inputs, outputs):
        raise Refusal(
            f"expected a body with {inputs} inputs and {outputs} outputs, got {len(body.inputs)} "
            f"and {len(body.outputs)}"
        )
    if any(not name for name in site.node.inputs[2:]):
        raise Refusal("expected a tensor for each input of its body, got one left out")


def _listed(site: Site, name: str, count: int) -> tuple[int, ...]:
    """An attribute with an integer for each of so many tensors; zeros where it is left out."""
    numbers = site.ints(name) or (0,) * count
    if len(numbers) != count:
        raise Refusal(f"expected {count} numbers as {name}, got {list(numbers)}")
    return numbers


def _flag(site: Site, name: str, what: str) -> bool:
    """A constant truth value."""
    array = site.graph.arrays.get(site.graph.source(name))
    if array is None or array.size != 1:
        behind = _inputs_behind(site, name)
        fixing = f", or fix an input by an initializer named {behind[0]}" if behind else ""
        raise Refusal(
            f"expected a constant {what}, got the computed {name}; export the model with it fixed"
            f"{fixing}"
        )
    return bool(array.reshape(()))


def _inputs_behind(site: Site, name: str) -> list[str]:
    """The model's inputs that a tensor is computed from, sorted."""
    makers, seen, left = site.graph.makers, {name}, [name]
    while left:
        node = makers.get(left.pop())
        before = set(node.inputs if node else ()) - seen
        seen |= before
        left += before
    return sorted(seen.intersection(site.graph.shapes) - makers.keys())


def _entry(site: Site, index: int, axis: int, place: int) -> str:
    """An input's entry at a place of an axis, without that axis."""
    graph, x = site.graph, site.source(index)
    shape = site.shape(index)
    if x in graph.arrays:
        name = graph.new_tensor(f"{site.node.name}/entry")
        graph.arrays[name] = graph.arrays[x].take(place, axis)
        return name
    y = sliced(site, x, {axis: (place, place + 1, 1)})
    y = reshaped(site, y, (*shape[:axis], *shape[axis + 1 :]))
    if site.is_integral(index):
        graph.integral.add(y)
    return y


def _stack(site: Site, index: int, names: Sequence[str], axis: int) -> None:
    """Makes an output the tensors end to end along a new axis."""
    if not names:
        raise Refusal(f"its output {site.node.outputs[index]} is empty, as the body never runs")
    graph, output = site.graph, site.node.outputs[index]
    sources = [graph.source(name) for name in names]
    axis = axis_in(axis, len(graph.shape(sources[0])) + 1)
    if all(source in graph.arrays for source in sources):
        arrays = [graph.arrays[source] for source in sources]
        if len({array.shape for array in arrays}) > 1:
            raise Refusal(f"expected entries of {output} of one shape, got several")
        graph.allowance.spend((len(arrays), *arrays[0].shape), f"its output {output}")
        graph.arrays[output] = np.stack(arrays, axis)
        return
    parts = []
    for source in sources:
        part = graph.weight(source) if source in graph.arrays else source
        shape = graph.shape(part)
        parts.append(reshaped(site, part, (*shape[:axis], 1, *shape[axis:])))
    graph.alias(output, end_to_end(site, parts, axis))
    if any(name in graph.integral for name in names):
        graph.integral.add(output)


CONVERTERS: Converters = {
    ("", "If"): if_,
    ("", "Loop"): loop,
    ("", "Scan"): scan,
}
