"""The figures of a report: what each shows, how to read it, and what can be seen in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nextlabel.report.counts import LEVELS, ClassCounts
from nextlabel.report.plot import HEAT, LIGHT, Image, Style, draw, whole_numbers
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
Means = Mapping[str, Mapping[int, Interval]]

_REFERENCES: Mapping[str, tuple[tuple[int, int], str]] = {
    FULL_TRAINING["once"]: ((5, 3), "full_training is trained once on all labels."),
    FULL_TRAINING["equal_updates"]: (
        (1, 2),
        "full_equal makes as many updates as all cycles together.",
    ),
}
"""Dashes of the lines for models trained on all labels, and what they are."""


def learning_curves(section: Section, looks: Looks) -> Image:
    """Draw accuracy by labels: every seed faintly, the mean with its 95 % interval."""

    def paint(axes: Axes) -> None:
        for reference in section.references:
            name, dashes = reference.strategy, _REFERENCES[reference.strategy][0]
            _level(axes, 100 * reference.final.mean, name, dashes, "muted")
        _paint_seeds(axes, [(curve, 100 * curve.accuracy_sp) for curve in section.curves], looks)
        axes.set_ylabel(f"Test {section.metric}, %")

    several = any(len(curve.seeds) > 1 for curve in section.curves)
    seeds = (
        "Faint lines are seeds, strong lines their means; the bands are the means' 95 % intervals, cut off "
        "at the frame."
        if several
        else "One seed only, so the random variation of the curves is unknown."
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
    """Draw the difference of each strategy to random at equal seeds and labels; None without pairs."""
    random = section.baseline
    if random is None:
        return None
    paired: list[tuple[Curve, np.ndarray]] = []
    for curve in section.others:
        seeds = [seed for seed in curve.seeds if seed in random.seeds]
        if seeds and curve.n_labelled.tolist() == random.n_labelled.tolist():
            own, others = (c.accuracy_sp[[c.seeds.index(seed) for seed in seeds]] for c in (curve, random))
            paired.append((curve, 100 * (own - others)))
    if not paired:
        return None

    def paint(axes: Axes) -> None:
        _level(axes, 0, BASELINE)
        _paint_seeds(axes, paired, looks)
        axes.set_ylabel("Difference, points")

    best = "; ".join(f"{c.strategy} {d.mean(0).min():+.1f} to {d.mean(0).max():+.1f}" for c, d in paired)
    return draw(
        f"{section.slug}-difference-to-random",
        paint,
        title="Accuracy above random",
        caption="Each seed compared with random from the same initial set and weights, in percentage points; "
        "where a band includes zero, that point alone shows no difference.",
        description=f"Range of the mean difference in percentage points over the label counts: {best}.",
        height=3.8,
    )


def class_counts(section: Section, counts: ClassCounts) -> Image:
    """Draw how many items of each class one strategy queried in each cycle, coloured by frequency."""
    n_classes, n_columns = counts.mean.shape

    def paint(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        for (row, column), mean in np.ndenumerate(counts.mean):
            left = column + (0.25 if column == n_columns - 1 else 0.0)  # the sum is set apart
            color = LIGHT[HEAT[counts.level[row, column]]]
            axes.add_patch(
                Rectangle((left, row), 1, 1, facecolor=color, edgecolor=LIGHT["paper"], linewidth=1.5)
            )
            axes.text(left + 0.5, row + 0.5, f"{mean:.0f}", ha="center", va="center", fontsize=9.5)
        centres = [*np.arange(n_columns - 1) + 0.5, n_columns - 0.25]
        axes.set_xticks(centres, [*(str(cycle) for cycle in counts.cycles), "all"])
        axes.set_yticks(np.arange(n_classes) + 0.5, list(counts.class_names))
        axes.set(xlim=(0, n_columns + 0.25), ylim=(n_classes, 0), xlabel="Cycle")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for level, label in LEVELS.items():
            axes.add_patch(Rectangle((0, 0), 0, 0, facecolor=LIGHT[HEAT[level]], label=label))

    seeds = "seed" if counts.n_seeds == 1 else "seeds"
    cut = f" Only the {n_classes} classes that differ most are shown." if counts.cut else ""
    return draw(
        f"{section.slug}-classes-{slug(counts.strategy)}",
        paint,
        title=f"Classes queried by {counts.strategy}",
        caption=f"Queried items by class (mean of {counts.n_seeds} {seeds}), coloured by their fraction "
        f"relative to the candidates. Single entries vary at random; look for rows of one colour.{cut}",
        description=counts.description,
        height=1.5 + 0.245 * n_classes,
    )


def loss_correlation(section: Section, looks: Looks) -> Image | None:
    """Draw the rank correlation of score and true loss by cycle; None if no strategy has a score."""
    means = _by_cycle(section, "loss_correlation")
    if not means:
        return None

    def paint(axes: Axes) -> None:
        _level(axes, 0, "no relation")
        _paint_cycles(axes, means, looks, "Spearman's correlation")

    return draw(
        f"{section.slug}-loss-correlation",
        paint,
        title="Does the score rank the loss?",
        caption="Rank correlation of the score with the true loss over all candidates, mean of the seeds "
        "with its 95 % interval. 1 is the true order, 0 is no relation.",
        description=f"Mean rank correlation over the cycles: {_overall(means)}.",
    )


def top_fraction(section: Section, looks: Looks) -> Image | None:
    """Draw which fraction of the hardest candidates was chosen; None if it was not measured."""
    means = _by_cycle(section, "top_fraction")
    if not means:
        return None
    random = _by_cycle(section, "top_random").get(next(iter(means)), {})

    def paint(axes: Axes) -> None:
        if random:
            heights = [100 * interval.mean for interval in random.values()]
            (drawn,) = axes.plot(list(random), heights, color=LIGHT["ink"], linewidth=1.2)
            drawn.set(linestyle=(0, (1, 1.5)), label="random choice")
        percent = {name: {at: one.scaled(100) for at, one in found.items()} for name, found in means.items()}
        _paint_cycles(axes, percent, looks, "Hardest items found, %")
        axes.set_ylim(bottom=0)

    return draw(
        f"{section.slug}-top-fraction",
        paint,
        title="How many of the hardest are found?",
        caption="Of the k candidates with the largest true loss, the fraction that is among the k chosen; "
        "mean of the seeds with its 95 % interval. The dotted line is what a random choice finds.",
        description=f"Mean fraction found over the cycles: {_overall(means)}.",
    )


def times(section: Section) -> Image:
    """Draw the time of a cell: stacked bars of fit, scan and select."""
    parts = ("fit", "scan", "select")
    seconds = {c.strategy: [c.total(f"{part}_seconds") for part in parts] for c in section.curves}

    def paint(axes: Axes) -> None:
        rows = np.arange(len(seconds))
        left = np.zeros(len(seconds))
        for part, column in zip(parts, zip(*seconds.values(), strict=True), strict=True):
            axes.barh(rows, column, left=left, height=0.62, color=LIGHT[part], label=part)
            left += column
        for row, total in zip(rows, left, strict=True):
            axes.annotate(f"{total:.3g} s", (total, row), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(rows, list(seconds))
        axes.invert_yaxis()
        axes.set_xlim(0, max(1e-9, float(left.max())) * 1.18)  # room for the totals
        axes.set(xlabel="Seconds")
        axes.grid(visible=False, axis="y")

    stated = "; ".join(
        f"{name} {', '.join(f'{value:.3g} s {part}' for part, value in zip(parts, values, strict=True))}"
        for name, values in seconds.items()
    )
    return draw(
        f"{section.slug}-times",
        paint,
        title="Time of one campaign",
        caption="Seconds over all cycles of one campaign, mean of the seeds: training (fit), the model's "
        "passes over the pool (scan) and the selection (select).",
        description=f"{stated}.",
        height=1.5 + 0.34 * len(seconds),
    )


def _level(
    axes: Axes, height: float, label: str, dashes: tuple[int, int] = (4, 2), color: str = "baseline"
) -> None:
    axes.axhline(height, color=LIGHT[color], linewidth=1.2, linestyle=(0, dashes), label=label)


def _paint_seeds(axes: Axes, curves: Sequence[tuple[Curve, np.ndarray]], looks: Looks) -> None:
    """Draw (S, P) values by label count: every seed faintly, then the means with their bands."""
    means = {}
    for curve, y_sp in curves:
        for y in y_sp:
            color = LIGHT[looks[curve.strategy].color]
            axes.plot(curve.n_labelled, y, color=color, linewidth=0.9, alpha=0.35)
        means[curve.strategy] = dict(zip(curve.n_labelled.tolist(), map(mean_interval, y_sp.T), strict=True))
    _paint_means(axes, means, looks)
    axes.set_xlabel("Labels")


def _paint_means(axes: Axes, means: Means, looks: Looks) -> None:
    """Draw means and their bands, which may reach beyond the frame.

    The lines set the frame: with two or three seeds a band can be wider than the range of all measurements.
    """
    for name, found in means.items():
        heights = [interval.mean for interval in found.values()]
        (drawn,) = axes.plot(list(found), heights, color=LIGHT[looks[name].color], label=name)
        drawn.set(linestyle=looks[name].dash, marker=looks[name].marker)
    axes.margins(y=0.15)
    axes.set_ylim(axes.get_ylim())
    for name, found in means.items():
        known = {at: interval for at, interval in found.items() if interval.half_width is not None}
        low, high = ([getattr(i, end) for i in known.values()] for end in ("low", "high"))
        if known:
            color = LIGHT[looks[name].color]
            axes.fill_between(list(known), low, high, color=color, alpha=0.14, linewidth=0)


def _paint_cycles(axes: Axes, means: Means, looks: Looks, y_label: str) -> None:
    _paint_means(axes, means, looks)
    axes.set(xlabel="Cycle", ylabel=y_label)
    whole_numbers(axes)


def _by_cycle(section: Section, column: str) -> dict[str, dict[int, Interval]]:
    """Return the means of a column by strategy and cycle, without strategies that have none."""
    return {curve.strategy: means for curve in section.curves if (means := curve.by_cycle(column))}


def _overall(means: Means) -> str:
    overall = {name: np.mean([one.mean for one in found.values()]) for name, found in means.items()}
    return "; ".join(f"{name} {mean:.2f}" for name, mean in overall.items())
