"""The learner for scikit-learn's classifiers.

Nothing is kept on disk, as estimators can only be pickled: a killed fit starts again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from nextlabel.errors import ContractError, brief
from nextlabel.parts import check_whole
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.task import check_counts
from nextlabel.training.batches import as_input
from nextlabel.training.predict import trained_model
from nextlabel.types import Outputs

__all__ = ["SklearnLearner"]

TINY = float(np.finfo(np.float32).tiny)
"""The least probability that is returned, 1.2e-38: a logarithm must be finite."""


class SklearnLearner:
    """Train a copy of a scikit-learn classifier on flattened inputs and predict with it.

    Every fit starts from scratch: the estimator is cloned, and each of its parameters named ``random_state``,
    also inside a pipeline, is derived from the seed. uint8 inputs are divided by 255.

    Args:
        estimator: Any classifier with ``predict_proba``; it is never fitted itself.
        classes: C, the number of classes; labels are in [0, C).

    Raises:
        ContractError: The estimator has no ``predict_proba``.
        ConfigurationError: There are fewer than two classes.
    """

    def __init__(self, estimator: Any, classes: int) -> None:  # Any: scikit-learn is not typed
        if isinstance(estimator, type) or not hasattr(estimator, "predict_proba"):
            raise ContractError(
                f"estimator must be a classifier object with predict_proba, got {brief(estimator)}; wrap one "
                "without it in sklearn.calibration.CalibratedClassifierCV, or set probability=True"
            )
        check_whole("classes", classes, 2)
        self.classes, self.warm_start = classes, False
        self.progress: Progress | None = None
        self.task = self.snapshots = None
        self._estimator, self._fitted = estimator, None

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train on the labelled pool and return ``train_accuracy``, the fraction of it classified correctly.

        ``y`` are (L,) class indices; ``unlabelled`` and ``workdir`` are not used.

        Raises:
            LabelsError: The labels cannot be learnt.
            DataError: The items do not stack to an array.
        """
        check_counts(y, x.ids)
        labels = Classification().checked(y, x.ids, self.classes).numpy()
        estimator: Any = clone(self._estimator)  # Any: scikit-learn is not typed
        seeded = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
        estimator.set_params(**{name: derive(seed, "sklearn", name) % 2**32 for name in seeded})
        inputs = _flattened(x)
        estimator.fit(inputs, labels)
        self._fitted = estimator
        return {"train_accuracy": float(np.mean(estimator.predict(inputs) == labels))}

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the outputs of the trained estimator.

        ``needs`` are ``log_probs``, (N, 1, C) float32 in nats, a class that was never seen at the logarithm
        of the least float32; and ``embeddings``, (N, D): the flattened inputs. ``seed`` is not used.

        Raises:
            ContractError: The estimator was not trained, or something else is needed.
            DataError: There are no items, or they do not stack to an array.
        """
        estimator: Any = trained_model(self._fitted, x, remedy="call fit first")  # Any: as above
        for need in sorted(needs - {"log_probs", "embeddings"}):
            raise ContractError(f"a SklearnLearner gives 'log_probs' and 'embeddings', not '{need}'")
        inputs = _flattened(x)
        return Outputs(
            log_probs=self._log_probs(estimator, inputs) if "log_probs" in needs else None,
            embeddings=torch.from_numpy(inputs) if "embeddings" in needs else None,
        )

    def _log_probs(self, estimator: Any, inputs: np.ndarray) -> Tensor:  # Any: as above
        seen = np.asarray(estimator.classes_)
        probs = np.asarray(estimator.predict_proba(inputs), dtype=np.float64)
        if probs.shape != (len(inputs), len(seen)):
            raise ContractError(
                f"predict_proba of {type(estimator).__name__} must return shape {(len(inputs), len(seen))}, "
                f"got {probs.shape}"
            )
        placed = np.zeros((len(inputs), self.classes))
        placed[:, seen] = probs
        return torch.from_numpy(np.log(np.maximum(placed, TINY))).float().unsqueeze(1)


def _flattened(x: Pool) -> np.ndarray:
    flattened: np.ndarray = as_input(x.tensor()).float().reshape(len(x), -1).numpy()
    return flattened
