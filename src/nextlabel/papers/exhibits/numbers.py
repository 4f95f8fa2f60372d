"""Measured numbers in the form in which the published ones are, and both side by side.

The two never share a type: what was measured is a :class:`Measured`, what a paper prints a
:class:`~nextlabel.papers.published.values.Published`.
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
"""Percentage points of labels within which a measured and a published point are compared: half a step of the
published grid of 10, 15, ..., 40 %. So the first cycle of the release on Caltech-101, which has 11.2 % of the
pool, is compared with the published 10 %."""

COLUMNS = (
    "dataset", "panel", "series", "x", "unit", "measured", "measured_sd", "seeds", "published",
    "published_spread", "published_x", "published_source",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One number of one's own runs.

    Attributes:
        dataset: Name of the data set.
        panel: Which part of the exhibit; empty where it has one part.
        series: Which line, column or row, as the paper calls its counterpart.
        x: Where on the horizontal axis; None where there is none.
        y: Mean over the seeds, in ``unit``.
        spread: Standard deviation over the seeds (n - 1), in ``unit``; None of fewer than two.
        seeds: How many seeds went in.
        unit: As of the published number.
        control: Whether the papers lack this series.
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
    """A measured number and its published counterpart, or one of them alone."""

    measured: Measured | None
    published: Published | None

    @property
    def difference(self) -> float | None:
        """Measured minus published, or None where one is missing."""
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
    """Return the mean of one value per seed, with their standard deviation."""
    numbers = np.asarray(values, dtype=np.float64)
    spread = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    if spread is not None and (numbers == numbers[0]).all():
        spread = 0.0  # where the mean of equal numbers is rounded, their deviation from it is not 0
    return Measured(dataset, panel, series, x, float(numbers.mean()), spread, len(numbers), unit, control)


def pair(
    own: Sequence[Measured], theirs: Sequence[Published], *, counterpart: str | None, tolerance: float
) -> list[Pair]:
    """Pair every measured number with the nearest published one of its series; the rest stands alone.

    The closest two are paired first, and each number once.

    Args:
        own: What was measured.
        theirs: What is published.
        counterpart: The published data set that the measured one is compared with; None where there is none.
        tolerance: How far the places on the horizontal axis may lie apart, in its unit.
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
    """Return measured and published numbers side by side as CSV; what is missing is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for both in pairs:
        own, theirs = both.measured, both.published
        place = own or theirs
        assert place is not None, "a pair has at least one number"
        writer.writerow(
            [place.dataset, place.panel, place.series, _text(place.x), place.unit]
            + ([_text(own.y), _text(own.spread), own.seeds] if own else ["", "", ""])
            + (
                [_text(theirs.y), _text(theirs.spread), _text(theirs.x), theirs.source]
                if theirs
                else ["", "", "", ""]
            )
        )
    return text.getvalue()


def _apart(first: float | None, second: float | None) -> float:
    if first is None or second is None:
        return 0.0 if first is second else float("inf")
    return abs(first - second)


def _text(number: float | None) -> str:
    return "" if number is None else repr(number)
