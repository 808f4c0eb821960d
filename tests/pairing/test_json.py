"""snarkjs' proof.json and public.json: what is read is what was written, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc import optimized_bn128 as bn

from tests.pairing.setting import OUTSIDE, affine, affine2
from zkinfer.errors import FormatError
from zkinfer.pairing import snarkjs
from zkinfer.pairing.curve import Q, R
from zkinfer.pairing.groth16 import Key, Proof

SCALARS = st.integers(1, R - 1)
POINT = affine(bn.G1)
TWIST = [affine2(bn.multiply(bn.G2, scalar)) for scalar in (1, 2, 3)]
KEY = Key(POINT, *TWIST, (POINT,) * 3)
PROOF = Proof(POINT, TWIST[1], affine(bn.multiply(bn.G1, 7)))


@given(SCALARS, SCALARS, st.none() | SCALARS)
@settings(max_examples=10, deadline=None)
def test_proofs_round_trip(a: int, b: int, c: int | None) -> None:
    proof = Proof(
        affine(bn.multiply(bn.G1, a)),
        affine2(bn.multiply(bn.G2, b)),
        None if c is None else affine(bn.multiply(bn.G1, c)),
    )
    assert snarkjs.read_proof(snarkjs.write_proof(proof)) == proof


@given(st.lists(st.integers(0, R - 1), min_size=2, max_size=2))
def test_values_round_trip(values: list[int]) -> None:
    assert snarkjs.read_values(KEY, snarkjs.write_values(KEY, values)) == values


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something lies in a JSON value: itself, its members, theirs and so on."""
    members: Any = value.items() if isinstance(value, dict) else ()
    members = enumerate(value) if isinstance(value, list) else members
    return [path, *(each for key, inner in members for each in places(inner, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A JSON value with something else in one place."""
    if not path:
        return by
    members = dict(value) if isinstance(value, dict) else list(value)
    members[path[0]] = replaced(members[path[0]], path[1:], by)
    return members


TEXT = json.loads(snarkjs.write_proof(PROOF))


@given(st.sampled_from(places(TEXT)), JSON | st.integers(0, Q).map(str))
@settings(max_examples=300, deadline=None)
def test_other_proofs_are_refused(path: tuple[Any, ...], by: Any) -> None:
    """Whatever stands in some place instead of what does."""
    changed = replaced(TEXT, path, by)
    if changed != TEXT:
        with pytest.raises(FormatError):
            snarkjs.read_proof(json.dumps(changed))


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a member more": lambda text: text.update(more=1),
    "a member less": lambda text: text.pop("curve"),
    "another curve": lambda text: text.update(curve="bls12381"),
    "another protocol": lambda text: text.update(protocol="plonk"),
    "A infinite": lambda text: text.update(pi_a=["0", "1", "0"]),
    "A projective": lambda text: text.update(pi_a=["2", "4", "2"]),
    "A a number": lambda text: text.update(pi_a=[1, 2, "1"]),
    "A with a sign": lambda text: text.update(pi_a=["+1", "2", "1"]),
    "A with a zero before": lambda text: text.update(pi_a=["01", "2", "1"]),
    "A in other digits": lambda text: text.update(pi_a=["\u0661", "2", "1"]),
    "A too large": lambda text: text.update(pi_a=[str(1 + Q), "2", "1"]),
    "A with many digits": lambda text: text.update(pi_a=["1" * 10_000, "2", "1"]),
    "B swapped": lambda text: text.update(pi_b=[x[::-1] for x in text["pi_b"]]),
    "B outside the subgroup": lambda text: text.update(
        pi_b=[[str(n) for n in x] for x in OUTSIDE] + [["1", "0"]]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_proofs_of_another_form_are_refused(change: str) -> None:
    text = json.loads(snarkjs.write_proof(PROOF))
    CHANGES[change](text)
    with pytest.raises(FormatError):
        snarkjs.read_proof(json.dumps(text))


@pytest.mark.parametrize("text", ["", "{", "[" * 4_000, "[" * 100_000, b"\xff", "NaN", '{"a": 1'])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(FormatError):
        snarkjs.read_proof(text)
    with pytest.raises(FormatError):
        snarkjs.read_values(KEY, text)


@pytest.mark.parametrize("values", [["1"], ["1", "2", "3"], ["1", str(R)], ["1", 2], ["1", "-2"]])
def test_other_values_are_refused(values: list[Any]) -> None:
    with pytest.raises(FormatError):
        snarkjs.read_values(KEY, json.dumps(values))
