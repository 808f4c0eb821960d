"""Proofs under a model's key before four verifiers: what each takes, and what each refuses."""

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from py_ecc import optimized_bn128 as bn

from tests.pairing import setting as s
from tests.pairing.setting import KEY_DIGEST, Proved, Setting, affine, projective
from tests.pairing.verifiers import VERIFIERS, Case, Contract, compiled
from zkinfer.errors import FormatError, UsageError
from zkinfer.pairing import evm, snarkjs, solidity, zokrates
from zkinfer.pairing.curve import G1, G2, GENERATOR_G2, Q, R
from zkinfer.pairing.groth16 import Key, Proof, context_element

OFF_G1: G1 = (4, 1)
"""4^3 + 3 is not a square modulo q."""

OFF_G2: G2 = ((3, 0), (1, 0))
"""3^3 + 3 / (9 + u) is not a square."""


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return s.make(tmp_path_factory.mktemp("setting"))


def first(setting: Setting, **points: object) -> Case:
    """The first proof of the model, with other points."""
    proof = dataclasses.replace(setting.first.proof, **points)
    return Case(setting.model.key, setting.first.values, proof)


def valued(setting: Setting, *values: int) -> Case:
    """The first proof of the model, with other public values."""
    return Case(setting.model.key, values, setting.first.proof)


def proved(key: Key, of: Proved) -> Case:
    return Case(key, of.values, of.proof)


def raised(pair: tuple[int, int]) -> tuple[int, int]:
    """Coordinates of the same point to whoever takes them modulo q."""
    return pair[0] + Q, pair[1]


def combined(key: Key, values: list[int]) -> Any:
    """IC_0 + sum_i x_i IC_i over as many points as there are values, as py_ecc has it."""
    total = projective(key.ic[0])
    for value, base in zip(values, key.ic[1:], strict=False):
        total = bn.add(total, bn.multiply(projective(base), value))
    return total


def unopened(setting: Setting, output: int = 1) -> Case:
    """Any values, without weights: D = -(IC_0 + sum_i x_i IC_i), A = alpha, B = beta + delta and
    C = alpha, as e(A, B) = e(alpha, beta) e(alpha, delta).
    """
    values = [context_element(KEY_DIGEST, b"never proved"), output]
    key = s.model_key(setting.setup, affine(bn.neg(combined(setting.setup, values))))
    b = bn.add(s.projective2(key.beta), s.projective2(key.delta))
    return Case(key, values, Proof(key.alpha, s.affine2(b), key.alpha))


def unopened_at_infinity(setting: Setting) -> Case:
    """The same with A = alpha, B = beta, and infinity as C."""
    case = unopened(setting)
    return dataclasses.replace(case, proof=Proof(case.key.alpha, case.key.beta, None))


def gamma_outside(setting: Setting) -> Case:
    """The same, where gamma is in no group: as it is paired with infinity, the product is one."""
    case = unopened(setting)
    return dataclasses.replace(case, key=dataclasses.replace(case.key, gamma=s.OUTSIDE))


def uncontributed(setting: Setting) -> Case:
    """Any values, under the model's key with delta = gamma: A = alpha, B = beta and
    C = -(IC_0 + sum_i x_i IC_i).
    """
    key = dataclasses.replace(setting.model.key)
    object.__setattr__(key, "delta", key.gamma)
    values = [context_element(KEY_DIGEST, b"never proved"), 1]
    return Case(key, values, Proof(key.alpha, key.beta, affine(bn.neg(combined(key, values)))))


def without_a_zero(setting: Setting) -> Case:
    """A valid proof with the values (x, 0), of which only x is said."""
    case = unopened(setting, output=0)
    return dataclasses.replace(case, values=case.values[:-1])


