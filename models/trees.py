"""Writes ensembles of decision trees: one trained by scikit-learn, one with random splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.data import Dataset
from models.export import GraphWriter


class Ensemble:
    """The attributes of a TreeEnsembleClassifier of two classes, node by node."""

    def __init__(self) -> None:
        self.attrs: dict[str, list[Any]] = {
            f"nodes_{name}": []
            for name in (
                *("treeids", "nodeids", "featureids", "modes", "values"),
                *("truenodeids", "falsenodeids"),
            )
        }
        self.attrs |= {f"class_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}

    def split(
        self, tree: int, node: int, feature: int, threshold: float, true: int, false: int
    ) -> None:
        """A node that goes on to `true` where the feature is at most the threshold."""
        self._node(tree, node, feature, "BRANCH_LEQ", threshold, true, false)

    def leaf(self, tree: int, node: int, weight: float) -> None:
        """A node with a vote on the second class."""
        self._node(tree, node, 0, "LEAF", 0.0, 0, 0)
        for name, value in zip(
            ("treeids", "nodeids", "ids", "weights"), (tree, node, 0, weight), strict=True
        ):
            self.attrs[f"class_{name}"].append(value)

    def _node(self, *values: Any) -> None:
        names = (
            "treeids",
            "nodeids",
            "featureids",
            "modes",
            "values",
            "truenodeids",
            "falsenodeids",
        )
        for name, value in zip(names, values, strict=True):
            self.attrs[f"nodes_{name}"].append(value)

    def save(self, path: Path, name: str, width: int, base: float) -> None:
        """Writes the model, whose output is the probabilities of both classes."""
        writer = GraphWriter(name, "features", (width,))
        attrs = {"base_values": [base], "classlabels_int64s": [0, 1], "post_transform": "LOGISTIC"}
        made = writer.classifier("trees", "features", self.attrs | attrs)
        writer.save(path, made, "probabilities", (2,))


def boosted(path: Path, source: Dataset, trees: int, depth: int) -> None:
    """Gradient boosting of trees by scikit-learn."""
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(n_estimators=trees, max_depth=depth, random_state=0)
    model.fit(source.train_x, source.train_y)
    share = float(np.mean(source.train_y))
    ensemble = Ensemble()
    for tree, (estimator,) in enumerate(model.estimators_):
        grown = estimator.tree_
        for node in range(grown.node_count):
            true, false = int(grown.children_left[node]), int(grown.children_right[node])
            if true < 0:
                ensemble.leaf(tree, node, model.learning_rate * float(grown.value[node].item()))
                continue
            # float32 numbers are at most the threshold where they are at most the one below it
            threshold = np.float32(grown.threshold[node])
            if threshold > grown.threshold[node]:
                threshold = np.nextafter(threshold, np.float32(-np.inf))
            ensemble.split(tree, node, int(grown.feature[node]), float(threshold), true, false)
    ensemble.save(path, path.stem, source.train_x.shape[1], float(np.log(share / (1 - share))))


def random_trees(path: Path, trees: int = 350, leaves: int = 30, width: int = 25) -> None:
    """Trees that grow leaf by leaf, as those of LightGBM do, with random splits."""
    rng = np.random.default_rng(0)
    ensemble = Ensemble()
    for tree in range(trees):
        sides: dict[int, tuple[int, int]] = {}
        ends, count = [0], 1
        # a quarter of all splits are of the leaf that was made last, which makes some paths long
        while len(ends) < leaves:
            place = len(ends) - 1 if rng.random() < 0.25 else int(rng.integers(len(ends)))
            sides[ends.pop(place)] = count, count + 1
            ends += [count, count + 1]
            count += 2
        for node in range(count):
            if node in sides:
                feature, threshold = int(rng.integers(width)), float(np.float32(rng.normal()))
                ensemble.split(tree, node, feature, threshold, *sides[node])
            else:
                ensemble.leaf(tree, node, float(np.float32(rng.normal() / trees**0.5)))
    ensemble.save(path, path.stem, width, 0.1)
