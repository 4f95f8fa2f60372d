"""Sum up the rows of a run: one section per data set and objective, one learning curve a strategy.

Knows the statistics to apply and which seeds are complete enough for them; knows no file and draws nothing.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
"""The strategy that every other is measured against."""


@dataclass(frozen=True)
class Curve:
    """The complete seeds of one strategy.

    Attributes:
        strategy: Name of the strategy.
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
        """(S,) area under each seed's curve; empty where one cycle makes no curve."""
        if len(self.n_labelled) < 2:
            return np.empty(0)
        return np.array([area_under_curve(self.n_labelled, accuracy) for accuracy in self.accuracy_sp])

    def by_cycle(self, column: str) -> dict[int, Interval]:
        """Return the column's mean over the seeds in each cycle that has it."""
        found: dict[int, list[float]] = {}
        for rows in self.rows_sp:
            for row in rows:
                value = getattr(row, column)
                if value is not None:
                    found.setdefault(row.cycle, []).append(float(value))
        return {cycle: mean_interval(values) for cycle, values in sorted(found.items())}

    def total(self, column: str) -> float:
        """Return the column's sum over the cycles, mean over the seeds."""
        return float(np.mean([sum(getattr(row, column) for row in rows) for rows in self.rows_sp]))


@dataclass(frozen=True)
class Comparison:
    """Two strategies compared by the area under the curve on the seeds that both have.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        difference: Area of ``first`` minus area of ``second``.
        p: The p-value after Holm's correction, or None where one seed gives none.
    """

    first: str
    second: str
    difference: PairedDifference
    p: float | None

    @property
    def sign(self) -> int:
        """1 where ``first`` is significantly ahead, -1 where behind, 0 where they cannot be told apart."""
        if self.p is None or self.p >= 0.05:
            return 0
        return 1 if self.difference.interval.mean > 0 else -1


@dataclass(frozen=True)
class Section:
    """What one data set and objective showed.

    Attributes:
        dataset: Name of the data set.
        objective: Name of the training objective.
        title: The heading: the data set, with the objective where the run has several.
        curves: One per strategy, in the order of the rows.
        saved: Labels saved against random, by strategy; empty without random.
        against_random: Comparisons with random, by strategy; corrected over all those of the run.
        between: Comparisons of the others with each other; corrected within the section.
        left_out: The cells that ended early and are in no mean, each as a phrase.
        references: Fits on all labels at once, to set the curves against; in no comparison.
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
        """The title as a part of file names and links."""
        return slug(f"{self.dataset}-{self.objective}")

    @property
    def metric(self) -> str:
        """What the accuracy is: ``accuracy``, or ``mean IoU`` on masks."""
        return next((row.metric for curve in self.curves for row in curve.rows_sp[0]), METRIC)

    @property
    def baseline(self) -> Curve | None:
        """Random's curve, or None where it was not run."""
        return next((curve for curve in self.curves if curve.strategy == BASELINE), None)

    @property
    def others(self) -> tuple[Curve, ...]:
        """All curves but random's."""
        return tuple(curve for curve in self.curves if curve.strategy != BASELINE)


def slug(text: str) -> str:
    """Return the text as a part of file names, ids and links: small letters, digits and hyphens.

    >>> slug("least_confidence")
    'least-confidence'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def summarise(rows: Iterable[Row]) -> tuple[Section, ...]:
    """Sum up rows, one section per data set and objective, in the order of the rows.

    A seed whose last cycle has fewer labels than the section's most is left out of every mean and named in
    ``left_out``: curves of unlike length have no comparable area.

    Raises:
        DataError: A measurement is not finite, a cycle is missing or double, or the seeds of a strategy have
            unlike label counts.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        _check_finite(row)
        groups.setdefault((row.dataset, row.objective), []).append(row)
    several = len({objective for _, objective in groups}) > 1
    sections = [_section(*key, group, several=several) for key, group in groups.items()]
    return _corrected(sections)


def _section(dataset: str, objective: str, rows: Sequence[Row], *, several: bool) -> Section:
    queried = [row for row in rows if row.strategy not in FULL_TRAINING.values()]
    references = [row for row in rows if row.strategy in FULL_TRAINING.values()] if queried else []
    curves, left_out = _curves(queried or rows)
    title = f"{dataset}, objective {objective}" if several else dataset
    section = Section(dataset, objective, title, curves, left_out=left_out, references=_curves(references)[0])
    return _compared(section)


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
        if [row.cycle for row in cell] != list(range(1, len(cell) + 1)):
            cycles = [row.cycle for row in cell]
            raise DataError(
                f"expected the cycles 1, 2, 3 ... of {_name(cell[0])}, but its rows have {cycles}"
            )
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
            f"expected the same label counts in every seed of '{strategy}', but on "
            f"'{cells[seeds[0]][0].dataset}' there are {list(first)} and {list(second)}"
        )
    accuracy_sp = np.array([[row.accuracy for row in cells[seed]] for seed in seeds])
    n_labelled = np.array(grids.pop(), dtype=np.int64)
    return Curve(strategy, seeds, n_labelled, accuracy_sp, tuple(cells[seed] for seed in seeds))


def _compared(section: Section) -> Section:
    random = section.baseline
    saved = {}
    against = {}
    if random is not None:
        for curve in section.others:
            means = (
                curve.n_labelled,
                curve.accuracy_sp.mean(0),
                random.n_labelled,
                random.accuracy_sp.mean(0),
            )
            saved[curve.strategy] = labels_saved(*means)
            comparison = _comparison(curve, random)
            if comparison is not None:
                against[curve.strategy] = comparison
    pairs = [_comparison(first, second) for first, second in combinations(section.others, 2)]
    between = _holm([pair for pair in pairs if pair is not None])
    return dataclasses.replace(section, saved=saved, against_random=against, between=tuple(between))


def _comparison(first: Curve, second: Curve) -> Comparison | None:
    """Compare on the seeds that both have; None where there is none, or no area."""
    common = sorted(set(first.seeds) & set(second.seeds))
    if not common or not len(first.areas) or not len(second.areas):
        return None
    a, b = ([curve.areas[curve.seeds.index(seed)] for seed in common] for curve in (first, second))
    difference = paired_difference(a, b)
    return Comparison(first.strategy, second.strategy, difference, difference.p)


def _corrected(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Correct the comparisons with random for their number in the whole run."""
    family = _holm([comparison for section in sections for comparison in section.against_random.values()])
    corrected = iter(family)
    return tuple(
        dataclasses.replace(
            section, against_random={name: next(corrected) for name in section.against_random}
        )
        for section in sections
    )


def _holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    raw = [comparison.difference.p for comparison in comparisons]
    adjusted = iter(holm([p for p in raw if p is not None]))
    return [
        dataclasses.replace(c, p=None if p is None else next(adjusted))
        for c, p in zip(comparisons, raw, strict=True)
    ]


def _check_finite(row: Row) -> None:
    for column, value in row.as_dict().items():
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(
                f"expected a finite {column} in cycle {row.cycle} of {_name(row)}, but got {value}"
            )


def _name(row: Row) -> str:
    return f"the cell {row.dataset}, {row.strategy}, {row.objective}, seed {row.seed}"
