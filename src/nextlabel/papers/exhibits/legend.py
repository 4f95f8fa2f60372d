"""Colours and markers of series, and legends of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nextlabel.papers.exhibits.panels import PUBLISHED_DASH, Entry, Panel, dash_of
from nextlabel.report.plot import LIGHT, SERIES, by_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["MARKERS", "add_legend", "add_panel_legend", "entries_of", "looks_of"]

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p")
"""More markers than colours, so series with the same colour have different markers."""

BASELINES = ("Random", "Task", "Base", "random choice")
"""Baseline series, drawn in grey."""


def looks_of(panels: Sequence[Panel]) -> dict[str, tuple[str, str]]:
    """Return colour and marker by label, in order of first appearance."""
    labels = dict.fromkeys(line.label for panel in panels for line in panel.lines if not line.guide)
    colored = [label for label in labels if label not in BASELINES and not label.startswith("Full")]
    looks = {
        label: (LIGHT[SERIES[i % len(SERIES)]], MARKERS[i % len(MARKERS)]) for i, label in enumerate(colored)
    }
    for label in labels:
        looks.setdefault(label, (LIGHT["ink"] if label.startswith("Full") else LIGHT["baseline"], "."))
    return {
        **looks,
        **{line.label: (LIGHT["baseline"], "") for p in panels for line in p.lines if line.guide},
    }


def entries_of(panels: Sequence[Panel], looks: Mapping[str, tuple[str, str]]) -> list[Entry]:
    """Return an entry per label, and entries for solid and dashed lines if both are present."""
    lines = [line for panel in panels for line in panel.lines]
    entries = []
    for label, (color, marker) in looks.items():
        of_label = [line for line in lines if line.label == label]
        own = [line for line in of_label if not line.published]
        dash = dash_of((own or of_label)[0])
        entries.append(Entry(label, color, "" if of_label[0].level else marker, dash, hollow=not own))
    plain = [line for line in lines if not line.guide]
    if any(line.published for line in plain) and any(not line.published for line in plain):
        entries.append(Entry("solid: measured", LIGHT["muted"], "", "-"))
        entries.append(Entry("dashed: published", LIGHT["muted"], "", PUBLISHED_DASH))
    return entries


def add_legend(figure: Figure, entries: Sequence[Entry], *, columns: int) -> None:
    """Add a legend below all panels, if there are entries."""
    if entries:
        figure.legend(handles=_handles(entries, columns), loc="outside lower left", ncols=columns)


def add_panel_legend(axes: Axes, entries: Sequence[Entry], *, columns: int) -> None:
    """Add a legend below a panel and its axis label."""
    below = axes.legend(
        handles=_handles(entries, columns), loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=columns
    )
    below.set_in_layout(True)


def _handles(entries: Sequence[Entry], columns: int) -> list[Line2D]:
    """Return the handles of a legend, ordered to read row by row although columns are filled first."""
    from matplotlib.lines import Line2D

    handles = []
    for one in entries:
        handle = Line2D([], [], color=one.color, marker=one.marker, linestyle=one.dash, label=one.label)
        handle.set_markerfacecolor(LIGHT["paper"] if one.hollow else one.color)
        handles.append(handle)
    return by_rows(handles, columns)
