"""Summarise the rows of a run: one section per data set and objective, one learning curve per strategy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError
from nextlabel.report.statistics import (
    Interval,
    LabelsSaved,
    PairedDifference,
    area_under_curve,
    holm,
    labels_saved,
    mean_interval,
    paired_difference,
)
from nextlabel.results import FULL_TRAINING, METRIC, Row

__all__ = ["BASELINE", "Comparison", "Curve", "Section", "slug", "summarise"]

BASELINE = "random"
"""The strategy that all others are compared with."""


@dataclass(frozen=True)
class Curve:
    """The complete seeds of one strategy.

    Attributes:
        seeds: (S,) the seeds, ascending.
        n_labelled: (P,) labels at each cycle, the same for every seed.
        accuracy_sp: (S, P) test accuracy, in [0, 1].
        rows_sp: (S, P) the rows behind them.
    """

    strategy: str
    seeds: tuple[int, ...]
    n_labelled: NDArray[np.int64]
    accuracy_sp: NDArray[np.float64]
    rows_sp: tuple[tuple[Row, ...], ...]

    @property
    def final(self) -> Interval:
        """Accuracy after the last cycle, over the seeds."""
        return mean_interval(self.accuracy_sp[:, -1])

    @property
    def areas(self) -> NDArray[np.float64]:
        """(S,) area under each seed's curve; empty for a single cycle."""
        if len(self.n_labelled) < 2:
            return np.empty(0)
        return np.array([area_under_curve(self.n_labelled, accuracy) for accuracy in self.accuracy_sp])

    def by_cycle(self, column: str) -> dict[int, Interval]:
        """Return the column's mean over the seeds in each cycle that has values."""
        found: dict[int, list[float]] = {}
        for row in (row for rows in self.rows_sp for row in rows):
            if (value := getattr(row, column)) is not None:
                found.setdefault(row.cycle, []).append(float(value))
        return {cycle: mean_interval(values) for cycle, values in sorted(found.items())}

    def total(self, column: str) -> float:
        """Return the column's sum over the cycles, averaged over the seeds."""
        return float(np.mean([sum(getattr(row, column) for row in rows) for rows in self.rows_sp]))


@dataclass(frozen=True)
class Comparison:
    """Two strategies compared by the area under the curve on their common seeds.

    Attributes:
        difference: Area of ``first`` minus area of ``second``.
        p: The p-value after Holm's correction, or None if there are too few seeds.
    """

    first: str
    second: str
    difference: PairedDifference
    p: float | None

    @property
    def sign(self) -> int:
        """1 if ``first`` is significantly ahead, -1 if behind, 0 if the difference is not significant."""
        if self.p is None or self.p >= 0.05:
            return 0
        return 1 if self.difference.interval.mean > 0 else -1


@dataclass(frozen=True)
class Section:
    """The results of one data set and objective.

    Attributes:
        title: The data set, with the objective if the run has several.
        curves: One per strategy, in the order of the rows.
        saved: Labels saved compared with random, by strategy; empty without random.
        against_random: Comparisons with random, by strategy, corrected over the whole run.
        between: Comparisons of the others with each other, corrected within the section.
        left_out: Phrases for the cells that ended early and are left out of all means.
        references: Models trained on all labels; drawn with the curves, but not compared.
    """

    dataset: str
    objective: str
    title: str
    curves: tuple[Curve, ...]
    saved: Mapping[str, LabelsSaved] = field(default_factory=dict)
    against_random: Mapping[str, Comparison] = field(default_factory=dict)
    between: tuple[Comparison, ...] = ()
    left_out: tuple[str, ...] = ()
    references: tuple[Curve, ...] = ()

    @property
    def slug(self) -> str:
        """Data set and objective as a part of file names and links."""
        return slug(f"{self.dataset}-{self.objective}")

    @property
    def metric(self) -> str:
        """What the accuracy measures: ``accuracy``, or ``mean IoU`` on masks."""
        return next((row.metric for curve in self.curves for row in curve.rows_sp[0]), METRIC)

    @property
    def baseline(self) -> Curve | None:
        """Random's curve, or None if it was not run."""
        return next((curve for curve in self.curves if curve.strategy == BASELINE), None)

    @property
    def others(self) -> tuple[Curve, ...]:
        """All curves except random's."""
        return tuple(curve for curve in self.curves if curve.strategy != BASELINE)


