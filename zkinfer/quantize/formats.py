"""Number formats: which scale and bounds a range and a width give.

All scales are powers of two. An activation of b bits whose values lie within 2^k is stored in
[0, 2^b - 1] at scale b - k, or in [-2^(b-1), 2^(b-1) - 1] at scale b - 1 - k.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Integer
from zkinfer.ops.tensor import FixedTensor, Integers

Floats = npt.NDArray[np.float64]

MARGIN = 2.0
"""How much larger than the calibration data inputs and activations may be."""

OUTPUT_BITS = 20
DECIDED_BITS = 24
MAX_CONSTANT_BITS = 30
MAX_SCALE = 120
"""No constant is finer than 2^-120, however small it is."""


@dataclass(frozen=True)
class Widths:
    """Every choice that the search makes.

    activations, weights: the usual widths in bits; exceptions by tensor and by constant. inputs:
    fraction bits by input. detail: bits that the largest entry of a hidden elementwise
    constant keeps, or the smallest of a public one.
    """

    inputs: Mapping[str, int]
    activations: int
    weights: int
    detail: int
    activation_bits: Mapping[str, int] = field(default_factory=dict)
    weight_bits: Mapping[str, int] = field(default_factory=dict)

    def activation(self, tensor: str) -> int:
        """The width of an activation."""
        return self.activation_bits.get(tensor, self.activations)

    def weight(self, constant: str) -> int:
        """The width of a constant in a product."""
        return self.weight_bits.get(constant, self.weights)


def exponent(magnitude: float) -> int:
    """The least k with magnitude <= 2^k; 0 for 0."""
    if magnitude <= 0:
        return 0
    mantissa, power = math.frexp(magnitude)
    return power - 1 if mantissa == 0.5 else power


@dataclass(frozen=True)
class Ends:
    """The least and the greatest entry of a constant."""

    low: float
    high: float

    @classmethod
    def of(cls, array: Floats) -> "Ends":
        """Those of an array."""
        return cls(float(array.min()), float(array.max()))

    @property
    def largest(self) -> float:
        """The largest absolute value."""
        return max(-self.low, self.high)

    def integers(self, scale: int) -> tuple[int, int]:
        """What `to_integers` makes of them."""
        low, high = np.rint(np.ldexp([self.low, self.high], scale))
        return int(low), int(high)


def weight_scale(ends: Ends, bits: int) -> int:
    """The finest scale at which a constant fits into `bits` bits in two's complement."""
    scale = min(bits - exponent(ends.largest), MAX_SCALE)
    while not _fits(ends, scale, bits):
        scale -= 1
    return scale


def even_scale(ends: Ends, detail: int, most_bits: int) -> int:
    """The scale that keeps `detail` bits of the largest entry, in at most `most_bits` bits.

    It tells no more of the entries than a power of two above all of them.
    """
    return min(detail - exponent(ends.largest), weight_scale(ends, most_bits))


def detail_scale(array: Floats, detail: int, most_bits: int) -> int:
    """The scale that keeps `detail` bits of the smallest entry, in at most `most_bits` bits.

    No finer than needed: a constant that is exact at a coarser scale gets the coarsest such.
    """
    entries = np.abs(array[array != 0])
    if not entries.size:
        return 0
    scale = detail - exponent(float(entries.min()))
    scale = min(scale, weight_scale(Ends.of(array), most_bits))
    while scale > -MAX_SCALE and _is_whole(array, scale - 1):
        scale -= 1
    return scale


def _is_whole(array: Floats, scale: int) -> bool:
    scaled = np.ldexp(array, scale)
    return bool((scaled == np.rint(scaled)).all())


def _fits(ends: Ends, scale: int, bits: int) -> bool:
    half = 1 << (bits - 1)
    low, high = ends.integers(scale)
    return low >= -half and high < half


def to_integers(array: Floats, scale: int) -> Integers:
    """Rounded to the scale, half to even."""
    return np.rint(np.ldexp(array, scale)).astype(np.int64)


def width(low: int, high: int) -> int:
    """The bits in two's complement of integers from low to high."""
    return 1 + max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length())


def declared(shape: tuple[int, ...], ends: Ends, scale: int, bits: int = 1) -> FixedTensor:
    """The declaration of a constant: at least `bits` bits in two's complement."""
    bits = max(bits, width(*ends.integers(scale)))
    return FixedTensor(shape, scale, -(1 << bits - 1), (1 << bits - 1) - 1)


@dataclass(frozen=True)
class Format:
    """The range 2^power of an activation, with or without negative values, and the float clip.

    calibrated: whether the range comes from data, so that values may leave it. ends: the least and
    the greatest value, by the data with their margin.
    """

    power: int
    signed: bool
    low: float = -math.inf
    high: float = math.inf
    calibrated: bool = True
    ends: tuple[float, float] = (-math.inf, math.inf)

    @classmethod
    def of_integers(cls, kind: Integer, form: "Format") -> "Format":
        """That of whole numbers of a type, within the ends that a layer keeps them in."""
        low, high = max(kind.low, form.low), min(kind.high, form.high)
        power = exponent(max(-low, high + 1))
        return cls(power, low < 0, low, high, calibrated=False, ends=(low, high))

    @property
    def saturates(self) -> tuple[bool, bool]:
        """Whether the least and the greatest number are the range's, and not the model's own."""
        end = 2.0**self.power
        return self.calibrated and self.low < -end, self.calibrated and self.high > end

    def scale(self, bits: int) -> int:
        """The scale at which the range fills `bits` bits."""
        return bits - self.signed - self.power

    def is_exact(self, scale: int) -> bool:
        """Whether the clip's ends are whole numbers at a scale."""
        ends = [math.ldexp(end, scale) for end in (self.low, self.high) if math.isfinite(end)]
        return all(end % 1 == 0 for end in ends)

    def bounds(self, scale: int) -> tuple[int, int]:
        """The integers that the range and the clip allow at a scale."""
        end = 1 << max(self.power + scale, 0)
        low, high = (-end if self.signed else 0), end - 1
        if self.low > -math.inf:
            low = max(low, min(round(math.ldexp(self.low, scale)), high))
        if self.high < math.inf:
            high = min(high, max(round(math.ldexp(self.high, scale)), low))
        return low, high
