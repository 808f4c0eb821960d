"""The verbs of owners: compile a model into keys, prove a prediction; estimate the costs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zkinfer.backends import groth16, transparent
from zkinfer.circuit.layout import Segment
from zkinfer.committed_input import Records, check_given, read_records
from zkinfer.committed_output import commit_outputs, description_of
from zkinfer.costs import costs
from zkinfer.data import DataCommitment, DataOpening
from zkinfer.description import Description
from zkinfer.drafts import Draft
from zkinfer.errors import FormatError, InternalError, UnsupportedModelError, UsageError
from zkinfer.estimates import Estimate, PairingEstimate, available_memory, check_memory
from zkinfer.files import SECRET_MODE, NewFile, StrPath, check_free, made_folder, write_files
from zkinfer.fixed import LABELLED, MAX_BATCH, RECORD_MODES, STATISTICS, FixedGraph, quantize_input
from zkinfer.inputs import by_name
from zkinfer.keys import BACKENDS, ProvingKey, VerifyingKey, make_keys, make_pairing_keys
from zkinfer.lower import Witness, lower, solve
from zkinfer.ops.tensor import FixedTensor
from zkinfer.pairing.costs import check_size, pairing_costs
from zkinfer.pairing.forest import spelt_out
from zkinfer.pairing.keys import Prover as PairingProver
from zkinfer.pairing.keys import check_supported, choose_ranges
from zkinfer.progress import Report
from zkinfer.proof import Proof, check_context
from zkinfer.saturation import check_saturation
from zkinfer.source import Source
from zkinfer.speed import this_machine

if TYPE_CHECKING:
    from zkinfer.report import Report as FidelityReport

Integers = npt.NDArray[np.int64]

MODES = {
    "input": ("hidden", "public", "committed"),
    "output": ("public", "label", "committed", *STATISTICS),
    "weights": ("hidden", "public"),
    "record": RECORD_MODES,
}
"""The words for each mode, the default first."""

PROVING_KEY_FILE = "proving.key"
VERIFYING_KEY_FILE = "verifying.key"
REPORT_JSON_FILE = "report.json"
REPORT_HTML_FILE = "report.html"
DRAFT_FILE = "draft.key"
OUTPUT_FILES = (
    PROVING_KEY_FILE,
    VERIFYING_KEY_FILE,
    DRAFT_FILE,
    REPORT_JSON_FILE,
    REPORT_HTML_FILE,
)


@dataclass(frozen=True)
class Compiled:
    """A compiled model: the secret proving key, the public verifying key, the fidelity report."""

    proving_key: ProvingKey
    verifying_key: VerifyingKey
    report: "FidelityReport"

    def save(self, folder: StrPath, *, force: bool = False) -> None:
        """Writes proving.key (mode 0600), verifying.key, report.json and report.html.

        All four are written or none. Raises UsageError if one exists, unless forced.
        """
        check_folder(folder, force=force)
        keys = [
            NewFile(Path(folder) / PROVING_KEY_FILE, self.proving_key.to_bytes(), SECRET_MODE),
            NewFile(Path(folder) / VERIFYING_KEY_FILE, self.verifying_key.to_bytes()),
        ]
        _write(Path(folder), keys, self.report)


@dataclass(frozen=True)
class Drafted:
    """A compiled model that waits for a setup, and the fidelity report."""

    draft: Draft
    report: "FidelityReport"

    def save(self, folder: StrPath, *, force: bool = False) -> None:
        """Writes draft.key (mode 0600), report.json and report.html, all or none.

        Raises UsageError if one exists, unless forced.
        """
        check_folder(folder, force=force)
        draft = NewFile(Path(folder) / DRAFT_FILE, self.draft.to_bytes(), SECRET_MODE)
        _write(Path(folder), [draft], self.report)


def _write(folder: Path, files: Sequence[NewFile], report: "FidelityReport") -> None:
    """Writes files and the report into a folder, all or none."""
    reports = [
        NewFile(folder / REPORT_JSON_FILE, report.to_json().encode()),
        NewFile(folder / REPORT_HTML_FILE, report.to_html().encode()),
    ]
    with made_folder(folder):
        write_files([*files, *reports])


COMPILE_STAGES = 4
PROVE_STAGES = 2


def compile(
    model: Any,
    *,
    calibration: object = None,
    input_range: tuple[float, float] | None = None,
    max_error: float = 1e-3,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    input: str = "hidden",
    output: str = "public",
    weights: str = "hidden",
    batch: int = 1,
    data: DataCommitment | VerifyingKey | None = None,
    labels: DataCommitment | VerifyingKey | None = None,
    record: str = "public",
    backend: str = transparent.NAME,
    weight_ranges: str | None = None,
    insecure_setup: bool = False,
    force_memory: bool = False,
    progress: Report | None = None,
) -> Compiled:
    """Compiles an ONNX model into a proving key and a verifying key.

    model: a path, the file's bytes or an onnx.ModelProto; or a fitted scikit-learn, LightGBM or
    XGBoost model or a torch.nn.Module, which the converter of that package exports. calibration:
    sample inputs, an array, a table with named columns or {input name: array}, stacked along the
    batch axis where the input has one, else along a new first axis; without them
    input_range=(low, high) is needed. max_error: the largest allowed output error over the largest
    output, on the four fifths of the calibration data that widths are chosen on; the report says
    what it is on the rest. shapes: full shapes of inputs that the model leaves open. input:
    "hidden" or "public", or "committed" for records of data that were committed to before. output:
    "public", "label" for the index of the largest score only, "committed" for a commitment to the
    outputs, "accuracy" for how often the label is the one that is committed to, "confusion" for how
    often it is which instead of which, or, for one number a record, "summary" for how outputs are
    spread over records (mean, variance, lowest, highest) and "error" for how outputs less targets
    that are committed to are. weights: "hidden" (committed) or "public". batch: how many inputs a
    proof is about; calibration data are samples of one. data: with input="committed", a commitment
    to data, or the verifying key of a model whose outputs are committed to; the network reads
    numbers at their scales, so the key takes every commitment that has the same. labels: with
    output="error", the same of the targets. record: "public", or "hidden" for proofs that do not
    say which records of the data they are about. backend: "transparent", or "groth16" for proofs of
    128 bytes that other tools and contracts verify, which need a setup. weight_ranges: with groth16
    "checked", where rows show that hidden weights are small, or "unchecked"; by default the former
    where that at most doubles the circuit. insecure_setup: whether to make the setup on this
    machine, for development. force_memory: whether to compile what takes more memory to prove than
    this machine has.

    Raises UnsupportedModelError for models that cannot be compiled and UsageError otherwise.
    """
    _check_backend(backend, weight_ranges)
    _check_setup(backend, insecure_setup)
    report = progress or _silent
    if backend == groth16.NAME:
        options = (calibration, input_range, max_error, shapes, input, output, weights, batch)
        if data is not None or labels is not None or record != "public":
            raise UsageError("proofs of the backend groth16 are not about committed data")
        drafted = draft(model, *options, weight_ranges=weight_ranges, progress=progress)
        report("making the setup")
        made = drafted.draft
        proving_key = make_pairing_keys(made.graph, made.weights, made.ranges)
        return Compiled(proving_key, proving_key.verifying_key, drafted.report)
    modes = _modes(input, output, weights)
    _check_record(record, input, output)
    described = _described(input, data)
    target = _target(output, labels)
    _check_batch(batch)
    report("reading the model")
    source = Source(model, shapes, calibration)
    report("choosing the fixed-point widths")
    quantized = source.quantized(calibration, input_range, max_error, modes, described)
    graph = _stated(quantized.graph, output, batch, record, target)
    quantized = replace(quantized, graph=graph)
    circuit = lower(quantized.graph)
    expected = costs(quantized.graph, circuit)
    if not force_memory:
        check_memory(expected, available_memory())
    report("committing to the weights")
    try:
        proving_key = make_keys(quantized.graph, quantized.weights, circuit)
    except FormatError as error:
        raise UnsupportedModelError(
            f"{error}; split the model, or make its largest tensors smaller"
        ) from error
    verifying_key = proving_key.verifying_key
    native = verifying_key.native_circuit
    report("writing the report")
    listed = {
        "inputs in a proof": batch,
        "constraint rows": native.constraints,
        "committed rows": native.rows,
        "entries of a committed row": native.columns,
        "bytes of the verifying key": len(verifying_key.to_bytes()),
        "bytes of a proof, estimated": expected.proof,
        "bytes of memory to prove, estimated": expected.memory,
    }
    return Compiled(proving_key, verifying_key, source.report(quantized, listed))


def draft(
    model: Any,
    calibration: object = None,
    input_range: tuple[float, float] | None = None,
    max_error: float = 1e-3,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    input: str = "hidden",
    output: str = "public",
    weights: str = "hidden",
    batch: int = 1,
    *,
    weight_ranges: str | None = None,
    progress: Report | None = None,
) -> Drafted:
    """Compiles an ONNX model for the backend groth16, up to the setup of its circuit.

    The arguments are those of compile. `Draft.r1cs` is what a ceremony needs, and `Draft.finished`
    makes the keys of its result. Raises as compile does.
    """
    report = progress or _silent
    modes = _modes(input, output, weights)
    described = _described(input, None)
    _check_batch(batch)
    report("reading the model")
    source = Source(model, shapes, calibration)
    report("choosing the fixed-point widths")
    quantized = source.quantized(calibration, input_range, max_error, modes, described)
    quantized = replace(quantized, graph=_stated(quantized.graph, output, batch, "public", None))
    graph, constants = spelt_out(quantized.graph, quantized.weights)
    check_supported(graph)
    made = Draft(graph, constants, choose_ranges(graph, weight_ranges))
    report("writing the report")
    listed = {"inputs in a proof": batch, "constraint rows": made.rows}
    return Drafted(made, source.report(quantized, listed))


def estimate(
    model: Any,
    *,
    calibration: object = None,
    input_range: tuple[float, float] | None = None,
    max_error: float = 1e-3,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    input: str = "hidden",
    output: str = "public",
    weights: str = "hidden",
    batch: int = 1,
    data: DataCommitment | VerifyingKey | None = None,
    labels: DataCommitment | VerifyingKey | None = None,
    record: str = "public",
    backend: str = transparent.NAME,
    weight_ranges: str | None = None,
) -> Estimate:
    """What proofs of a model will cost and show, before any key is made.

    The arguments are those of compile. Without calibration and input_range the widths are chosen on
    a few random inputs. Raises as compile does, and UsageError where the model takes no random
    inputs.
    """
    modes = _modes(input, output, weights)
    _check_record(record, input, output)
    _check_backend(backend, weight_ranges)
    described = _described(input, data)
    target = _target(output, labels)
    _check_batch(batch)
    source = Source(model, shapes, calibration)
    samples = "the calibration data" if calibration is not None else "the input range"
    if calibration is None and input_range is None:
        samples = "random inputs, as no calibration data were given"
        quantized = source.guessed(max_error, modes, described)
    else:
        quantized = source.quantized(calibration, input_range, max_error, modes, described)
    graph = _stated(quantized.graph, output, batch, record, target)
    expected = costs(graph, lower(graph))
    if backend != groth16.NAME:
        return Estimate(graph, expected, this_machine(), samples)
    try:
        spelt, _ = spelt_out(graph, quantized.weights)
    except UnsupportedModelError as error:
        if calibration is not None or input_range is not None:
            raise
        raise UsageError(
            f"with widths chosen on random inputs {error}; give calibration data (--calibration)"
        ) from error
    check_supported(spelt)
    paired = pairing_costs(spelt, choose_ranges(spelt, weight_ranges))
    check_size(paired)
    return PairingEstimate(spelt, expected, this_machine(), samples, paired)


def prove(
    proving_key: ProvingKey,
    x: object = None,
    *,
    data: DataOpening | None = None,
    record: int | Sequence[int] | None = None,
    labels: DataOpening | None = None,
    context: bytes = b"",
    allow_saturation: bool = False,
    progress: Report | None = None,
) -> Proof:
    """Proves the prediction for one input, or those for a batch.

    x: an array of integers or floats, or {input name: array}, of the shapes in the key; of a batch
    stacked along a new first axis, or along one of extent 1. data, record: in place of x, for a
    network compiled with input="committed", the opening of a data commitment and the number of the
    record, whether or not the proof will say it (record="hidden" of compile); of a batch those of
    all, or that of the first of records that follow one another. labels: for one compiled with
    output="accuracy", "confusion" or "error", the opening of the commitment to the records' labels
    or targets. context: bytes that the proof is bound to. allow_saturation: whether values may
    saturate: be cut to the ranges that calibration found, which the float model does not do.
    Raises UsageError when the input has the wrong names, shape or type, holds NaN or infinity,
    leaves the declared domain, or makes values saturate unless that is allowed.
    """
    _check_key(proving_key, committed=False)
    proof, _ = _proved(
        proving_key, x, data, record, labels, context, allow_saturation, progress or _silent
    )
    return proof


def prove_committed(
    proving_key: ProvingKey,
    x: object = None,
    *,
    data: DataOpening | None = None,
    record: int | Sequence[int] | None = None,
    context: bytes = b"",
    allow_saturation: bool = False,
    progress: Report | None = None,
) -> tuple[Proof, DataOpening]:
    """Proves the prediction for one input, or those for a batch, with a key of output="committed".

    The arguments are those of prove, and so is what is raised. Returns the proof, which shows a
    commitment in place of the outputs, and what opens that: a record for each input, the outputs
    as exact integers at the key's scales. The opening is secret; it makes the outputs the data of
    another proof.
    """
    _check_key(proving_key, committed=True)
    proof, opening = _proved(
        proving_key, x, data, record, None, context, allow_saturation, progress or _silent
    )
    if opening is None:
        raise InternalError("a proof with committed outputs has no opening")
    return proof, opening


def _check_key(proving_key: ProvingKey, *, committed: bool) -> None:
    """Raises UsageError unless it is a key whose outputs are committed to, or one of others."""
    if not isinstance(proving_key, ProvingKey):
        raise UsageError(f"prove needs a ProvingKey, got {type(proving_key).__name__}")
    mode = proving_key.graph.output_mode
    if committed != (mode == "committed"):
        verb = "prove" if committed else "prove_committed"
        raise UsageError(f"this key's output mode is {mode}; call {verb}")


def _proved(
    proving_key: ProvingKey,
    x: object,
    data: DataOpening | None,
    record: int | Sequence[int] | None,
    labels: DataOpening | None,
    context: bytes,
    allow_saturation: bool,
    report: Report,
) -> tuple[Proof, DataOpening | None]:
    """The proof, and of committed outputs their opening."""
    check_context(context)
    graph, key = proving_key.graph, proving_key.verifying_key
    records: Records | None = None
    if graph.input_mode == "committed":
        if x is not None or data is None or record is None:
            raise UsageError(
                "this key is about committed data; give data and record (--data X.opening "
                "--record N), and no input"
            )
        check_given(graph, given=labels is not None)
        numbers = _record_numbers(graph, record, data)
        records = read_records(graph, data, labels, numbers, key.native_circuit.columns)
        inputs = records.inputs
    elif data is not None or record is not None or labels is not None or x is None:
        raise UsageError(f"this key is about a {graph.input_mode} input; give that, and no record")
    else:
        inputs = quantize_input(graph, by_name(x, graph.inputs, "the input"))
    return prove_integers(proving_key, inputs, records, context, allow_saturation, report)


def prove_integers(
    proving_key: ProvingKey,
    inputs: Mapping[str, npt.NDArray[np.int64]],
    records: Records | None,
    context: bytes,
    allow_saturation: bool,
    progress: Report | None = None,
) -> tuple[Proof, DataOpening | None]:
    """The proof, and of committed outputs their opening; of integers in the key's ranges. records:
    those that the inputs are of.
    """
    graph, key = proving_key.graph, proving_key.verifying_key
    report = progress or _silent
    report("running the network")
    witness = _solved(proving_key, inputs, allow_saturation)
    report("proving")
    stated, committed = b"", {}
    if records is not None:
        stated, committed = records.names.stated, {Segment.RECORD: records.opened}
    opening = None
    if graph.output_mode == "committed":
        opening = commit_outputs(graph, witness.outputs)
        stated += opening.commitment.digest_bytes
        committed[Segment.OUTPUT] = opening.opened(range(graph.batch), key.native_circuit.columns)
    body = proving_key.prover.prove(
        context,
        witness.segments,
        data=stated,
        committed=committed,
        hidden=records.hidden if records else None,
    )
    proof = Proof(
        key.key_digest,
        context,
        tuple(witness.segments[Segment.PUBLIC]),
        body,
        None if records is None else records.names,
        b"" if opening is None else opening.commitment.rows,
    )
    return proof, opening


def assignment(
    proving_key: ProvingKey,
    x: object,
    *,
    context: bytes = b"",
    allow_saturation: bool = False,
) -> bytes:
    """The values of all wires of a key of the backend groth16, 32 bytes each, for one input.

    The arguments are those of prove, and so is what is raised. Secret: they hold the weights.
    """
    check_context(context)
    prover = proving_key.prover
    if not isinstance(prover, PairingProver):
        raise UsageError("only circuits of the backend groth16 have wires")
    inputs = quantize_input(proving_key.graph, by_name(x, proving_key.graph.inputs, "the input"))
    return prover.assignment(context, _solved(proving_key, inputs, allow_saturation).segments)


def _solved(
    proving_key: ProvingKey, inputs: Mapping[str, Integers], allow_saturation: bool
) -> Witness:
    """The witness. Raises UsageError when values saturate, unless that is allowed."""
    witness = solve(
        proving_key.graph,
        proving_key.weights,
        inputs,
        plan=proving_key.plan,
        target=proving_key.verifying_key.target,
    )
    if not allow_saturation:
        check_saturation(witness.saturated)
    return witness


def _record_numbers(
    graph: FixedGraph, record: int | Sequence[int], data: DataOpening
) -> Sequence[int]:
    """The records of a batch, of which the first may stand for all. Raises UsageError for what
    are no numbers.
    """
    if isinstance(record, Sequence) and not isinstance(record, str):
        return tuple(record)
    if isinstance(record, bool) or not isinstance(record, int):
        raise UsageError(
            f"a record has a number, and those of a batch a list of them; got {record!r}"
        )
    end = record + graph.batch
    if graph.counts:
        end = max(min(end, len(data)), record + 1)
    return range(record, end)


def check_folder(folder: StrPath, *, force: bool = False) -> None:
    """Raises UsageError if compiling into the folder would replace a file, unless forced."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{os.fspath(folder)} is not a folder; name one to put the keys into")
    for name in OUTPUT_FILES:
        check_free(Path(folder) / name, lambda _: force)


