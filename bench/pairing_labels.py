"""How many labels of a key are onnxruntime's, on inputs that compile has not seen, as JSON.

python bench/pairing_labels.py PROVING_KEY MODEL INPUTS

INPUTS is a .npz file of arrays by input name, stacked on axis 0. The key's network is run in
integers, which gives what a proof would say. Of every row of scores the largest has to be the same,
and so has every label that is an output. "refused" are the inputs that prove would refuse, which
are not the same.
"""

import json
import sys
from typing import Any

import numpy.typing as npt
from fidelity import Outputs, given


def main() -> None:
    """Compares all inputs."""
    _, samples, pairs = given(sys.argv[1:])
    same = sum(agree(ours, theirs) for ours, theirs in pairs)
    print(json.dumps({"inputs": len(samples), "refused": len(samples) - len(pairs), "same": same}))


def agree(ours: Outputs, theirs: Outputs) -> bool:
    """Whether all labels are the same, of the outputs that the key has."""
    return all(
        label(ours[name], theirs[name]) == label(theirs[name], theirs[name]) for name in ours
    )


def label(array: npt.NDArray[Any], like: npt.NDArray[Any]) -> int:
    """The label itself where onnxruntime's is one, else the index of the largest score."""
    return int(array.ravel()[0] if like.dtype.kind in "iu" else array.argmax())


if __name__ == "__main__":
    main()
