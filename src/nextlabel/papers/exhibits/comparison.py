"""Comparison of one strategy and objective with its published counterpart, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nextlabel.papers.exhibits.exhibit import SAME_IMAGES, title_of
from nextlabel.papers.exhibits.numbers import NEAR, Measured, Pair, pair
from nextlabel.papers.published.values import Published, published
from nextlabel.report.tables import UNKNOWN, Table

__all__ = ["COUNTERPARTS", "SUPPFIG2_PANELS", "compared", "comparison_table", "published_curve"]

COUNTERPARTS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("cod", "tod"): (("fig7", "Ours-Semi"), ("fig8", "Ours-Semi")),
    ("cod", "supervised"): (("fig9", "CyclicOD"), ("fig7", "Ours-Task")),
    ("random", "supervised"): (("fig9", "Random"), ("fig7", "Random"), ("fig8", "Random")),
    ("random", "tod"): (("fig10", "Task+EMAOD"), ("suppfig2", "Random")),
    ("random", "cyclic"): (("fig10", "Task+CyclicOD"),),
    ("random", "learning_loss"): (("fig10", "Task+LL4AL"),),
    ("ema_discrepancy", "supervised"): (("fig9", "EMAOD"),),
    ("learning_loss", "supervised"): (("fig9", "LL4AL"), ("suppfig2", "LL4AL")),
    ("learning_loss", "learning_loss"): (("fig7", "LL4AL"),),
    ("learning_loss", "tod"): (("suppfig2", "LL4AL"),),
    ("core_set", "supervised"): (("fig7", "Core-set"), ("fig8", "Core-set")),
    ("core_set", "tod"): (("suppfig2", "Core-set"),),
    ("vaal", "supervised"): (("suppfig2", "VAAL"), ("fig7", "VAAL"), ("fig8", "VAAL")),
    ("vaal", "tod"): (("suppfig2", "VAAL"),),
    ("ta_vaal", "supervised"): (("fig7", "TA-VAAL"),),
    ("mc_dropout", "supervised"): (("fig7", "MC-Dropout"), ("fig8", "MC-Dropout")),
    ("qbc", "supervised"): (("fig8", "QBC"),),
    ("core_gcn", "supervised"): (("fig7", "CoreGCN"),),
    ("uncertain_gcn", "supervised"): (("fig7", "UncertainGCN"),),
    ("cod_segmentation", "tod"): (("fig8", "Ours-Semi"),),
    ("cod_segmentation", "supervised"): (("fig8", "Ours-Task"),),
}
"""Exhibits and series with a strategy and an objective. The first that has the data set is used; the authors'
ablations come before Fig. 7, most of whose lines are not their own runs."""

SUPPFIG2_PANELS = {"supervised": "without the loss", "tod": "with the loss"}
"""Panels of suppfig2 by objective; the other exhibits have a single panel."""


def published_curve(strategy: str, objective: str, dataset: str) -> tuple[Published, ...]:
    """Return the published counterpart of a learning curve, or nothing."""
    same = SAME_IMAGES.get(dataset, dataset)
    for exhibit, series in COUNTERPARTS.get((strategy, objective), ()):
        panel = SUPPFIG2_PANELS[objective] if exhibit == "suppfig2" else ""
        found = published(exhibit, same, panel=panel, series=series)
        if found:
            return found
    return ()


def compared(own: Sequence[Measured], theirs: Sequence[Published]) -> list[Pair]:
    """Pair a measured curve with a published one; measured points without a neighbour stay unpaired."""
    if not theirs:
        return [Pair(one, None) for one in own]
    first = theirs[0]
    named = [replace(one, panel=first.panel, series=first.series, control=False) for one in own]
    pairs = pair(named, theirs, counterpart=first.dataset, tolerance=NEAR)
    return [both for both in pairs if both.measured is not None]


def comparison_table(
    pairs: Sequence[Pair], theirs: Sequence[Published], *, dataset: str, metric: str, alike: bool = True
) -> Table:
    """Return a table of labels, measured mean and deviation, published value and difference.

    ``alike`` says whether all settings are those of the preset; otherwise no differences are shown.
    """
    rows = []
    for both in pairs:
        own = both.measured
        assert own is not None, "compared() drops unmeasured points"
        spread = "" if own.spread is None else f" ± {own.spread:.2f}"
        difference = UNKNOWN if both.difference is None or not alike else f"{both.difference:+.2f}"
        rows.append((f"{own.x:.1f}", f"{own.y:.2f}{spread}", _published(both), difference))
    seeds = max((both.measured.seeds for both in pairs if both.measured), default=0)
    caption = f"{metric} on {title_of(dataset)}, %, {seeds} seed{'' if seeds == 1 else 's'}"
    headers = ("Labelled, %", "Measured", "Published", "Difference")
    return Table(f"{caption}; {_source(pairs, theirs)}", headers, tuple(rows))


def _published(both: Pair) -> str:
    """Return the published number, with its percentage of labels if that differs."""
    own, theirs = both.measured, both.published
    if own is None or theirs is None or own.x is None or theirs.x is None:
        return UNKNOWN
    same = f"{own.x:.0f}" == f"{theirs.x:.0f}"
    return f"{theirs.y:.2f}" if same else f"{theirs.y:.2f} at {theirs.x:g} %"


def _source(pairs: Sequence[Pair], theirs: Sequence[Published]) -> str:
    """Return the source of the published curve, and the measured percentages without a neighbour on it."""
    if not theirs:
        return "no published counterpart"
    alone = [f"{b.measured.x:.1f}" for b in pairs if b.measured and b.measured.x and not b.published]
    curve = f"published: {theirs[0].series}, {theirs[0].source}"
    if not alone:
        return curve
    return f"{curve}, which has no point within {NEAR:g} percentage points of {', '.join(alone)} %"
