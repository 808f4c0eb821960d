"""Why no widths meet the target: the first layer whose error jumps, and what is odd about it."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node
from zkinfer.quantize import floats
from zkinfer.quantize.run import Run
from zkinfer.quantize.task import Task

Floats = npt.NDArray[np.float64]

JUMP = 4.0
"""By how much a layer's relative error must exceed its operands' to be a jump."""

SHARE = 0.1
"""The part of the outputs' error that a layer's must be to matter."""

UNEVEN = 100.0
"""By how much the largest of some numbers must exceed others for one scale to hold both badly."""


@dataclass(frozen=True)
class _Place:
    """A tensor, the node that makes it (None of an input), and relative errors after and before."""

    tensor: str
    node: Node | None
    after: float
    before: float

    @property
    def jump(self) -> float:
        """How many times the error before it is that after it."""
        return self.after / max(self.before, 1e-300)


def diagnosis(task: Task, fixed: Run, samples: Mapping[str, Floats], error: float) -> str:
    """What the first layer is whose error jumps, by how much, and what is odd about its values.

    fixed: the best network's run on the samples, [samples, ...]. error: that of its outputs.
    """
    wanted = floats.values(task.graph, samples)
    errors = {
        name: _relative(fixed.value(name), wanted[name])
        for name in wanted
        if name not in fixed.built.raw
    }
    places = [_Place(name, None, errors[name], 0.0) for name in task.graph.inputs]
    for node in task.graph.nodes:
        before = max((errors[name] for name in _operands(task, errors, node)), default=0.0)
        places += [
            _Place(name, node, errors[name], before) for name in node.outputs if name in errors
        ]
    large = [place for place in places if place.after >= SHARE * error] or places
    place = next((p for p in large if p.jump >= JUMP), max(large, key=lambda p: p.jump))
    values, maker = wanted[place.tensor], place.node
    if maker is None:
        where = f"input {place.tensor} is rounded by {place.after:.2g} of its largest value"
        return f"{where}; {_reason(values, [])}"
    where = f"the error jumps at {maker.name} ({maker.op}), from {place.before:.2g} to "
    where += f"{place.after:.2g} of the largest value"
    return f"{where}; {_reason(values, [wanted[x] for x in _operands(task, errors, maker)])}"


def _operands(task: Task, formatted: Container[str], node: Node) -> list[str]:
    """The tensors that a node reads, or that those are made of as far back as one is in no format.

    formatted: the tensors that are in a format.
    """
    found: list[str] = []
    for name in node.inputs:
        if name in formatted:
            found.append(name)
        elif name not in task.graph.constants:
            (maker,) = (other for other in task.graph.nodes if name in other.outputs)
            found += _operands(task, formatted, maker)
    return found


def _relative(value: Floats, wanted: Floats) -> float:
    """The largest difference over the largest value."""
    return float(np.abs(value - wanted).max()) / (float(np.abs(wanted).max()) or 1.0)


def _reason(values: Floats, operands: list[Floats]) -> str:
    """What is odd about the values that a layer makes of operands, and what to do."""
    allow = "allow a larger error (--max-error)"
    for what, array in (*(("reads", x) for x in operands), ("makes", values)):
        largest, typical = _sizes(array)
        if largest > UNEVEN * typical > 0:
            return (
                f"it {what} values up to {largest:.2g}, half of them below {typical:.2g}, and one "
                f"scale must hold both: bring them to a similar size, or {allow}"
            )
    largest, typical = _sizes(values)
    before = max((_sizes(x)[0] for x in operands), default=0.0)
    if before > UNEVEN * largest > 0:
        return (
            f"it makes values up to {largest:.2g} of values up to {before:.2g} and inherits their "
            f"rounding: shift or scale the data before the model, or {allow}"
        )
    return f"its values reach {largest:.2g}, half of them are below {typical:.2g}: {allow}"


def _sizes(array: Floats) -> tuple[float, float]:
    """The largest size, and the median of those that are not 0."""
    sizes = np.abs(array[array != 0])
    return (float(sizes.max()), float(np.median(sizes))) if sizes.size else (0.0, 0.0)
