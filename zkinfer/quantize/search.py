"""The search for the cheapest widths that meet the fidelity target.

1. Fraction bits of the inputs: the fewest whose rounding alone changes the outputs little.
2. One width for all activations and weights: the least that meets the target, by bisection.
3. One width for all weights, likewise.
4. Width by width, the most expensive tensors first: narrower while the target holds and it saves.

The search runs on some of the samples, those with the largest outputs among them; the network that
it finds is measured on all. Everything is deterministic.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.graph import Graph, Integer, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import TooWideError
from zkinfer.ops.tensor import FixedTensor
from zkinfer.quantize import floats
from zkinfer.quantize.columns import Sizes
from zkinfer.quantize.cost import cost, node_cost
from zkinfer.quantize.diagnosis import diagnosis
from zkinfer.quantize.domain import Domain
from zkinfer.quantize.formats import DECIDED_BITS, Format, Widths
from zkinfer.quantize.network import Built, Rounded, build
from zkinfer.quantize.parallel import WORKERS, in_parallel
from zkinfer.quantize.run import Run, output_error, run
from zkinfer.quantize.samples import at
from zkinfer.quantize.task import Task
from zkinfer.quantize.task import products as node_products

Floats = npt.NDArray[np.float64]

LADDER, WIDER = (8, 12, 16, 20, 24, 28, 30), (36,)
"""Common widths of activations and weights, tried in this order; those that only values over many
orders of magnitude need, as the energies are that a logarithm is taken of, after everything else.
"""

EXTRA_DETAIL = (0, 6, 12)
"""Bits that elementwise constants get beyond the usual, tried when no widths meet the target."""

EXTRA_INPUT_BITS = (0, 6, 12, 20)
"""Fraction bits that inputs get beyond their own need, tried when nothing else meets the target:
what is clipped, or joined with other tensors, has no finer scale than the inputs it is made of.
"""

LEAST_BITS, MOST_BITS = 5, WIDER[-1]
MOST_INPUT_BITS = 40
NARROW = 16
"""Bits of a type of whole numbers that are not rounded."""
STEPS = (6, 4, 3, 2, 1)
"""How many bits narrower a single tensor is tried, in this order."""

SEARCH_SAMPLES = (4, 64)
SEARCH_PRODUCTS = 3e8
"""Multiplications for one run of the network in the search, which bound its samples."""

SHARED_PRODUCTS = 2e8
"""Multiplications for one run that are shared among workers."""

TOTAL_PRODUCTS = 3e9
RUNS = (4, 60)
"""Fewest and most runs of step 4."""


@dataclass
class Search:
    """A task with the samples to choose on, the inputs' domains, and those that go by column.

    reference: the float outputs; magnitude: the largest of each. exact: fraction bits of inputs
    whose numbers are compared as they are. steps: whether max_error is one step of outputs that the
    model rounds, so that of several networks the one is closest that is off at the fewest numbers.
    """

    task: Task
    formats: Mapping[str, Format]
    samples: Mapping[str, Floats]
    reference: Mapping[str, Floats]
    magnitude: Mapping[str, float]
    domains: Mapping[str, Domain]
    table: Mapping[str, Sizes]
    modes: Mapping[str, str]
    max_error: float
    exact: Mapping[str, int]
    steps: bool = False
    rounded: Rounded = field(default_factory=Rounded)
    built: tuple[Widths, Built] | None = None

    def find(self, chosen: list[int]) -> tuple[Built, Widths]:
        """The network for the target, judged on the chosen samples.

        Raises UsageError with the best error when no widths meet it.
        """
        samples = at(self.samples, chosen)
        parts = [_Part(self, some) for some in self._shared(chosen)]

        def error(built: Built) -> float:
            """Of a network, infinite if these samples saturate, which it could not prove."""
            reached = max(in_parallel(lambda part: part.error(built), parts))
            near = reached <= self.max_error
            return math.inf if near and any(part.saturates() for part in parts) else reached

        inputs = self._input_bits(samples)
        start, best = self._start(inputs, error)
        if best > self.max_error:
            fixed = run(self.build(start), samples)
            raise UsageError(
                f"no widths up to {MOST_BITS} bits reach a largest error of {self.max_error:.3g}; "
                f"the best is {best:.3g}: {diagnosis(self.task, fixed, samples, best)}"
            )
        target = max(self.max_error / 2, best)

        def meets(widths: Widths) -> bool:
            try:
                return error(self.build(widths)) <= target
            except TooWideError:
                return False

        usual = _least(start, ("activations", "weights"), meets)
        usual = _least(usual, ("weights",), meets)
        widths = self._narrow(usual, meets, len(chosen))
        return self.build(widths), widths

    def _shared(self, chosen: list[int]) -> list[list[int]]:
        """The samples of each worker; of one, where there is less to do than to hand over."""
        workers = WORKERS if len(chosen) * products(self.task.graph) >= SHARED_PRODUCTS else 1
        return [chosen[worker::workers] for worker in range(min(workers, len(chosen)))]

    def build(self, widths: Widths) -> Built:
        """The network with these widths; the last one if they are its."""
        if self.built is None or self.built[0] != widths:
            self.built = widths, self._build(widths)
        return self.built[1]

    def _build(self, widths: Widths) -> Built:
        graph = self.task.graph
        columns = {name: size.columns(widths.inputs[name]) for name, size in self.table.items()}
        domains: dict[str, FixedTensor] = {
            name: columns.get(name, self.domains[name]).tensor(
                graph.shape(name), widths.inputs[name]
            )
            for name in graph.inputs
        }
        return build(self.task, self.formats, widths, self.rounded, domains, columns, self.modes)

    def _power(self, name: str) -> int:
        """The power of two within which an input lies; numbers by column lie within 1."""
        return 0 if name in self.table else self.domains[name].power

    def _start(
        self, inputs: Mapping[str, int], error: Callable[[Built], float]
    ) -> tuple[Widths, float]:
        """The first widths of the ladder that meet half the largest error, else the best.

        Raises TooWideError when even the narrowest could reach 2^62.
        """
        detail = math.ceil(-math.log2(self.max_error)) + 4
        best: tuple[Widths, float] | None = None
        refused: TooWideError | None = None
        for ladder, finer, extra in product((LADDER, WIDER), EXTRA_INPUT_BITS, EXTRA_DETAIL):
            scales = {name: self._finer(name, scale + finer) for name, scale in inputs.items()}
            for bits in ladder:
                widths = Widths(scales, bits, bits, detail + extra)
                try:
                    reached = error(self.build(widths))
                except TooWideError as problem:
                    refused = refused or problem
                    break
                if best is None or reached < best[1]:
                    best = widths, reached
                if reached <= self.max_error / 2:
                    return widths, reached
            if best is not None and best[1] <= self.max_error:
                break
        if best is None:
            raise refused or TooWideError("no widths fit")
        return best

    def _finer(self, name: str, scale: int) -> int:
        """A scale of an input, at most the finest one."""
        return min(scale, self._finest(name))

    def _finest(self, name: str) -> int:
        """The finest scale that an input may have; whole numbers have no fractions."""
        if not isinstance(self.task.graph.tensors[name].kind, Real):
            return 0
        return self.exact.get(name, MOST_INPUT_BITS - self._power(name))

    def _input_bits(self, samples: Mapping[str, Floats]) -> dict[str, int]:
        """Fraction bits of each input: the least whose rounding alone changes outputs little; none,
        and no rounding, of whole numbers with a domain of their own or of a narrow type; what is
        compared as it is has its own.
        """
        graph, tolerance = self.task.graph, self.max_error / 8
        exact = floats.values(graph, samples)
        reference = {name: exact[name] for name in graph.outputs}
        chosen: dict[str, int] = {}
        for name in graph.inputs:
            power = self._power(name)

            def close(scale: int, name: str = name) -> bool:
                rounded = {**samples, name: _rounded(samples[name], scale)}
                changed = floats.values(graph, rounded)
                difference = output_error(changed.__getitem__, reference, self.magnitude)
                return difference < tolerance

            high = self._finest(name)
            kind = graph.tensors[name].kind
            narrow = isinstance(kind, Integer) and kind.high - kind.low < 1 << NARROW
            own = narrow or name in self.exact
            whole = own or (high == 0 and self.domains[name].exact)
            low = high if whole else min(1 - power, high)
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if close(middle) else (middle + 1, high)
            if name in self.task.ranked:
                high = max(high, self._finer(name, DECIDED_BITS - power))
            chosen[name] = high
        return chosen

    def _narrow(self, usual: Widths, meets: Callable[[Widths], bool], samples: int) -> Widths:
        """Step 4."""
        runs = TOTAL_PRODUCTS / (samples * products(self.task.graph))
        left = int(min(max(runs, RUNS[0]), RUNS[1]))
        widths, built = usual, self.build(usual)
        least = cost(built.graph)
        for kind, name in _by_cost(built, self.task):
            for step in STEPS:
                narrower = _narrower(widths, kind, name, step)
                if narrower is None:
                    continue
                try:
                    saved = cost(self.build(narrower).graph)
                except TooWideError:
                    continue
                if saved >= least:
                    continue
                if not left:
                    return widths
                left -= 1
                if meets(narrower):
                    widths, least = narrower, saved
                    break
        return widths


class _Part:
    """Some of the samples that networks are judged on, one network after the other."""

    def __init__(self, search: Search, chosen: list[int]) -> None:
        self._samples, self._reference = (
            at(part, chosen) for part in (search.samples, search.reference)
        )
        self._magnitude = search.magnitude
        self._step = search.max_error if search.steps else None
        self._last: Run | None = None

    def error(self, built: Built) -> float:
        """Of a network, which becomes the last one. What is off by one step counts as much more
        than half of one as numbers are.
        """
        self._last = run(built, self._samples, self._last)
        reached = output_error(self._last.value, self._reference, self._magnitude)
        if self._step is None or not self._step / 2 < reached <= self._step:
            return reached
        return self._step * (1 + self._off(self._last)) / 2

    def _off(self, last: Run) -> float:
        """The part of the outputs' numbers that is not the float network's."""
        off = [
            np.abs(last.value(name) - expected).ravel() > 1e-3 * (self._magnitude[name] or 1.0)
            for name, expected in self._reference.items()
        ]
        return float(np.concatenate(off).mean())

    def saturates(self) -> bool:
        """Whether a value of the last network leaves its calibrated range."""
        return self._last is not None and self._last.saturates()


def _least(widths: Widths, kinds: tuple[str, ...], meets: Callable[[Widths], bool]) -> Widths:
    """The least common width of these kinds that meets the target; the given widths do."""
    low, high = LEAST_BITS, getattr(widths, kinds[0])
    found = widths
    while low < high:
        middle = (low + high) // 2
        candidate = replace(widths, **dict.fromkeys(kinds, middle))
        if meets(candidate):
            found, high = candidate, middle
        else:
            low = middle + 1
    return found


def _narrower(widths: Widths, kind: str, name: str, step: int) -> Widths | None:
    if kind == "activation":
        bits = widths.activation(name) - step
        changed = replace(widths, activation_bits={**widths.activation_bits, name: bits})
    else:
        bits = widths.weight(name) - step
        changed = replace(widths, weight_bits={**widths.weight_bits, name: bits})
    return changed if bits >= LEAST_BITS - 2 else None


def _by_cost(built: Built, task: Task) -> list[tuple[str, str]]:
    """What can be narrowed, the largest cost first: activations, and constants in products."""
    makers = {name: node for node in built.graph.nodes for name in node.outputs}
    costs: Counter[str] = Counter()
    for tensor in (tensor for node in task.graph.nodes for tensor in node.outputs):
        name = built.names[tensor]
        if name in built.rounded:
            costs[task.stands(tensor)] += node_cost(built.graph, makers[name])
    found = [(size, "activation", tensor) for tensor, size in costs.items()]
    for node in task.graph.nodes:
        count = sum(math.prod(task.graph.shape(tensor)) for tensor in node.outputs)
        factors = (node.inputs[place] for place in LAYERS[node.op].factors)
        constants = [name for name in factors if name in task.graph.constants]
        constants = [n for n in constants if isinstance(task.graph.tensors[n].kind, Real)]
        found += [(16 * count, "weight", name) for name in constants]
    ordered = sorted(enumerate(found), key=lambda item: (-item[1][0], item[0]))
    return list(dict.fromkeys((kind, name) for _, (_, kind, name) in ordered))


def products(graph: Graph) -> int:
    """Multiplications for one sample, and one for each entry of a tensor."""
    return max(sum(node_products(graph, node) for node in graph.nodes), 1)


def choose(graph: Graph, reference: Mapping[str, Floats]) -> list[int]:
    """Samples to search on: those with the largest outputs, and some spread over the rest."""
    count = len(next(iter(reference.values())))
    least, most = SEARCH_SAMPLES
    wanted = min(count, int(min(max(SEARCH_PRODUCTS / products(graph), least), most)))
    size = sum(np.abs(array.reshape(count, -1)).max(axis=1) for array in reference.values())
    largest = np.argsort(-np.asarray(size), kind="stable")[: wanted // 4]
    spread = np.linspace(0, count - 1, wanted).astype(int)
    order = dict.fromkeys(int(i) for i in (*largest, *spread))
    return sorted(list(order)[:wanted])


def _rounded(array: Floats, scale: int) -> Floats:
    return np.ldexp(np.rint(np.ldexp(array, scale)), -scale)
