"""What a circuit is made for: the field of its rows, and what an argument can do besides them."""

from dataclasses import dataclass
from enum import Enum

from zkinfer.circuit.term import MODULUS
from zkinfer.circuit.value import Interval

BN254_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""The prime order r of the groups of BN254."""


class Ranges(Enum):
    """What keeps hidden weights small.

    CERTIFIED: a certificate of the key. CHECKED: rows of the circuit, by the bits of each weight.
    UNCHECKED: nothing; they may be any elements of the field.
    """

    CERTIFIED = "certified"
    CHECKED = "checked"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Target:
    """What rows are written for.

    modulus: the entries of a witness, and coefficients, are integers modulo this prime. challenges:
    whether rows can read numbers that are drawn after what they check is committed to. bounds:
    whether whoever verifies checks the declared bounds of public tensors, in place of rows. ranges:
    what keeps hidden weights small.
    """

    modulus: int
    challenges: bool
    bounds: bool
    ranges: Ranges

    @property
    def exact(self) -> bool:
        """Whether equations hold between integers, by certain bounds; else modulo the prime."""
        return self.ranges is not Ranges.UNCHECKED

    @property
    def elements(self) -> Interval:
        """All elements of the field, as integers of least absolute value."""
        return Interval(-(self.modulus // 2), self.modulus // 2)


TRANSPARENT = Target(MODULUS, challenges=True, bounds=True, ranges=Ranges.CERTIFIED)
PAIRING = {
    ranges: Target(BN254_ORDER, challenges=False, bounds=False, ranges=ranges)
    for ranges in (Ranges.CHECKED, Ranges.UNCHECKED)
}