def slug(text: str) -> str:
    """Return the text as a part of file names, ids and links: small letters, digits and hyphens.

    >>> slug("least_confidence")
    'least-confidence'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def summarise(rows: Iterable[Row]) -> tuple[Section, ...]:
    """Summarise rows, one section per data set and objective, in the order of the rows.

    A seed whose last cycle has fewer labels than the section's most is left out of all means and listed in
    ``left_out``, because areas under curves of different lengths are not comparable.

    Raises:
        DataError: A measurement is not finite, a cycle is missing or repeated, or the seeds of a strategy
            have different label counts.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for column, value in row.as_dict().items():
            if isinstance(value, float) and not math.isfinite(value):
                raise DataError(f"{column} must be finite in cycle {row.cycle} of {_name(row)}, got {value}")
        groups.setdefault((row.dataset, row.objective), []).append(row)
    several = len({objective for _, objective in groups}) > 1
    sections = [_section(*key, group, several=several) for key, group in groups.items()]
    corrected = iter(_holm([found for section in sections for found in section.against_random.values()]))
    return tuple(
        replace(section, against_random={name: next(corrected) for name in section.against_random})
        for section in sections
    )


def _section(dataset: str, objective: str, rows: Sequence[Row], *, several: bool) -> Section:
    queried = [row for row in rows if row.strategy not in FULL_TRAINING.values()]
    references = [row for row in rows if row.strategy in FULL_TRAINING.values()] if queried else []
    curves, left_out = _curves(queried or rows)
    title = f"{dataset}, objective {objective}" if several else dataset
    section = Section(dataset, objective, title, curves, left_out=left_out, references=_curves(references)[0])
    saved, random, others = {}, section.baseline, section.others
    against: list[Comparison] = []
    if random is not None:
        random_means = random.n_labelled, random.accuracy_sp.mean(0)
        saved = {
            curve.strategy: labels_saved(curve.n_labelled, curve.accuracy_sp.mean(0), *random_means)
            for curve in others
        }
        against = _comparisons((curve, random) for curve in others)
    between = tuple(_holm(_comparisons(combinations(others, 2))))
    return replace(section, saved=saved, against_random={c.first: c for c in against}, between=between)


def _curves(rows: Sequence[Row]) -> tuple[tuple[Curve, ...], tuple[str, ...]]:
    """Return the curves of the complete cells, and the others as phrases."""
    cells: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        cells.setdefault((row.strategy, row.seed), []).append(row)
    most = max((row.n_labelled for row in rows), default=0)
    complete: dict[str, dict[int, tuple[Row, ...]]] = {}
    left_out = []
    for (strategy, seed), unsorted in cells.items():
        cell = tuple(sorted(unsorted, key=lambda row: row.cycle))
        cycles = [row.cycle for row in cell]
        if cycles != list(range(1, len(cell) + 1)):
            raise DataError(f"the cycles of {_name(cell[0])} must be 1, 2, 3 ..., got {cycles}")
        if cell[-1].n_labelled < most:
            left_out.append(f"{strategy}, seed {seed} ({cell[-1].n_labelled} of {most} labels)")
        else:
            complete.setdefault(strategy, {})[seed] = cell
    return tuple(_curve(strategy, seeds) for strategy, seeds in complete.items()), tuple(left_out)


def _curve(strategy: str, cells: Mapping[int, tuple[Row, ...]]) -> Curve:
    seeds = tuple(sorted(cells))
    grids = {tuple(row.n_labelled for row in cells[seed]) for seed in seeds}
    if len(grids) > 1:
        first, second, *_ = sorted(grids)
        raise DataError(
            f"the label counts must be the same in every seed of '{strategy}' on "
            f"'{cells[seeds[0]][0].dataset}', got {list(first)} and {list(second)}"
        )
    accuracy_sp = np.array([[row.accuracy for row in cells[seed]] for seed in seeds])
    n_labelled = np.array(grids.pop(), dtype=np.int64)
    return Curve(strategy, seeds, n_labelled, accuracy_sp, tuple(cells[seed] for seed in seeds))


def _comparisons(pairs: Iterable[tuple[Curve, Curve]]) -> list[Comparison]:
    """Compare pairs that have areas on their common seeds; leave out those without."""
    found = []
    for first, second in pairs:
        common = sorted(set(first.seeds) & set(second.seeds))
        if common and len(first.areas) and len(second.areas):
            a, b = ([curve.areas[curve.seeds.index(seed)] for seed in common] for curve in (first, second))
            difference = paired_difference(a, b)
            found.append(Comparison(first.strategy, second.strategy, difference, difference.p))
    return found


def _holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    adjusted = iter(holm([c.difference.p for c in comparisons if c.difference.p is not None]))
    return [c if c.difference.p is None else replace(c, p=next(adjusted)) for c in comparisons]


def _name(row: Row) -> str:
    return f"the cell {row.dataset}, {row.strategy}, {row.objective}, seed {row.seed}"
