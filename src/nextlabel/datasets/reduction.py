"""Parts of a data set: a validation part held out of the pool, and smaller pools and test parts.

Which items go where depends on their ids alone. Knows no particular data set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.images import StreamedImages
from nextlabel.datasets.labelled_data import Inputs, LabelledData, Split
from nextlabel.errors import ConfigurationError
from nextlabel.seeds import derive

__all__ = ["first_rows", "mapped", "read_whole", "reduced", "taken"]


def reduced(
    data: LabelledData,
    *,
    validation: int | float = 0,
    pool: int | float | None = None,
    test: int | float | None = None,
    seed: int = 0,
) -> LabelledData:
    """Return the data set with a validation part held out of its pool, and with fewer items.

    The validation part is drawn first, and the smaller pool from what is left of the pool. A smaller pool
    lies within every larger one of the same seed; classes are not balanced.

    Args:
        data: The whole data set.
        validation: Items to hold out of the pool: a count, or a fraction of it, rounded; 0 for none.
        pool: Items to keep in the pool: a count, or a fraction of what validation leaves; None for all.
        test: Items to keep in the test part: a count, or a fraction; None for all.
        seed: Another seed draws other items.

    Raises:
        ConfigurationError: A count or fraction leaves no item, or asks for more than there are.
    """
    own = Split(data.x, data.y, data.ids)
    held = _count(data.name, "validation", validation, len(data), least=0)
    out = first_rows(data.ids, held, "validation", seed)
    kept = np.setdiff1d(np.arange(len(data)), out)
    rest = taken(own, kept)
    if pool is not None:
        size = _count(data.name, "pool", pool, len(kept), least=1)
        rest = taken(own, kept[first_rows(rest.ids, size, "pool", seed)])
    tested = Split(data.test_x, data.test_y, data.test_ids)
    if test is not None:
        size = _count(data.name, "test", test, len(tested.ids), least=1)
        tested = taken(tested, first_rows(tested.ids, size, "test", seed))
    return replace(
        data,
        x=rest.x, y=rest.y, ids=rest.ids,
        test_x=tested.x, test_y=tested.y, test_ids=tested.ids,
        validation=taken(own, out) if held else data.validation,
    )  # fmt: skip


def first_rows(ids: Sequence[str], count: int, purpose: str, seed: int) -> NDArray[np.int64]:
    """Return the ascending rows of those ``count`` ids that have the smallest ``derive(seed, purpose, id)``.

    Which item comes before which depends on the two ids alone, on every platform.
    """
    ranked = sorted(range(len(ids)), key=lambda row: derive(seed, purpose, ids[row])) if count else []
    return np.sort(np.asarray(ranked[:count], dtype=np.int64))


def read_whole(data: LabelledData) -> LabelledData:
    """Return the data set with all its images decoded in memory."""
    return mapped(data, lambda x: x.array() if isinstance(x, StreamedImages) else x)


def mapped(data: LabelledData, function: Callable[[Inputs], Inputs]) -> LabelledData:
    """Return the data set with the function applied to the inputs of each part."""
    held = data.validation
    return replace(
        data,
        x=function(data.x),
        test_x=function(data.test_x),
        validation=None if held is None else replace(held, x=function(held.x)),
    )


def taken(part: Split, rows: NDArray[np.int64]) -> Split:
    """Return the items of these distinct ascending rows; of streamed images none is read."""
    if len(rows) == len(part.ids):
        return part  # a copy of everything would double the memory
    ids = tuple(part.ids[row] for row in rows)
    if isinstance(part.x, StreamedImages):
        return Split(part.x.take(rows.tolist()), part.y[rows], ids)
    assert isinstance(part.x, np.ndarray)  # our own loaders make nothing else
    return Split(part.x[rows], part.y[rows], ids)


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
