"""The float graph: what an ONNX model computes, in a small set of normalised operators.

Made by zkinfer.onnx_import, read by zkinfer.quantize. The operators are those of zkinfer.layers,
where each says what it computes, its attributes, and which operands must be constants.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Real:
    """Real numbers."""


@dataclass(frozen=True)
class Integer:
    """Integers of a type; low and high are the least and the greatest that it can hold."""

    low: int
    high: int


@dataclass(frozen=True)
class Boolean:
    """False or true, as 0 and 1."""

    low: int = 0
    high: int = 1


Kind = Real | Integer | Boolean


@dataclass(frozen=True)
class TensorType:
    """The type of a tensor: its extents, and what its entries are."""

    shape: tuple[int, ...]
    kind: Kind = Real()


def unused(name: str, taken: Container[str]) -> str:
    """The name, longer where it is taken."""
    while name in taken:
        name += "'"
    return name


@dataclass(frozen=True)
class Node:
    """One operator. inputs name tensors or constants; outputs name the tensors that it makes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """A float model: nodes in topological order, every shape fixed.

    constants: float64 arrays by name. tensors: the types of all tensors, constants included.
    batch_axis: by input name, whether axis 0 is a batch axis, so that calibration samples stack
    along it. alike: what stands for tensors that shall have one format, such as those of the same
    place in repeated steps. classes: of outputs that are numbers of classes, what these are called.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[np.float64]]
    tensors: Mapping[str, TensorType]
    batch_axis: Mapping[str, bool]
    alike: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self.tensors[name].shape