HONEST: dict[str, Callable[[Setting], Case]] = {
    "a proof": first,
    "a proof of another input": lambda t: proved(t.model.key, t.second),
    "a proof of another model under that model's key": lambda t: proved(t.other.key, t.others),
}
DISHONEST: dict[str, Callable[[Setting], Case]] = {
    "another output": lambda t: valued(t, t.first.values[0], (t.first.values[1] + 1) % R),
    "another context": lambda t: valued(t, context_element(KEY_DIGEST, b""), t.first.values[1]),
    "the output of another input": lambda t: valued(t, *t.second.values),
    "another model's proof": lambda t: proved(t.model.key, t.others),
    "another model's key": lambda t: proved(t.other.key, t.first),
    "an output of r more": lambda t: valued(t, t.first.values[0], t.first.values[1] + R),
    "a context of r more": lambda t: valued(t, t.first.values[0] + R, t.first.values[1]),
    "A off the curve": lambda t: first(t, a=OFF_G1),
    "B off the curve": lambda t: first(t, b=OFF_G2),
    "C off the curve": lambda t: first(t, c=OFF_G1),
    "B outside the subgroup": lambda t: first(t, b=s.OUTSIDE),
    "-A": lambda t: first(t, a=(t.first.proof.a[0], Q - t.first.proof.a[1])),
}
COORDINATES: dict[str, Callable[[Setting], Case]] = {
    "A with a coordinate of q more": lambda t: first(t, a=raised(t.first.proof.a)),
    "B with a coordinate of q more": lambda t: first(
        t, b=(raised(t.first.proof.b[0]), t.first.proof.b[1])
    ),
    "C with a coordinate of q more": lambda t: first(t, c=raised(t.first.proof.c)),
}
EVERYBODY = frozenset(VERIFIERS)
NOT_ALONE: dict[str, tuple[Callable[[Setting], Case], frozenset[str]]] = {
    "an unopened commitment": (unopened, EVERYBODY),
    "an unopened commitment, and C infinite": (unopened_at_infinity, EVERYBODY - {"ZoKrates"}),
    "a key to which nobody contributed": (uncontributed, EVERYBODY - {"py_ecc"}),
    "gamma outside the subgroup": (gamma_outside, frozenset({"snarkjs", "ZoKrates"})),
    "a missing value that is zero": (without_a_zero, frozenset({"snarkjs"})),
    **{name: (make, frozenset({"snarkjs"})) for name, make in COORDINATES.items()},
}
"""What somebody accepts who verifies the proof alone, and who does."""

UNWRITTEN = {("ZoKrates", "an unopened commitment, and C infinite")}
UNWRITTEN |= {("py_ecc", name) for name in COORDINATES}
"""What a verifier's format has no way to say."""


@pytest.fixture(scope="module")
def verdicts(setting: Setting) -> Callable[[str], dict[str, bool]]:
    """By verifier, its verdicts by case; a valid proof comes last too, after all that fails."""
    doubtful = {name: make for name, (make, _) in NOT_ALONE.items()}
    cases = {name: make(setting) for name, make in (HONEST | DISHONEST | doubtful).items()}
    cases["the proof after all others"] = first(setting)

    @functools.cache
    def verdicts(verifier: str) -> dict[str, bool]:
        given = {name: case for name, case in cases.items() if (verifier, name) not in UNWRITTEN}
        return dict(zip(given, VERIFIERS[verifier](list(given.values())), strict=True))

    return verdicts


@pytest.mark.parametrize("case", [*HONEST, "the proof after all others"])
@pytest.mark.parametrize("verifier", VERIFIERS)
def test_accepts(verifier: str, case: str, verdicts: Callable[[str], dict[str, bool]]) -> None:
    assert verdicts(verifier)[case]


@pytest.mark.parametrize("case", DISHONEST)
@pytest.mark.parametrize("verifier", VERIFIERS)
def test_refuses(verifier: str, case: str, verdicts: Callable[[str], dict[str, bool]]) -> None:
    assert not verdicts(verifier)[case]


@pytest.mark.parametrize("case", NOT_ALONE)
@pytest.mark.parametrize("verifier", VERIFIERS)
def test_what_some_accept_who_see_the_proof_alone(
    verifier: str, case: str, verdicts: Callable[[str], dict[str, bool]]
) -> None:
    """The tests below say what refuses it: the opening proof, or what reads and writes files."""
    if (verifier, case) not in UNWRITTEN:
        assert verdicts(verifier)[case] == (verifier in NOT_ALONE[case][1])


def test_keys_to_which_nobody_contributed_are_refused(setting: Setting) -> None:
    for delta in (setting.model.key.gamma, GENERATOR_G2):
        with pytest.raises(FormatError, match="nobody contributed"):
            dataclasses.replace(setting.model.key, delta=delta)
    with pytest.raises(FormatError, match="nobody contributed"):
        s.read_key(setting.uncontributed)


