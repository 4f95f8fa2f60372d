"""One strategy with one objective next to its published counterpart, labels by labels."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.papers.exhibits.exhibit import SAME_IMAGES, title_of
from nextlabel.papers.exhibits.numbers import NEAR, Measured, Pair, pair
from nextlabel.papers.published.values import Published, published
from nextlabel.report.tables import UNKNOWN, Table

__all__ = ["COUNTERPARTS", "compared", "comparison_table", "published_curve"]

COUNTERPARTS: dict[tuple[str, str], tuple[tuple[str, str, str], ...]] = {
    ("cod", "tod"): (("fig7", "", "Ours-Semi"), ("fig8", "", "Ours-Semi")),
    ("cod", "supervised"): (("fig9", "", "CyclicOD"), ("fig7", "", "Ours-Task")),
    ("random", "supervised"): (("fig9", "", "Random"), ("fig7", "", "Random"), ("fig8", "", "Random")),
    ("random", "tod"): (("fig10", "", "Task+EMAOD"), ("suppfig2", "with the loss", "Random")),
    ("random", "cyclic"): (("fig10", "", "Task+CyclicOD"),),
    ("random", "learning_loss"): (("fig10", "", "Task+LL4AL"),),
    ("ema_discrepancy", "supervised"): (("fig9", "", "EMAOD"),),
    ("learning_loss", "supervised"): (
        ("fig9", "", "LL4AL"),
        ("suppfig2", "without the loss", "LL4AL"),
    ),
    ("learning_loss", "learning_loss"): (("fig7", "", "LL4AL"),),
    ("learning_loss", "tod"): (("suppfig2", "with the loss", "LL4AL"),),
    ("core_set", "supervised"): (("fig7", "", "Core-set"), ("fig8", "", "Core-set")),
    ("core_set", "tod"): (("suppfig2", "with the loss", "Core-set"),),
    ("vaal", "supervised"): (
        ("suppfig2", "without the loss", "VAAL"),
        ("fig7", "", "VAAL"),
        ("fig8", "", "VAAL"),
    ),
    ("vaal", "tod"): (("suppfig2", "with the loss", "VAAL"),),
    ("ta_vaal", "supervised"): (("fig7", "", "TA-VAAL"),),
    ("mc_dropout", "supervised"): (("fig7", "", "MC-Dropout"), ("fig8", "", "MC-Dropout")),
    ("qbc", "supervised"): (("fig8", "", "QBC"),),
    ("core_gcn", "supervised"): (("fig7", "", "CoreGCN"),),
    ("uncertain_gcn", "supervised"): (("fig7", "", "UncertainGCN"),),
    ("cod_segmentation", "tod"): (("fig8", "", "Ours-Semi"),),
    ("cod_segmentation", "supervised"): (("fig8", "", "Ours-Task"),),
}
"""Where the papers show a strategy with an objective: exhibit, panel and series. The first that has the data
set counts; the authors' own ablations come before Fig. 7, most of whose lines are not their runs."""


def published_curve(strategy: str, objective: str, dataset: str) -> tuple[Published, ...]:
    """Return the published counterpart of a learning curve; empty where there is none."""
    same = SAME_IMAGES.get(dataset, dataset)
    for exhibit, panel, series in COUNTERPARTS.get((strategy, objective), ()):
        found = published(exhibit, same, panel=panel, series=series)
        if found:
            return found
    return ()


def compared(own: Sequence[Measured], theirs: Sequence[Published]) -> list[Pair]:
    """Pair a measured curve with a published one; measured points without a neighbour stay alone."""
    named = [
        Measured(
            one.dataset, theirs[0].panel, theirs[0].series, one.x, one.y, one.spread, one.seeds, one.unit
        )
        if theirs
        else one
        for one in own
    ]
    same = theirs[0].dataset if theirs else None
    return [
        both for both in pair(named, theirs, counterpart=same, tolerance=NEAR) if both.measured is not None
    ]


def comparison_table(
    pairs: Sequence[Pair],
    theirs: Sequence[Published],
    *,
    dataset: str,
    metric: str,
    alike: bool = True,
) -> Table:
    """Return labels, measured mean and standard deviation, the published value, and the difference.

    Args:
        pairs: What was measured, with its published neighbour where there is one.
        theirs: The published curve; empty where there is none.
        dataset: Name of the data set.
        metric: What was measured.
        alike: Whether the settings are the preset's; of others no difference is shown.
    """
    rows = []
    for both in pairs:
        own = both.measured
        assert own is not None, "compared leaves out what was not measured"
        spread = "" if own.spread is None else f" ± {own.spread:.2f}"
        difference = UNKNOWN if both.difference is None or not alike else f"{both.difference:+.2f}"
        rows.append((f"{own.x:.1f}", f"{own.y:.2f}{spread}", _published(both), difference))
    seeds = max((both.measured.seeds for both in pairs if both.measured), default=0)
    caption = f"{metric} on {title_of(dataset)}, %, {seeds} seed{'' if seeds == 1 else 's'}"
    return Table(
        f"{caption}; {_source(pairs, theirs)}",
        ("Labelled, %", "Measured", "Published", "Difference"),
        tuple(rows),
    )


def _published(both: Pair) -> str:
    """Return the published number, and of which percentage it is where that is another one."""
    own, theirs = both.measured, both.published
    if own is None or theirs is None or own.x is None or theirs.x is None:
        return UNKNOWN
    same = f"{own.x:.0f}" == f"{theirs.x:.0f}"
    return f"{theirs.y:.2f}" if same else f"{theirs.y:.2f} at {theirs.x:g} %"


def _source(pairs: Sequence[Pair], theirs: Sequence[Published]) -> str:
    """Say which curve is published, and of which measured percentages it has no point nearby."""
    if not theirs:
        return "nothing is published of it"
    alone = [f"{b.measured.x:.1f}" for b in pairs if b.measured and b.measured.x and not b.published]
    curve = f"published: {theirs[0].series}, {theirs[0].source}"
    if not alone:
        return curve
    return f"{curve}, which has no point within {NEAR:g} percentage points of {', '.join(alone)} %"