def _silent(_: str) -> None:
    """Reports no progress."""


def _modes(input: str, output: str, weights: str) -> dict[str, str]:
    """The modes of the network of one input, by the graph's names for them.

    Raises UsageError for unknown words.
    """
    words = {"input": input, "output": output, "weights": weights}
    for mode, word in words.items():
        _check_mode(mode, word)
    if output in STATISTICS:
        if input != "committed":
            raise UsageError(
                f"{output} is proved on records of committed data: --input committed --data "
                "X.commitment"
            )
        words["output"] = "label" if output in LABELLED else "public"
    if output == "committed":
        words["output"] = "public"
    return {f"{mode}_mode": word for mode, word in words.items()}


def _check_backend(backend: str, weight_ranges: str | None) -> None:
    """Raises UsageError for unknown words, and for what does not go with a backend."""
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    if backend != groth16.NAME and weight_ranges is not None:
        raise UsageError(
            f"the backend {backend} certifies that weights are small; --weight-ranges is for "
            "--backend groth16"
        )


def _check_setup(backend: str, insecure_setup: bool) -> None:
    """Raises UsageError where a setup is wanted, and not said to be one, or the other way round."""
    if backend == groth16.NAME and not insecure_setup:
        raise UsageError(
            "the backend groth16 needs a setup of the circuit: say --insecure-setup (in Python "
            "insecure_setup=True) for one that this machine makes, which is for development; or "
            "make a draft and have a ceremony (zkinfer.draft)"
        )
    if backend != groth16.NAME and insecure_setup:
        raise UsageError(
            f"the backend {backend} has no setup; --insecure-setup is for --backend groth16"
        )


