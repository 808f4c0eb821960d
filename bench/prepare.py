"""Writes the files that measuring a model needs, or prints the models' names as JSON.

python bench/prepare.py [MODEL FOLDER]

The files in the folder: model.onnx, calibration.npz, input.npz (the first unseen input, a batch of
one) and unseen.npz (up to 200 inputs that compile does not see, stacked on axis 0). The models are
the committed ones and those of models/generated.py. Whoever measures memory runs this as a process
of its own: the peak of a process begins with the size of the one that starts it.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from models.data import DATASETS  # noqa: E402
from models.generated import GENERATED  # noqa: E402

UNSEEN = 200


def main() -> None:
    """Writes the files of one model, or prints all names."""
    if not sys.argv[1:]:
        print(json.dumps({"committed": [*DATASETS], "generated": [*GENERATED]}))
        return
    name, folder = sys.argv[1], Path(sys.argv[2])
    model, calibration = folder / "model.onnx", folder / "calibration.npz"
    if name in DATASETS:
        stem = ROOT / "models" / name
        shutil.copyfile(stem.with_suffix(".onnx"), model)
        shutil.copyfile(stem.with_name(f"{name}_calibration.npz"), calibration)
        with np.load(calibration) as arrays:
            (source,) = arrays
        unseen = {source: DATASETS[name]().unseen_x[:UNSEEN]}
    else:
        generated = GENERATED[name]
        generated.write(model)
        np.savez(calibration, allow_pickle=False, **generated.inputs(generated.calibration, 1))
        unseen = generated.inputs(UNSEEN, 2)
    np.savez(folder / "unseen.npz", allow_pickle=False, **unseen)
    first = {source: array[:1] for source, array in unseen.items()}
    np.savez(folder / "input.npz", allow_pickle=False, **first)


if __name__ == "__main__":
    main()
