"""The verbs about others' formats: their arguments, and what they do; cli.py prints what they say.

They are those of pairing proofs: what a ceremony needs and makes, and keys and proofs as snarkjs,
ZoKrates and contracts read them.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zkinfer.errors import UsageError

if TYPE_CHECKING:
    from zkinfer.drafts import Draft
    from zkinfer.keys import ProvingKey, VerifyingKey
    from zkinfer.pairing.groth16 import Key
    from zkinfer.proof import Proof

_FORMATS = {
    "r1cs": "of a draft or a proving key: the circuit, for a setup (iden3)",
    "sym": "of a draft or a proving key: what its wires are (iden3)",
    "zkey": "of a proving key: the circuit's setup (snarkjs)",
    "wtns": "of a proving key and an input: the values of all wires (iden3); secret",
    "snarkjs": "of a verifying key: verification_key.json; of a proof: proof.json",
    "public": "of a proof: its public signals, public.json of snarkjs",
    "zokrates": "of a verifying key: verification.key; of a proof: proof.json with its inputs",
    "solidity": "of a verifying key: the text of a contract that verifies proofs",
    "calldata": "of a proof: what a call of that contract takes, in hex",
}


def add_export(parser: argparse.ArgumentParser) -> None:
    """The arguments of export."""
    parser.add_argument("file", metavar="FILE", help="a draft, a key or a proof of groth16")
    parser.add_argument("input", metavar="INPUT", nargs="?", help="with --wtns: as prove takes it")
    parser.add_argument("--context", metavar="TEXT", default="", help="with --wtns: as in prove")
    parser.add_argument("--key", metavar="VERIFYING.key", help="the key of a proof")
    for name, what in _FORMATS.items():
        parser.add_argument(f"--{name}", metavar="OUT", help=f"write, {what}")
    parser.add_argument("--force", action="store_true", help="replace existing files")


def add_import(parser: argparse.ArgumentParser) -> None:
    """The arguments of import."""
    parser.add_argument(
        "file", metavar="FILE", help="a draft that compile wrote, or the verifying key of a proof"
    )
    parser.add_argument("--zkey", metavar="FINAL.zkey", help="the setup that a ceremony made of it")
    parser.add_argument("--proof", metavar="proof.json", help="a proof that snarkjs made")
    parser.add_argument("--public", metavar="public.json", help="the public signals of that proof")
    parser.add_argument("--context", metavar="TEXT", default="", help="what the proof is bound to")
    parser.add_argument(
        "-o",
        dest="out",
        metavar="OUT",
        required=True,
        help="the folder for the keys of a draft, or the file for a proof",
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")


def export(arguments: argparse.Namespace) -> list[str]:
    """Writes a file in others' formats; returns what to print."""
    from zkinfer.files import PUBLIC_MODE, SECRET_MODE, NewFile, check_free, write_files

    wanted = {name: path for name in _FORMATS if (path := getattr(arguments, name))}
    if not wanted:
        raise UsageError(f"name what to write: {', '.join(f'--{name}' for name in _FORMATS)}")
    what, writers = _writers(arguments)
    for name, path in wanted.items():
        if name not in writers:
            raise UsageError(
                f"--{name} is not written of {what}; there are "
                + ", ".join(f"--{known}" for known in writers)
            )
        check_free(path, lambda _: arguments.force)
    modes = {"wtns": SECRET_MODE}
    write_files(
        [
            NewFile(path, writers[name](), modes.get(name, PUBLIC_MODE))
            for name, path in wanted.items()
        ]
    )
    return [f"{name:<9} {path}" for name, path in wanted.items()]


def import_(arguments: argparse.Namespace) -> list[str]:
    """Makes keys of a ceremony's setup, or a proof of snarkjs' one; returns what to print."""
    if (arguments.zkey is None) == (arguments.proof is None):
        raise UsageError("name what to read: --zkey FINAL.zkey or --proof proof.json")
    return _import_setup(arguments) if arguments.zkey else _import_proof(arguments)


def _import_setup(arguments: argparse.Namespace) -> list[str]:
    from zkinfer.api import PROVING_KEY_FILE, VERIFYING_KEY_FILE
    from zkinfer.drafts import Draft
    from zkinfer.files import SECRET_MODE, NewFile, check_free, made_folder, read_file, write_files
    from zkinfer.progress import progress_bar

    folder = Path(arguments.out)
    paths = folder / PROVING_KEY_FILE, folder / VERIFYING_KEY_FILE
    for path in paths:
        check_free(path, lambda _: arguments.force)
    draft = Draft.load(arguments.file)
    with progress_bar(2) as progress:
        progress("reading the setup")
        zkey = read_file(arguments.zkey, _LARGEST_SETUP, "setup")
        progress("checking it and committing to the weights")
        key = draft.finished(zkey)
    with made_folder(folder):
        write_files(
            [
                NewFile(paths[0], key.to_bytes(), SECRET_MODE),
                NewFile(paths[1], key.verifying_key.to_bytes()),
            ]
        )
    return [
        f"proving key    {paths[0]} (secret)",
        f"verifying key  {paths[1]}",
        *(f"note           {caveat}" for caveat in key.verifying_key.caveats),
    ]


