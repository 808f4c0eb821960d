"""A part of the onnx package's own tests; `python -m tests.conformance.run` runs all of them."""

import pytest

from tests.conformance.onnx_cases import PASSED, is_quick, names, outcome, shortcomings, table

FEWEST = 20
"""So many of the part pass at least."""


def test_quick_part() -> None:
    known = names()
    results = {name: outcome(name) for name in known if is_quick(name)}
    listed = {name: why for name, why in table().items() if is_quick(name) or name not in known}
    lacking = shortcomings(results, listed)
    if lacking:
        pytest.fail("\n".join(lacking), pytrace=False)
    assert list(results.values()).count(PASSED) >= FEWEST


def test_what_is_wrong_is_noticed() -> None:
    results = {"a": PASSED, "b": "off", "c": "off", "d": PASSED}
    assert shortcomings(results, {"b": "why", "d": "why", "e": "why"}) == [
        "c: off",
        "d stands in onnx_cases.csv, but it is passed",
        "e stands in onnx_cases.csv, but it is no case",
    ]
