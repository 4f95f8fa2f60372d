"""Figures with panels of lines or rows of points: measured solid and filled, published dashed and hollow.

They use the light theme of the report's figures.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from nextlabel.papers.exhibits.legend import (
    add_legend,
    add_panel_legend,
    entries_of,
    looks_of,
)
from nextlabel.papers.exhibits.panels import Entry, Line, Panel, dash_of
from nextlabel.report.plot import LIGHT, Image, columns_that_fit, empty_figure, image_of, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_lines", "draw_panels", "draw_points", "paint_line"]

NEXT_TO = 1.0
"""Width of a panel's axis labels in inches."""


def draw_lines(
    name: str,
    panels: Sequence[Panel],
    *,
    title: str,
    caption: str,
    description: str,
    own_legends: bool = False,
    math: bool = False,
    width: float = 5.0,
    height: float = 3.4,
) -> Image:
    """Draw panels of lines, two per row, with one legend below; see :func:`draw_panels` for most arguments.

    With ``own_legends`` every panel has its own legend, and colours restart in each.
    """
    parts = [[panel] for panel in panels] if own_legends else [panels]
    looks = {id(panel): found for part in parts for found in (looks_of(part),) for panel in part}

    def paint(axes: Axes, panel: Panel) -> None:
        for line in panel.lines:
            paint_line(axes, panel, line, *looks[id(panel)][line.label])
        if panel.log_x:
            _log_axis(axes)
        if panel.log_y:
            axes.set_yscale("log")
            axes.minorticks_off()
        if panel.x_label in {"Cycle", "Class"}:
            whole_numbers(axes)
        if panel.ticks:
            axes.set_xticks(range(len(panel.ticks)), [f"{tick:g}" for tick in panel.ticks])
        axes.set(xlabel=panel.x_label, ylabel=panel.y_label)

    return draw_panels(
        name,
        panels,
        paint,
        title=title,
        caption=caption,
        description=description,
        legend=() if own_legends else entries_of(panels, looks_of(panels)),
        panel_legends=[entries_of(part, looks_of(part)) for part in parts] if own_legends else (),
        math=math,
        width=width,
        height=height,
    )


def draw_points(name: str, panels: Sequence[Panel], *, title: str, caption: str, description: str) -> Image:
    """Draw panels with a row per series and its value on the horizontal axis."""

    def paint(axes: Axes, panel: Panel) -> None:
        rows = list(dict.fromkeys(line.label for line in panel.lines))
        mixed = len({line.published for line in panel.lines}) > 1
        for line in panel.lines:
            aside = 0.14 if mixed else 0.0
            row = rows.index(line.label) + (aside if line.published else -aside)
            color = LIGHT["baseline"] if line.published else LIGHT["series-0"]
            face = LIGHT["paper"] if line.published else color
            rows_y = [row] * len(line.y)
            axes.plot(line.y, rows_y, color=color, marker="o", markerfacecolor=face, linestyle="none")
            known = [(y, s) for y, s in zip(line.y, line.spread, strict=True) if s is not None]
            for y, s in known:
                axes.errorbar(y, row, xerr=s, color=color, fmt="none", capsize=2)
        axes.set_yticks(range(len(rows)), rows)
        axes.invert_yaxis()
        axes.set(xlabel=panel.x_label, ylim=(len(rows) - 0.4, -0.6))
        if panel.log_x:
            _log_axis(axes)
        axes.grid(visible=False, axis="y")

    lines = [line for panel in panels for line in panel.lines]
    legend = []
    if any(not line.published for line in lines):
        legend.append(Entry("measured", LIGHT["series-0"], "o", "none"))
    if any(line.published for line in lines):
        legend.append(Entry("published", LIGHT["baseline"], "o", "none", hollow=True))
    height = 1.5 + 0.3 * max(len({line.label for line in panel.lines}) for panel in panels)
    return draw_panels(
        name,
        panels,
        paint,
        title=title,
        caption=caption,
        description=description,
        legend=legend,
        height=height,
        width=7.5 if len(panels) == 1 else 5.6,  # row names take a third of it
    )


def draw_panels(
    name: str,
    panels: Sequence[Panel],
    paint: Callable[[Axes, Panel], None],
    *,
    title: str,
    caption: str,
    description: str,
    legend: Sequence[Entry] = (),
    panel_legends: Sequence[Sequence[Entry]] = (),
    height: float = 3.4,
    width: float = 5.0,
    columns: int = 2,
    math: bool = False,
) -> Image:
    """Draw panels row by row; equal arguments give identical bytes.

    Args:
        name: Stem of the file names.
        panels: The panels.
        paint: Draws one panel on its axes.
        title: Title of the figure.
        caption: How to read it.
        description: Alternative text.
        legend: Entries of a legend below all panels.
        panel_legends: Entries of a legend below each panel, or empty.
        height: Height of a row of panels in inches.
        width: Width of a panel in inches.
        columns: Maximum number of panels per row.
        math: Whether texts have formulas between dollar signs; then no other text may have a dollar sign.
    """
    columns = min(columns, len(panels))
    rows = ceil(len(panels) / columns)
    fitting = [
        columns_that_fit([entry.label for entry in entries], width - NEXT_TO) for entries in panel_legends
    ]
    below = [ceil(len(entries) / fit) for entries, fit in zip(panel_legends, fitting, strict=True)]
    height += 0.24 * max(below, default=0)
    all_fitting = columns_that_fit([entry.label for entry in legend], width * columns)
    size = (width * columns, height * rows + 0.26 * ceil(len(legend) / all_fitting) + 0.4)
    with empty_figure(name, size, math=math) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            paint(axes, panel)
            axes.set_title(textwrap.fill(panel.title, round(9.2 * width)))
            axes.tick_params(length=0)
        for axes, entries, fit in zip(grid.flat, panel_legends, fitting, strict=False):
            add_panel_legend(axes, entries, columns=fit)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        figure.suptitle(
            textwrap.fill(title, round(11 * width * columns)), x=0.01, ha="left", fontweight="bold"
        )
        add_legend(figure, legend, columns=all_fitting)
        return image_of(figure, name, title=title, caption=caption, description=description, dpi=150)


def paint_line(axes: Axes, panel: Panel, line: Line, color: str, marker: str) -> None:
    """Draw a line with its band, or a horizontal level."""
    dash = dash_of(line)
    if line.level:
        axes.axhline(line.y[0], color=color, linestyle=dash, linewidth=1.3)
        return
    places = [float(panel.ticks.index(x)) if panel.ticks else x for x in line.x]
    face = LIGHT["paper"] if line.published else color
    width = 1.3 if line.published or line.guide else 1.9
    axes.plot(
        places, line.y, color=color, linestyle=dash, marker=marker, markerfacecolor=face, linewidth=width
    )
    known = [(x, y, s) for x, y, s in zip(places, line.y, line.spread, strict=True) if s is not None]
    if known:
        low, high = [y - s for _, y, s in known], [y + s for _, y, s in known]
        axes.fill_between([x for x, *_ in known], low, high, color=color, alpha=0.13, linewidth=0)


def _log_axis(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with plain numbers as labels."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    narrow = high < 30 * low
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
