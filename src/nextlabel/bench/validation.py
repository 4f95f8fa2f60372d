"""Every streamed image and mask read once before the campaigns, so that a bad one is not met after hours.

Arrays were checked when they were loaded. Knows nothing of learners.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from nextlabel.bench.cell import Cell
from nextlabel.bench.items_read import word_of_items_read
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.progress import Progress

__all__ = ["check_items", "check_items_of"]


Reader = tuple[Callable[[Any], object], Sequence[Any]]  # Any: whatever that part is read by
"""How one thing is read, and what to read."""


def check_items_of(cell: Cell, data: BenchmarkDataset, folder: Path, progress: Progress) -> None:
    """Read every image and mask of a cell, unless it has begun or a cell next to it has done so in this run.

    Args:
        cell: The cell.
        data: Its data set.
        folder: Of the cell; word that all could be read is left in the folder above, for the other cells.
        progress: As for `check_items`.

    Raises:
        DataError: As by `check_items`.
    """
    items = {"dataset": str(cell.dataset), "ids": data.pool.ids, "test": data.test.ids}
    all_read = word_of_items_read(folder.parent, items)
    if (folder / "campaign.db").exists() or not _readers(data):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{all_read}.lock"):  # cells that begin at once wait for the one that reads
        if not all_read.exists():
            check_items(data, progress)
            all_read.touch()


def check_items(data: BenchmarkDataset, progress: Progress) -> None:
    """Read every image and mask of pool and test part that is not in memory.

    Args:
        data: The data set.
        progress: Called in the phase ``check`` with the number of those read and of all.

    Raises:
        DataError: One is missing, damaged, or has another size or class where it must not.
    """
    readers = _readers(data)
    total = sum(len(keys) for _, keys in readers)
    everything = chain.from_iterable(((read, key) for key in keys) for read, keys in readers)
    for done, (read, key) in enumerate(everything, 1):
        read(key)
        progress("check", done, total)


def _readers(data: BenchmarkDataset) -> list[Reader]:
    readers: list[Reader] = []
    for split in (data.pool, data.test):
        targets = None if isinstance(split.y, np.ndarray) else data.task.targets(data.labels(split))
        streamed = [one for one in (split.x, targets) if one is not None and not isinstance(one, np.ndarray)]
        readers += [(one.__getitem__, range(len(one))) for one in streamed]
    return readers
