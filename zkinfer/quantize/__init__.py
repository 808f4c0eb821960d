"""Quantization: from the float graph and sample data to the fixed-point network.

Activations and weights are integers with symmetric power-of-two scales. The widths are the cheapest
found that keep the outputs within the largest error on four fifths of the calibration data. What
is reported is measured on all of these samples, and on the fifth that was held out, against the
float network itself. Activations saturate at calibrated ranges, so every input of the
declared domain can be proved, and worst-case bounds stay finite through any depth.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.description import DataTensor
from zkinfer.errors import UsageError
from zkinfer.fixed import MODES
from zkinfer.graph import Graph
from zkinfer.layers.contract import TooWideError
from zkinfer.ops.exact import one_thread
from zkinfer.quantize import floats, output_steps, samples
from zkinfer.quantize.columns import Whole, divided, exact_bits, sizes
from zkinfer.quantize.committed import committed
from zkinfer.quantize.copies import with_copies
from zkinfer.quantize.diagnosis import diagnosis
from zkinfer.quantize.domain import Domain, check_inside, check_range, domains, places
from zkinfer.quantize.fidelity import FloatRun, measure, run_floats
from zkinfer.quantize.fold import fold
from zkinfer.quantize.formats import Widths
from zkinfer.quantize.network import Built
from zkinfer.quantize.prepare import label_name, prepare
from zkinfer.quantize.quantized_inputs import Restored, begun_behind, quantized_inputs
from zkinfer.quantize.result import (
    Fidelity,
    LayerFidelity,
    Measured,
    Oracle,
    OutputFidelity,
    Quantized,
)
from zkinfer.quantize.run import run
from zkinfer.quantize.search import Search, choose
from zkinfer.quantize.task import Task, formats, make_task

__all__ = [
    "Fidelity",
    "LayerFidelity",
    "Measured",
    "Oracle",
    "OutputFidelity",
    "Quantized",
    "quantize",
]

ATTEMPTS = 4
"""How often the search may run, each time with the worst samples of the last time added."""


@one_thread()
def quantize(
    graph: Graph,
    *,
    calibration: Mapping[str, npt.NDArray[Any]] | None,
    input_range: tuple[float, float] | None,
    max_error: float,
    input_mode: str,
    output_mode: str,
    weights_mode: str,
    oracle: Oracle,
    committed_data: Mapping[str, DataTensor] | None = None,
) -> Quantized:
    """The fixed-point network that meets the largest error at the least cost found.

    calibration: by input name, samples stacked along the batch axis or a new first axis. Without
    them input_range must be given: ranges then follow from interval arithmetic, and fidelity is
    measured on samples drawn from the range. max_error: the largest output error over the largest
    output; where the model rounds all outputs itself and nothing so close is found, one of their
    steps. oracle: the float network, one sample at a time. committed_data: by input, what numbers
    are committed to, whose scales and domains the network then has.

    Raises UsageError for wrong options or data and when no widths meet max_error, and
    UnsupportedModelError, naming the node, for models that cannot be quantized.
    """
    modes = {"input_mode": input_mode, "output_mode": output_mode, "weights_mode": weights_mode}
    for mode, word in modes.items():
        if word not in MODES[mode]:
            raise UsageError(f"{mode} must be {' or '.join(MODES[mode])}, got {word!r}")
    if not 0 < max_error < 1:
        raise UsageError(f"max_error must lie between 0 and 1, got {max_error:g}")
    hidden = weights_mode == "hidden"
    names = (label_name(graph),) if output_mode == "label" else graph.outputs
    graph = prepare(graph, output_mode, hidden=hidden)
    data, data_range = _data(graph, calibration, input_range)
    behind = {} if input_mode == "committed" else quantized_inputs(graph)
    graph, oracle = begun_behind(graph, behind), Restored(oracle, behind)
    data.update({name: each.integers(data[name]) for name, each in behind.items()})
    given = committed(graph, committed_data or {}, data)
    if given.table and data_range is not None:
        raise UsageError("data that are committed to by column need calibration data, not a range")
    table = {**(sizes(graph, data) if data_range is None else {}), **given.table}
    table = {name: size for name, size in table.items() if name not in given.domains}
    powers = {name: size.along(graph.shape(name)) for name, size in table.items()}
    task = make_task(with_copies(fold(graph, powers)), names, output_mode, hidden=hidden)
    data, oracle = divided(data, powers), Whole(oracle, powers)
    known = run_floats(task, data, oracle)
    reference = known.outputs
    for name, array in reference.items():
        if not np.isfinite(array).all():
            raise UsageError(
                f"the float model gives NaN or infinity for output {name} on the sample data"
            )
    synthetic = calibration is None
    everything = list(range(samples.count(data)))
    fit, rest = (everything, []) if synthetic else samples.split(len(everything))
    fitted, wanted = (samples.at(part, fit) if rest else part for part in (data, reference))
    magnitude = {name: float(np.abs(array).max()) for name, array in wanted.items()}
    whole = {name: each.domain for name, each in behind.items()}
    known_domains = {**domains(task.graph, data, data_range), **given.domains, **whole}
    ranges = _ranges(task, known, fit, known_domains if synthetic else None)
    search = Search(
        task=task,
        formats=formats(task, ranges, guaranteed=synthetic),
        domains=known_domains,
        table=table,
        samples=fitted,
        reference=wanted,
        magnitude=magnitude,
        modes=modes,
        max_error=max_error,
        exact={**exact_bits(task.graph, table, known_domains), **given.bits},
    )

    def close(search: Search) -> tuple[Built, Widths, Measured]:
        """The network that meets a search's target on all samples."""
        chosen = choose(search.task.graph, wanted)
        for _ in range(ATTEMPTS):
            try:
                built, widths = search.find(chosen)
            except TooWideError:
                # As fine as they can be without ranking.
                search = replace(search, task=replace(search.task, ranked=frozenset()))
                built, widths = search.find(chosen)
            measured, worst = measure(search.task, built, data, fit, known, magnitude, oracle)
            if measured.error <= search.max_error:
                return built, widths, measured
            chosen = sorted({*chosen, *worst})
        raise UsageError(
            f"no widths reach a largest error of {search.max_error:.3g}; the best is "
            f"{measured.error:.2g}: "
            + diagnosis(search.task, run(built, fitted), fitted, measured.error)
        )

    step = output_steps.step(task.graph, magnitude)
    try:
        built, widths, measured = close(search)
    except UsageError:
        if step <= max_error:
            raise
        search = replace(search, max_error=step, steps=True)
        built, widths, measured = close(search)
    held_out = None
    if rest:
        held_out, _ = measure(task, built, data, rest, known, magnitude, oracle)
    fidelity = Fidelity(
        max_error=search.max_error,
        step=search.steps,
        synthetic=synthetic,
        activation_bits=widths.activations,
        weight_bits=widths.weights,
        fitted=measured,
        held_out=held_out,
    )
    taken = {name: each.quantization for name, each in behind.items()}
    return Quantized(replace(built.graph, quantized=taken), built.weights, fidelity)


def _data(
    graph: Graph,
    calibration: Mapping[str, npt.NDArray[Any]] | None,
    input_range: tuple[float, float] | None,
) -> tuple[dict[str, npt.NDArray[np.float64]], tuple[float, float] | None]:
    """The samples, and the checked input range."""
    if input_range is None:
        if calibration is None:
            raise UsageError(
                "quantizing needs sample inputs (--calibration FILE) or, without them, the range "
                "of the inputs (--input-range LO,HI)"
            )
        return samples.stacked(graph, calibration), None
    low, high = check_range(input_range)
    if calibration is None:
        within = {name: (domain.low, domain.high) for name, domain in places(graph).items()}
        return samples.drawn(graph, low, high, within), (low, high)
    data = samples.stacked(graph, calibration)
    check_inside(data, low, high)
    return data, (low, high)


def _ranges(
    task: Task, known: FloatRun, fit: list[int], guaranteed: Mapping[str, Domain] | None
) -> dict[str, tuple[float, float]]:
    """The least and greatest float value of each tensor: by the data, or on all of the domains."""
    if guaranteed is None:
        return known.ranges(fit)
    ends = {name: (domain.low, domain.high) for name, domain in guaranteed.items()}
    return floats.intervals(task.graph, ends)
