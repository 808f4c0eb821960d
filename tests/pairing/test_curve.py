"""Points in 32 and 64 bytes: every point has one encoding, and nothing else is read."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc import optimized_bn128 as bn

from tests.pairing.setting import OUTSIDE, affine, affine2, projective2
from zkinfer.errors import FormatError
from zkinfer.pairing import groth16
from zkinfer.pairing.curve import (
    G1_SIZE,
    G2,
    GENERATOR_G2,
    Q,
    R,
    checked_g1,
    checked_g2,
    decode_g1,
    decode_g1_or_infinity,
    decode_g2,
    encode_g1,
    encode_g2,
)
from zkinfer.pairing.groth16 import Key, Proof
from zkinfer.reference import FormatError as ReferenceFormatError
from zkinfer.reference import groth16 as reference

SCALARS = st.integers(1, R - 1) | st.integers(1, 5) | st.integers(R - 5, R - 1)
INFINITY = bytes(31) + b"\x40"


def g1(scalar: int) -> tuple[int, int]:
    return affine(bn.multiply(bn.G1, scalar))


def g2(scalar: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return affine2(bn.multiply(bn.G2, scalar))


def test_parameters() -> None:
    assert (Q, R) == (bn.field_modulus, bn.curve_order)
    assert g2(1) == GENERATOR_G2


def test_the_generators_are_encoded_as_arkworks_does() -> None:
    """x = 1 with the lesser y, 2; the infinity of G1; and of G2's generator the greater y."""
    assert encode_g1((1, 2)) == b"\x01" + bytes(31)
    assert encode_g1((1, Q - 2)) == b"\x01" + bytes(30) + b"\x80"
    assert encode_g1(None) == INFINITY
    (x0, x1), (_, y1) = GENERATOR_G2
    flag = 1 << 511 if y1 > Q // 2 else 0
    assert int.from_bytes(encode_g2(GENERATOR_G2), "little") == x0 + (x1 << 256) + flag


@given(SCALARS)
@settings(max_examples=25, deadline=None)
def test_points_of_g1_round_trip(scalar: int) -> None:
    point, negative = g1(scalar), g1(R - scalar)
    assert decode_g1(encode_g1(point), "P") == checked_g1(point, "P") == point
    assert encode_g1(point)[:-1] == encode_g1(negative)[:-1]
    assert encode_g1(point)[-1] ^ encode_g1(negative)[-1] == 0x80


@given(SCALARS)
@settings(max_examples=10, deadline=None)
def test_points_of_g2_round_trip(scalar: int) -> None:
    point, negative = g2(scalar), g2(R - scalar)
    assert decode_g2(encode_g2(point), "P") == point
    assert encode_g2(point)[:-1] == encode_g2(negative)[:-1]
    assert encode_g2(point)[-1] ^ encode_g2(negative)[-1] == 0x80


