"""Every streamed picture and mask read once before a campaign, so that a bad one is not met after hours.

Arrays were checked when they were loaded. Knows nothing of cells or learners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from nextlabel.datasets.dense_data import DenseData
from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.datasets.pictures import StreamedPictures
from nextlabel.types import ItemId

__all__ = ["check_items"]

Reader = tuple[Callable[[Any], object], Sequence[Any]]  # Any: whatever that part is read by
"""How one thing is read, and what to read."""


def check_items(data: LabelledData | DenseData, advance: Callable[[int, int], None]) -> None:
    """Read every picture and mask of pool and test part that is not in memory.

    Args:
        data: The data set.
        advance: Called with the number of those read and of all.

    Raises:
        DataError: One is missing, damaged, or has another size or class where it must not.
    """
    readers: list[Reader] = []
    for part in (data.x, data.test_x):
        if isinstance(part, StreamedPictures):
            readers.append((part.__getitem__, range(len(part))))
    if isinstance(data, DenseData):
        readers += _masks(data.masks, data.masks_by_id, data.ids)
        readers += _masks(data.test_masks, data.test_masks_by_id, data.test_ids)
    total = sum(len(keys) for _, keys in readers)
    everything = chain.from_iterable(((read, key) for key in keys) for read, keys in readers)
    for done, (read, key) in enumerate(everything, 1):
        read(key)
        advance(done, total)


def _masks(stored: object, masks: Mapping[ItemId, object], ids: Sequence[ItemId]) -> list[Reader]:
    return [] if isinstance(stored, np.ndarray) else [(masks.__getitem__, ids)]
