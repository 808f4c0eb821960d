"""The hash that names a contract's functions; test_counterparts.py compares it with solc's."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from zkinfer.pairing.evm import keccak256, sponge


@given(st.binary(max_size=300) | st.sampled_from([135, 136, 137, 271, 272]).map(bytes))
def test_the_sponge_is_that_of_sha3(data: bytes) -> None:
    assert sponge(data, 0x06) == hashlib.sha3_256(data).digest()


def test_a_function_that_all_tokens_have() -> None:
    assert keccak256(b"transfer(address,uint256)")[:4].hex() == "a9059cbb"
