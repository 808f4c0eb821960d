"""What must hold of every model that onnxruntime runs: it is proved, and the numbers are right."""

import re

import numpy as np

import zkinfer
from tests.properties.choices import Finding
from tests.properties.draw_models import Drawn
from tests.properties.drawing import Array
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.quantize.samples import split
from zkinfer.saturation import excesses

MAX_ERROR = 1e-3

REFUSALS = {
    "no widths": r"no widths (up to \d+ bits )?reach a largest error",
    "integers too wide": r"its integers could take \d+ bits|does not fit 62 bits|differ too much|"
    r"a sum of both needs more than the 62 bits|more than the field holds",
    "numbers unlike those of float32": r"come in steps of 2\^-?\d+; supported are steps",
    "circuit too large": r"the circuit takes more than \d+ bytes",
    "too many axes": r"of \d+ axes; at most|do not align",
    "no numbers": r"gives NaN or infinity|its values have no bounds",
    "nothing to prove": r"nothing is to be proven",
    "scores beyond their mask": r"apart, too much for a mask of|as fine as its marks",
    "matrix too large": r"more entries may be made from the model's constants",
    "crop of the same size": r"for which onnxruntime does not crop",
    "crop with others": r"(the policy stretch|antialias = 0) with tf_crop_and_resize",
    "declared range beyond a table": r"cannot run the model: .*indices element out of data bounds",
    "window beyond the input": r"expected a window no larger than the padded input",
    "dilated pool with auto_pad": r"expected dilations of 1 with auto_pad",
}
"""What zkinfer may say to a model that onnxruntime runs."""


def outcome(drawn: Drawn) -> str:
    """How compiling and proving it ends: "proved", or a permitted refusal.

    Raises Finding: a crash, a refused model or honest proof, a wrong answer.
    """
    try:
        compiled = zkinfer.compile(
            drawn.model.SerializeToString(),
            calibration=drawn.calibration,
            input_range=drawn.input_range,
            max_error=MAX_ERROR,
            shapes=drawn.shapes,
            **drawn.modes,
        )
    except zkinfer.ZkinferError as error:
        return _refusal(drawn, error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of the native module is no Exception
        raise Finding("crash", f"compile: {described(error)}") from error
    check_proofs(drawn, compiled)
    if drawn.input_range is None:
        check_numbers(drawn, compiled)
    return "proved"


def _refusal(drawn: Drawn, error: zkinfer.ZkinferError) -> str:
    if "no output that depends on an input" in str(error) and _is_constant(drawn):
        return "refused: nothing depends on an input"
    name = check_refusal(error)
    joins = any(node.op_type == "Concat" for node in drawn.model.graph.node)
    return name + (", with Concat" if joins and name == "refused: no widths" else "")


def check_refusal(error: zkinfer.ZkinferError) -> str:
    """Which of the permitted refusals it is. Raises Finding for any other."""
    for name, pattern in REFUSALS.items():
        if re.search(pattern, str(error)):
            return f"refused: {name}"
    raise Finding("refused", str(error)) from error


def _is_constant(drawn: Drawn) -> bool:
    """Whether the model gives the same for all samples."""
    first, *others = drawn.expected
    return all(np.array_equal(other[name], first[name]) for other in others for name in first)


def described(error: BaseException) -> str:
    """The error and the place in zkinfer where it comes from."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "zkinfer" in code.co_filename:
            places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' '.join(places[-3:])}: {error}"


def check_proofs(drawn: Drawn, compiled: zkinfer.Compiled) -> None:
    """A sample of the calibration, one inside of the domain and one on its ends are proved."""
    proving_key = zkinfer.ProvingKey.from_bytes(compiled.proving_key.to_bytes())
    verifying_key = zkinfer.VerifyingKey.from_bytes(compiled.verifying_key.to_bytes())
    graph = proving_key.graph
    for feeds in (drawn.samples[0], drawn.fresh, _ends(drawn)):
        inside = {}
        for name, array in feeds.items():
            encoding = graph.encoding(name)
            low, high = (encoding.numbers(end) for end in (encoding.low, encoding.high))
            inside[name] = np.clip(array.astype(np.float64), low, high)
        integers = quantize_input(graph, inside)
        arrays = evaluate(graph, proving_key.weights, integers)
        # In the order of the proof: what is not the largest may saturate before a pool.
        planned = proving_key.plan.graph
        ordered = evaluate(planned, proving_key.weights, integers)
        saturates = any((times > 1).any() for _, times in excesses(planned, ordered))
        if saturates:
            _check_refused(proving_key, inside)
            if feeds is drawn.samples[0]:
                raise Finding("saturation", "calibration data saturate")
        try:
            data = zkinfer.prove(
                proving_key, inside, context=b"drawn", allow_saturation=saturates
            ).to_bytes()
            proof = zkinfer.Proof.from_bytes(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise Finding("crash", f"prove: {described(error)}") from error
        try:
            verified = zkinfer.verify(verifying_key, proof, context=b"drawn")
        except zkinfer.VerificationError as error:
            raise Finding("honest proof refused", str(error)) from error
        for name, values in verified.outputs_fixed.items():
            if not np.array_equal(values, arrays[name]):
                raise Finding("wrong answer", f"{name} is not what the integer oracle gives")


def _check_refused(proving_key: zkinfer.ProvingKey, feeds: dict[str, Array]) -> None:
    """No proof is made of values that saturate, unless that is allowed."""
    try:
        zkinfer.prove(proving_key, feeds)
    except zkinfer.UsageError as error:
        if re.search(r"saturates? \(up to [\d.e+]+ times its range\)", str(error)):
            return
        raise Finding("refused", str(error)) from error
    raise Finding("saturation", "values saturate, and nothing is said")


def _ends(drawn: Drawn) -> dict[str, Array]:
    """Values beyond all ranges: once clipped, every entry is at an end of its domain."""
    rng = np.random.default_rng(len(drawn.samples))
    return {
        name: np.where(rng.random(array.shape) < 0.5, -1e30, 1e30)
        for name, array in drawn.fresh.items()
    }


def check_numbers(drawn: Drawn, compiled: zkinfer.Compiled) -> None:
    """The fixed-point network gives what onnxruntime gives: on the samples that compile chose on,
    and on those that it held out to the error that it reports.
    """
    key, graph = compiled.proving_key, compiled.proving_key.graph
    fitted, held_out = split(len(drawn.samples))
    largest = {
        name: max(float(np.abs(drawn.expected[i][name]).max()) for i in fitted) or 1.0
        for name in drawn.expected[0]
    }
    allowed = dict.fromkeys(fitted, MAX_ERROR)
    if held_out:
        reported = compiled.report.content["summary"]["held_out"]["error"]
        allowed.update(dict.fromkeys(held_out, max(MAX_ERROR, reported * (1 + 1e-6))))
    for number, (feeds, expected) in enumerate(zip(drawn.samples, drawn.expected, strict=True)):
        arrays = evaluate(graph, key.weights, quantize_input(graph, feeds))
        for name, values in expected.items():
            got = arrays[name]
            if graph.output_mode == "label":
                chosen, best = values.reshape(-1)[int(got)], values.max()
                if best - chosen > 2 * allowed[number] * largest[name]:
                    raise Finding("wrong answer", f"label {int(got)} of the scores {values}")
                continue
            if got.shape != values.shape:
                raise Finding("wrong answer", f"{name}: shape {got.shape}, not {values.shape}")
            error = float(np.abs(graph.encoding(name).numbers(got) - values).max())
            if error > allowed[number] * largest[name]:
                raise Finding("wrong answer", f"{name}: error {error / largest[name]:.2g}")
