"""snarkjs' verification_key.json, proof.json and public.json (protocol groth16, curve bn128).

Integers are decimal strings. Points are projective: (x, y, 1), with x and y as pairs in G2, and
(0, 1, 0) for infinity. What snarkjs' own files have besides, e(alpha, beta), its verifier computes
for itself, and it is left out.
"""

import json
import re
from collections.abc import Sequence

from zkinfer.errors import FormatError
from zkinfer.pairing.curve import G1, G2, Fq2, checked_g1, checked_g2
from zkinfer.pairing.groth16 import Key, Proof, checked_values

_NAMES = {"protocol": "groth16", "curve": "bn128"}
_INTEGER = re.compile("0|[1-9][0-9]{0,77}", re.ASCII)
_LENGTH = 4096
"""The characters of a proof.json at most, and of the blanks in a public.json."""

_ONE2, _INFINITY = ["1", "0"], ["0", "1", "0"]


def write_key(key: Key) -> str:
    """verification_key.json of a key."""
    return _text(
        {
            **_NAMES,
            "nPublic": key.public,
            "vk_alpha_1": _g1(key.alpha),
            "vk_beta_2": _g2(key.beta),
            "vk_gamma_2": _g2(key.gamma),
            "vk_delta_2": _g2(key.delta),
            "IC": [_g1(point) for point in key.ic],
        }
    )


def write_proof(proof: Proof) -> str:
    """proof.json of a proof."""
    points = {"pi_a": _g1(proof.a), "pi_b": _g2(proof.b), "pi_c": _g1(proof.c)}
    return _text({**points, **_NAMES})


def write_values(key: Key, values: Sequence[int]) -> str:
    """public.json of the public values of a proof under a key; raises as checked_values does."""
    return _text([str(value) for value in checked_values(key, values)])


def read_proof(text: str | bytes) -> Proof:
    """The proof in a proof.json.

    Raises FormatError unless it is one, of points on the curve and in the groups.
    """
    found = _parsed(text, _LENGTH, "proof.json")
    if not isinstance(found, dict) or set(found) != {"pi_a", "pi_b", "pi_c", *_NAMES}:
        raise FormatError("a proof.json of snarkjs has pi_a, pi_b, pi_c, protocol and curve")
    for name, value in _NAMES.items():
        if found[name] != value:
            raise FormatError(f"the {name} of a proof.json is not {value}")
    c = None if found["pi_c"] == _INFINITY else _read_g1(found["pi_c"], "pi_c")
    return Proof(_read_g1(found["pi_a"], "pi_a"), _read_g2(found["pi_b"], "pi_b"), c)


def read_values(key: Key, text: str | bytes) -> list[int]:
    """The public values in a public.json, for a key.

    Raises FormatError unless they are as many as the key takes, each from 0 to r - 1.
    """
    found = _parsed(text, _LENGTH + 100 * key.public, "public.json")
    if not isinstance(found, list):
        raise FormatError("a public.json of snarkjs is a list")
    return list(checked_values(key, [_integer(value, "a public value") for value in found]))


def _text(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"


def _g1(point: G1 | None) -> list[str]:
    return _INFINITY if point is None else [*map(str, point), "1"]


def _g2(point: G2) -> list[list[str]]:
    return [*([str(number) for number in coordinate] for coordinate in point), _ONE2]


def _parsed(text: str | bytes, most: int, name: str) -> object:
    if len(text) > most:
        raise FormatError(f"a {name} of more than {most} characters is none")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FormatError(f"a {name} is not JSON") from None


def _integer(value: object, what: str) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise FormatError(f"{what} is not an integer in decimal, of at most 78 digits")
    return int(value)


def _pair(value: object, what: str) -> Fq2:
    if not isinstance(value, list) or len(value) != 2:
        raise FormatError(f"{what} is not a pair of integers")
    return _integer(value[0], what), _integer(value[1], what)


def _read_g1(value: object, what: str) -> G1:
    if not isinstance(value, list) or len(value) != 3 or value[2] != "1":
        raise FormatError(f"{what} is not a point (x, y, 1)")
    return checked_g1(_pair(value[:2], what), what)


def _read_g2(value: object, what: str) -> G2:
    if not isinstance(value, list) or len(value) != 3 or value[2] != _ONE2:
        raise FormatError(f"{what} is not a point (x, y, 1)")
    return checked_g2((_pair(value[0], what), _pair(value[1], what)), what)
