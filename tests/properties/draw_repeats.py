"""Draws fixed-point graphs that compute the same again and again, as unrolled networks do.

The first nodes are drawn as any others are; what follows are copies of them. What these read from
outside is the same in every copy, another input, a part of a longer one, or what the copy before
has made; attributes may differ, and copies may be incomplete.
"""

from collections.abc import Callable

from tests.properties.choices import Choices
from tests.properties.draw_fixed import Example, example, node
from tests.properties.draw_fixed_nodes import DRAW
from tests.properties.draw_fixed_tensors import Drawing
from zkinfer.errors import FormatError
from zkinfer.fixed import FixedNode, FixedTensor

Names = dict[str, str]
"""What a copy makes in the place of what the first nodes make."""
Source = Callable[[int, Names], str]
"""What a copy reads, by its number and the names of the one before."""


def graph(choices: Choices) -> Example:
    """A graph with repeats, mostly of enough copies to be stated together."""
    d = Drawing(choices)
    d.entries = 30
    d.fresh(d.extents(1, 3), d.scale(), weight=0, most=20)
    for _ in range(d.one((1, 2, 3, 5, 8))):
        if not d.is_large:
            node(d, _op(d))
            if d.chance(50):
                _narrowed(d)
    if not d.is_large:
        _repeat(d, d.one((1, 3, 3, 4, 5, 6, 9)))
        node(d, _op(d))
    return example(d)


def _op(d: Drawing) -> str:
    """An operator, often one that keeps numbers within bounds."""
    return "requantize" if d.chance(20) else d.one([op for op in DRAW if op != "label"])


def _narrowed(d: Drawing) -> None:
    """Keeps the last tensor within few bits, as networks do."""
    made = next(reversed(d.tensors))
    tensor, bits = d.tensors[made], d.one((4, 8, 12))
    if made not in d.declared:
        shift = max(max(-tensor.low, tensor.high).bit_length() - bits, 0)
        ends = {"low": -(1 << bits), "high": (1 << bits) - 1}
        sides = {"low_saturates": d.chance(80), "high_saturates": d.chance(80)}
        _add(d, FixedNode("", "requantize", (made,), (), {"shift": shift, **ends, **sides}))


def _repeat(d: Drawing, copies: int) -> None:
    """Copies of all nodes there are."""
    first = list(d.nodes)
    names = {name: name for one in first for name in one.outputs}
    outside = dict.fromkeys(name for one in first for name in one.inputs if name not in names)
    sources = {name: _source(d, name, list(names), copies) for name in outside}
    for number in range(copies):
        before, names = names, {}
        read = {name: source(number, before) for name, source in sources.items()}
        for one in first:
            operands = tuple(names.get(name, read.get(name, name)) for name in one.inputs)
            attrs = d.spoiled(dict(one.attrs)) if d.chance(1) else one.attrs
            made = _add(d, FixedNode("", one.op, operands, (), attrs))
            if made is not None:
                names[one.outputs[0]] = made


def _source(d: Drawing, name: str, made: list[str], copies: int) -> Source:
    """Where copies find what the first nodes read under a name."""
    tensor = d.tensors[name]
    alike = [other for other in made if d.tensors[other].shape == tensor.shape]
    way = d.one(("before", "before", "same", "other", "part"))
    if name in d.weights and d.chance(80):
        way = "same"
    if way == "before" and alike:
        state = d.one(alike)
        return lambda number, before: before.get(state, name)
    if way == "other":
        return lambda number, before: _declared(d, tensor)
    if way == "part" and len(tensor.shape) < 7:
        longer = FixedTensor((copies, *tensor.shape), tensor.scale, tensor.low, tensor.high)
        whole = _declared(d, longer)
        last = copies - 1 if d.chance(30) else 0
        return lambda number, before: _part(d, whole, abs(last - number)) or name
    return lambda number, before: name


def _declared(d: Drawing, tensor: FixedTensor) -> str:
    """Another input like a tensor."""
    name = f"other{len(d.tensors)}"
    d.inputs.append(name)
    d.declared[name] = d.tensors[name] = FixedTensor(
        tensor.shape, tensor.scale, tensor.low, tensor.high
    )
    return name


def _part(d: Drawing, whole: str, place: int) -> str | None:
    """One position of the first axis, which goes."""
    bounds = {"starts": (place,), "stops": (place + 1,), "axes": (0,), "steps": (1,)}
    part = _add(d, FixedNode("", "slice", (whole,), (), bounds))
    shape = {"shape": d.tensors[whole].shape[1:]}
    return None if part is None else _add(d, FixedNode("", "reshape", (part,), (), shape))


def _add(d: Drawing, node: FixedNode) -> str | None:
    """What a node makes, unless it is refused."""
    nodes = list(d.nodes)
    try:
        return d.add(node.op, *node.inputs, **node.attrs)
    except FormatError:
        d.nodes = nodes
        return None
