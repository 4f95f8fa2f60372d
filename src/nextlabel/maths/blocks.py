"""Ranges of rows that fit a memory budget."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["BUDGET_BYTES", "row_blocks"]

BUDGET_BYTES = 64 * 2**20
"""Memory of one block: large enough for full speed, small next to any pool that needs blocks."""


def row_blocks(rows: int, bytes_per_row: int, *, budget_bytes: int = BUDGET_BYTES) -> Iterator[slice]:
    """Yield slices that cover ``rows`` in order, each within the budget but never less than one row.

    >>> list(row_blocks(5, bytes_per_row=8, budget_bytes=16))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, budget_bytes // max(1, bytes_per_row))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