def _check_record(record: str, input: str, output: str) -> None:
    """Raises UsageError unless records can be shown, or hidden, in these modes."""
    _check_mode("record", record)
    if record == "public":
        return
    if input != "committed":
        raise UsageError(
            "a record is hidden among committed data: --input committed --data X.commitment"
        )
    if output in STATISTICS:
        raise UsageError(
            f"{output} is that of records that a proof names, each of them once; none is hidden"
        )


def _check_batch(batch: int) -> None:
    """Raises UsageError for what is no number of inputs."""
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= MAX_BATCH:
        raise UsageError(f"a batch has 1 to {MAX_BATCH} inputs, got {batch}")


def _stated(
    graph: FixedGraph, output: str, batch: int, record: str, target: FixedTensor | None
) -> FixedGraph:
    """The network of one input as proofs state it. Raises UnsupportedModelError where none can."""
    if output in STATISTICS and len(graph.outputs) > 1:
        raise UnsupportedModelError(
            f"{output} is that of one output, and the model has {', '.join(graph.outputs)}; leave "
            "the others out of the model"
        )
    try:
        return replace(graph, output_mode=output, batch=batch, record_mode=record, target=target)
    except FormatError as error:
        raise UnsupportedModelError(
            f"no {output} of this network can be proved: {error}"
        ) from error


