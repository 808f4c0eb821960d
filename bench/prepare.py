"""Writes the files that measuring a model needs, or prints the models' names as JSON.

python bench/prepare.py [MODEL FOLDER [COUNT]]

The files in the folder: model.onnx, calibration.npz, input.npz (the first unseen input, a batch of
one) and unseen.npz (up to COUNT inputs that compile does not see, 200 unless it is given, stacked
on axis 0). The models are the committed ones, those of models/generated.py and the fitted ones of
models/classical.py. Whoever measures memory runs this as a process of its own: the peak of a
process begins with the size of the one that starts it.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from models.classical import FITTED  # noqa: E402
from models.data import DATASETS  # noqa: E402
from models.generated import GENERATED  # noqa: E402
from zkinfer.errors import UsageError  # noqa: E402

UNSEEN = 200


def main() -> None:
    """Writes the files of one model, or prints all names."""
    if not sys.argv[1:]:
        names = {"committed": [*DATASETS], "generated": [*GENERATED], "fitted": [*FITTED]}
        print(json.dumps(names))
        return
    name, folder = sys.argv[1], Path(sys.argv[2])
    most = int(sys.argv[3]) if sys.argv[3:] else UNSEEN
    model, calibration = folder / "model.onnx", folder / "calibration.npz"
    if name in DATASETS:
        stem = ROOT / "models" / name
        shutil.copyfile(stem.with_suffix(".onnx"), model)
        shutil.copyfile(stem.with_name(f"{name}_calibration.npz"), calibration)
        with np.load(calibration) as arrays:
            (source,) = arrays
        unseen = {source: DATASETS[name]().unseen_x[:most]}
    elif name in FITTED:
        try:
            fitted = FITTED[name]()
        except UsageError as error:
            raise SystemExit(str(error)) from error
        onnx.save(fitted.model, model)
        (source,) = (value.name for value in fitted.model.graph.input)
        np.savez(calibration, allow_pickle=False, **{source: fitted.calibration})
        unseen = {source: fitted.unseen[:most]}
    else:
        generated = GENERATED[name]
        generated.write(model)
        np.savez(calibration, allow_pickle=False, **generated.inputs(generated.calibration, 1))
        unseen = generated.inputs(most, 2)
    np.savez(folder / "unseen.npz", allow_pickle=False, **unseen)
    first = {source: array[:1] for source, array in unseen.items()}
    np.savez(folder / "input.npz", allow_pickle=False, **first)


if __name__ == "__main__":
    main()
