"""What a benchmark data set is: items with ids and known labels, a fixed test split, and how to train on it.

Knows no particular data set, and neither torch nor what is done with the data.
"""

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
from nextlabel.tasks.task import Task

__all__ = ["BenchmarkDataset", "Inputs", "Split", "Streamed", "Values"]


@runtime_checkable
class Streamed(Protocol):
    """N images that are read when they are wanted, and say beforehand what shape they have."""

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
        """Return the images of these rows, in this order; nothing is read."""


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
        pool: The items to ask about.
        test: The items to measure on, of the same shape and type.
        licence: The licence of the data, in words for a reader.
        source: Where the data come from and how they were changed.
        training_defaults: How the benchmark trains on them unless a setting says otherwise: ``model`` is a
            part of the models' registry, all others are options of the learner.
        validation: Items that were held out of the pool and are never queried nor tested on; None for none.
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
            self._check_split(name, split)
        times = Counter(item for split in self.splits().values() for item in split.ids)
        repeated = [item for item, count in times.items() if count > 1]
        if repeated:
            raise DataError(
                f"the ids of the data set '{self.name}' must be distinct over all splits, but these occur "
                f"more than once: {listed(repeated)}"
            )

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
        """Return the label of every item in the form of the ledger; masks are encoded when asked for."""
        if isinstance(split.y, np.ndarray) and split.y.ndim == 1:  # a number is its own form
            return dict(zip(split.ids, split.y.tolist(), strict=True))
        return _Encoded(self.task, split)

    def _check_split(self, name: str, split: Split) -> None:
        x, y, ids = split.x, split.y, split.ids
        if not len(x) == len(y) == len(ids) or len(ids) == 0:
            raise DataError(
                f"the {name} items of the data set '{self.name}' must be at least one, with one label and "
                f"one id each, got {len(x)} inputs, {len(y)} labels and {len(ids)} ids"
            )
        if x.dtype not in (np.uint8, np.float32):
            raise DataError(
                f"the {name} items of the data set '{self.name}' must be uint8 or float32, got {x.dtype}"
            )
        if (self.pool.x.shape[1:], self.pool.x.dtype) != (x.shape[1:], x.dtype):
            raise DataError(
                f"the data set '{self.name}' must have pool and {name} items of one shape and type, got "
                f"{self.pool.x.shape[1:]} {self.pool.x.dtype} and {x.shape[1:]} {x.dtype}"
            )
        if isinstance(x, np.ndarray) and x.dtype == np.float32:
            finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
            if not finite.all():
                item = ids[int(np.flatnonzero(~finite)[0])]
                raise DataError(
                    f"the {name} inputs of the data set '{self.name}' must be finite, but item '{item}' is "
                    "not"
                )
        try:
            self.task.check_split(tuple(x.shape), x.dtype, y, ids)
        except DataError as error:
            raise DataError(f"the {name} items of the data set '{self.name}': {error}") from error


class _Encoded(Mapping[ItemId, Label]):
    """The labels of a split, each encoded when it is asked for."""

    def __init__(self, task: Task, split: Split) -> None:
        self._task, self._values = task, split.y
        self._row_of = {item: row for row, item in enumerate(split.ids)}

    def __getitem__(self, item: ItemId) -> Label:
        return self._task.encode(self._values[self._row_of[item]])

    def __iter__(self) -> Iterator[ItemId]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)
