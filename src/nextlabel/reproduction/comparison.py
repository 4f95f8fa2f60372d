"""One strategy with one objective beside its published counterpart, labels by labels."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.published.reading import Published, published
from nextlabel.report.tables import UNKNOWN, Table
from nextlabel.reproduction.exhibit import SAME_PICTURES, title_of
from nextlabel.reproduction.numbers import Measured, Pair, pair

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
    ("dense_cod", "tod"): (("fig8", "", "Ours-Semi"),),
    ("dense_cod", "supervised"): (("fig8", "", "Ours-Task"),),
}
"""Where the papers show a strategy with an objective: exhibit, panel and series. The first that has the data
set counts; the authors' own ablations come before Fig. 7, most of whose lines are not their runs."""

TOLERANCE = 0.75
"""Percentage points of labels that a measured and a published point may lie apart."""


def published_curve(strategy: str, objective: str, dataset: str) -> tuple[Published, ...]:
    """Return the published counterpart of a learning curve; empty where there is none."""
    same = SAME_PICTURES.get(dataset, dataset)
    for exhibit, panel, series in COUNTERPARTS.get((strategy, objective), ()):
        found = published(exhibit, same, panel=panel, series=series)
        if found:
            return found
    return ()


def compared(own: Sequence[Measured], theirs: Sequence[Published]) -> list[Pair]:
    """Put a measured curve beside a published one; measured points without a counterpart stay."""
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
        both
        for both in pair(named, theirs, counterpart=same, tolerance=TOLERANCE)
        if both.measured is not None
    ]


def comparison_table(pairs: Sequence[Pair], *, dataset: str, metric: str, alike: bool = True) -> Table:
    """Return labels, measured mean and standard deviation, the published value, and the difference.

    Args:
        pairs: What was measured, with its published counterpart.
        dataset: Name of the data set.
        metric: What was measured.
        alike: Whether the settings are the preset's; of others no difference is told.
    """
    rows = []
    for both in pairs:
        own = both.measured
        assert own is not None, "compared leaves out what was not measured"
        spread = "" if own.spread is None else f" ± {own.spread:.2f}"
        difference = UNKNOWN if both.difference is None or not alike else f"{both.difference:+.2f}"
        theirs = UNKNOWN if both.published is None else f"{both.published.y:.2f}"
        rows.append((f"{own.x:.1f}", f"{own.y:.2f}{spread}", theirs, difference))
    sources = list(dict.fromkeys(b.published.source for b in pairs if b.published))
    series = list(dict.fromkeys(b.published.series for b in pairs if b.published))
    seeds = max((both.measured.seeds for both in pairs if both.measured), default=0)
    source = f"; published: {series[0]}, {sources[0]}" if sources else "; nothing is published of it"
    caption = f"{metric} on {title_of(dataset)}, %, {seeds} seed{'' if seeds == 1 else 's'}{source}"
    return Table(caption, ("Labelled, %", "Measured", "Published", "Difference"), tuple(rows))
