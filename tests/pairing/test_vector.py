"""The vector for whoever writes another verifier: what it holds is what verifiers find."""

import json

import numpy as np

import zkinfer
from tests.pairing.make_vector import VECTOR
from zkinfer.reference import read_proof
from zkinfer.reference.pairing import read_pairing_key, verify_pairing


def test_both_verifiers_find_what_the_vector_says() -> None:
    vector = json.loads(VECTOR.read_text(encoding="ascii"))
    read, made, context = (bytes.fromhex(vector[name]) for name in ("key", "proof", "context"))
    key = zkinfer.VerifyingKey.from_bytes(read)
    assert key.digest == vector["key_digest"]
    proof = zkinfer.Proof.from_bytes(made)
    found = zkinfer.verify(key, proof, context=context, insecure_setup=True)
    said = verify_pairing(read_pairing_key(read), read_proof(made), context)
    for name, integers in vector["outputs_fixed"].items():
        np.testing.assert_array_equal(found.outputs_fixed[name], integers)
        assert said["outputs_fixed"][name] == integers
    assert said["key_digest"] == vector["key_digest"]
