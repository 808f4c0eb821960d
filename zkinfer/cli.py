"""The command line: the verbs of zkinfer, from compile to demo.

Exit codes: 0 done and valid; 1 the proof, damaged ones included, does not verify; 2 wrong use or
an unreadable file, or a defect of zkinfer; 130 interrupted, with nothing left (`interrupts.py`).
An error is one plain sentence on standard error, and below it on lines of their own what it lists;
with ZKINFER_TRACEBACK=1 in the environment the traceback comes before it.
"""

import argparse
import json
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zkinfer import data_verbs, exchange, options
from zkinfer.errors import FormatError, InternalError, UsageError, VerificationError, ZkinferError

if TYPE_CHECKING:
    from zkinfer.proof import Proof

_Add = Callable[[argparse.ArgumentParser], None]
_Command = Callable[[argparse.Namespace], None]

EXIT_DONE = 0
EXIT_INVALID = 1
EXIT_USAGE = 2

_DASHED_VALUES = ("--input-range", "--context")
"""Options whose value may begin with a dash, as a negative number does."""


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports wrong use as UsageError, in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    try:
        return _run(_parser().parse_args(_join_values(sys.argv[1:] if argv is None else argv)))
    except VerificationError as error:
        return _fail(error, str(error), EXIT_INVALID)
    except ZkinferError as error:
        return _fail(error, str(error), EXIT_USAGE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_USAGE
    except MemoryError as error:
        return _fail(error, "there is not enough memory for this", EXIT_USAGE)
    except Exception as error:
        (place,) = traceback.extract_tb(error.__traceback__, limit=-1)
        what = f"{type(error).__name__} at {place.filename}:{place.lineno}: {error}"
        return _fail(error, str(InternalError(what)), EXIT_USAGE)


def _run(arguments: argparse.Namespace) -> int:
    """Runs the chosen command; its output is flushed here so that a closed pipe is noticed."""
    arguments.command(arguments)
    sys.stdout.flush()
    return EXIT_DONE


def _fail(error: BaseException, message: str, code: int) -> int:
    """Writes the message to standard error and returns the exit code."""
    if os.environ.get("ZKINFER_TRACEBACK") == "1":
        traceback.print_exception(error)
    sys.stderr.write(f"zkinfer: {message}\n")
    return code


def _join_values(argv: Sequence[str]) -> list[str]:
    """The arguments with `--option VALUE` as `--option=VALUE` where VALUE may begin with a dash."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in _DASHED_VALUES:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="zkinfer",
        description="Zero-knowledge proofs of the predictions of ONNX models.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for name, (summary, add, command) in _verbs().items():
        verb = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        add(verb)
        verb.set_defaults(command=command)
    return parser


def _verbs() -> dict[str, tuple[str, _Add, _Command]]:
    """Each verb: what it is for, its arguments, and what it does."""
    return {
        "compile": (
            "Turn an ONNX model into a proving and a verifying key.",
            options.add_compile,
            _compile,
        ),
        "prove": (
            "Prove the prediction for an input, or those for a batch.",
            options.add_prove,
            _prove,
        ),
        "verify": (
            "Check a proof, or a revealed record, and say what it is.",
            options.add_verify,
            _verify,
        ),
        "inspect": (
            "Say what a key or a proof holds and what is public.",
            options.add_inspect,
            _inspect,
        ),
        "estimate": (
            "Say what proofs of a model cost, before any key.",
            options.add_estimate,
            _estimate,
        ),
        "commit": (
            "Commit to data, before and apart from any model.",
            data_verbs.add_commit,
            _printed(data_verbs.commit),
        ),
        "evaluate": (
            "Prove what a model does on all data, how often it is right.",
            data_verbs.add_evaluate,
            _printed(data_verbs.evaluate),
        ),
        "export": (
            "Write a circuit, a key or a proof of groth16 as other tools read it.",
            exchange.add_export,
            _printed(exchange.export),
        ),
        "import": (
            "Make keys of a ceremony's setup, or a proof of one by snarkjs.",
            exchange.add_import,
            _printed(exchange.import_),
        ),
        "reveal": (
            "Show one record of data, and nothing of the others.",
            data_verbs.add_reveal,
            _printed(data_verbs.reveal),
        ),
        "demo": (
            "Compile, prove and verify on real data, step by step.",
            options.add_demo,
            _demo,
        ),
    }


def _printed(say: Callable[[argparse.Namespace], list[str]]) -> _Command:
    """A command that prints lines."""
    return lambda given: _print(*say(given))


class _Version(argparse.Action):
    """Prints the version; looked up only here because that takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        import zkinfer

        sys.stdout.write(f"zkinfer {zkinfer.__version__}\n")
        parser.exit()


def _model_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """How a model is compiled, as the functions of the API take it."""
    from zkinfer.inputs import read_input

    shapes = dict(arguments.shape)
    if len(shapes) != len(arguments.shape):
        raise UsageError("--shape names an input twice; give each input once")
    return {
        "calibration": arguments.calibration and read_input(arguments.calibration),
        "input_range": arguments.input_range,
        "max_error": arguments.max_error,
        "shapes": shapes,
        "input": arguments.input,
        "output": arguments.output,
        "weights": arguments.weights,
        "batch": arguments.batch,
        "data": arguments.data and data_verbs.load_described(arguments.data),
        "labels": arguments.labels and data_verbs.load_described(arguments.labels),
        "record": arguments.record,
        "backend": arguments.backend,
        "weight_ranges": arguments.weight_ranges,
    }


def _compile(arguments: argparse.Namespace) -> None:
    from zkinfer import api
    from zkinfer.progress import progress_bar

    api.check_folder(arguments.folder, force=arguments.force)
    options = _model_options(arguments)
    if arguments.backend == "groth16" and not arguments.insecure_setup:
        _draft(arguments, options)
        return
    with progress_bar(api.COMPILE_STAGES) as progress:
        compiled = api.compile(
            arguments.model,
            **options,
            insecure_setup=arguments.insecure_setup,
            force_memory=arguments.force_memory,
            progress=progress,
        )
    compiled.save(arguments.folder, force=arguments.force)
    folder = Path(arguments.folder)
    _print(
        f"proving key    {folder / api.PROVING_KEY_FILE} (secret)",
        f"verifying key  {folder / api.VERIFYING_KEY_FILE}",
        f"report         {folder / api.REPORT_HTML_FILE}",
        *compiled.report.content["summary"]["promise"],
        *(f"note: {caveat}" for caveat in compiled.verifying_key.caveats),
    )


def _draft(arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    """What compile does for a backend that needs a setup, where none is made here."""
    from zkinfer import api
    from zkinfer.progress import progress_bar

    del options["backend"]
    about = options.pop("data"), options.pop("labels")
    if about != (None, None) or options.pop("record") != "public":
        raise UsageError("proofs of the backend groth16 are not about committed data")
    with progress_bar(api.COMPILE_STAGES) as progress:
        drafted = api.draft(arguments.model, **options, progress=progress)
    drafted.save(arguments.folder, force=arguments.force)
    draft = Path(arguments.folder) / api.DRAFT_FILE
    _print(
        f"draft          {draft} (secret), which needs a setup of its circuit:",
        f"               zkinfer export {draft} --r1cs circuit.r1cs",
        "               a ceremony with snarkjs, which makes final.zkey of it",
        f"               zkinfer import {draft} --zkey final.zkey -o {arguments.folder}",
        "               or, for development, compile with --insecure-setup",
        f"report         {Path(arguments.folder) / api.REPORT_HTML_FILE}",
        *drafted.report.content["summary"]["promise"],
    )


def _prove(arguments: argparse.Namespace) -> None:
    from zkinfer import api
    from zkinfer.data import DataOpening
    from zkinfer.inputs import read_input
    from zkinfer.keys import ProvingKey
    from zkinfer.progress import progress_bar
    from zkinfer.proof import check_output

    check_output(arguments.proof, force=arguments.force)
    with progress_bar(1 + api.PROVE_STAGES) as progress:
        progress("reading the key")
        key = ProvingKey.load(arguments.key)
        value = None if arguments.input is None else read_input(arguments.input)
        options = {
            "data": arguments.data and DataOpening.load(arguments.data),
            "record": arguments.record,
            "context": _context(arguments.context),
            "allow_saturation": arguments.allow_saturation,
            "progress": progress,
        }
        if key.graph.output_mode == "committed":
            said = data_verbs.prove_committed(arguments, key, value, options)
        else:
            labels = arguments.labels and DataOpening.load(arguments.labels)
            proof = api.prove(key, value, labels=labels, **options)
            proof.save(arguments.proof, force=arguments.force)
            said = [f"proof  {arguments.proof} ({len(proof.to_bytes())} bytes)"]
    _print(*said)


def _verify(arguments: argparse.Namespace) -> None:
    from zkinfer.data import DataCommitment
    from zkinfer.files import NewFile, check_free, write_files
    from zkinfer.keys import VerifyingKey
    from zkinfer.verdict import statement, verify

    if data_verbs.is_commitment(arguments.key):
        with _verdict_in_json(arguments):
            said = data_verbs.verify_record(arguments)
        _print_verdict("valid: this is a record of the data", said, arguments)
        return
    if os.path.isdir(arguments.proof):
        with _verdict_in_json(arguments):
            said = data_verbs.verify_parts(arguments, _context(arguments.context), _load_proof)
        _print_verdict("valid: the proofs of all parts verify", said, arguments)
        return
    if arguments.html:
        check_free(arguments.html, lambda _: arguments.force)
    key = VerifyingKey.load(arguments.key)
    data, labels, outputs = (
        path and DataCommitment.load(path)
        for path in (arguments.data, arguments.labels, arguments.outputs)
    )
    context = _context(arguments.context)
    with _verdict_in_json(arguments):
        proof = _load_proof(arguments.proof)
        verified = verify(
            key,
            proof,
            context=context,
            data=data,
            labels=labels,
            outputs=outputs,
            any_data=arguments.any_data,
            allow_left_out=arguments.allow_left_out,
            insecure_setup=arguments.insecure_setup,
        )
    if arguments.html:
        from zkinfer.verdict_page import render_verdict

        command = shlex.join(
            ["zkinfer", "verify", arguments.key, arguments.proof]
            + (["--context", arguments.context] if arguments.context else [])
            + (["--data", arguments.data] if arguments.data else [])
            + (["--labels", arguments.labels] if arguments.labels else [])
            + (["--outputs", arguments.outputs] if arguments.outputs else [])
            + (["--any-data"] if arguments.any_data else [])
            + (["--allow-left-out"] if arguments.allow_left_out else [])
            + (["--insecure-setup"] if arguments.insecure_setup else [])
        )
        page = render_verdict(verified, key.graph, command)
        write_files([NewFile(arguments.html, page.encode())])
    _print_verdict("valid: the proof verifies", statement(verified), arguments)


@contextmanager
def _verdict_in_json(arguments: argparse.Namespace) -> Iterator[None]:
    """Prints what does not verify as JSON too, where that is asked for."""
    try:
        yield
    except VerificationError as error:
        if arguments.json:
            _print(json.dumps({"valid": False, "error": str(error)}))
        raise


def _print_verdict(head: str, statement: dict[str, Any], arguments: argparse.Namespace) -> None:
    if "left_out" in statement:
        head += f", records left out: {len(statement['left_out'])}"
    if arguments.json:
        _print(json.dumps(statement))
    else:
        _print(head, *_lines(statement, skip=("valid",)))


def _load_proof(path: Path) -> "Proof":
    """A proof. A damaged one does not verify; any other file is wrong use."""
    from zkinfer import container
    from zkinfer.proof import Proof

    try:
        return Proof.load(path)
    except FormatError as error:
        with open(path, "rb") as file:
            head = file.read(container.MAGIC_SIZE)
        if head == container.PROOF.magic:
            raise VerificationError(str(error)) from error
        raise


def _inspect(arguments: argparse.Namespace) -> None:
    from zkinfer.describe import describe_file

    description = describe_file(arguments.file)
    _print(json.dumps(description) if arguments.json else "\n".join(_lines(description)))


def _estimate(arguments: argparse.Namespace) -> None:
    from zkinfer import api

    estimate = api.estimate(arguments.model, **_model_options(arguments))
    _print(json.dumps(estimate.content) if arguments.json else str(estimate))


def _demo(arguments: argparse.Namespace) -> None:
    from zkinfer.demo import run_demo

    run_demo(arguments.keep)


def _context(text: str) -> bytes:
    """The context's bytes as the shell passed them."""
    return os.fsencode(text)


def _lines(content: Mapping[str, Any], *, skip: Sequence[str] = (), indent: int = 0) -> list[str]:
    """The content as indented `key: value` lines."""
    lines: list[str] = []
    for key, value in content.items():
        if key in skip:
            continue
        label = f"{' ' * indent}{key.replace('_', ' ')}:"
        if isinstance(value, Mapping):
            lines += [label, *_lines(value, indent=indent + 2)]
        else:
            lines.append(f"{label} {value}")
    return lines


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