def _described(input: str, data: DataCommitment | VerifyingKey | None) -> Description | None:
    """What a network's records are like. Raises UsageError unless data are given as needed."""
    if (input == "committed") != (data is not None):
        raise UsageError(
            "an input is committed where data are given, and only there: "
            "--input committed --data X.commitment"
        )
    if data is None:
        return None
    return _description(data)


def _description(data: DataCommitment | VerifyingKey) -> Description:
    """What records are like. Raises UsageError where none can be like it."""
    if isinstance(data, VerifyingKey):
        return description_of(data.graph)
    if not isinstance(data, DataCommitment):
        raise UsageError(f"data must be a DataCommitment, got {type(data).__name__}; load the file")
    return data.description


def _target(output: str, labels: DataCommitment | VerifyingKey | None) -> FixedTensor | None:
    """What a record's target is like. Raises UsageError unless targets are given as needed."""
    if (output == "error") != (labels is not None):
        raise UsageError(
            "targets are given where errors are proved, and only there: --output error --labels "
            "Y.commitment"
        )
    return None if labels is None else _description(labels).target()


def _check_mode(mode: str, word: str) -> None:
    """Raises UsageError unless the word is one of the mode's."""
    if word not in MODES[mode]:
        raise UsageError(f"the {mode} mode must be {' or '.join(MODES[mode])}, got {word!r}")
