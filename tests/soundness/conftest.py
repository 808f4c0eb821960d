"""What tests of soundness share."""

from collections.abc import Iterator

import pytest
from signs import few_signs


@pytest.fixture(scope="module")
def signs() -> Iterator[None]:
    """Certificates of few signs, with which the reference verifier is quick."""
    with few_signs():
        yield
