"""What quantization gives: the fixed-point network, its weights, and how close it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from zkinfer.fixed import FixedGraph
from zkinfer.ops.tensor import Integers


class Oracle(Protocol):
    """The float network, for one sample in the shapes of the graph."""

    def run_all(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Every tensor that a node computes, by its ONNX name."""


@dataclass(frozen=True)
class LayerFidelity:
    """One tensor against the float network on some samples.

    error: the largest absolute difference. magnitude: the largest absolute float value. used: the
    part of the range, from 0 to 1, that the data reach. saturated: how many of `count` numbers lie
    at an end of the range where the float network is beyond it. against_oracle: whether the float
    values are onnxruntime's, or those of the imported graph in float64.
    """

    name: str
    op: str
    tensor: str
    error: float
    magnitude: float
    used: float
    saturated: int
    count: int
    against_oracle: bool


@dataclass(frozen=True)
class OutputFidelity:
    """One output (in label mode the scores): the largest difference, and the largest float value
    of the samples that widths were chosen on.

    agreement: the share of samples whose largest entry is the same; None for a single number.
    own_errors: by quantile of all numbers, the difference over the float value itself, as far as
    that is not 0. floats, fixed: some values of both, for a plot.
    """

    name: str
    error: float
    magnitude: float
    agreement: float | None
    own_errors: Mapping[float, float]
    floats: tuple[float, ...]
    fixed: tuple[float, ...]

    @property
    def relative(self) -> float:
        """The error over the largest output."""
        return self.error / (self.magnitude or 1.0)


@dataclass(frozen=True)
class Measured:
    """The two networks on some samples. saturating: on how many of them values saturate."""

    samples: int
    saturating: int
    layers: tuple[LayerFidelity, ...]
    outputs: tuple[OutputFidelity, ...]

    @property
    def error(self) -> float:
        """The largest output error over the largest output, of the worst output."""
        return max(output.relative for output in self.outputs)

    @property
    def agreement(self) -> float | None:
        """The share of samples with the same label, of the worst output; None without labels."""
        shares = [output.agreement for output in self.outputs if output.agreement is not None]
        return min(shares, default=None)


@dataclass(frozen=True)
class Fidelity:
    """How close the fixed-point network is to the float one.

    fitted: on the samples that ranges and widths were chosen on, with an error of at most
    max_error. step: whether that is a step of the outputs, which the model rounds, as nothing
    closer was found. held_out: on calibration data that had no part in it; None when there are too
    few. synthetic: the samples were drawn from the input range, for lack of calibration data.
    activation_bits, weight_bits: the usual widths; widths that differ are in the graph.
    """

    max_error: float
    step: bool
    synthetic: bool
    activation_bits: int
    weight_bits: int
    fitted: Measured
    held_out: Measured | None


@dataclass(frozen=True)
class Quantized:
    """A fixed-point network: graph, weights (int64, by name), fidelity."""

    graph: FixedGraph
    weights: Mapping[str, Integers]
    fidelity: Fidelity
