"""Count the classes that a strategy queried, cycle by cycle, against their fraction among the candidates.

Knows queries as the cells record them; draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError
from nextlabel.report.runs import Cell

__all__ = ["LEVELS", "ClassCounts", "count_classes"]

LEVELS = {0: "under half", 3: "as the pool", 6: "over double"}
"""The levels that a legend names; those between them are steps of about √2."""

_EDGES = np.log2([1 / 2, 1 / 2**0.5, 0.87, 1.15, 2**0.5, 2])  # ratios of shares; the middle one is "alike"
_MOST = 24  # rows that a figure can show legibly


@dataclass(frozen=True)
class ClassCounts:
    """Queried items of one strategy by class; the last column is all cycles together.

    Attributes:
        strategy: Name of the strategy.
        n_seeds: Number of seeds averaged.
        class_names: Names of the C classes, one per row.
        cycles: The cycles, one a column but for the last.
        mean: (C, cycles + 1) mean number of items over the seeds.
        level: (C, cycles + 1) 0 to 6: the fraction among the queried against the candidates' share; 3 is
            alike.
        cut: Whether classes near the pool's share were left out for want of room.
        description: The most and the least sought classes in words.
    """

    strategy: str
    n_seeds: int
    class_names: tuple[str, ...]
    cycles: tuple[int, ...]
    mean: NDArray[np.float64]
    level: NDArray[np.int64]
    cut: bool
    description: str


def count_classes(cells: Sequence[Cell]) -> ClassCounts | None:
    """Count the classes queried by the cells of one strategy, or None where none has asked.

    The fraction of a class among the queried of all seeds is set against its fraction among the candidates of
    the same cycle; over all cycles, against what those shares would have given.

    Raises:
        DataError: The cells do not have the same classes.
    """
    asking = [cell for cell in cells if cell.queries and cell.class_names]
    if not asking:
        return None
    if len({cell.class_names for cell in asking}) > 1:
        raise DataError(
            f"expected the same classes in every cell of '{asking[0].strategy}' on '{asking[0].dataset}', "
            f"but {asking[0].name} and another differ"
        )
    cycles = sorted({query.cycle for cell in asking for query in cell.queries})
    queried = np.zeros((len(asking[0].class_names), len(cycles)))
    expected = np.zeros_like(queried)
    seeds = np.zeros(len(cycles))
    for cell in asking:
        for query in cell.queries:
            column = cycles.index(query.cycle)
            pool = np.array(query.pool_classes, dtype=np.float64)
            queried[:, column] += query.classes
            expected[:, column] += sum(query.classes) * pool / max(1.0, pool.sum())
            seeds[column] += 1
    mean = np.column_stack([queried / seeds, (queried / seeds).sum(1)])
    queried = np.column_stack([queried, queried.sum(1)])
    expected = np.column_stack([expected, expected.sum(1)])
    return _shown(asking, tuple(cycles), mean, queried, expected)


def _shown(
    cells: Sequence[Cell],
    cycles: tuple[int, ...],
    mean: NDArray[np.float64],
    queried: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> ClassCounts:
    names = cells[0].class_names
    log_ratio = _log_ratio(queried, expected)
    level = np.searchsorted(_EDGES, log_ratio).astype(np.int64)
    order = np.argsort(-log_ratio[:, -1], kind="stable")
    rows = np.sort(np.argsort(-np.abs(log_ratio[:, -1]), kind="stable")[:_MOST])
    most, least = (f"{names[i]}, at {2 ** log_ratio[i, -1]:.1f} times" for i in (order[0], order[-1]))
    return ClassCounts(
        strategy=cells[0].strategy,
        n_seeds=len(cells),
        class_names=tuple(names[row] for row in rows),
        cycles=cycles,
        mean=mean[rows],
        level=level[rows],
        cut=len(rows) < len(names),
        description=f"Most above its fraction of the candidates: {most}; most below: {least}.",
    )


def _log_ratio(queried: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log2 of queried / expected: 0 where nothing was to be had, -10 where nothing was asked."""
    ratio = np.divide(queried, expected, out=np.ones_like(queried), where=expected > 0)
    return np.log2(np.maximum(ratio, 2.0**-10))
