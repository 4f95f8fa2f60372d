"""Benchmark data sets: items with ids and known labels, a fixed test split, and how to train on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError, listed
from nextlabel.ledger.events import ItemId, Label
from nextlabel.registry import Card
from nextlabel.tasks.task import Task

__all__ = ["BenchmarkDataset", "Inputs", "Split", "Streamed", "Values"]


@runtime_checkable
class Streamed(Protocol):
    """N images that are read on demand, and whose shape is known beforehand."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, channels, height, width)."""

    @property
    def dtype(self) -> np.dtype[Any]:  # Any: as NumPy's arrays have it
        """uint8."""

    def __len__(self) -> int:
        """Return N."""

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]:
        """Return the (channels, height, width) bytes of one image."""

    def take(self, rows: Sequence[int]) -> Streamed:
        """Return the images of these rows, in this order, without reading them."""


Inputs: TypeAlias = "NDArray[np.uint8] | NDArray[np.float32] | Streamed"
"""Items by their first axis; images are (N, channels, height, width) bytes, seen divided by 255."""

Values: TypeAlias = "NDArray[Any] | Sequence[Path]"  # Any: whole numbers of any type
"""Labels by item: class indices, numbers or masks in an array, or the paths of masks."""


@dataclass(frozen=True)
class Split:
    """Items with their labels and ids.

    Attributes:
        x: (N, ...) inputs, bytes or finite float32; or bytes that are read one by one.
        y: N labels: (N,) class indices or numbers, (N, height, width) masks, or the paths of masks.
        ids: N ids, from the data: none changes when others are added or removed.
    """

    x: Inputs
    y: Values
    ids: tuple[ItemId, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class BenchmarkDataset:
    """A data set whose labels are all known, with a test split that is never queried.

    Args:
        name: Its name in configurations.
        task: What its labels are.
        pool: The items that can be queried.
        test: The items to measure on, of the same shape and type.
        licence: The licence of the data, for a reader.
        source: Where the data come from and how they were changed.
        training_defaults: How the benchmark trains on them unless a setting says otherwise: ``model`` is a
            part of the models' registry, all others are options of the learner.
        validation: Items held out of the pool, which are neither queried nor tested on; None for none.
        in_memory: Whether inputs that are read one by one are read at once, after the splits were reduced.

    Raises:
        DataError: The splits do not fit each other or the task.
    """

    name: str
    task: Task
    pool: Split
    test: Split
    licence: str
    source: str
    training_defaults: Mapping[str, object]
    validation: Split | None = None
    in_memory: bool = False

    def __post_init__(self) -> None:
        for name, split in self.splits().items():
            try:
                self._check(name, split)
                self.task.check_split(tuple(split.x.shape), split.x.dtype, split.y, split.ids)
            except DataError as error:
                raise DataError(f"the {name} items of the data set '{self.name}': {error}") from error
        times = Counter(item for split in self.splits().values() for item in split.ids)
        if repeated := [item for item, count in times.items() if count > 1]:
            raise DataError(
                f"the ids of the data set '{self.name}' must be distinct over all splits, got more than "
                f"once: {listed(repeated)}"
            )

    @classmethod
    def of_card(
        cls,
        card: Card,
        task: Task,
        splits: tuple[Split, Split],
        training_defaults: Mapping[str, object],
        *,
        changes: str = "",
        in_memory: bool = False,
    ) -> BenchmarkDataset:
        """Create the data set of a card from its pool and test split.

        Its source is the card's citation, followed by what was changed.
        """
        source = "; ".join(text for text in (card.citation, changes) if text)
        return cls(card.name, task, *splits, card.licence, source, training_defaults, in_memory=in_memory)

    def splits(self) -> dict[str, Split]:
        """Return the splits by name."""
        splits = {"pool": self.pool, "test": self.test}
        return splits if self.validation is None else {**splits, "validation": self.validation}

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of their index; empty where the task has none."""
        return self.task.classes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one item: (channels, height, width) for images, (features,) for tables."""
        return self.pool.x.shape[1:]

    def __len__(self) -> int:
        return len(self.pool)

    def labels(self, split: Split) -> Mapping[ItemId, Label]:
        """Return the label of every item in the form of the ledger; masks are encoded on demand."""
        if isinstance(split.y, np.ndarray) and split.y.ndim == 1:  # a number is its own form
            return dict(zip(split.ids, split.y.tolist(), strict=True))
        return _Encoded(self.task, split)

    def _check(self, name: str, split: Split) -> None:
        x, own = split.x, self.pool.x
        if not len(x) == len(split.y) == len(split.ids) or len(x) == 0:
            raise DataError(
                f"there must be at least one, with one label and one id each, got {len(x)} inputs, "
                f"{len(split.y)} labels and {len(split.ids)} ids"
            )
        if x.dtype not in (np.uint8, np.float32):
            raise DataError(f"inputs must be uint8 or float32, got {x.dtype}")
        if (own.shape[1:], own.dtype) != (x.shape[1:], x.dtype):
            raise DataError(
                f"inputs must have the pool's shape and type, {own.shape[1:]} {own.dtype}, got "
                f"{x.shape[1:]} {x.dtype}"
            )
        if isinstance(x, np.ndarray) and x.dtype == np.float32:
            finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
            if not finite.all():
                raise DataError(f"inputs must be finite, but item '{split.ids[finite.argmin()]}' is not")


class _Encoded(Mapping[ItemId, Label]):
    """The labels of a split, each encoded on demand."""

    def __init__(self, task: Task, split: Split) -> None:
        self._task, self._values = task, split.y
        self._row_of = {item: row for row, item in enumerate(split.ids)}

    def __getitem__(self, item: ItemId) -> Label:
        return self._task.encode(self._values[self._row_of[item]])

    def __iter__(self) -> Iterator[ItemId]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)
