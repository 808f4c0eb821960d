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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zkinfer import data_verbs
from zkinfer.errors import FormatError, InternalError, UsageError, VerificationError, ZkinferError

if TYPE_CHECKING:
    from zkinfer.proof import Proof

    Verbs = argparse._SubParsersAction["_Parser"]

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
    _add_compile(verbs)
    _add_prove(verbs)
    _add_verify(verbs)
    _add_inspect(verbs)
    _add_estimate(verbs)
    _add_data_verbs(verbs)
    _add_demo(verbs)
    return parser


class _Version(argparse.Action):
    """Prints the version; looked up only here because that takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        import zkinfer

        sys.stdout.write(f"zkinfer {zkinfer.__version__}\n")
        parser.exit()


def _add_verb(verbs: "Verbs", name: str, summary: str) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)


def _add_compile(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "compile", "Turn an ONNX model into a proving and a verifying key.")
    _add_model(parser)
    parser.add_argument(
        "-o", dest="folder", metavar="OUT/", required=True, help="the folder for keys and report"
    )
    parser.add_argument("--force", action="store_true", help="replace existing keys")
    parser.add_argument(
        "--force-memory",
        action="store_true",
        help="compile even if proofs take more memory than there is",
    )
    parser.set_defaults(command=_compile)


def _add_estimate(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "estimate", "Say what proofs of a model cost, before any key.")
    _add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_estimate)


def _add_model(parser: argparse.ArgumentParser) -> None:
    """A model, and how it is compiled."""
    parser.add_argument("model", metavar="MODEL.onnx", help="the model to compile")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="sample inputs, stacked: .npy, .npz, .json or - (standard input)",
    )
    parser.add_argument(
        "--input-range",
        metavar="LO,HI",
        type=_range,
        help="the inputs' range; needed without calibration data",
    )
    parser.add_argument(
        "--max-error",
        metavar="E",
        type=float,
        default=1e-3,
        help="largest output error, over the largest output of all samples (default 1e-3)",
    )
    parser.add_argument(
        "--shape",
        metavar="NAME=D,D,...",
        type=_shape,
        action="append",
        default=[],
        help="fix an input's shape where the model leaves it open; may be repeated",
    )
    parser.add_argument(
        "--input",
        metavar="hidden|public|committed",
        default="hidden",
        help="whether a proof shows the input, or says which record of data it is (default hidden)",
    )
    parser.add_argument(
        "--data",
        metavar="X.commitment",
        help="with --input committed: a commitment to data like those that proofs will be about, "
        "or the verifying key of a model whose committed outputs they are",
    )
    parser.add_argument(
        "--record",
        metavar="public|hidden",
        default="public",
        help="with --input committed: whether a proof says which record it is about (default "
        "public)",
    )
    parser.add_argument(
        "--output",
        metavar="public|label|committed|accuracy|confusion",
        default="public",
        help="what a proof shows of the outputs: all, the index of the largest, a commitment to "
        "them, how often the label is that of committed records, or how often which is which "
        "(default public)",
    )
    parser.add_argument(
        "--batch",
        metavar="N",
        type=int,
        default=1,
        help="how many inputs a proof is about (default 1); calibration data are samples of one",
    )
    parser.add_argument(
        "--weights",
        metavar="hidden|public",
        default="hidden",
        help="whether the verifying key shows the weights (default hidden)",
    )


def _add_prove(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "prove", "Prove the prediction for an input, or those for a batch.")
    parser.add_argument("key", metavar="PROVING.key", help="the secret key that compile wrote")
    parser.add_argument(
        "input", metavar="INPUT", nargs="?", help=".npy, .npz, .json or - (standard input)"
    )
    parser.add_argument("--data", metavar="X.opening", help="the data that a record is taken of")
    parser.add_argument(
        "--record",
        metavar="N[,N...]",
        type=_numbers,
        help="the number of the record, from 0; of a batch that of the first, or those of all (a "
        "key for hidden records keeps it out of the proof)",
    )
    parser.add_argument("--labels", metavar="Y.opening", help="the labels, of a proof of accuracy")
    parser.add_argument(
        "-o",
        dest="proof",
        metavar="PROOF.zkp",
        required=True,
        help="where to write the proof; beside it go PROOF.commitment and PROOF.opening of "
        "committed outputs",
    )
    parser.add_argument("--context", metavar="TEXT", default="", help="what to bind the proof to")
    parser.add_argument(
        "--allow-saturation",
        action="store_true",
        help="prove even if values are cut to the ranges that calibration found",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files that are there and no proofs"
    )
    parser.set_defaults(command=_prove)


def _add_verify(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "verify", "Check a proof, or a revealed record, and say what it is.")
    parser.add_argument(
        "key", metavar="VERIFYING.key", help="the public key, or of a record the X.commitment"
    )
    parser.add_argument(
        "proof", metavar="PROOF.zkp", help="the proof, or the record, or the folder of evaluate"
    )
    parser.add_argument(
        "--data", metavar="X.commitment", help="the data that a proof's records must be of"
    )
    parser.add_argument(
        "--labels", metavar="Y.commitment", help="what their labels must be, of a proof of accuracy"
    )
    parser.add_argument(
        "--outputs", metavar="Z.commitment", help="what committed outputs must be committed to by"
    )
    parser.add_argument(
        "--any-data", action="store_true", help="take records of no matter which data"
    )
    parser.add_argument("--context", metavar="TEXT", default="", help="what it must be bound to")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--html", metavar="OUT.html", help="also write a page for whoever is to read the result"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing page")
    parser.set_defaults(command=_verify)


def _add_inspect(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "inspect", "Say what a key or a proof holds and what is public.")
    parser.add_argument("file", metavar="FILE", help="a key or a proof")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_inspect)


def _add_data_verbs(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "commit", "Commit to data, before and apart from any model.")
    data_verbs.add_commit(parser)
    parser.set_defaults(command=lambda arguments: _print(*data_verbs.commit(arguments)))
    parser = _add_verb(verbs, "evaluate", "Prove how often a model is right on all of its data.")
    data_verbs.add_evaluate(parser)
    parser.set_defaults(command=lambda arguments: _print(*data_verbs.evaluate(arguments)))
    parser = _add_verb(verbs, "reveal", "Show one record of data, and nothing of the others.")
    data_verbs.add_reveal(parser)
    parser.set_defaults(command=lambda arguments: _print(*data_verbs.reveal(arguments)))


def _add_demo(verbs: "Verbs") -> None:
    parser = _add_verb(verbs, "demo", "Compile, prove and verify on real data, step by step.")
    parser.add_argument(
        "--keep", metavar="DIR", help="a new folder for its files, which stay there"
    )
    parser.set_defaults(command=_demo)


def _range(text: str) -> tuple[float, float]:
    """LO,HI as two numbers."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected LO,HI such as -1,1, got {text!r}") from error
    return low, high


