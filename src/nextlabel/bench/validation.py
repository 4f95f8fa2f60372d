"""Every streamed image and mask read once before the campaigns, so that none fails after hours of training.

Arrays are checked when they are loaded. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.bench.cell import Cell
from nextlabel.config.experiment import fingerprint
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.files import exclusive_lock
from nextlabel.progress import Progress

__all__ = ["check_items", "check_items_of", "forget_read_items"]

Reader = tuple[Callable[[Any], object], Sequence[Any]]  # Any: the keys that the function reads
"""How to read a part of the data that is not in memory, and its keys."""

PREFIX = "items-read-"
"""Of the empty files next to the cells of a run that mark a data set as readable."""


def check_items_of(cell: Cell, data: BenchmarkDataset, folder: Path, progress: Progress) -> None:
    """Read the data of a cell as :func:`check_items` does, but only once per run.

    The folder above that of the cell holds the marker that all items are readable.
    """
    if (folder / "campaign.db").exists() or not _readers(data):
        return
    items = {"dataset": str(cell.dataset), "ids": data.pool.ids, "test": data.test.ids}
    marker = folder.parent / f"{PREFIX}{fingerprint(items)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # cells that start at the same time wait for the one that reads, however long it takes
    with exclusive_lock(Path(f"{marker}.lock"), f"the data set {cell.dataset}", timeout=None):
        if not marker.exists():
            check_items(data, progress)
            marker.touch()


def check_items(data: BenchmarkDataset, progress: Progress) -> None:
    """Read every image and mask of the pool and the test split that is not in memory, in the phase ``check``.

    Raises:
        DataError: An item is missing or damaged, or its size or class is not allowed.
    """
    readers = _readers(data)
    total = sum(len(keys) for _, keys in readers)
    everything = chain.from_iterable(((read, key) for key in keys) for read, keys in readers)
    for done, (read, key) in enumerate(everything, 1):
        read(key)
        progress("check", done, total)


def forget_read_items(cells: Path) -> None:
    """Have all items read again: files may have changed since the last run of these cells."""
    for marker in cells.glob(f"{PREFIX}*"):
        marker.unlink()


def _readers(data: BenchmarkDataset) -> list[Reader]:
    readers: list[Reader] = []
    for split in (data.pool, data.test):
        targets = None if isinstance(split.y, np.ndarray) else data.task.targets(data.labels(split))
        streamed = [one for one in (split.x, targets) if one is not None and not isinstance(one, np.ndarray)]
        readers += [(one.__getitem__, range(len(one))) for one in streamed]
    return readers
