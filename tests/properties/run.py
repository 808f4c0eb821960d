"""Long runs of the property tests: `python -m tests.properties.run models --count 5000 --seed 1`.

Prints how often each outcome came and, for each finding, the command that makes the case again;
that command shows the case and the smallest one found that fails in the same way.
"""

import argparse
import faulthandler
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.properties import (
    check_circuits,
    check_fixed,
    check_models,
    check_pairing,
    check_quantized,
    draw_circuits,
    draw_fixed,
    draw_models,
    draw_quantized,
    draw_repeats,
    unseen,
)
from tests.properties.choices import Choices, Finding, Rejected, replayed, seeded, shrunk

SHRINKING = 300
"""The most trials of shrinking."""


@dataclass(frozen=True)
class Kind:
    """A kind of cases. draw: makes one of choices, or raises Rejected. check: says how it ends, or
    raises Finding. shown: the case as text.
    """

    draw: Callable[[Choices], Any]
    check: Callable[[Any], str]
    shown: Callable[[Any], str]

    def outcome(self, choices: Choices) -> str:
        """How one case ends. Raises Finding."""
        try:
            case = self.draw(choices)
        except Rejected:
            return "skipped"
        return self.check(case)


KINDS = {
    "circuits": Kind(draw_circuits.circuit, check_circuits.outcome, draw_circuits.shown),
    "fixed": Kind(draw_fixed.graph, check_fixed.outcome, check_fixed.shown),
    "repeats": Kind(draw_repeats.graph, check_fixed.outcome, check_fixed.shown),
    "pairing": Kind(draw_fixed.graph, check_pairing.outcome, check_fixed.shown),
    "models": Kind(draw_models.graph, check_models.outcome, repr),
    "mlps": Kind(draw_models.mlp, check_models.outcome, repr),
    "quantized": Kind(draw_quantized.any_network, check_quantized.outcome, repr),
    "unseen": Kind(unseen.draw, unseen.check, repr),
}


def search(name: str, seed: int, numbers: Sequence[int]) -> int:
    """Runs these cases of a seed; prints outcomes and findings; returns how many findings."""
    outcomes: Counter[str] = Counter()
    findings = 0
    for done, number in enumerate(numbers, start=1):
        try:
            outcomes[KINDS[name].outcome(seeded(seed, number))] += 1
        except Finding as finding:
            findings += 1
            outcomes[f"FINDING, {finding.kind}"] += 1
            print(f"{name} --seed {seed} --only {number}: {finding}", flush=True)
        if done % 250 == 0 or done == len(numbers):
            listed = "; ".join(f"{count} {kind}" for kind, count in sorted(outcomes.items()))
            print(f"{name}, seed {seed}, {done} cases: {listed}", flush=True)
    return findings


def _signature(finding: Finding) -> str:
    """What findings of the same cause have in common: the words without names and numbers."""
    return " ".join(word for word in str(finding).split() if word.strip(":,;()").isalpha())


def shrink(name: str, seed: int, number: int) -> int:
    """Shows one case; if it is a finding, also the smallest that fails in the same way."""
    kind, choices = KINDS[name], seeded(seed, number)
    print(kind.shown(kind.draw(seeded(seed, number))))
    try:
        print(kind.outcome(choices))
    except Finding as finding:
        print(finding, flush=True)
        wanted = _signature(finding)
    else:
        return 0

    def fails(candidate: list[int]) -> bool:
        try:
            kind.outcome(replayed(candidate))
        except Finding as finding:
            return _signature(finding) == wanted
        return False

    smallest = shrunk(choices.recorded, fails, SHRINKING)
    print(kind.shown(kind.draw(replayed(smallest))))
    try:
        kind.outcome(replayed(smallest))
    except Finding as finding:
        print(finding)
    return 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties.run", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=1000, help="how many cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one case, which is shrunk")
    given = parser.parse_args()
    faulthandler.enable()
    if given.only is not None:
        return shrink(given.kind, given.seed, given.only)
    return int(search(given.kind, given.seed, range(given.count)) > 0)


if __name__ == "__main__":
    sys.exit(main())
