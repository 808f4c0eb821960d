"""A Solidity contract that verifies the proofs of one model, from the model's verifying key.

The key's points are constants of the contract. It multiplies, adds and pairs by the precompiled
contracts at addresses 7, 6 and 8 (EIP-196, EIP-197), which refuse coordinates of q and more and
points that are not in the groups; the contract itself refuses public values of r and more. With
alpha, gamma and delta negated in the constants, one product is to be one:

    e(A, B) e(-alpha, beta) e(V, -gamma) e(C, -delta) = 1,    V = IC_0 + sum_i x_i IC_i
"""

from string import Template

from zkinfer.errors import UsageError
from zkinfer.pairing.curve import G2, Q, R
from zkinfer.pairing.evm import g2_words
from zkinfer.pairing.groth16 import Key

MOST_VALUES = 128
"""Public values for which a contract has room in the 24,576 bytes that its code may take."""

_CONTRACT = Template("""\
// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Verifies Groth16 proofs over BN254 of what one committed model computes.
/// The public values are the context's element, then the circuit's public integers modulo R.
/// Others can make further proofs of the same values from a proof: give no meaning to its bytes.
contract ZkinferVerifier {
    /// The order of the groups.
    uint256 constant R = $r;

    /// The digest of the key that the proofs are for.
    bytes32 constant KEY_DIGEST = hex"$digest";

    // Points of the verifying key as the precompiled contracts take them: 32 bytes a coordinate,
    // in G2 the coefficient of u first.
    bytes constant MINUS_ALPHA_BETA =$alpha_beta;
    bytes constant MINUS_GAMMA =$gamma;
    bytes constant MINUS_DELTA =$delta;

    /// Whether the proof (a, b, c) is valid for the public values. For points that are in no group
    /// the precompiled contract takes all the gas that the call has.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[$count] calldata values
    ) external view returns (bool) {
        for (uint256 i = 0; i < $count; i++) {
            if (values[i] >= R) return false;
        }

        // v = IC_0 + values[0] IC_1 + values[1] IC_2 + ...
        bytes memory v =$first;
$terms
        // e(a, b) e(-alpha, beta) e(v, -gamma) e(c, -delta) = 1
        (bool done, bytes memory one) = address(8).staticcall(
            bytes.concat(
                abi.encode(a, b), MINUS_ALPHA_BETA, v, MINUS_GAMMA, abi.encode(c), MINUS_DELTA
            )
        );
        return done && abi.decode(one, (bool));
    }

    /// The first public value of proofs that are bound to a context.
    function contextElement(bytes calldata context) external pure returns (uint256) {
        bytes memory bound = abi.encodePacked("zkinfer/groth16/context", KEY_DIGEST, context);
        return uint256(sha256(bound)) >> 3;
    }

    /// sum + scalar * point
    function plus(bytes memory sum, uint256 scalar, bytes memory point)
        private
        view
        returns (bytes memory)
    {
        (bool multiplied, bytes memory product) =
            address(7).staticcall(bytes.concat(point, bytes32(scalar)));
        (bool added, bytes memory total) = address(6).staticcall(bytes.concat(sum, product));
        require(multiplied && added, "a precompiled contract fails");
        return total;
    }
}
""")


def write_contract(key: Key, key_digest: bytes) -> str:
    """The text of a contract, for a model's key.

    key_digest: 32 bytes, of the key that proofs are for; the context's element depends on it.

    Raises UsageError if the key takes more public values than a contract has room for.
    """
    if key.public > MOST_VALUES:
        raise UsageError(
            f"proofs have {key.public} public values, and a contract takes at most {MOST_VALUES}: "
            "make fewer of the model's inputs and outputs public"
        )
    terms = (f"v = plus(v, values[{i}],{_words(*point)});" for i, point in enumerate(key.ic[1:]))
    return _CONTRACT.substitute(
        r=R,
        digest=key_digest.hex(),
        count=key.public,
        alpha_beta=_words(key.alpha[0], Q - key.alpha[1], *g2_words(key.beta)),
        gamma=_words(*g2_words(_minus(key.gamma))),
        delta=_words(*g2_words(_minus(key.delta))),
        first=_words(*key.ic[0]),
        terms="".join(f"        {term}\n" for term in terms),
    )


def _minus(point: G2) -> G2:
    x, (y0, y1) = point
    return x, (-y0 % Q, -y1 % Q)


def _words(*words: int) -> str:
    """A literal of words of 32 bytes, one a line."""
    return "".join(f'\n            hex"{word:064x}"' for word in words)
