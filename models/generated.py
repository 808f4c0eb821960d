"""The models with random weights, for measuring speed: what writes each, and inputs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import large, mobile, recurrent, transformers, trees
from models.data import random_images

Inputs = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Generated:
    """A model. write: to a path. inputs: (count, seed) to arrays by input name, stacked on axis 0;
    equal arguments give equal arrays. calibration: how many samples it is compiled with.
    """

    write: Callable[[Path], None]
    inputs: Callable[[int, int], Inputs]
    calibration: int = 200


def _images(height: int, width: int, count: int, seed: int) -> Inputs:
    return {"image": random_images(count, seed, height, width)}


def _uniform(name: str, shape: tuple[int, ...], count: int, seed: int) -> Inputs:
    return {name: np.random.default_rng(seed).random((count, *shape), np.float32)}


def _normal(name: str, shape: tuple[int, ...], count: int, seed: int) -> Inputs:
    return {name: np.random.default_rng(seed).standard_normal((count, *shape), np.float32)}


def _tokens(vocabulary: int, length: int, count: int, seed: int) -> Inputs:
    return {"input_ids": np.random.default_rng(seed).integers(0, vocabulary, (count, length))}


def _padded(vocabulary: int, length: int, count: int, seed: int) -> Inputs:
    """Texts of half the length or more; behind their ends stand tokens 0, which the mask takes."""
    rng = np.random.default_rng([1, seed])
    ends = rng.integers(length // 2, length + 1, (count, 1))
    mask = (np.arange(length) < ends).astype(np.int64)
    return {
        "input_ids": mask * _tokens(vocabulary, length, count, seed)["input_ids"],
        "attention_mask": mask,
    }


GENERATED: Mapping[str, Generated] = {
    "vgg16": Generated(large.vgg16, partial(_images, 32, 32)),
    "resnet18": Generated(large.resnet18, partial(_images, 32, 32)),
    "resnet18_224": Generated(large.resnet18_224, partial(_images, 224, 224), 16),
    "mlp_1024_4096_1000": Generated(large.mlp_1024_4096_1000, partial(_uniform, "x", (1024,))),
    "trees_350": Generated(trees.random_trees, partial(_normal, "features", (25,))),
    "norm_mlp": Generated(transformers.norm_mlp, partial(_normal, "x", (64,))),
    "mobile_block": Generated(mobile.mobile_block, partial(_images, 32, 32)),
    "mobilenet_v3": Generated(mobile.mobilenet_v3, partial(_images, 48, 192), 32),
    "lstm_32": Generated(
        partial(recurrent.classifier, op="LSTM"), partial(_normal, "sequence", (20, 16))
    ),
    "gru_32": Generated(
        partial(recurrent.classifier, op="GRU"), partial(_normal, "sequence", (20, 16))
    ),
    "lstm_128": Generated(
        partial(recurrent.classifier, op="LSTM", hidden=128), partial(_normal, "sequence", (20, 16))
    ),
    "bidirectional_gru": Generated(recurrent.encoder, partial(_tokens, 15_000, 32), 32),
    "encoder_block": Generated(
        transformers.encoder_block, partial(_normal, "hidden_states", (8, 32))
    ),
    "bert": Generated(transformers.encoder, partial(_padded, 30522, 16), 32),
    "gpt2": Generated(transformers.gpt2, partial(_normal, "hidden_states", (16, 768)), 32),
}
"""By name, the smallest of each kind first."""
