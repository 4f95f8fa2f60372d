"""What a figure's panels and its legend hold: labels and numbers, and how lines are dashed. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["GUIDE_DASH", "PUBLISHED_DASH", "Dash", "Entry", "Line", "Panel", "dash_of"]

Dash: TypeAlias = "tuple[float, tuple[float, ...]] | Literal['-', 'none']"

PUBLISHED_DASH: Dash = (0.0, (4.0, 2.0))
GUIDE_DASH: Dash = (0.0, (1.2, 1.6))


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
        guide: Whether it is a mere guide to the eye, such as a random choice.
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
        log_y: Whether the vertical axis is.
        ticks: Values that stand on the horizontal axis at equal distances, whatever they are; empty for a
            plain axis.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One entry of a legend: its label and its looks."""

    label: str
    color: str
    marker: str
    dash: Dash
    hollow: bool = False


def dash_of(line: Line) -> Dash:
    """Return how a line is dashed: measured ones are solid."""
    if line.guide:
        return GUIDE_DASH
    return PUBLISHED_DASH if line.published else "-"
