"""Definition of an exhibit: the arms that it needs, and the function that builds it from their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextlabel.config.experiment import ExperimentConfig
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.papers.exhibits.arms import Arm, Finished
from nextlabel.papers.exhibits.numbers import Pair
from nextlabel.papers.published.values import TITLES, published
from nextlabel.progress import Progress
from nextlabel.report.plot import Image
from nextlabel.report.tables import Table

__all__ = ["Exhibit", "Made", "Request", "counterpart", "no_arms", "title_of"]

SAME_IMAGES = {"cifar10_jpeg": "cifar10"}
"""Variants of published data sets, with the originals."""


@dataclass(frozen=True)
class Request:
    """A request for an exhibit: the settings with the user's changes, and the output folder."""

    base: ExperimentConfig
    folder: Path
    progress: Progress | None = None

    @property
    def dataset(self) -> str:
        """Name of the one data set."""
        return self.base.dataset[0].name

    @property
    def epochs(self) -> int | None:
        """Epochs of a training run, or None if neither the settings nor the data set define them."""
        if self.base.learner.epochs is not None:
            return self.base.learner.epochs
        epochs = DATASETS.create(self.base.dataset[0]).training_defaults.get("epochs")
        return epochs if isinstance(epochs, int) else None


@dataclass(frozen=True)
class Made:
    """The contents of an exhibit: figures, number pairs, text tables, and notes of one sentence each."""

    images: tuple[Image, ...]
    pairs: tuple[Pair, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exhibit:
    """A reproducible figure or table of the papers.

    Attributes:
        name: Its name, which is also that of its published numbers.
        arms: Returns the arms that it needs for a request; none for drawings and studies of models.
        make: Builds it from their finished seeds.
        dataset: Default data set.
    """

    name: str
    arms: Callable[[Request], Sequence[Arm]]
    make: Callable[[Sequence[Finished], Request], Made]
    dataset: str = "digits"


def no_arms(_: Request) -> Sequence[Arm]:
    """Return no arms, for exhibits that need no campaign."""
    return ()


def counterpart(exhibit: str, dataset: str) -> str | None:
    """Return the published data set to compare a measured one with, or None."""
    same = SAME_IMAGES.get(dataset, dataset)
    return same if published(exhibit, same) else None


def title_of(dataset: str) -> str:
    """Return the name of a data set for figures.

    >>> title_of("cifar10_jpeg"), title_of("digits")
    ('CIFAR-10 (JPEG)', 'digits')
    """
    return "CIFAR-10 (JPEG)" if dataset == "cifar10_jpeg" else TITLES.get(dataset, dataset)
