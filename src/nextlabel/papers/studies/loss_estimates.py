"""Series for figures of how well scores estimate true losses, averaged over seeds from diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nextlabel.bench.diagnostics_record import BANDS, FRACTIONS, DiagnosticsRow
from nextlabel.errors import DataError, UnknownNameError

__all__ = ["DiagnosedCell", "Series", "band_series", "labels_of", "loss_series", "score_series", "top_series"]


@dataclass(frozen=True)
class DiagnosedCell:
    """A finished cell and its diagnostics, one row per scorer and cycle."""

    dataset: str
    strategy: str
    objective: str
    seed: int
    rows: tuple[DiagnosticsRow, ...]


@dataclass(frozen=True)
class Series:
    """Means and standard deviations over seeds.

    Attributes:
        label: Name of the series.
        x: (P,) cycles, or fractions of the candidates.
        mean: (P,) means over the seeds with a value; None if there is none.
        spread: (P,) standard deviations over seeds (n - 1); None for fewer than two.
        seeds: (P,) number of seeds with a value.
    """

    label: str
    x: tuple[float, ...]
    mean: tuple[float | None, ...]
    spread: tuple[float | None, ...]
    seeds: tuple[int, ...]


def labels_of(cells: Sequence[DiagnosedCell]) -> list[str]:
    """Return the labels of the scorers, in their order in the diagnostics."""
    return list(dict.fromkeys(row.label for cell in cells for row in cell.rows))


def score_series(cells: Sequence[DiagnosedCell], label: str) -> Series:
    """Return the mean score of the candidates by cycle, in the scorer's unit (ICCV paper, Fig. 3)."""
    return _by_cycle(cells, label, label, lambda row: row.mean_score)


def loss_series(cells: Sequence[DiagnosedCell], label: str) -> Series:
    """Return the mean true loss of the same candidates by cycle, in nats (ICCV paper, Fig. 3)."""
    return _by_cycle(cells, label, "true loss", lambda row: row.mean_loss)


def band_series(cells: Sequence[DiagnosedCell], label: str) -> list[Series]:
    """Return a series per band of scores: its mean true loss in nats by cycle (ICCV paper, Fig. 5).

    The largest scores come first; labels run from ``"0-5 %"`` to ``"50-100 %"``.
    """
    names = [f"{100 * first:g}-{100 * last:g} %" for first, last in BANDS]
    return [
        _by_cycle(cells, label, name, partial(lambda band, row: row.band_losses[band], band))
        for band, name in enumerate(names)
    ]


def top_series(cells: Sequence[DiagnosedCell], label: str, cycle: int) -> Series:
    """Return the fraction of the items with the largest true losses that is found, by fraction sampled.

    Fig. 6 of the ICCV paper, and with the gaps of COD Fig. 3 of its supplement. ``x`` and ``mean`` are
    fractions; a random choice has ``mean`` equal to ``x``.

    Args:
        cells: The cells to average.
        label: The scorer; each gap of COD is a separate scorer.
        cycle: Cycle of the query. The paper's figure seems to show cycle 3.

    Raises:
        DataError: There was no query in that cycle.
        UnknownNameError: There is no such scorer.
    """
    found = [row for row in _rows(cells, label) if row.cycle == cycle]
    if not found:
        cycles = sorted({row.cycle for row in _rows(cells, label)})
        raise DataError(
            f"the cycle must have a query, {cycles[0]} to {cycles[-1]}, got {cycle}; choose one of them"
        )
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
        known = np.array([value for value in column if value is not None], dtype=np.float64)
        means.append(float(known.mean()) if len(known) else None)
        spreads.append(float(known.std(ddof=1)) if len(known) > 1 else None)
        seeds.append(len(known))
    return Series(label, tuple(x), tuple(means), tuple(spreads), tuple(seeds))
