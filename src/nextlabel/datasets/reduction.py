"""Splits of a data set: a validation split held out of the pool, and smaller pools and test splits.

Which items go where depends on their ids alone. The registry of data sets applies this to every one of them.
Knows no particular data set.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Inputs, Split
from nextlabel.errors import ConfigurationError
from nextlabel.seeds import derive

__all__ = ["divided", "first_rows", "read_whole", "reduced", "reducible", "taken"]


def reducible(load: Callable[..., BenchmarkDataset]) -> Callable[..., BenchmarkDataset]:
    """Return a loader with the options of :func:`reduced` next to its own.

    An option that the loader itself names is the loader's alone, but for ``split_seed``, which both are
    given. Inputs are read into memory after the splits were reduced, where the data set says so.
    """
    own = dict(inspect.signature(load).parameters)
    loose = [own.pop(name) for name, p in list(own.items()) if p.kind is p.VAR_KEYWORD]
    every = [p for p in inspect.signature(reduced).parameters.values() if p.kind is p.KEYWORD_ONLY]
    added = [p for p in every if p.name not in own]

    def loaded(**options: Any) -> BenchmarkDataset:  # Any: each loader has its own options
        reductions = {p.name: options.pop(p.name) for p in added if p.name in options}
        if "split_seed" in options:
            reductions["split_seed"] = options["split_seed"]
        data = reduced(load(**options), **reductions)
        return read_whole(data) if data.in_memory else data

    signature = inspect.Signature([*own.values(), *added, *loose])
    loaded.__signature__ = signature  # type: ignore[attr-defined]  # inspect looks there
    return loaded


def reduced(
    data: BenchmarkDataset,
    *,
    validation: int | float = 0,
    pool: int | float | None = None,
    test: int | float | None = None,
    split_seed: int = 0,
) -> BenchmarkDataset:
    """Return the data set with a validation split held out of its pool, and with fewer items.

    The validation split is drawn first, and the smaller pool from what is left of the pool. A smaller pool
    lies within every larger one of the same seed; classes are not balanced.

    Args:
        data: The whole data set.
        validation: Items to hold out of the pool: a count, or a fraction of it, rounded; 0 for none.
        pool: Items to keep in the pool: a count, or a fraction of what validation leaves; None for all.
        test: Items to keep in the test split: a count, or a fraction; None for all.
        split_seed: Another seed draws other items.

    Raises:
        ConfigurationError: A count or fraction leaves no item, or asks for more than there are.
    """
    held = _count(data.name, "validation", validation, len(data.pool), least=0)
    out = first_rows(data.pool.ids, held, "validation", split_seed)
    kept, held_out = divided(data.pool, out)
    if pool is not None:
        size = _count(data.name, "pool", pool, len(kept), least=1)
        kept = taken(kept, first_rows(kept.ids, size, "pool", split_seed))
    tested = data.test
    if test is not None:
        size = _count(data.name, "test", test, len(tested), least=1)
        tested = taken(tested, first_rows(tested.ids, size, "test", split_seed))
    if kept is data.pool and tested is data.test:
        return data
    return replace(data, pool=kept, test=tested, validation=held_out if held else data.validation)


def first_rows(ids: Sequence[str], count: int, purpose: str, seed: int) -> NDArray[np.int64]:
    """Return the ascending rows of those ``count`` ids that have the smallest ``derive(seed, purpose, id)``.

    Which item is before which depends on the two ids alone, on every platform.
    """
    ranked = sorted(range(len(ids)), key=lambda row: derive(seed, purpose, ids[row])) if count else []
    return np.sort(np.asarray(ranked[:count], dtype=np.int64))


def divided(split: Split, rows: NDArray[np.int64]) -> tuple[Split, Split]:
    """Return the items of all other rows, and those of these distinct ascending rows."""
    return taken(split, np.setdiff1d(np.arange(len(split)), rows)), taken(split, rows)


def taken(split: Split, rows: NDArray[np.int64]) -> Split:
    """Return the items of these distinct ascending rows; of streamed inputs none is read."""
    if len(rows) == len(split):
        return split  # a copy of everything would double the memory
    listed_rows = rows.tolist()
    x = split.x[rows] if isinstance(split.x, np.ndarray) else split.x.take(listed_rows)
    y = split.y[rows] if isinstance(split.y, np.ndarray) else tuple(split.y[row] for row in listed_rows)
    return Split(x, y, tuple(split.ids[row] for row in listed_rows))


def read_whole(data: BenchmarkDataset) -> BenchmarkDataset:
    """Return the data set with all its inputs in memory."""
    read: Any = {
        name: replace(split, x=_array(split.x)) for name, split in data.splits().items()
    }  # Any: splits
    return replace(data, **read)


def _array(x: Inputs) -> NDArray[np.uint8] | NDArray[np.float32]:
    if isinstance(x, np.ndarray):
        return x
    array = np.empty(x.shape, x.dtype)
    for row in range(len(x)):
        array[row] = x[row]
    return array


def _count(name: str, option: str, wanted: int | float, size: int, *, least: int) -> int:
    most = size - 1 if option == "validation" else size
    count = wanted
    if isinstance(wanted, float):
        count = round(wanted * size) if 0 <= wanted <= 1 else -1
    if isinstance(wanted, bool) or not isinstance(count, int) or not least <= count <= most:
        raise ConfigurationError(
            f"the data set '{name}' needs {option} as a count from {least} to {most:,} or as a fraction of "
            f"{size:,} items, but got {wanted!r}"
        )
    return count
