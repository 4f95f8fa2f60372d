"""What an exhibit of the papers is here: the arms that it needs, and what is made of them."""

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
"""Data sets that are a published one in another form."""


@dataclass(frozen=True)
class Request:
    """What somebody asked for.

    Attributes:
        base: The preset's settings for the data set, seeds and cycles, with what the user laid over them.
        folder: Where the exhibit's files go.
        progress: Called with what is worked at, the work done and the whole, by such studies.
    """

    base: ExperimentConfig
    folder: Path
    progress: Progress | None = None

    @property
    def dataset(self) -> str:
        """Name of the one data set."""
        return self.base.dataset[0].name

    @property
    def epochs(self) -> int | None:
        """Epochs of one training run, or None where neither the settings nor the data set's recipe say it."""
        if self.base.learner.epochs is not None:
            return self.base.learner.epochs
        own = DATASETS.create(self.base.dataset[0]).training_defaults
        epochs = own.get("epochs")
        return epochs if isinstance(epochs, int) else None


@dataclass(frozen=True)
class Made:
    """The result of an exhibit.

    Attributes:
        images: The figures.
        pairs: Measured and published numbers side by side.
        tables: What the page shows as text.
        notes: What the reader must know, a sentence each.
    """

    images: tuple[Image, ...]
    pairs: tuple[Pair, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exhibit:
    """A figure or table of the papers, to be made again.

    Attributes:
        name: Its name; that of its published numbers, where there are any.
        arms: Returns the campaigns that it needs for a request; none for drawings and studies of models.
        make: Makes it of their finished seeds.
        dataset: The data set of the measured side where nobody chooses one.
    """

    name: str
    arms: Callable[[Request], Sequence[Arm]]
    make: Callable[[Sequence[Finished], Request], Made]
    dataset: str = "digits"


def no_arms(_: Request) -> Sequence[Arm]:
    """Return no arm: the exhibit needs no campaign."""
    return ()


def counterpart(exhibit: str, dataset: str) -> str | None:
    """Return the published data set that a measured one is compared with; None where none is the same."""
    same = SAME_IMAGES.get(dataset, dataset)
    return same if published(exhibit, same) else None


def title_of(dataset: str) -> str:
    """Return how a data set is written in figures.

    >>> title_of("cifar10_jpeg"), title_of("digits")
    ('CIFAR-10 (JPEG)', 'digits')
    """
    return "CIFAR-10 (JPEG)" if dataset == "cifar10_jpeg" else TITLES.get(dataset, dataset)
