"""What a person types behind a verb: options, their values, and what is said of them by --help."""

import argparse


def add_compile(parser: argparse.ArgumentParser) -> None:
    """The arguments of compile."""
    _add_model(parser)
    parser.add_argument(
        "-o", dest="folder", metavar="OUT/", required=True, help="the folder for keys and report"
    )
    parser.add_argument("--force", action="store_true", help="replace existing keys")
    parser.add_argument(
        "--insecure-setup",
        action="store_true",
        help="with --backend groth16: make the setup on this machine, for development",
    )
    parser.add_argument(
        "--force-memory",
        action="store_true",
        help="compile even if proofs take more memory than there is",
    )


def add_estimate(parser: argparse.ArgumentParser) -> None:
    """The arguments of estimate."""
    _add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_model(parser: argparse.ArgumentParser) -> None:
    """A model, and how it is compiled."""
    parser.add_argument("model", metavar="MODEL.onnx", help="the model to compile")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="sample inputs, stacked: .npy, .npz, .json, .csv, .parquet, a folder of images, or -",
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
        "--labels",
        metavar="Y.commitment",
        help="with --output error: likewise of the targets, what each record's output should be",
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
        metavar="public|label|committed|accuracy|confusion|summary|error",
        default="public",
        help="what a proof shows of the outputs: all, the index of the largest, a commitment to "
        "them, how often the label is that of committed records, how often which is which, how "
        "outputs for records are spread, or how far they are from committed targets (default "
        "public)",
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
    parser.add_argument(
        "--backend",
        metavar="transparent|groth16",
        default="transparent",
        help="the proof system; groth16 makes proofs of 128 bytes that other tools and contracts "
        "verify, and needs a setup (default transparent)",
    )
    parser.add_argument(
        "--weight-ranges",
        metavar="checked|unchecked",
        help="with --backend groth16: whether rows show that hidden weights are small (default: "
        "checked where that at most doubles the circuit)",
    )


def add_prove(parser: argparse.ArgumentParser) -> None:
    """The arguments of prove."""
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
    parser.add_argument(
        "--labels", metavar="Y.opening", help="labels or targets, where the key is about them"
    )
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


def add_verify(parser: argparse.ArgumentParser) -> None:
    """The arguments of verify."""
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
        "--labels",
        metavar="Y.commitment",
        help="what their labels or targets must be, where the key is about them",
    )
    parser.add_argument(
        "--outputs", metavar="Z.commitment", help="what committed outputs must be committed to by"
    )
    parser.add_argument(
        "--any-data", action="store_true", help="take records of no matter which data"
    )
    parser.add_argument(
        "--allow-left-out",
        action="store_true",
        help="take a summary, or errors, of the records that the prover did not leave out",
    )
    parser.add_argument(
        "--insecure-setup",
        action="store_true",
        help="take a key whose setup was made on one machine, for development",
    )
    parser.add_argument("--context", metavar="TEXT", default="", help="what it must be bound to")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--html", metavar="OUT.html", help="also write a page for whoever is to read the result"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing page")


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """The arguments of inspect."""
    parser.add_argument("file", metavar="FILE", help="a key or a proof")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_demo(parser: argparse.ArgumentParser) -> None:
    """The arguments of demo."""
    parser.add_argument(
        "--keep", metavar="DIR", help="a new folder for its files, which stay there"
    )


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
