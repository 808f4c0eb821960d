"""Weights certificates with few signs: the same steps and formats, quick to verify in Python."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from zkinfer import certificate

ROWS_LOG2 = 3


@contextmanager
def few_signs() -> Iterator[None]:
    """Makes and accepts certificates of 8 rows of signs: no more sound than 2^-8 says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificate, "K", 1 << ROWS_LOG2)
        patch.setattr(certificate, "_CHALLENGE", ROWS_LOG2)
        yield
