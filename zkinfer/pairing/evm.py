"""What a contract's verifyProof takes: the call's data, as the Ethereum virtual machine has it.

    verifyProof(uint256[2] a, uint256[2][2] b, uint256[2] c, uint256[n] values)

Integers are big-endian in 32 bytes. A coordinate of G2, a + b u, is b before a, as the pairing's
precompile wants it (EIP-197), and infinity is (0, 0). Four bytes of the function's hash come first.
Sources: the Solidity contract ABI; Keccak-256, which is SHA3-256 (FIPS 202) with another padding.
"""

from collections.abc import Sequence

from zkinfer.pairing.curve import G2
from zkinfer.pairing.groth16 import Key, Proof, checked_values

_ROUNDS = 24
_RATE = 136
_MASK = (1 << 64) - 1


def calldata(key: Key, proof: Proof, values: Sequence[int]) -> bytes:
    """The data of a call that verifies a proof with these public values under a key.

    Raises FormatError as checked_values does.
    """
    name = f"verifyProof(uint256[2],uint256[2][2],uint256[2],uint256[{key.public}])"
    numbers = (*proof.a, *g2_words(proof.b), *(proof.c or (0, 0)), *checked_values(key, values))
    words = (number.to_bytes(32, "big") for number in numbers)
    return keccak256(name.encode())[:4] + b"".join(words)


def g2_words(point: G2) -> tuple[int, int, int, int]:
    """The coefficients of a point of G2 in the order of the precompile."""
    (x0, x1), (y0, y1) = point
    return x1, x0, y1, y0


def keccak256(data: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    return sponge(data, 0x01)


def sponge(data: bytes, suffix: int) -> bytes:
    """Keccak's sponge of capacity 512: with the suffix 0x01 Keccak-256, with 0x06 SHA3-256."""
    padding = bytearray(_RATE - len(data) % _RATE)
    padding[0] |= suffix
    padding[-1] |= 0x80
    data += padding
    lanes = [0] * 25
    for start in range(0, len(data), _RATE):
        for lane in range(_RATE // 8):
            at = start + 8 * lane
            lanes[lane] ^= int.from_bytes(data[at : at + 8], "little")
        _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permute(lanes: list[int]) -> None:
    """Keccak-f[1600] in place; lane x + 5 y is A[x, y] (FIPS 202, section 3.2)."""
    lfsr = 1
    for _ in range(_ROUNDS):
        parity = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        for x in range(5):
            change = parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                lanes[x + y] ^= change
        x, y, moved = 1, 0, lanes[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            at = x + 5 * y
            moved, lanes[at] = lanes[at], _rotated(moved, (step + 1) * (step + 2) // 2 % 64)
        for y in range(0, 25, 5):
            row = lanes[y : y + 5]
            for x in range(5):
                lanes[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        for bit in range(7):
            if lfsr & 1:
                lanes[0] ^= 1 << ((1 << bit) - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK
