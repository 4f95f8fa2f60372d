"""Figures of two quantities with separate vertical axes on the left and the right.

Each axis is scaled to its own data, as in the papers. Measured and published numbers have separate panels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextlabel.papers.exhibits.exhibit import Made, counterpart
from nextlabel.papers.exhibits.figure import draw_panels, paint_line
from nextlabel.papers.exhibits.numbers import Measured, pair
from nextlabel.papers.exhibits.panels import PUBLISHED_DASH, Entry, Panel
from nextlabel.papers.exhibits.presentation import caption_of, describe, heading_of, lines_of, tables_of
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.published.values import published
from nextlabel.report.plot import LIGHT, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nextlabel.papers.published.values import Published

__all__ = ["Side", "twin_made"]


@dataclass(frozen=True)
class Side:
    """One vertical axis: its series and label, the name of its colour, and its marker."""

    series: str
    label: str
    color: str
    marker: str


def twin_made(
    exhibit: str, own: Sequence[Measured], left: Side, right: Side, *, notes: Sequence[str] = ()
) -> Made:
    """Build an exhibit of two quantities, from measurements on one data set and all published ones."""
    theirs = published(exhibit)
    same = counterpart(exhibit, own[0].dataset) if own else None
    pairs = pair(own, theirs, counterpart=same, tolerance=0)
    groups: list[list[Measured] | list[Published]] = [list(own)] if own else []
    groups += [
        [row for row in theirs if row.dataset == of] for of in dict.fromkeys(r.dataset for r in theirs)
    ]
    about = EXHIBITS[exhibit]
    panels = [Panel(heading_of(group), about.x, left.label, lines_of(group)) for group in groups]

    def paint(axes: Axes, panel: Panel) -> None:
        _paint_sides(axes, panel, left, right)

    figure = draw_panels(
        exhibit,
        panels,
        paint,
        title=about.title,
        caption=caption_of(pairs, panels, "Each vertical axis is scaled to its own line."),
        description=describe(pairs),
        legend=_entries(own, left, right),
        columns=3,
        width=4.6,
    )
    return Made((figure,), tuple(pairs), tables_of(exhibit, pairs, split=True), tuple(notes))


def _paint_sides(axes: Axes, panel: Panel, left: Side, right: Side) -> None:
    other = axes.twinx()
    for at, side in ((axes, left), (other, right)):
        for line in panel.lines:
            if line.label == side.series:
                paint_line(at, panel, line, LIGHT[side.color], side.marker)
        at.set_ylabel(side.label, color=LIGHT[side.color])
        at.tick_params(length=0)
    other.spines["right"].set_visible(True)
    other.grid(visible=False)
    axes.set_xlabel(panel.x_label)
    whole_numbers(axes)


def _entries(own: Sequence[Measured], left: Side, right: Side) -> list[Entry]:
    sides = ((left, "left axis"), (right, "right axis"))
    entries = [
        Entry(f"{side.label} ({which})", LIGHT[side.color], side.marker, "-", hollow=not own)
        for side, which in sides
    ]
    if own:
        entries.append(Entry("solid: measured", LIGHT["muted"], "", "-"))
    return [*entries, Entry("dashed: published", LIGHT["muted"], "", PUBLISHED_DASH)]
