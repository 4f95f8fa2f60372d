"""The figures of a report: what each shows, how it is read, and what there is to see in it.

Knows sections and queries; how a figure becomes a file is :mod:`nextlabel.report.plot`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nextlabel.report.counts import LEVELS, ClassCounts
from nextlabel.report.plot import HEAT, LIGHT, Image, Style, draw
from nextlabel.report.sections import BASELINE, Curve, Section, slug
from nextlabel.report.statistics import Interval, mean_interval
from nextlabel.results import FULL_TRAINING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "class_counts",
    "difference_to_random",
    "learning_curves",
    "loss_correlation",
    "times",
    "top_fraction",
]

Looks = Mapping[str, Style]

_REFERENCES: Mapping[str, tuple[tuple[int, int], str]] = {
    FULL_TRAINING["once"]: ((5, 3), "full_training is one training on all labels."),
    FULL_TRAINING["equal_updates"]: ((1, 2), "full_equal makes as many updates on them as all cycles."),
}
"""Dashes of the lines for fits on all labels, and what they are."""


def learning_curves(section: Section, looks: Looks) -> Image:
    """Draw accuracy by labels: every seed faintly, the mean with its 95 % interval."""

    def paint(axes: Axes) -> None:
        for reference in section.references:
            name, dashes = reference.strategy, _REFERENCES[reference.strategy][0]
            level = 100 * reference.final.mean
            axes.axhline(level, color=LIGHT["muted"], linewidth=1.2, linestyle=(0, dashes), label=name)
        _lines(axes, [_Line.of(curve, 100 * curve.accuracy_sp, looks) for curve in section.curves])
        axes.set(xlabel="Labels", ylabel=f"Test {section.metric}, %")

    several = any(len(curve.seeds) > 1 for curve in section.curves)
    seeds = (
        "Faint lines are seeds, strong lines their means; the bands are the means' 95 % intervals, cut off "
        "at the frame."
        if several
        else "One seed, so how far randomness moves a curve is not known."
    )
    ends = "; ".join(
        [f"{c.strategy} from {100 * c.accuracy_sp[:, 0].mean():.1f} % to {100 * c.final.mean:.1f} %"
         for c in section.curves]
        + [f"{c.strategy} at {100 * c.final.mean:.1f} %, a broken line" for c in section.references]
    )  # fmt: skip
    return draw(
        f"{section.slug}-learning-curves",
        paint,
        title=f"Learning curves on {section.title}",
        caption=" ".join([seeds, *(_REFERENCES[c.strategy][1] for c in section.references)]),
        description=f"Mean test {section.metric} from the fewest to the most labels: {ends}.",
        height=3.8,
    )


def difference_to_random(section: Section, looks: Looks) -> Image | None:
    """Draw how far each strategy is from random with the same seed and labels; None without pairs."""
    random = section.baseline
    paired: list[tuple[Curve, np.ndarray]] = []
    for curve in section.others if random is not None else ():
        assert random is not None
        seeds = [seed for seed in curve.seeds if seed in random.seeds]
        if seeds and curve.n_labelled.tolist() == random.n_labelled.tolist():
            mine, theirs = ([c.seeds.index(seed) for seed in seeds] for c in (curve, random))
            paired.append((curve, 100 * (curve.accuracy_sp[mine] - random.accuracy_sp[theirs])))
    if not paired:
        return None

    def paint(axes: Axes) -> None:
        axes.axhline(0, color=LIGHT["baseline"], linewidth=1.2, linestyle=(0, (4, 2)), label=BASELINE)
        _lines(axes, [_Line.of(curve, difference_sp, looks) for curve, difference_sp in paired])
        axes.set(xlabel="Labels", ylabel="Difference, points")

    best = "; ".join(f"{c.strategy} {d.mean(0).min():+.1f} to {d.mean(0).max():+.1f}" for c, d in paired)
    return draw(
        f"{section.slug}-difference-to-random",
        paint,
        title="Accuracy above random",
        caption="Each seed against random with the same start set and initial weights, in percentage points; "
        "where a band includes zero, that point alone shows no difference.",
        description=f"Range of the mean difference in percentage points over the label counts: {best}.",
        height=3.8,
    )


def class_counts(section: Section, counts: ClassCounts) -> Image:
    """Draw how many items of each class one strategy asked in each cycle, coloured by the pool's share."""
    n_classes, n_columns = counts.mean.shape

    def paint(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        for row in range(n_classes):
            for column in range(n_columns):
                left = column + (0.25 if column == n_columns - 1 else 0.0)  # the column of all stands apart
                color = LIGHT[HEAT[counts.level[row, column]]]
                axes.add_patch(
                    Rectangle((left, row), 1, 1, facecolor=color, edgecolor=LIGHT["paper"], linewidth=1.5)
                )
                text = f"{counts.mean[row, column]:.0f}"
                axes.text(left + 0.5, row + 0.5, text, ha="center", va="center", fontsize=9.5)
        centres = [*np.arange(n_columns - 1) + 0.5, n_columns - 0.25]
        axes.set_xticks(centres, [*(str(cycle) for cycle in counts.cycles), "all"])
        axes.set_yticks(np.arange(n_classes) + 0.5, list(counts.class_names))
        axes.set(xlim=(0, n_columns + 0.25), ylim=(n_classes, 0), xlabel="Cycle")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for level, label in LEVELS.items():
            axes.add_patch(Rectangle((0, 0), 0, 0, facecolor=LIGHT[HEAT[level]], label=label))

    seeds = "seed" if counts.n_seeds == 1 else "seeds"
    left_out = f" The {n_classes} classes furthest from the pool's share are shown." if counts.cut else ""
    return draw(
        f"{section.slug}-classes-{slug(counts.strategy)}",
        paint,
        title=f"Classes queried by {counts.strategy}",
        caption=f"Queried items by class (mean of {counts.n_seeds} {seeds}), coloured by their fraction "
        f"against the candidates' share. Single cells vary by chance; look for rows of one colour.{left_out}",
        description=counts.description,
        height=1.5 + 0.245 * n_classes,
    )


def loss_correlation(section: Section, looks: Looks) -> Image | None:
    """Draw the rank correlation of score and true loss by cycle; None where no strategy has a score."""
    scored = [(curve, curve.by_cycle("loss_correlation")) for curve in section.curves]
    scored = [(curve, means) for curve, means in scored if means]
    if not scored:
        return None

    def paint(axes: Axes) -> None:
        axes.axhline(0, color=LIGHT["baseline"], linewidth=1.2, linestyle=(0, (4, 2)), label="no relation")
        _lines(axes, [_Line(curve.strategy, looks[curve.strategy], means) for curve, means in scored])
        axes.set(xlabel="Cycle", ylabel="Spearman's correlation")
        _whole_numbers(axes)

    return draw(
        f"{section.slug}-loss-correlation",
        paint,
        title="Does the score rank the loss?",
        caption="Rank correlation of the score with the true loss over all candidates, mean of the seeds "
        "with its 95 % interval. 1 is the true order, 0 is no relation.",
        description=f"Mean rank correlation over the cycles: {_overall(scored, '.2f')}.",
    )


def top_fraction(section: Section, looks: Looks) -> Image | None:
    """Draw how much of the truly hardest was chosen; None where it was not measured."""
    fractions = [(curve, curve.by_cycle("top_fraction")) for curve in section.curves]
    fractions = [(curve, means) for curve, means in fractions if means]
    if not fractions:
        return None
    randomness = fractions[0][0].by_cycle("top_random")

    def paint(axes: Axes) -> None:
        if randomness:
            heights = [100 * interval.mean for interval in randomness.values()]
            axes.plot(
                list(randomness),
                heights,
                color=LIGHT["ink"],
                linewidth=1.2,
                linestyle=(0, (1, 1.5)),
                label="random choice",
            )
        percents = [(c, {cycle: _percent(mean) for cycle, mean in means.items()}) for c, means in fractions]
        _lines(axes, [_Line(curve.strategy, looks[curve.strategy], means) for curve, means in percents])
        axes.set(xlabel="Cycle", ylabel="Hardest items found, %")
        axes.set_ylim(bottom=0)
        _whole_numbers(axes)

    return draw(
        f"{section.slug}-top-share",
        paint,
        title="How many of the hardest are found?",
        caption="Of the k candidates with the largest true loss, the fraction that is among the k chosen; "
        "mean of the seeds with its 95 % interval. The dotted line is what chance finds.",
        description=f"Mean share found over the cycles: {_overall(fractions, '.2f')}.",
    )


def times(section: Section) -> Image:
    """Draw where a cell's time went: stacked bars of fit, scan and select."""
    parts = ("fit", "scan", "select")
    seconds = {c.strategy: [c.total(f"{part}_seconds") for part in parts] for c in section.curves}

    def paint(axes: Axes) -> None:
        rows = np.arange(len(seconds))
        left = np.zeros(len(seconds))
        for i, part in enumerate(parts):
            widths = np.array([values[i] for values in seconds.values()])
            axes.barh(rows, widths, left=left, height=0.62, color=LIGHT[part], label=part)
            left += widths
        for row, total in zip(rows, left, strict=True):
            axes.annotate(f"{total:.3g} s", (total, row), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(rows, list(seconds))
        axes.invert_yaxis()
        axes.set_xlim(0, max(1e-9, float(left.max())) * 1.18)  # room for the totals
        axes.set(xlabel="Seconds")
        axes.grid(visible=False, axis="y")

    told = "; ".join(
        f"{name} {values[0]:.3g} s fit, {values[1]:.3g} s scan, {values[2]:.3g} s select"
        for name, values in seconds.items()
    )
    return draw(
        f"{section.slug}-times",
        paint,
        title="Time of one campaign",
        caption="Seconds over all cycles of one campaign, mean of the seeds: training (fit), the model's "
        "passes over the pool (scan) and the choice (select).",
        description=f"{told}.",
        height=1.5 + 0.34 * len(seconds),
    )


@dataclass(frozen=True)
class _Line:
    """The means of one strategy by label count or cycle, with its seeds' curves where they are drawn."""

    label: str
    look: Style
    means: Mapping[int, Interval]
    seeds_sp: np.ndarray | None = None

    @staticmethod
    def of(curve: Curve, y_sp: np.ndarray, looks: Looks) -> _Line:
        """Average (S, P) values at the curve's label counts."""
        means = {int(n): mean_interval(column) for n, column in zip(curve.n_labelled, y_sp.T, strict=True)}
        return _Line(curve.strategy, looks[curve.strategy], means, y_sp)


def _lines(axes: Axes, lines: Sequence[_Line]) -> None:
    """Draw means over the seeds' curves, then the bands, which may reach beyond the frame.

    The frame is set by the lines: with two or three seeds a band can be wider than all that was measured.
    """
    for line in lines:
        color = LIGHT[line.look.color]
        for y in line.seeds_sp if line.seeds_sp is not None else ():
            axes.plot(list(line.means), y, color=color, linewidth=0.9, alpha=0.35)
    for line in lines:
        heights = [interval.mean for interval in line.means.values()]
        (drawn,) = axes.plot(list(line.means), heights, color=LIGHT[line.look.color], label=line.label)
        drawn.set(linestyle=line.look.dash, marker=line.look.marker)
    axes.margins(y=0.15)
    axes.set_ylim(axes.get_ylim())
    for line in lines:
        known = {at: interval for at, interval in line.means.items() if interval.half_width is not None}
        low, high = ([getattr(i, end) for i in known.values()] for end in ("low", "high"))
        if known:
            color = LIGHT[line.look.color]
            axes.fill_between(list(known), low, high, color=color, alpha=0.14, linewidth=0)


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _percent(fraction: Interval) -> Interval:
    half_width = None if fraction.half_width is None else 100 * fraction.half_width
    return Interval(100 * fraction.mean, half_width, fraction.n)


def _overall(found: Sequence[tuple[Curve, Mapping[int, Interval]]], spec: str) -> str:
    return "; ".join(
        f"{curve.strategy} {format(float(np.mean([i.mean for i in means.values()])), spec)}"
        for curve, means in found
    )
