"""Converters of sequences of tensors, whose lengths are known when a model is read."""

import numpy as np

from zkinfer.onnx_import.builder import Converters, Item, Site, axis_in
from zkinfer.onnx_import.moves import end_to_end, reshaped, sliced
from zkinfer.onnx_import.node import Refusal


def split_to_sequence(site: Site) -> None:
    """SplitToSequence: parts of given sizes, or of one, or single entries, whose axis may go."""
    shape = site.shape(0)
    axis = axis_in(int(site.attr("axis", 0)), len(shape))
    sizes, kept = (1,) * shape[axis], True
    if site.has(1):
        given = site.array(1, "split")
        sizes = tuple(int(size) for size in given.reshape(-1))
        if not given.ndim and sizes[0] > 0:
            whole, rest = divmod(shape[axis], sizes[0])
            sizes = (*sizes * whole, *[rest] * bool(rest))
    else:
        kept = bool(site.attr("keepdims", 1))
    if sum(sizes) != shape[axis] or min(sizes) < 1:
        raise Refusal(f"expected positive sizes that add up to {shape[axis]}, got {list(sizes)}")
    x, start, parts = site.any_operand(0), 0, []
    for size in sizes:
        part = sliced(site, x, {axis: (start, start + size, 1)})
        parts.append(part if kept else reshaped(site, part, shape[:axis] + shape[axis + 1 :]))
        start += size
    _keep(site, [(part, site.is_integral(0)) for part in parts])


def sequence_construct(site: Site) -> None:
    """SequenceConstruct."""
    _keep(site, [_item(site, index) for index in range(len(site.node.inputs))])


def sequence_empty(site: Site) -> None:
    """SequenceEmpty."""
    _keep(site, [])


def sequence_insert(site: Site) -> None:
    """SequenceInsert, at the end where no position is given."""
    items = _items(site)
    place = _position(site, 2, len(items) + 1) if site.has(2) else len(items)
    _keep(site, [*items[:place], _item(site, 1), *items[place:]])


def sequence_erase(site: Site) -> None:
    """SequenceErase, of the last one where no position is given."""
    items = _items(site)
    place = _position(site, 1, len(items)) if site.has(1) else len(items) - 1
    _keep(site, items[:place] + items[place + 1 :])


def sequence_at(site: Site) -> None:
    """SequenceAt."""
    items = _items(site)
    _stand_for(site, *items[_position(site, 1, len(items))])


def sequence_length(site: Site) -> None:
    """SequenceLength."""
    site.graph.arrays[site.node.outputs[0]] = np.array(len(_items(site)))


def concat_from_sequence(site: Site) -> None:
    """ConcatFromSequence, along an axis of its own with new_axis."""
    items, new = _items(site), int(site.attr("new_axis", 0))
    if not items:
        raise Refusal("expected tensors to join, got an empty sequence")
    parts = [name for name, _ in items]
    axis = axis_in(int(site.attr("axis", 0)), len(site.graph.shape(parts[0])) + new)
    if new:
        shapes = [site.graph.shape(name) for name in parts]
        pairs = zip(parts, shapes, strict=True)
        parts = [reshaped(site, name, (*s[:axis], 1, *s[axis:])) for name, s in pairs]
    _stand_for(site, end_to_end(site, parts, axis), any(whole for _, whole in items))


def _item(site: Site, index: int) -> Item:
    """An input that becomes part of a sequence."""
    return site.any_operand(index), site.is_integral(index)


def _items(site: Site) -> list[Item]:
    """What is in the sequence that is input 0."""
    found = site.graph.sequences.get(site.source(0))
    if found is None:
        raise Refusal("expected a sequence made of tensors of this graph")
    return list(found)


def _keep(site: Site, items: list[Item]) -> None:
    """Makes the output a sequence of these."""
    site.graph.sequences[site.node.outputs[0]] = tuple(items)


def _stand_for(site: Site, name: str, whole: bool) -> None:
    """Lets the output stand for a tensor, of integers or not."""
    site.graph.alias(site.node.outputs[0], name)
    if whole:
        site.graph.integral.add(site.node.outputs[0])


def _position(site: Site, index: int, count: int) -> int:
    """A position among so many, counted from the end where it is negative."""
    (place,) = site.ints_at(index, "position") or (0,)
    if not -count <= place < count:
        raise Refusal(f"expected a position from {-count} to {count - 1}, got {place}")
    return place % count


CONVERTERS: Converters = {
    ("", "ConcatFromSequence"): concat_from_sequence,
    ("", "SequenceAt"): sequence_at,
    ("", "SequenceConstruct"): sequence_construct,
    ("", "SequenceEmpty"): sequence_empty,
    ("", "SequenceErase"): sequence_erase,
    ("", "SequenceInsert"): sequence_insert,
    ("", "SequenceLength"): sequence_length,
    ("", "SplitToSequence"): split_to_sequence,
}
