"""What a benchmark data set is: items with ids, a fixed test part, and how to train on it.

Knows no particular data set, and neither torch nor what is done with the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError, listed

__all__ = ["Inputs", "LabelledData", "Split", "Streamed"]


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


Inputs: TypeAlias = "NDArray[np.uint8] | NDArray[np.float32] | Streamed"
"""Items by their first axis; images are (N, channels, height, width) bytes, seen divided by 255."""


@dataclass(frozen=True)
class Split:
    """Items with their classes and ids.

    Attributes:
        x: (N, ...) inputs.
        y: (N,) classes.
        ids: N ids.
    """

    x: Inputs
    y: NDArray[np.int64]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class LabelledData:
    """A classification data set whose labels are all known, with a test part that is never queried.

    Args:
        name: Its name in configurations.
        x: (N, ...) inputs of the pool, bytes or finite float32; or bytes that are read one by one.
        y: (N,) their classes, in [0, C).
        ids: N distinct ids, from the data: none changes when others are added or removed.
        test_x: (T, ...) inputs of the test items, of the same shape and type as ``x``.
        test_y: (T,) their classes.
        test_ids: T distinct ids, none of which is in ``ids``.
        classes: The C names of the classes, in the order of their index.
        licence: The licence of the data, in words for a reader.
        source: Where the data come from and how they were changed.
        recipe: How the benchmark trains on them unless told otherwise: ``model`` is a part
            of the models' registry, all others are options of the learner.
        validation: Items that were held out of the pool and are never queried nor tested on; None for none.

    Raises:
        DataError: The parts do not fit each other.
    """

    name: str
    x: Inputs
    y: NDArray[np.int64]
    ids: tuple[str, ...]
    test_x: Inputs
    test_y: NDArray[np.int64]
    test_ids: tuple[str, ...]
    classes: tuple[str, ...]
    licence: str
    source: str
    recipe: Mapping[str, object]
    validation: Split | None = None

    def __post_init__(self) -> None:
        parts = {
            "pool": Split(self.x, self.y, self.ids),
            "test": Split(self.test_x, self.test_y, self.test_ids),
        }
        if self.validation is not None:
            parts["validation"] = self.validation
        for name, part in parts.items():
            self._check_part(name, part.x, part.y, part.ids)
            if (self.x.shape[1:], self.x.dtype) != (part.x.shape[1:], part.x.dtype):
                raise DataError(
                    f"the data set '{self.name}' must have pool and {name} items of one shape and type, but "
                    f"they are {self.x.shape[1:]} {self.x.dtype} and {part.x.shape[1:]} {part.x.dtype}"
                )
        times = Counter(item for part in parts.values() for item in part.ids)
        if len(times) < sum(len(part.ids) for part in parts.values()):
            repeated = [item for item, count in times.items() if count > 1]
            raise DataError(
                f"the ids of the data set '{self.name}' must be distinct over pool and test together, but "
                f"these come more than once: {listed(repeated)}"
            )

    def _check_part(self, part: str, x: Inputs, y: NDArray[np.int64], ids: Sequence[str]) -> None:
        if not len(x) == len(y) == len(ids) or len(ids) == 0 or y.ndim != 1:
            raise DataError(
                f"the {part} items of the data set '{self.name}' must be at least one, with one label and "
                f"one id each, but there are {len(x)} inputs, labels of shape {y.shape} and {len(ids)} ids"
            )
        if x.dtype not in (np.uint8, np.float32) or y.dtype != np.int64:
            raise DataError(
                f"the {part} items of the data set '{self.name}' must be uint8 or float32 with int64 labels, "
                f"but are {x.dtype} with {y.dtype}"
            )
        foreign = np.flatnonzero((y < 0) | (y >= len(self.classes)))
        if len(foreign):
            row = int(foreign[0])
            raise DataError(
                f"the {part} labels of the data set '{self.name}' must lie in [0, {len(self.classes)}), but "
                f"item '{ids[row]}' has {y[row]}"
            )
        if isinstance(x, np.ndarray) and x.dtype == np.float32:
            finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
            if not finite.all():
                item = ids[int(np.flatnonzero(~finite)[0])]
                raise DataError(
                    f"the {part} inputs of the data set '{self.name}' must be finite, "
                    f"but item '{item}' is not"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one item: (channels, height, width) for images, (features,) for tables."""
        return self.x.shape[1:]

    def __len__(self) -> int:
        return len(self.ids)
