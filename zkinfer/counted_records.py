"""Which records of a batch count in a statistic, and what is in the places of those that do not.

A proof names records that follow one another. Those that count are a choice of whoever proves, and
public: an honest prover leaves out just what leaves the network's domain, and a verdict names it.
Where a record is left out, and behind the last one, there is the nearest record before it that
counts, or else the first one: so every place has a record that the network takes, and the lowest
and the highest of all places are those of the records that count.
"""

from collections.abc import Collection, Sequence

import numpy as np

from zkinfer.errors import UsageError, VerificationError
from zkinfer.fixed import FixedGraph
from zkinfer.ops.tensor import Integers


def counted(graph: FixedGraph, numbers: Sequence[int], left_out: Collection[int]) -> Integers:
    """For each input of a batch whether it is a record that counts, 1 or 0.

    Raises UsageError if none does.
    """
    chosen = [number not in left_out for number in numbers]
    if not any(chosen):
        raise UsageError(
            f"records {numbers[0]} to {numbers[-1]} all leave the network's domain, so that none "
            "of a proof counts; compile with a commitment whose ranges cover them, or for a larger "
            "batch"
        )
    counts = np.zeros(graph.batch, np.int64)
    counts[: len(numbers)] = chosen
    return counts.reshape(graph.counted)


def check_counted(counts: Integers, numbers: Sequence[int]) -> None:
    """Raises VerificationError unless some of these records count, and nothing else."""
    flat = counts.reshape(-1)
    if flat[len(numbers) :].any() or not flat[: len(numbers)].any():
        raise VerificationError("the proof counts other records than it names")


def left_out(counts: Integers, numbers: Sequence[int]) -> tuple[int, ...]:
    """Which of the named records do not count."""
    flat = counts.reshape(-1)
    return tuple(n for n, chosen in zip(numbers, flat[: len(numbers)], strict=True) if not chosen)


def filled(counts: Integers, numbers: Sequence[int]) -> list[int]:
    """The record in each place of a batch."""
    places = np.where(counts.reshape(-1) == 1, np.arange(counts.size), -1)
    nearest = np.maximum.accumulate(places)
    nearest[nearest < 0] = places[places >= 0][0]
    return [numbers[place] for place in nearest]
