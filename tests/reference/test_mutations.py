"""The verdicts on mutated keys and proofs agree: a short run of bench/mutate.py."""

from bench import mutate


def test_verdicts_on_mutations_agree() -> None:
    counts = mutate.run(300, seed=7)
    assert not any(counts[failure] for failure in mutate.FAILURES), counts
    assert counts["both say invalid"] > 20
    assert counts["both say unreadable"] > 50
