"""Oracles answer queries with labels; a simulated one knows the truth. Knows no ledger and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nextlabel.errors import ConfigurationError, LabelsError, listed
from nextlabel.ledger.events import ItemId, Label
from nextlabel.seeds import derive

__all__ = ["SimulatedOracle"]


class SimulatedOracle:
    """Answers with known labels, some of them wrong on purpose.

    Args:
        labels: The true label of every item that may be asked.
        noise: Share in [0, 1] of the items that get another class, drawn uniformly from the wrong ones
            (symmetric noise). Which items and classes is a function of ``seed`` and the item's id alone, so
            it depends neither on the order of the queries nor on who asks.
        classes: Number of classes, needed where there is noise.
        seed: The run's seed.

    Raises:
        ConfigurationError: ``noise`` is outside [0, 1], or ``classes`` is missing or below 2 with noise.
    """

    def __init__(
        self, labels: Mapping[ItemId, Label], *, noise: float = 0.0, classes: int | None = None, seed: int = 0
    ) -> None:
        if not 0 <= noise <= 1:
            raise ConfigurationError(f"noise must be a fraction in [0, 1], but is {noise}")
        if noise and (classes is None or classes < 2):
            raise ConfigurationError(
                f"noise needs the number of classes, at least 2, but classes is {classes}"
            )
        self._labels, self._noise, self._classes, self._seed = labels, noise, classes or 0, seed

    def __call__(self, ids: Sequence[ItemId]) -> dict[ItemId, Label]:
        """Return the label of each of these items.

        Raises:
            LabelsError: An item's label is not known.
        """
        unknown = [item for item in ids if item not in self._labels]
        if unknown:
            raise LabelsError(
                f"the simulated oracle knows {len(self._labels)} labels, but not that of {listed(unknown)}"
            )
        return {item: self._answer(item) for item in ids}

    def _answer(self, item: ItemId) -> Label:
        label = self._labels[item]
        if not self._noise:
            return label
        rng = np.random.default_rng(derive(self._seed, "noise", item))
        if rng.random() >= self._noise:
            return label
        return int((label + 1 + rng.integers(self._classes - 1)) % self._classes)
