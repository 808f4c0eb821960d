"""Flipped, missing and added bytes: every byte string ends in acceptance or a typed error.

Each change is tried twice: as it is, where the checksum finds it, and with a checksum made anew, as
an attacker would, where the checks behind it must.
"""

import hashlib
import struct

import numpy as np
import pytest

from tests.robustness.case import Case
from zkinfer import FormatError, Proof, ProvingKey, VerificationError, VerifyingKey, verify

CHECKSUM = 32
FLIPS = 400


def reseal(data: bytes) -> bytes:
    """The data with the checksum of its present content."""
    return data[:-CHECKSUM] + hashlib.sha3_256(data[:-CHECKSUM]).digest()


def flips(data: bytes, seed: int) -> list[bytes]:
    """Copies with one bit flipped: everywhere near the front, at random places behind."""
    rng = np.random.default_rng(seed)
    size = len(data) - CHECKSUM
    front = np.arange(min(size, FLIPS // 2))
    places = [*front, *rng.integers(0, size, FLIPS - len(front))]
    copies = []
    for place in places:
        copy = bytearray(data)
        copy[place] ^= 1 << int(rng.integers(0, 8))
        copies.append(bytes(copy))
    return copies


@pytest.mark.parametrize("kind", ["proof", "verifying key", "proving key"])
def test_checksum_finds_flips(case: Case, kind: str) -> None:
    artifact = {
        "proof": case.proof,
        "verifying key": case.verifying_key,
        "proving key": case.proving_key,
    }[kind]
    data = artifact.to_bytes()
    for place in range(0, len(data), 7):
        copy = bytearray(data)
        copy[place] ^= 1 << (place % 8)
        with pytest.raises(FormatError):
            type(artifact).from_bytes(bytes(copy))


def test_flipped_proofs_are_refused(case: Case) -> None:
    for copy in flips(case.proof.to_bytes(), seed=1):
        with pytest.raises((FormatError, VerificationError)):
            verify(case.verifying_key, Proof.from_bytes(reseal(copy)))


def test_flipped_keys_are_refused(case: Case) -> None:
    for copy in flips(case.verifying_key.to_bytes(), seed=2):
        with pytest.raises((FormatError, VerificationError)):
            verify(VerifyingKey.from_bytes(reseal(copy)), case.proof)


@pytest.mark.parametrize("kind", [Proof, VerifyingKey, ProvingKey])
def test_truncated_and_extended(
    case: Case, kind: type[Proof] | type[VerifyingKey] | type[ProvingKey]
) -> None:
    artifact = {
        Proof: case.proof,
        VerifyingKey: case.verifying_key,
        ProvingKey: case.proving_key,
    }[kind]
    data = artifact.to_bytes()
    assert kind.from_bytes(data).to_bytes() == data
    sizes = [*range(64), *np.linspace(64, len(data) - 1, 64, dtype=int)]
    for size in sizes:
        for copy in (data[:size], reseal(data[:size] + bytes(CHECKSUM))):
            with pytest.raises(FormatError):
                kind.from_bytes(copy)
    for copy in (data + b"\x00", reseal(data[:-CHECKSUM] + b"\x00" + bytes(CHECKSUM))):
        with pytest.raises(FormatError):
            kind.from_bytes(copy)


def test_section_that_claims_too_much(case: Case) -> None:
    data = bytearray(case.proof.to_bytes())
    for length in (33, 1 << 31, (1 << 64) - 1):
        data[11:19] = struct.pack("<Q", length)
        with pytest.raises(FormatError, match="key digest"):
            Proof.from_bytes(reseal(bytes(data)))


def test_other_version_and_kind(case: Case) -> None:
    data = bytearray(case.proof.to_bytes())
    for version in (1, 3):
        data[8] = version
        with pytest.raises(FormatError, match=f"version {version}"):
            Proof.from_bytes(reseal(bytes(data)))
    with pytest.raises(FormatError, match="zkinfer proof"):
        VerifyingKey.from_bytes(case.proof.to_bytes())
    with pytest.raises(FormatError, match="no zkinfer file"):
        Proof.from_bytes(b"")


def test_public_values_that_claim_too_much(case: Case) -> None:
    packed = struct.pack("<I", 1) + struct.pack("<B3I", 3, *[(1 << 32) - 1] * 3)
    for values in (
        packed,
        struct.pack("<I", 1 << 31),
        struct.pack("<IB", 1, 9),
        struct.pack("<IB2I", 1, 2, 0, 5),
        b"",
    ):
        from zkinfer import container

        parts = (case.proof.key_digest, b"", values, case.proof.body, b"", b"")
        with pytest.raises(FormatError):
            Proof.from_bytes(container.write(container.PROOF, parts))
