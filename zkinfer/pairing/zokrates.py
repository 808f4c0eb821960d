"""ZoKrates' verification.key and proof.json (scheme g16, curve bn128).

Integers are hexadecimal strings of 64 digits; points are affine, with pairs as coordinates in G2.
"""

import json
from collections.abc import Sequence

from zkinfer.errors import FormatError
from zkinfer.pairing.curve import G1, G2
from zkinfer.pairing.groth16 import Key, Proof, checked_values

_NAMES = {"scheme": "g16", "curve": "bn128"}


def write_key(key: Key) -> str:
    """verification.key of a key."""
    return _text(
        {
            **_NAMES,
            "alpha": _g1(key.alpha),
            "beta": _g2(key.beta),
            "gamma": _g2(key.gamma),
            "delta": _g2(key.delta),
            "gamma_abc": [_g1(point) for point in key.ic],
        }
    )


def write_proof(key: Key, proof: Proof, values: Sequence[int]) -> str:
    """proof.json of a proof under a key: it holds the public values too.

    Raises FormatError as checked_values does, and if C is infinity, which the format does not have.
    """
    if proof.c is None:
        raise FormatError("ZoKrates' proof.json has no point at infinity, which C of the proof is")
    points = {"a": _g1(proof.a), "b": _g2(proof.b), "c": _g1(proof.c)}
    inputs = [_hex(value) for value in checked_values(key, values)]
    return _text({**_NAMES, "proof": points, "inputs": inputs})


def _text(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"


def _hex(value: int) -> str:
    return f"0x{value:064x}"


def _g1(point: G1) -> list[str]:
    return [_hex(number) for number in point]


def _g2(point: G2) -> list[list[str]]:
    return [[_hex(number) for number in coordinate] for coordinate in point]
