"""Records that a proof is about without saying which (docs/protocol.md, section 12).

The rows of a hidden record are committed to afresh: the same cells, other blindings. A proof opens
these rows as it opens those of a record that it names, and shows besides that they are the rows of
one record of the data.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.backends import transparent
from zkinfer.data import DataOpening
from zkinfer.proof import RecordNames


def hide(
    data: DataOpening, numbers: Sequence[int], opened: transparent.Opened
) -> tuple[RecordNames, transparent.Opened, transparent.Hidden]:
    """What a proof says of hidden records, what opens their fresh rows, and which they are.

    opened: what opens the rows that the data have of them.
    """
    rows, blinds = transparent.commit_rows(np.concatenate(opened.arrays))
    names = RecordNames(data.commitment.digest_bytes, (), rows, hidden=len(numbers))
    fresh = transparent.Opened(opened.arrays, rows, blinds)
    return names, fresh, transparent.Hidden(data.commitment.native, numbers, opened.blinds)
