"""What a data set for segmentation is: images and masks with ids, a fixed test part, a recipe to train.

Knows no particular data set, and neither torch nor what is done with the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.labelled_data import Streamed
from nextlabel.errors import DataError, listed
from nextlabel.maths.masks import NO_CLASS, checked_mask

__all__ = ["Maps", "Masks", "SegmentationData"]

Maps: TypeAlias = "NDArray[Any] | Streamed"  # Any: bytes of images, whole numbers of masks
"""An array whose first axis is the items, or what reads them one at a time."""


class Masks(Mapping[str, "NDArray[np.uint8]"]):
    """The checked mask of every item by its id, read when asked for.

    Args:
        masks: (N, height, width) class indices.
        ids: N ids.
        classes: C, the number of classes.
        ignored: The value of pixels without a class, or None where all have one.
    """

    def __init__(self, masks: Maps, ids: Sequence[str], *, classes: int, ignored: int | None) -> None:
        self._masks, self._classes, self._ignored = masks, classes, ignored
        self._row_of = {item: row for row, item in enumerate(ids)}

    def __getitem__(self, item: str) -> NDArray[np.uint8]:
        """Return (height, width) class indices, :data:`NO_CLASS` where there is none.

        Raises:
            DataError: The mask holds a value that is no class, or no pixel with a class.
        """
        mask = np.asarray(self._masks[self._row_of[item]])
        return checked_mask(mask, item, classes=self._classes, ignored=self._ignored)

    def __iter__(self) -> Iterator[str]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)


@dataclass(frozen=True)
class SegmentationData:
    """A segmentation data set whose masks are all known, with a test part that is never queried.

    Args:
        name: Its name in configurations.
        x: (N, channels, height, width) images of the pool, bytes, seen divided by 255.
        masks: (N, height, width) their class indices, in [0, C) or ``ignored``.
        ids: N distinct ids, from the data: none changes when others are added or removed.
        test_x: (T, channels, height, width) images of the test part.
        test_masks: (T, height, width) their class indices.
        test_ids: T distinct ids, none of which is in ``ids``.
        classes: The C names of the classes, 2 to 255, in the order of their index.
        ignored: The value of pixels without a class, or None where all have one.
        licence: The licence of the data, in words for a reader.
        source: Where the data come from and how they were changed.
        recipe: How the benchmark trains on them unless told otherwise: ``model`` is a part
            of the models' registry, all others are options of the segmentation learner.

    Raises:
        DataError: The parts do not fit each other; a mask of an array holds a value that is no class. Those
            of a stream are checked when they are read.
    """

    name: str
    x: Maps
    masks: Maps
    ids: tuple[str, ...]
    test_x: Maps
    test_masks: Maps
    test_ids: tuple[str, ...]
    classes: tuple[str, ...]
    ignored: int | None
    licence: str
    source: str
    recipe: Mapping[str, object]

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= NO_CLASS:
            raise DataError(
                f"the data set '{self.name}' must have 2 to {NO_CLASS} classes, but has {len(self.classes)}"
            )
        if len(set(self.classes)) < len(self.classes):
            twice = [name for name, count in Counter(self.classes).items() if count > 1]
            raise DataError(
                f"the classes of the data set '{self.name}' must have distinct names, but these come more "
                f"than once: {listed(twice)}"
            )
        if self.ignored is not None and 0 <= self.ignored < len(self.classes):
            raise DataError(
                f"the value of pixels without a class must be no class index, but the data set '{self.name}' "
                f"ignores {self.ignored}, which is '{self.classes[self.ignored]}'"
            )
        self._check_part("pool", self.x, self.masks, self.ids)
        self._check_part("test", self.test_x, self.test_masks, self.test_ids)
        if self.x.shape[1] != self.test_x.shape[1]:
            raise DataError(
                f"the data set '{self.name}' must have pool and test images with as many channels, but "
                f"they have {self.x.shape[1]} and {self.test_x.shape[1]}"
            )
        times = Counter((*self.ids, *self.test_ids))
        if len(times) < len(self.ids) + len(self.test_ids):
            repeated = [item for item, count in times.items() if count > 1]
            raise DataError(
                f"the ids of the data set '{self.name}' must be distinct over pool and test together, but "
                f"these come more than once: {listed(repeated)}"
            )

    def _check_part(self, part: str, x: Maps, masks: Maps, ids: Sequence[str]) -> None:
        if not len(x) == len(masks) == len(ids) or len(ids) == 0:
            raise DataError(
                f"the {part} items of the data set '{self.name}' must be at least one, with one mask and one "
                f"id each, but there are {len(x)} images, {len(masks)} masks and {len(ids)} ids"
            )
        if len(x.shape) != 4 or len(masks.shape) != 3 or x.shape[2:] != masks.shape[1:]:
            raise DataError(
                f"the {part} images of the data set '{self.name}' must be (channels, height, width) and "
                f"their masks of the same height and width, but they are {x.shape[1:]} and {masks.shape[1:]}"
            )
        if x.dtype != np.uint8:
            raise DataError(
                f"the {part} images of the data set '{self.name}' must be bytes (uint8), but are {x.dtype}"
            )
        if isinstance(masks, np.ndarray):
            known = Masks(masks, ids, classes=len(self.classes), ignored=self.ignored)
            for item in ids:
                known[item]

    @property
    def masks_by_id(self) -> Masks:
        """The checked masks of the pool."""
        return Masks(self.masks, self.ids, classes=len(self.classes), ignored=self.ignored)

    @property
    def test_masks_by_id(self) -> Masks:
        """The checked masks of the test part."""
        return Masks(self.test_masks, self.test_ids, classes=len(self.classes), ignored=self.ignored)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width) of one image of the pool."""
        return tuple(self.x.shape[1:])

    def __len__(self) -> int:
        return len(self.ids)
