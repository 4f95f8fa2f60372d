"""How well scores estimate true losses, as series for figures, read off diagnostics.

Knows means over seeds; neither how diagnostics are made, where it lies, nor how a figure is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.bench.diagnostics_record import BANDS, FRACTIONS, DiagnosticsRow
from nextlabel.errors import DataError, UnknownNameError

__all__ = [
    "DiagnosedCell",
    "Series",
    "band_series",
    "labels_of",
    "loss_series",
    "score_series",
    "top_series",
]


@dataclass(frozen=True)
class DiagnosedCell:
    """A finished cell and its diagnostics.

    Attributes:
        dataset: Name of the data set.
        strategy: The strategy that chose.
        objective: Name of the training objective.
        seed: The cell's seed.
        rows: What every scorer gave in every cycle.
    """

    dataset: str
    strategy: str
    objective: str
    seed: int
    rows: tuple[DiagnosticsRow, ...]


@dataclass(frozen=True)
class Series:
    """Means over seeds, with their spread.

    Attributes:
        label: What the series is of.
        x: (P,) the abscissae: cycles, or fractions of the candidates.
        mean: (P,) means over the seeds that have a value there; None where none has.
        spread: (P,) standard deviations over seeds (n - 1); None of fewer than two.
        seeds: (P,) how many seeds have a value there.
    """

    label: str
    x: tuple[float, ...]
    mean: tuple[float | None, ...]
    spread: tuple[float | None, ...]
    seeds: tuple[int, ...]


def labels_of(cells: Sequence[DiagnosedCell]) -> list[str]:
    """Return the labels of the scorers, in the order in which they were listed."""
    return list(dict.fromkeys(row.label for cell in cells for row in cell.rows))


def score_series(cells: Sequence[DiagnosedCell], label: str) -> Series:
    """Return the mean score of the candidates by cycle, in the scorer's own unit (ICCV paper, Fig. 3)."""
    return _by_cycle(cells, label, label, lambda row: row.mean_score)


def loss_series(cells: Sequence[DiagnosedCell], label: str) -> Series:
    """Return the mean true loss of the same candidates by cycle, in nats (ICCV paper, Fig. 3)."""
    return _by_cycle(cells, label, "true loss", lambda row: row.mean_loss)


def band_series(cells: Sequence[DiagnosedCell], label: str) -> list[Series]:
    """Return for each band of scores its mean true loss in nats by cycle (ICCV paper, Fig. 5).

    Returns:
        A series a band, largest scores first, labelled ``"0-5 %"`` ... ``"50-100 %"``.
    """

    def of_band(band: int) -> Callable[[DiagnosticsRow], float | None]:
        return lambda row: row.band_losses[band]

    names = [f"{100 * first:g}-{100 * last:g} %" for first, last in BANDS]
    return [_by_cycle(cells, label, name, of_band(band)) for band, name in enumerate(names)]


def top_series(cells: Sequence[DiagnosedCell], label: str, cycle: int) -> Series:
    """Return the fraction of the largest true losses that was found, by fraction sampled.

    Fig. 6 of the ICCV paper; by the gaps of COD, Fig. 3 of its supplement.

    Args:
        cells: The cells whose seeds are averaged.
        label: The scorer; the gaps of COD are scorers of their own.
        cycle: Which query. The paper's figure seems to be of cycle 3.

    Returns:
        ``x`` and ``mean`` are fractions in [0, 1]; randomness is the line where they are equal.

    Raises:
        DataError: Nothing was asked in that cycle.
        UnknownNameError: There is no such scorer.
    """
    found = [row for row in _rows(cells, label) if row.cycle == cycle]
    if not found:
        there = sorted({row.cycle for row in _rows(cells, label)})
        raise DataError(f"expected a cycle with a query, {there[0]} to {there[-1]}, but got {cycle}")
    return _series(label, FRACTIONS, [row.top_found for row in found])


def _rows(cells: Iterable[DiagnosedCell], label: str) -> list[DiagnosticsRow]:
    known = [row for cell in cells for row in cell.rows]
    rows = [row for row in known if row.label == label]
    if not rows:
        raise UnknownNameError("scorer", label, {row.label for row in known})
    return rows


def _by_cycle(
    cells: Sequence[DiagnosedCell], label: str, name: str, value: Callable[[DiagnosticsRow], float | None]
) -> Series:
    rows = _rows(cells, label)
    cycles = sorted({row.cycle for row in rows})
    of_cell = [{row.cycle: value(row) for row in cell.rows if row.label == label} for cell in cells]
    return _series(
        name, [float(c) for c in cycles], [[values.get(c) for c in cycles] for values in of_cell if values]
    )


def _series(label: str, x: Sequence[float], values: Sequence[Sequence[float | None]]) -> Series:
    means, spreads, seeds = [], [], []
    for column in zip(*values, strict=True):
        there = np.array([value for value in column if value is not None], dtype=np.float64)
        means.append(float(there.mean()) if len(there) else None)
        spreads.append(float(there.std(ddof=1)) if len(there) > 1 else None)
        seeds.append(len(there))
    return Series(label, tuple(x), tuple(means), tuple(spreads), tuple(seeds))
