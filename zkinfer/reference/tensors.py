"""Public values as the numbers that they stand for, in nested lists."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zkinfer.reference.graph import Graph

Shown = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""By name the shape of a public tensor, and its values in row-major order."""


def tensors(graph: Graph, public: Shown, member: str, names: Sequence[str]) -> dict[str, Any]:
    """Tensors as numbers, and as the integers that they are."""
    numbers, integers = {}, {}
    for name in names:
        shape, values = public[name]
        integers[name] = numbers[name] = nested(shape, iter(values))
        if name not in graph.labels:
            numbers[name] = nested(shape, iter(graph.numbers(name, values)))
    return {member: numbers, f"{member}_fixed": integers}


def nested(shape: tuple[int, ...], values: Iterator[Any]) -> Any:
    """Values in row-major order as nested lists; the bare value where there are no axes."""
    return [nested(shape[1:], values) for _ in range(shape[0])] if shape else next(values)
