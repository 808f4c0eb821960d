"""Four verifiers that others wrote, or that share no code with the package, behind one question.

Each takes cases and says of every one whether it accepts the proof. What the package refuses to
write is written here all the same, so that the verifiers see it.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyrevm

from tests.node import ThrownError, answers
from tests.pairing.setting import KEY_DIGEST
from zkinfer.pairing import evm, snarkjs, solidity, zokrates
from zkinfer.pairing.groth16 import Key, Proof, encode_key, encode_proof
from zkinfer.reference import FormatError, VerificationError
from zkinfer.reference import groth16 as reference

GAS = 1_000_000
"""What a call of the contract may use: four times what an honest one does."""

SENDER = "0x" + "11" * 20


@dataclass(frozen=True)
class Case:
    """A key; public values, which may be out of range; a proof, whose points may be anywhere."""

    key: Key
    values: Sequence[int]
    proof: Proof


def by_snarkjs(cases: Sequence[Case]) -> list[bool]:
    """snarkjs.groth16.verify."""
    asked = []
    for case in cases:
        texts = snarkjs.write_key(case.key), snarkjs.write_proof(case.proof)
        key, proof = map(json.loads, texts)
        asked.append(["verify", key, [str(value) for value in case.values], proof])
    return [_verdict(answer) for answer in answers("snarkjs", asked)]


def by_zokrates(cases: Sequence[Case]) -> list[bool]:
    """ZoKrates' verify, of its arkworks backend."""
    asked = []
    for case in cases:
        proof = json.loads(zokrates.write_proof(case.key, case.proof, [0] * case.key.public))
        proof["inputs"] = [f"0x{value:064x}" for value in case.values]
        asked.append(["verify", json.loads(zokrates.write_key(case.key)), proof])
    return [_verdict(answer) for answer in answers("zokrates", asked)]


def by_contract(cases: Sequence[Case]) -> list[bool]:
    """The contract of the key, compiled by solc, in a real Ethereum virtual machine."""
    texts = [solidity.write_contract(case.key, KEY_DIGEST) for case in cases]
    contracts = dict(zip(dict.fromkeys(texts), compiled(list(dict.fromkeys(texts))), strict=True))
    found = []
    for text, case in zip(texts, cases, strict=True):
        call = evm.calldata(case.key, case.proof, [0] * case.key.public)
        words = b"".join(value.to_bytes(32, "big") for value in case.values)
        data = call[: -32 * case.key.public] + words
        found.append(int.from_bytes(contracts[text].call(data)) == 1)
    return found


def by_reference(cases: Sequence[Case]) -> list[bool]:
    """zkinfer.reference.groth16, on py_ecc."""
    read = functools.cache(reference.read_key)
    found = []
    for case in cases:
        try:
            key = read(encode_key(case.key))
            reference.verify(key, case.values, encode_proof(case.proof))
        except (FormatError, VerificationError):
            found.append(False)
        else:
            found.append(True)
    return found


VERIFIERS: dict[str, Callable[[Sequence[Case]], list[bool]]] = {
    "snarkjs": by_snarkjs,
    "ZoKrates": by_zokrates,
    "EVM": by_contract,
    "py_ecc": by_reference,
}


class Contract:
    """A contract that is deployed.

    code: as solc compiles it. selectors: in hexadecimal, by its functions' signatures.
    """

    def __init__(self, code: bytes, selectors: dict[str, str]) -> None:
        self.code, self.selectors = code, selectors
        self.machine = pyrevm.EVM()
        self.machine.set_balance(SENDER, 10**20)
        self.address = self.machine.deploy(SENDER, code)

    def call(self, data: bytes) -> bytes:
        """What a transaction with this data returns; nothing where it reverts."""
        try:
            return bytes(self.machine.message_call(SENDER, self.address, calldata=data, gas=GAS))
        except RuntimeError as error:
            if "Revert" in str(error):
                return b""
            raise

    @property
    def gas_used(self) -> int:
        """The gas of the last transaction, all of it: 21,000 and the data's are in it."""
        return int(self.machine.result.gas_used)


def compiled(texts: Sequence[str]) -> list[Contract]:
    """Contracts, compiled by solc with its optimizer on, without a warning."""
    settings = {
        "optimizer": {"enabled": True, "runs": 200},
        "evmVersion": "cancun",
        "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.methodIdentifiers"]}},
    }
    shared = {"language": "Solidity", "settings": settings}
    asked = [["compile", {**shared, "sources": {"verifier.sol": {"content": t}}}] for t in texts]
    contracts = []
    for answer in answers("solc", asked):
        assert isinstance(answer, dict)
        assert not answer.get("errors"), answer["errors"]
        made = answer["contracts"]["verifier.sol"]["ZkinferVerifier"]["evm"]
        code = bytes.fromhex(made["bytecode"]["object"])
        contracts.append(Contract(code, made["methodIdentifiers"]))
    return contracts


def _verdict(answer: object) -> bool:
    """Whether a program accepts; what it throws is a refusal."""
    assert isinstance(answer, bool | ThrownError)
    return answer is True