def _import_proof(arguments: argparse.Namespace) -> list[str]:
    from zkinfer.backends import groth16
    from zkinfer.files import read_file
    from zkinfer.keys import VerifyingKey
    from zkinfer.pairing import snarkjs
    from zkinfer.pairing.groth16 import encode_proof
    from zkinfer.pairing.keys import integers
    from zkinfer.proof import Proof, check_context, check_output

    if arguments.public is None:
        raise UsageError("a proof of snarkjs comes with its public signals: --public public.json")
    check_output(arguments.out, force=arguments.force)
    key = VerifyingKey.load(arguments.file)
    if key.backend != groth16.NAME:
        raise UsageError(f"{arguments.file} is a key of the backend {key.backend}, not of groth16")
    context = check_context(os.fsencode(arguments.context))
    read = read_file(arguments.proof, _LARGEST_JSON, "proof of snarkjs")
    values = read_file(arguments.public, _LARGEST_JSON, "list of public signals")
    body = encode_proof(snarkjs.read_proof(read))
    signals = snarkjs.read_values(_model(key), values)
    public = integers(key.graph, key.key_digest, context, signals)
    Proof(key.key_digest, context, public, body).save(arguments.out, force=arguments.force)
    return [f"proof  {arguments.out} (not yet verified)"]


_LARGEST_SETUP = 8 << 30
_LARGEST_JSON = 64 << 20
_Writers = Mapping[str, Callable[[], bytes | memoryview]]


def _writers(arguments: argparse.Namespace) -> tuple[str, _Writers]:
    """What the file is, and how it is written in each of its formats."""
    from zkinfer import container
    from zkinfer.drafts import Draft
    from zkinfer.files import read_head
    from zkinfer.keys import ProvingKey, VerifyingKey
    from zkinfer.proof import Proof

    kind = container.identify(read_head(arguments.file, container.MAGIC_SIZE))
    if kind is container.DRAFT:
        return "a draft", _of_circuit(Draft.load(arguments.file))
    if kind is container.PROVING_KEY:
        return "a proving key", _of_proving_key(ProvingKey.load(arguments.file), arguments)
    if kind is container.PROOF:
        if arguments.key is None:
            raise UsageError("a proof is written with its verifying key: --key VERIFYING.key")
        key = VerifyingKey.load(arguments.key)
        return "a proof", _of_proof(key, Proof.load(arguments.file))
    return "a verifying key", _of_verifying_key(VerifyingKey.load(arguments.file))


def _model(key: "VerifyingKey") -> "Key":
    """The verifying key of the model, as every verifier of Groth16 takes it."""
    from zkinfer.pairing.groth16 import decode_key
    from zkinfer.pairing.keys import model_key

    return decode_key(model_key(key).to_bytes())


def _of_circuit(draft: "Draft") -> _Writers:
    from zkinfer.pairing.r1cs import write_sym

    return {"r1cs": draft.r1cs, "sym": lambda: write_sym(draft.names()).encode()}


def _of_proving_key(key: "ProvingKey", arguments: argparse.Namespace) -> _Writers:
    from zkinfer.drafts import Draft
    from zkinfer.pairing.keys import Setup
    from zkinfer.pairing.r1cs import write_wtns

    _check_backend(key.verifying_key)
    ranges = Setup.from_bytes(key.verifying_key.circuit).ranges
    draft = Draft(key.graph, key.weights, ranges)

    def assigned() -> bytes:
        from zkinfer.api import assignment
        from zkinfer.inputs import read_input

        if arguments.input is None:
            raise UsageError("the values of wires are those for an input: name its file too")
        context = os.fsencode(arguments.context)
        return write_wtns(assignment(key, read_input(arguments.input), context=context))

    return {**_of_circuit(draft), "zkey": lambda: key.setup, "wtns": assigned}


def _of_verifying_key(key: "VerifyingKey") -> _Writers:
    from zkinfer.pairing import snarkjs, solidity, zokrates

    _check_backend(key)
    model = _model(key)
    return {
        "snarkjs": lambda: snarkjs.write_key(model).encode(),
        "zokrates": lambda: zokrates.write_key(model).encode(),
        "solidity": lambda: solidity.write_contract(model, key.key_digest).encode(),
    }


def _of_proof(key: "VerifyingKey", proof: "Proof") -> _Writers:
    from zkinfer.pairing import evm, snarkjs, zokrates
    from zkinfer.pairing.groth16 import decode_proof
    from zkinfer.pairing.keys import signals

    _check_backend(key)
    if proof.key_digest != key.key_digest:
        raise UsageError(f"the proof is for another key, {proof.key_digest.hex()}")
    model, points = _model(key), decode_proof(proof.body)
    packed = signals(key.key_digest, proof.context, proof.public_values)
    values = [int.from_bytes(packed[at : at + 32], "little") for at in range(0, len(packed), 32)]
    return {
        "snarkjs": lambda: snarkjs.write_proof(points).encode(),
        "public": lambda: snarkjs.write_values(model, values).encode(),
        "zokrates": lambda: zokrates.write_proof(model, points, values).encode(),
        "calldata": lambda: f"0x{evm.calldata(model, points, values).hex()}\n".encode(),
    }


def _check_backend(key: "VerifyingKey") -> None:
    from zkinfer.backends import groth16

    if key.backend != groth16.NAME:
        raise UsageError(
            f"this is of the backend {key.backend}, whose formats nobody else reads; compile with "
            "--backend groth16"
        )
