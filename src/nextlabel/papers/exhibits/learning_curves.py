"""Exhibits of learning curves: accuracy by labels, and tables of their last points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nextlabel.papers.exhibits.arms import Arm, Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request
from nextlabel.papers.exhibits.numbers import NEAR, Measured, measured
from nextlabel.papers.exhibits.presentation import controls_last, lines_made, points_made
from nextlabel.papers.exhibits.settings import counting_note
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.results import Row

__all__ = [
    "FIG7",
    "FIG8",
    "FIG9",
    "FIG10",
    "NOISE",
    "SUPPFIG1",
    "SUPPFIG2",
    "TABLE1",
    "curves",
    "title_at_the_end",
]

FULL = "full_training"


def curves(done: Sequence[Finished]) -> list[Measured]:
    """Return the accuracy in % of each arm at each number of labels that all its seeds have reached."""
    own = []
    for arm in done:
        for rows in zip(*arm.rows_sp, strict=False):
            point = _point(arm, rows, series=arm.arm.label, x=arm.percent(rows[0].n_labelled))
            own.append(replace(point, control=arm.arm.control))
    return controls_last(own)


def _point(arm: Finished, rows: Sequence[Row], *, series: str, x: float | None) -> Measured:
    """Return the accuracy in % over the seeds, given one row per seed."""
    values = [100 * row.accuracy for row in rows]
    return measured(values, dataset=arm.dataset, panel=arm.arm.panel, series=series, x=x, unit="%")


def _curves_of(name: str, arms: Sequence[Arm], *notes: str, dataset: str = "digits", **more: Any) -> Exhibit:
    def make(done: Sequence[Finished], request: Request) -> Made:
        shown = (counting_note(request.base), *notes, *EXHIBITS[name].notes)
        return lines_made(name, curves(done), notes=tuple(filter(None, shown)), **more)

    return Exhibit(name, lambda _: arms, make, dataset)


OURS_SEMI = Arm("Ours-Semi", "cod", "tod")
OURS_TASK = Arm("Ours-Task", "cod")
RANDOM = Arm("Random", "random")

FIG7 = _curves_of(
    "fig7",
    (
        OURS_SEMI,
        OURS_TASK,
        Arm("CoreGCN", "core_gcn"),
        Arm("UncertainGCN", "uncertain_gcn"),
        Arm("TA-VAAL", "ta_vaal"),
        Arm("VAAL", "vaal"),
        Arm("LL4AL", "learning_loss", "learning_loss"),
        Arm("Core-set", "core_set"),
        Arm("MC-Dropout", "mc_dropout"),
        RANDOM,
        Arm("Full training", FULL),
    ),
    "Measured: all strategies use the settings of the random one, except LL4AL, which has its own loss, "
    "and MC-Dropout, which adds a dropout layer. SRAAL has no released code, so only its published numbers "
    "are shown. In the preset fast, the networks of VAAL and TA-VAAL train far less than in their released "
    "code.",
)

FIG9 = _curves_of(
    "fig9",
    (
        Arm("CyclicOD", "cod"),
        Arm("EMAOD", "ema_discrepancy"),
        Arm("LL4AL", "learning_loss"),
        RANDOM,
        Arm("Margin", "margin", control=True),
        Arm("Least confidence", "least_confidence", control=True),
    ),
    "Margin and least confidence are controls that the papers lack.",
)

FIG10 = _curves_of(
    "fig10",
    (
        Arm("Task+CyclicOD", "random", "cyclic"),
        Arm("Task+EMAOD", "random", "tod"),
        Arm("Task+LL4AL", "random", "learning_loss"),
        Arm("Task", "random"),
        Arm("Task+Mean Teacher", "random", "mean_teacher", control=True),
    ),
    "All with random sampling. Mean Teacher is a control that the papers lack.",
)

NOISE = _curves_of(
    "noise",
    tuple(
        Arm(label, strategy, objective, settings={"label_noise": 0.2}, control=control)
        for label, strategy, objective, control in (
            ("Ours", "cod", "tod", False),
            ("LL4AL", "learning_loss", "learning_loss", False),
            ("Random", "random", "supervised", False),
            ("Full training", FULL, "supervised", False),
            ("COD, task loss", "cod", "supervised", True),
            ("Random, TOD loss", "random", "tod", True),
            ("Margin", "margin", "supervised", True),
        )
    ),
    "Measured: each label is replaced with probability 0.2 by one of the other classes, chosen uniformly; "
    "accuracy is on true labels. Ours is assumed to be COD with the TOD loss, as the article does not say. "
    "Its lead over random combines sampler and loss; COD with the task loss, random with the TOD loss, and "
    "margin are controls that the papers lack.",
)

SUPPFIG2 = _curves_of(
    "suppfig2",
    tuple(
        Arm(label, strategy, objective, panel=panel)
        for panel, objective in (("without the loss", "supervised"), ("with the loss", "tod"))
        for label, strategy in (
            ("Ours", "cod"),
            ("VAAL", "vaal"),
            ("LL4AL", "learning_loss"),
            ("Core-set", "core_set"),
            ("Random", "random"),
        )
    ),
)

FIG8 = _curves_of(
    "fig8",
    (
        Arm("Ours-Semi", "cod_segmentation", "tod"),
        Arm("Ours-Task", "cod_segmentation"),
        Arm("Core-set", "core_set"),
        RANDOM,
        Arm("Entropy", "entropy_segmentation", control=True),
    ),
    "Entropy, averaged over pixels, is a control that the papers lack. They do not say how COD is "
    "aggregated over pixels; the mean is used. Only published numbers are shown for VAAL, QBC and "
    "MC-Dropout, which do not support masks in nextlabel, and for SRAAL, which has no released code.",
    dataset="nuclei",
    reference="cityscapes",
)


def title_at_the_end(exhibit: str, done: Sequence[Finished]) -> str:
    """Return the title of an exhibit of the last cycle, with its percentage of labels (the papers: 40 %)."""
    counts = {round(arm.percent(arm.rows_sp[0][-1].n_labelled)) for arm in done}
    percents = " or ".join(f"{count} %" for count in sorted(counts))
    title = EXHIBITS[exhibit].title
    if percents in {"", "40 %"}:
        return f"{title}, at 40 % labels"
    return f"{title}: measured at {percents} labels, published at 40 %"


def _table1(done: Sequence[Finished], request: Request) -> Made:
    ends = []
    for arm in done:
        last = [rows[-1] for rows in arm.rows_sp]
        ends.append(_point(arm, last, series=arm.arm.label, x=arm.percent(last[0].n_labelled)))
    title = title_at_the_end("table1", done)
    notes = tuple(filter(None, (counting_note(request.base), *EXHIBITS["table1"].notes)))
    return points_made("table1", ends, title=title, caption=f"{title}.", notes=notes)


TABLE1 = Exhibit(
    "table1",
    lambda _: (
        Arm("Core-set", "core_set"),
        Arm("LL4AL", "learning_loss"),  # the published values equal those of Fig. 9
        Arm("VAAL", "vaal"),
        Arm("Base", "random"),
        Arm("Base+Semi", "random", "tod"),
        Arm("Base+Active", "cod"),
        Arm("Base+Semi+Active", "cod", "tod"),
    ),
    _table1,
)

SWEEPS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "lambda": ("weight", (0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)),
    "alpha": ("decay", (0.5, 0.9, 0.99, 0.995, 0.999, 0.9995, 0.9999)),
}
"""Parameters in the supplement's Fig. 1, as options of the objective ``tod``, and their values."""


