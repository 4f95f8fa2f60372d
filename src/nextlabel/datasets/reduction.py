"""How items are divided into splits: test splits by class, validation splits, smaller pools and test splits.

Which items go where depends on their ids alone, on every platform, so a split outlives every library's
random generator. The registry of data sets gives the options of :func:`reduced` to all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Inputs, Split
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.seeds import derive

__all__ = ["divided", "first_of_classes", "read_whole", "reduced", "split_off_test", "stratified_test_rows"]


def reduced(
    data: BenchmarkDataset,
    *,
    validation: int | float = 0,
    pool: int | float | None = None,
    test: int | float | None = None,
    split_seed: int = 0,
) -> BenchmarkDataset:
    """Return the data set with a validation split held out of its pool, and with fewer items.

    The validation split is drawn first, and the smaller pool from what is left. A smaller pool is a subset of
    every larger one of the same seed; classes are not balanced.

    Args:
        data: The whole data set.
        validation: Items to hold out of the pool: a count, or a fraction of it, rounded; 0 for none.
        pool: Items to keep in the pool: a count, or a fraction of what validation leaves; None for all.
        test: Items to keep in the test split: a count, or a fraction; None for all.
        split_seed: Another seed draws other items.

    Raises:
        ConfigurationError: A count or fraction leaves no item, or exceeds the number of items.
    """

    def smaller(split: Split, option: str, wanted: int | float | None) -> Split:
        if wanted is None:
            return split
        count = _count(data.name, option, wanted, len(split))
        return taken(split, first_rows(split.ids, count, option, split_seed))

    size = len(data.pool)
    held = _count(data.name, "validation", validation, size, least=0, most=size - 1)
    kept, held_out = divided(data.pool, first_rows(data.pool.ids, held, "validation", split_seed))
    kept, tested = smaller(kept, "pool", pool), smaller(data.test, "test", test)
    if kept is data.pool and tested is data.test:
        return data
    return replace(data, pool=kept, test=tested, validation=held_out if held else data.validation)


def first_rows(ids: Sequence[str], count: int, purpose: str, seed: int) -> NDArray[np.int64]:
    """Return the ascending rows of the ``count`` ids with the smallest ``derive(seed, purpose, id)``."""
    ranked = sorted(range(len(ids)), key=lambda row: derive(seed, purpose, ids[row])) if count else []
    return np.sort(np.asarray(ranked[:count], dtype=np.int64))


def first_of_classes(
    y: NDArray[np.integer], ids: Sequence[str], counts: Iterable[int], *, seed: int
) -> NDArray[np.int64]:
    """Return the ascending rows that :func:`first_rows` draws for a test split, ``counts[c]`` of class c."""
    chosen: list[int] = []
    for label, count in enumerate(counts):
        rows = np.flatnonzero(y == label).tolist()
        chosen += [rows[row] for row in first_rows([ids[row] for row in rows], count, "test", seed)]
    return np.sort(np.asarray(chosen, dtype=np.int64))


def stratified_test_rows(
    y: NDArray[np.integer], ids: Sequence[str], size: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """Return the ``size`` ascending rows of a test split with the proportions of the classes.

    Class c with n_c of N items gets size * n_c / N rows, rounded down; the rows that are left over go to the
    largest remainders, lower classes first. Within a class :func:`first_rows` draws, so that the split
    changes little when items are removed.

    Args:
        y: (N,) classes, not negative.
        ids: N distinct ids.
        size: Rows to draw, in (0, N).
        seed: Another seed draws another split.

    Raises:
        DataError: The size is out of range.
    """
    if not 0 < size < len(y):
        raise DataError(f"a test split must hold 1 to {len(y) - 1} of the {len(y)} items, got size {size}")
    counts, remainders = np.divmod(size * np.bincount(y), len(y))
    counts[np.argsort(-remainders, kind="stable")[: size - counts.sum()]] += 1
    return first_of_classes(y, ids, counts.tolist(), seed=seed)


def split_off_test(
    name: str, whole: Split, wanted: int | float, seed: int, *, option: str = "test", by_class: bool = False
) -> tuple[Split, Split]:
    """Return the pool and the test split of a data set, which has ``wanted`` items or that fraction of them.

    They are drawn by :func:`stratified_test_rows`, or, unless ``by_class``, by :func:`first_rows`. A fraction
    is rounded, to at least one item. Messages name the data set and the ``option`` that sets the size.

    Raises:
        ConfigurationError: One of the splits would be empty.
    """
    if isinstance(wanted, float) and wanted > 0:
        wanted = max(wanted, 1 / len(whole))
    count = _count(name, option, wanted, len(whole), most=len(whole) - 1)
    if not by_class:
        return divided(whole, first_rows(whole.ids, count, "test", seed))
    return divided(whole, stratified_test_rows(np.asarray(whole.y), whole.ids, count, seed=seed))


def divided(split: Split, rows: NDArray[np.int64]) -> tuple[Split, Split]:
    """Return the items of all other rows, and those of these distinct ascending rows."""
    return taken(split, np.setdiff1d(np.arange(len(split)), rows)), taken(split, rows)


def taken(split: Split, rows: NDArray[np.int64]) -> Split:
    """Return the items of these distinct ascending rows, without reading streamed inputs."""
    if len(rows) == len(split):
        return split  # a copy of everything would double the memory
    listed_rows = rows.tolist()
    x = split.x[rows] if isinstance(split.x, np.ndarray) else split.x.take(listed_rows)
    y = split.y[rows] if isinstance(split.y, np.ndarray) else tuple(split.y[row] for row in listed_rows)
    return Split(x, y, tuple(split.ids[row] for row in listed_rows))


def read_whole(data: BenchmarkDataset) -> BenchmarkDataset:
    """Return the data set with all its inputs in memory."""
    read: dict[str, Any] = {name: replace(one, x=_array(one.x)) for name, one in data.splits().items()}
    return replace(data, **read)


def _array(x: Inputs) -> NDArray[Any]:  # Any: bytes or float32
    if isinstance(x, np.ndarray):
        return x
    return np.fromiter((x[row] for row in range(len(x))), np.dtype((x.dtype, x.shape[1:])), len(x))


def _count(
    name: str, option: str, wanted: int | float, size: int, *, least: int = 1, most: int | None = None
) -> int:
    """Return an option of a data set as a count: the count itself, or that fraction of ``size``, rounded.

    Raises:
        ConfigurationError: The count is not in [``least``, ``most``], or the fraction not in [0, 1].
    """
    most, count = size if most is None else most, wanted
    if isinstance(wanted, float):
        count = round(wanted * size) if 0 <= wanted <= 1 else -1
    if isinstance(wanted, bool) or not isinstance(count, int) or not least <= count <= most:
        raise ConfigurationError(
            f"{option} of the data set '{name}' must be a count from {least} to {most:,} or a fraction of "
            f"{size:,} items, got {wanted!r}"
        )
    return count
