"""Draw panels of lines or of rows of points: measured solid and filled, published dashed and hollow.

Drawn as the report's figures are, in the light theme. Knows labels and numbers, no exhibit and no run.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from nextlabel.report.drawing import LIGHT, SERIES, SETTINGS, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Entry", "Line", "Panel", "draw_lines", "draw_points", "picture"]

Dash: TypeAlias = "tuple[float, tuple[float, ...]] | Literal['-', 'none']"

PUBLISHED_DASH: Dash = (0.0, (4.0, 2.0))
GUIDE_DASH: Dash = (0.0, (1.2, 1.6))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p")
"""More than there are colours, so that series of one colour differ in their markers."""

BASELINES = ("Random", "Task", "Base", "chance")
"""Series drawn in grey: what the others are measured against."""


@dataclass(frozen=True)
class Line:
    """One series of a panel.

    Attributes:
        label: Its name; lines of one name look alike in all panels.
        x: (P,) places; empty in figures that have none.
        y: (P,) values.
        spread: (P,) half widths of the band; None where there is none.
        published: Whether a paper printed it.
        level: Whether its one value is drawn across the whole panel.
        guide: Whether it is a mere guide to the eye, such as chance.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float | None, ...]
    published: bool
    level: bool = False
    guide: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: Says the data set, and whether numbers are measured or published.
        x_label: The horizontal axis.
        y_label: The vertical axis.
        lines: The series.
        log_x: Whether the horizontal axis is logarithmic.
        ticks: Values that stand on the horizontal axis at equal distances, whatever they are; empty for a
            plain axis.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One entry of a legend: its label and its looks."""

    label: str
    color: str
    marker: str
    dash: Dash
    hollow: bool = False


def draw_lines(name: str, panels: Sequence[Panel], *, title: str, caption: str, description: str) -> Picture:
    """Draw panels of lines, two a row, with one legend below."""
    from matplotlib.ticker import MaxNLocator

    looks = _looks(panels)

    def paint(axes: Axes, panel: Panel) -> None:
        for line in panel.lines:
            _paint_line(axes, panel, line, *looks[line.label])
        if panel.log_x:
            _log_axis(axes)
        if panel.x_label in {"Cycle", "Class"}:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if panel.ticks:
            axes.set_xticks(range(len(panel.ticks)), [f"{tick:g}" for tick in panel.ticks])
        axes.set(xlabel=panel.x_label, ylabel=panel.y_label)

    return picture(
        name,
        panels,
        paint,
        title=title,
        caption=caption,
        description=description,
        legend=_legend(panels, looks),
    )


def draw_points(name: str, panels: Sequence[Panel], *, title: str, caption: str, description: str) -> Picture:
    """Draw panels of rows: one row a series, its value to the right, measured filled and published hollow."""

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
    return picture(
        name,
        panels,
        paint,
        title=title,
        caption=caption,
        description=description,
        legend=legend,
        height=height,
        width=7.5 if len(panels) == 1 else 5.6,  # names of rows take a third of it
    )


def picture(
    name: str,
    panels: Sequence[Panel],
    paint: Callable[[Axes, Panel], None],
    *,
    title: str,
    caption: str,
    description: str,
    legend: Sequence[Entry] = (),
    height: float = 3.4,
    width: float = 5.0,
    columns: int = 2,
) -> Picture:
    """Draw panels, row by row, each by ``paint``; the same arguments give the same bytes.

    Args:
        name: Stem of the file names.
        panels: The panels.
        paint: Draws one panel on its axes.
        title: What the figure shows.
        caption: How to read it.
        description: What there is to see, in words.
        legend: Its entries.
        height: Of one row of panels, in inches.
        width: Of one panel, in inches.
        columns: The most panels in a row.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    with rc_context({**SETTINGS, "svg.hashsalt": name}):
        fitting = _legend_columns(legend, width * columns)
        size = (width * columns, height * rows + 0.26 * math.ceil(len(legend) / fitting) + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            paint(axes, panel)
            axes.set_title(textwrap.fill(panel.title, round(9.2 * width)))
            axes.tick_params(length=0)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        figure.suptitle(
            textwrap.fill(title, round(11 * width * columns)), x=0.01, ha="left", fontweight="bold"
        )
        _add_legend(figure, legend, columns=fitting)
        vector, pixels = io.StringIO(), io.BytesIO()
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(pixels, format="png", dpi=150, metadata={"Software": None})
    return Picture(name, title, caption, description, vector.getvalue(), pixels.getvalue())


def _paint_line(axes: Axes, panel: Panel, line: Line, color: str, marker: str) -> None:
    dash = _dash(line)
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
    """Make the horizontal axis logarithmic, with numbers in plain text."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    narrow = high < 30 * low
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()


def _dash(line: Line) -> Dash:
    if line.guide:
        return GUIDE_DASH
    return PUBLISHED_DASH if line.published else "-"


def _looks(panels: Sequence[Panel]) -> dict[str, tuple[str, str]]:
    """Return colour and marker by label, in the order in which labels first appear."""
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


def _legend(panels: Sequence[Panel], looks: Mapping[str, tuple[str, str]]) -> list[Entry]:
    """Return an entry a label, and what solid and dashed mean where both are there."""
    lines = [line for panel in panels for line in panel.lines]
    entries = []
    for label, (color, marker) in looks.items():
        of_label = [line for line in lines if line.label == label]
        own = [line for line in of_label if not line.published]
        dash = _dash((own or of_label)[0])
        entries.append(Entry(label, color, "" if of_label[0].level else marker, dash, hollow=not own))
    plain = [line for line in lines if not line.guide]
    if any(line.published for line in plain) and any(not line.published for line in plain):
        entries.append(Entry("solid: measured", LIGHT["muted"], "", "-"))
        entries.append(Entry("dashed: published", LIGHT["muted"], "", PUBLISHED_DASH))
    return entries


def _legend_columns(entries: Sequence[Entry], inches: float) -> int:
    """Return how many columns of the longest entry fit into the width."""
    longest = max((len(entry.label) for entry in entries), default=0)
    return max(1, int(inches / (0.6 + 0.088 * longest)))


def _add_legend(figure: Figure, entries: Sequence[Entry], *, columns: int) -> None:
    from matplotlib.lines import Line2D

    if not entries:
        return
    handles = []
    for one in entries:
        handle = Line2D([], [], color=one.color, marker=one.marker, linestyle=one.dash, label=one.label)
        handle.set_markerfacecolor(LIGHT["paper"] if one.hollow else one.color)
        handles.append(handle)
    order = sorted(range(len(handles)), key=lambda i: i % columns)  # it fills columns; one reads by rows
    figure.legend(handles=[handles[i] for i in order], loc="outside lower left", ncols=columns)