def _sweep(_: Request) -> Sequence[Arm]:
    return tuple(
        Arm(f"{name} {value:g}", "cod", "tod", panel=name, x=value, objective_changes={option: value})
        for name, (option, values) in SWEEPS.items()
        for value in values
    )


LEVELS = (10, 20, 30, 40)
"""Percentages of labels in the supplement's Fig. 1."""


def _suppfig1(done: Sequence[Finished], _: Request) -> Made:
    own = []
    for arm in done:
        by_percent = {arm.percent(rows[0].n_labelled): rows for rows in zip(*arm.rows_sp, strict=False)}
        for level in LEVELS:
            nearest = min(by_percent, key=lambda percent: abs(percent - level))
            if abs(nearest - level) <= NEAR:
                own.append(_point(arm, by_percent[nearest], series=f"{level} % labelled", x=arm.arm.x))
    own.sort(key=lambda one: (one.panel != "lambda", one.series, one.x))
    limits = f"Only cycles within {NEAR:g} percentage points of 10, 20, 30 and 40 % of the labels are shown."
    notes = (*EXHIBITS["suppfig1"].notes, limits)
    return lines_made(
        "suppfig1", own, reference="cifar100", tolerance=1e-9, equal_ticks=True, notes=notes, math=True
    )


SUPPFIG1 = Exhibit("suppfig1", _sweep, _suppfig1)
