"""Measured numbers, in the same form as published ones, and pairs of both.

They have separate types, :class:`Measured` and :class:`~nextlabel.papers.published.values.Published`, so they
cannot be mixed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.papers.published.values import Published

__all__ = ["COLUMNS", "NEAR", "Measured", "Pair", "measured", "pair", "to_csv"]

NEAR = 2.5
"""Maximum distance, in percentage points of labels, between compared points: half a step of the grid
10, 15, ..., 40 %. The release's first cycle on Caltech-101, 11.2 % of the pool, is compared with 10 %."""

COLUMNS = (
    "dataset", "panel", "series", "x", "unit", "measured", "measured_sd", "seeds", "published",
    "published_spread", "published_x", "published_source",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One number measured in your own runs, with the fields of its published counterpart.

    ``y`` is the mean over ``seeds`` seeds and ``spread`` their standard deviation (n - 1), or None for fewer
    than two. A ``control`` is a series that the papers lack.
    """

    dataset: str
    panel: str
    series: str
    x: float | None
    y: float
    spread: float | None
    seeds: int
    unit: str
    control: bool = False


@dataclass(frozen=True)
class Pair:
    """A measured number and its published counterpart; one of them may be missing."""

    measured: Measured | None
    published: Published | None

    @property
    def difference(self) -> float | None:
        """Measured minus published, or None if one is missing."""
        if self.measured is None or self.published is None:
            return None
        return self.measured.y - self.published.y


def measured(
    values: Sequence[float],
    *,
    dataset: str,
    series: str,
    x: float | None,
    unit: str,
    panel: str = "",
    control: bool = False,
) -> Measured:
    """Return the mean and standard deviation of one value per seed."""
    numbers = np.asarray(values, dtype=np.float64)
    spread = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    if spread is not None and (numbers == numbers[0]).all():
        spread = 0.0  # a rounded mean of equal numbers would give a tiny deviation
    return Measured(dataset, panel, series, x, float(numbers.mean()), spread, len(numbers), unit, control)


def pair(
    own: Sequence[Measured], theirs: Sequence[Published], *, counterpart: str | None, tolerance: float
) -> list[Pair]:
    """Pair each measured number with the nearest published one of its series, closest pairs first.

    Args:
        own: Measured numbers.
        theirs: Published numbers; those left over are returned unpaired.
        counterpart: The published data set to compare with, or None.
        tolerance: Maximum distance on the horizontal axis, in its unit.
    """
    near = sorted(
        (apart, i, j)
        for i, one in enumerate(own)
        for j, row in enumerate(theirs)
        if (row.dataset, row.panel, row.series) == (counterpart, one.panel, one.series)
        and (apart := _apart(row.x, one.x)) <= tolerance
    )
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in near:
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    pairs = [Pair(one, theirs[found[i]] if i in found else None) for i, one in enumerate(own)]
    return [*pairs, *(Pair(None, row) for j, row in enumerate(theirs) if j not in taken)]


def to_csv(pairs: Iterable[Pair]) -> str:
    """Return measured and published numbers side by side as CSV, with empty cells for missing values."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for both in pairs:
        own, theirs = both.measured, both.published
        place = own or theirs
        assert place is not None, "a pair has at least one number"
        row = [place.dataset, place.panel, place.series, place.x, place.unit]
        row += [own.y, own.spread, own.seeds] if own else [""] * 3
        row += [theirs.y, theirs.spread, theirs.x, theirs.source] if theirs else [""] * 4
        writer.writerow(row)
    return text.getvalue()


def _apart(first: float | None, second: float | None) -> float:
    if first is None or second is None:
        return 0.0 if first is second else float("inf")
    return abs(first - second)
