"""The rule by which test splits are drawn, once, before they are stored. Knows no particular data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError
from nextlabel.seeds import derive

__all__ = ["stratified_test_rows"]


def stratified_test_rows(
    y: NDArray[np.integer], ids: Sequence[str], size: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """Draw the rows of a test split in which every class has its fraction.

    Class c of n_c among N items gets size * n_c / N rows, rounded down; the rows that are left over go to the
    largest remainders, lower classes first. Within a class the items with the smallest ``derive(seed, "test",
    id)`` are taken: which item is drawn before which depends on their ids alone, on every platform, so the
    split outlives every library's generator and changes little when items are removed.

    Args:
        y: (N,) classes, not negative.
        ids: N distinct ids.
        size: Rows to draw, in (0, N).
        seed: Another seed draws another split.

    Returns:
        (size,) ascending rows.

    Raises:
        DataError: The size is not smaller than the number of items, or not positive.
    """
    if not 0 < size < len(y):
        raise DataError(
            f"expected a test split of 1 to {len(y) - 1} of the {len(y)} items, but got size {size}"
        )
    counts = np.bincount(y)
    fractions, remainders = np.divmod(size * counts, len(y))
    by_remainder = np.argsort(-remainders, kind="stable")
    fractions[by_remainder[: size - fractions.sum()]] += 1
    chosen: list[int] = []
    for label, fraction in enumerate(fractions):
        rows = np.flatnonzero(y == label).tolist()
        chosen += sorted(rows, key=lambda row: derive(seed, "test", ids[row]))[:fraction]
    return np.sort(np.asarray(chosen, dtype=np.int64))
