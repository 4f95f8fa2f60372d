"""Count the classes that a strategy queried, compared with their fractions among the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError
from nextlabel.report.runs import CellRecord

__all__ = ["LEVELS", "ClassCounts", "count_classes"]

LEVELS = {0: "under half", 3: "as the pool", 6: "over double"}
"""The levels that a legend names; those between them are steps of about √2."""

_EDGES = np.log2([1 / 2, 1 / 2**0.5, 0.87, 1.15, 2**0.5, 2])  # ratios of fractions
_MOST = 24  # rows that are legible in a figure


@dataclass(frozen=True)
class ClassCounts:
    """Queried items of one strategy by class; the last column is the sum over the cycles.

    Attributes:
        n_seeds: Number of seeds averaged.
        class_names: Names of the C classes, one per row.
        cycles: The cycles, one per column except the last.
        mean: (C, cycles + 1) mean number of items over the seeds.
        level: (C, cycles + 1) 0 to 6: the fraction among the queried items relative to that among the
            candidates; 3 is alike.
        cut: Whether the classes closest to the pool's fractions were left out for lack of room.
        description: The most and the least frequent classes in words.
    """

    strategy: str
    n_seeds: int
    class_names: tuple[str, ...]
    cycles: tuple[int, ...]
    mean: NDArray[np.float64]
    level: NDArray[np.int64]
    cut: bool
    description: str


def count_classes(cells: Sequence[CellRecord]) -> ClassCounts | None:
    """Count the classes queried by the cells of one strategy, or return None if none has queried.

    The fraction of a class among the queried items of all seeds is compared with its fraction among the
    candidates of the same cycle, and over all cycles with the count expected from the latter.

    Raises:
        DataError: The cells do not have the same classes.
    """
    cells = [cell for cell in cells if cell.queries and cell.class_names]
    if not cells:
        return None
    names = cells[0].class_names
    if other := next((cell.name for cell in cells if cell.class_names != names), None):
        raise DataError(
            f"the classes must be the same in every cell of '{cells[0].strategy}' on '{cells[0].dataset}', "
            f"got others in {other} than in {cells[0].name}; run the experiment again"
        )
    cycles = sorted({query.cycle for cell in cells for query in cell.queries})
    queried = np.zeros((len(names), len(cycles)))
    expected = np.zeros_like(queried)
    seeds = np.zeros(len(cycles))
    for cell in cells:
        for query in cell.queries:
            column = cycles.index(query.cycle)
            pool = np.array(query.pool_classes, dtype=np.float64)
            queried[:, column] += query.classes
            expected[:, column] += sum(query.classes) * pool / max(1.0, pool.sum())
            seeds[column] += 1
    mean, queried, expected = map(_with_sum, (queried / seeds, queried, expected))
    # 0 where no candidate was available, -10 where none was queried
    ratio = np.divide(queried, expected, out=np.ones_like(queried), where=expected > 0)
    log_ratio = np.log2(np.maximum(ratio, 2.0**-10))
    order = np.argsort(-log_ratio[:, -1], kind="stable")
    rows = np.sort(np.argsort(-np.abs(log_ratio[:, -1]), kind="stable")[:_MOST])
    most, least = (f"{names[i]}, at {2 ** log_ratio[i, -1]:.1f} times" for i in (order[0], order[-1]))
    return ClassCounts(
        strategy=cells[0].strategy,
        n_seeds=len(cells),
        class_names=tuple(names[row] for row in rows),
        cycles=tuple(cycles),
        mean=mean[rows],
        level=np.searchsorted(_EDGES, log_ratio).astype(np.int64)[rows],
        cut=len(rows) < len(names),
        description=f"Most above its fraction of the candidates: {most}; most below: {least}.",
    )


def _with_sum(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([columns, columns.sum(1)])
