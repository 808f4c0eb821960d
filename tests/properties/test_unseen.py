"""Models keep on unseen samples what compile promises, and say which samples are unlike the data.

`python -m tests.properties.run unseen --count 30 --seed 1` draws more of them.
"""

import numpy as np
import pytest

from tests.properties import unseen
from tests.properties.choices import Finding, seeded

SEED = 7


@pytest.mark.parametrize("number", range(3))
def test_unseen_samples_are_as_promised(number: int) -> None:
    unseen.check(unseen.draw(seeded(SEED, number)))


def test_silent_saturation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case = unseen.draw(seeded(SEED, 0))
    case.samples[unseen.CALIBRATION :] *= np.float32(20)
    unseen.check(case)
    monkeypatch.setattr(unseen, "excesses", lambda *_: [])
    monkeypatch.setattr(unseen, "_inside", lambda _, samples: np.ones(len(samples), bool))
    with pytest.raises(Finding, match="unseen error"):
        unseen.check(case)