def _numbers(text: str) -> int | tuple[int, ...]:
    """N, or N,N,... as several."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected N or N,N,..., got {text!r}") from error
    return numbers if len(numbers) > 1 else numbers[0]


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    """NAME=D,D,... as a name and extents."""
    name, _, extents = text.rpartition("=")
    try:
        shape = tuple(int(part) for part in extents.split(","))
    except ValueError:
        shape = ()
    if not name or not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"expected NAME=1,3,224,224, got {text!r}")
    return name, shape


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
        "record": arguments.record,
    }


def _compile(arguments: argparse.Namespace) -> None:
    from zkinfer import api
    from zkinfer.progress import progress_bar

    api.check_folder(arguments.folder, force=arguments.force)
    options = _model_options(arguments)
    with progress_bar(api.COMPILE_STAGES) as progress:
        compiled = api.compile(
            arguments.model, **options, force_memory=arguments.force_memory, progress=progress
        )
    compiled.save(arguments.folder, force=arguments.force)
    folder = Path(arguments.folder)
    _print(
        f"proving key    {folder / api.PROVING_KEY_FILE} (secret)",
        f"verifying key  {folder / api.VERIFYING_KEY_FILE}",
        f"report         {folder / api.REPORT_HTML_FILE}",
        *compiled.report.content["summary"]["promise"],
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
