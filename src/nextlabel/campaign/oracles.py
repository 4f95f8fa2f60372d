"""Oracles answer queries with labels; a simulated one knows the true labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nextlabel.errors import LabelsError, listed
from nextlabel.ledger.events import ItemId, Label
from nextlabel.parts import check_ranges
from nextlabel.seeds import derive
from nextlabel.tasks.catalogue import as_task
from nextlabel.tasks.task import Task

__all__ = ["SimulatedOracle"]


class SimulatedOracle:
    """Answers with known labels, some of them wrong on purpose.

    Args:
        labels: The true label of every item that may be queried, as the task accepts it.
        noise: Fraction in [0, 1] of the items that get a wrong label, as ``task.corrupt`` draws it. Items and
            wrong labels depend on ``seed`` and the item's id alone, not on the order of the queries.
        task: What a label is; only used with noise.
        seed: The run's seed.

    Raises:
        ConfigurationError: ``noise`` is outside [0, 1], or the task cannot draw wrong labels.

    >>> SimulatedOracle({"a.png": 1, "b.png": 0})(["b.png"])
    {'b.png': 0}
    """

    def __init__(
        self,
        labels: Mapping[ItemId, Label],
        *,
        noise: float = 0.0,
        task: str | Task = "classification",
        seed: int = 0,
    ) -> None:
        check_ranges("the simulated oracle", noise=(noise, "[0, 1]"))
        self._labels, self._noise, self._task, self._seed = labels, noise, as_task(task), seed
        if noise and labels:  # an error at once rather than at the first wrong label
            self._wrong(next(iter(labels.values())), np.random.default_rng(0))

    def __call__(self, ids: Sequence[ItemId]) -> dict[ItemId, Label]:
        """Return the label of each of these items.

        Raises:
            LabelsError: An item's label is not known.
        """
        if unknown := [item for item in ids if item not in self._labels]:
            raise LabelsError(f"labels not found: {listed(unknown)}; give the oracle every item's label")
        return {item: self._answer(item) for item in ids}

    def _answer(self, item: ItemId) -> Label:
        label = self._labels[item]
        if not self._noise:
            return label
        rng = np.random.default_rng(derive(self._seed, "noise", item))
        return label if rng.random() >= self._noise else self._wrong(label, rng)

    def _wrong(self, label: Any, rng: np.random.Generator) -> Label:  # Any: as the task accepts it
        return self._task.corrupt(self._task.encode(label), rng)