def test_infinity_is_not_written_for_zokrates(setting: Setting) -> None:
    case = unopened_at_infinity(setting)
    with pytest.raises(FormatError, match="no point at infinity"):
        zokrates.write_proof(case.key, case.proof, case.values)


@pytest.mark.parametrize("case", COORDINATES)
def test_coordinates_of_q_and_more_are_not_read(setting: Setting, case: str) -> None:
    with pytest.raises(FormatError, match="not below q"):
        snarkjs.read_proof(snarkjs.write_proof(COORDINATES[case](setting).proof))


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("shift", [R, -R])
def test_values_out_of_range_are_not_written(setting: Setting, position: int, shift: int) -> None:
    values = list(setting.first.values)
    values[position] += shift
    check_not_written(setting, values, "not an integer")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_other_numbers_of_values_are_not_written(setting: Setting, count: int) -> None:
    check_not_written(setting, [*setting.first.values, 0][:count], "takes 2 public values")


def check_not_written(setting: Setting, values: list[int], reason: str) -> None:
    key, proof = setting.model.key, setting.first.proof
    with pytest.raises(FormatError, match=reason):
        snarkjs.write_values(key, values)
    with pytest.raises(FormatError, match=reason):
        snarkjs.read_values(key, json.dumps([str(value) for value in values]))
    with pytest.raises(FormatError, match=reason):
        zokrates.write_proof(key, proof, values)
    with pytest.raises(FormatError, match=reason):
        evm.calldata(key, proof, values)


def test_weights_and_blinding_have_independent_points(setting: Setting) -> None:
    """The setup has a row x 0 = 0 for every public signal, and so a point for it."""
    points = setting.setup.ic
    assert len(points) == s.B + 1
    assert len(set(points)) == len(points)
    assert (0, 1) not in points


@pytest.fixture(scope="module")
def contracts(setting: Setting) -> tuple[Contract, Contract]:
    """That of the model's key, and one with as many public values as there may be."""
    key, most = setting.model.key, solidity.MOST_VALUES
    full = dataclasses.replace(key, ic=tuple((Q - i, R - i) for i in range(1, most + 2)))
    one, other = compiled([solidity.write_contract(each, KEY_DIGEST) for each in (key, full)])
    with pytest.raises(UsageError, match=f"at most {most}"):
        solidity.write_contract(dataclasses.replace(full, ic=(*full.ic, key.ic[1])), KEY_DIGEST)
    return one, other


def test_gas(setting: Setting, contracts: tuple[Contract, Contract]) -> None:
    """Of a transaction with two public values, the context's element among them: 193,300 for the
    precompiled contracts, 21,000 for the transaction, about 4,800 for its data.
    """
    data = evm.calldata(setting.model.key, setting.first.proof, setting.first.values)
    assert int.from_bytes(contracts[0].call(data)) == 1
    assert contracts[0].gas_used < 226_500


def test_the_contract_has_no_assembly(setting: Setting) -> None:
    assert "assembly" not in solidity.write_contract(setting.model.key, KEY_DIGEST)


def test_the_contract_is_called_as_its_interface_says(
    setting: Setting, contracts: tuple[Contract, Contract]
) -> None:
    """The functions' hashes, and the context's element."""
    for name, selector in contracts[0].selectors.items():
        assert evm.keccak256(name.encode())[:4].hex() == selector
    data = evm.calldata(setting.model.key, setting.first.proof, setting.first.values)
    named = {name.split("(")[0]: each for name, each in contracts[0].selectors.items()}
    assert data[:4].hex() == named["verifyProof"]
    for context in (b"", b"the context", bytes(range(200))):
        padded = context + bytes(-len(context) % 32)
        words = (32).to_bytes(32) + len(context).to_bytes(32) + padded
        found = contracts[0].call(bytes.fromhex(named["contextElement"]) + words)
        assert int.from_bytes(found) == context_element(KEY_DIGEST, context)


def test_a_contract_has_room_for_the_values_that_it_may_have(
    contracts: tuple[Contract, Contract],
) -> None:
    """EIP-170: 24,576 bytes of code."""
    assert len(contracts[1].code) <= 24_576