def is_read(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except (FormatError, ReferenceFormatError):
        return False
    return True


SMALL = st.integers(0, 40).map(lambda x: x.to_bytes(G1_SIZE, "little"))
FLAGGED = st.builds(lambda x, flag: x[:-1] + bytes([x[-1] | flag]), SMALL, st.integers(0, 255))
EDGES = st.sampled_from([Q - 1, Q, Q + 1, 2**254 - 1]).map(lambda x: x.to_bytes(32, "little"))


@given(st.binary(min_size=G1_SIZE, max_size=G1_SIZE) | SMALL | FLAGGED | EDGES)
@settings(max_examples=300, deadline=None)
def test_bytes_that_are_read_are_the_encoding_of_what_is_read(data: bytes) -> None:
    if is_read(lambda d: decode_g1_or_infinity(d, "P"), data):
        assert encode_g1(decode_g1_or_infinity(data, "P")) == data
        assert is_read(lambda d: decode_g1(d, "P"), data) == (data != INFINITY)


@given(FLAGGED | EDGES, FLAGGED | EDGES)
@settings(max_examples=100, deadline=None)
def test_no_point_of_the_curve_outside_the_subgroup_is_read(c0: bytes, c1: bytes) -> None:
    """Of points with small coordinates about half are on the curve, and none is of order r."""
    assert not is_read(lambda d: decode_g2(d, "P"), c0 + c1)


def test_a_point_outside_the_subgroup_is_said_to_be() -> None:
    with pytest.raises(FormatError, match="P is not in the subgroup of order r"):
        checked_g2(OUTSIDE, "P")
    with pytest.raises(FormatError, match="P is not in the subgroup of order r"):
        decode_g2(encode_g2(OUTSIDE), "P")


@pytest.mark.parametrize("order", [10069, 5864401])
def test_points_of_small_order_are_refused(order: int) -> None:
    """They lead the addition to infinity and to a point and its negative. 2 q - r, by which the
    curve has more points than G2, is a multiple of these primes.
    """
    assert (2 * Q - R) % order == 0
    point = bn.multiply(projective2(OUTSIDE), (2 * Q - R) * R // order)
    with pytest.raises(FormatError, match="not in the subgroup"):
        checked_g2(affine2(point), "P")
    mixed = bn.add(point, bn.G2)
    with pytest.raises(FormatError, match="not in the subgroup"):
        checked_g2(affine2(mixed), "P")


def test_coordinates_are_checked() -> None:
    for wrong in ((1, 3), (1 + Q, 2), (1, 2 - Q), (0, 0)):
        with pytest.raises(FormatError):
            checked_g1(wrong, "P")
    (x0, x1), y = GENERATOR_G2
    for off in (((x0, x1), (y[0], y[1] ^ 1)), ((x0 + Q, x1), y), ((x0, x1 - Q), y)):
        with pytest.raises(FormatError):
            checked_g2(off, "P")


KEY = Key(g1(2), g2(3), g2(5), g2(7), (g1(11), g1(13), g1(17)))
PROOF = Proof(g1(19), g2(23), g1(29))


def test_keys_and_proofs_round_trip() -> None:
    assert groth16.decode_key(groth16.encode_key(KEY)) == KEY
    for proof in (PROOF, Proof(PROOF.a, PROOF.b, None)):
        assert groth16.decode_proof(groth16.encode_proof(proof)) == proof
    assert len(groth16.encode_proof(PROOF)) == groth16.PROOF_SIZE == 128


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with one changed, with a word replaced, or of another length."""
    word = 32 * draw(st.integers(0, len(data) // 32 - 1))
    kind = draw(st.sampled_from(["byte", "word", "cut", "more"]))
    if kind == "byte":
        at = draw(st.integers(0, len(data) - 1))
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
    if kind == "word":
        return data[:word] + draw(FLAGGED | EDGES | st.just(data[:32])) + data[word + 32 :]
    return data[: draw(st.integers(0, len(data)))] if kind == "cut" else data + data[-32:]


@given(damaged(groth16.encode_key(KEY)))
@settings(max_examples=12, deadline=None)
def test_the_reference_reads_the_same_keys(data: bytes) -> None:
    read = is_read(groth16.decode_key, data)
    assert read == is_read(reference.read_key, data)
    if read:
        assert groth16.encode_key(groth16.decode_key(data)) == data


@given(damaged(groth16.encode_proof(PROOF)))
@settings(max_examples=50, deadline=None)
def test_damaged_proofs_are_read_as_they_are_or_refused(data: bytes) -> None:
    if is_read(groth16.decode_proof, data):
        assert groth16.encode_proof(groth16.decode_proof(data)) == data


@pytest.mark.parametrize("delta", [KEY.gamma, GENERATOR_G2])
def test_keys_of_no_setup_are_refused(delta: G2) -> None:
    """Both implementations refuse delta = gamma and the generator as delta."""
    data = groth16.encode_key(KEY).replace(encode_g2(KEY.delta), encode_g2(delta))
    with pytest.raises(FormatError, match="nobody contributed"):
        groth16.decode_key(data)
    with pytest.raises(ReferenceFormatError, match="delta is"):
        reference.read_key(data)


def test_the_contexts_element_is_below_r_and_differs_by_key_and_context() -> None:
    drawn = {(bytes([k] * 32), bytes(n)) for k in range(4) for n in range(4)}
    elements = {groth16.context_element(*each) for each in drawn}
    assert len(elements) == len(drawn)
    assert max(elements) < 2**253 < R
    assert elements == {reference.context_element(*each) for each in drawn}


@given(st.lists(st.integers(0, Q - 1), min_size=12, max_size=12).filter(any))
@settings(max_examples=1, deadline=None)
def test_products_of_pairings_are_compared_with_one_as_py_ecc_does(numbers: list[int]) -> None:
    """Drawn elements are not one at the end, and r-th powers are."""
    element = bn.FQ12(numbers)
    for each in (element, element**R):
        one = bn.final_exponentiate(each) == bn.FQ12.one()
        assert reference._is_one(each) == one == (each is not element)
