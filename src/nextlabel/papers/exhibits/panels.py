"""Contents of a figure's panels and legend: labels, numbers and dashes."""

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
        label: Its name; lines with the same name look the same in all panels.
        x: (P,) positions, empty in figures without them.
        y: (P,) values.
        spread: (P,) half widths of the band, or None.
        published: Whether it is published rather than measured.
        level: Whether its single value is drawn as a line across the panel.
        guide: Whether it is only a guide to the eye, such as a random choice.
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
        title: Data set, and whether numbers are measured or published.
        x_label: Label of the horizontal axis.
        y_label: Label of the vertical axis.
        lines: The series.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is logarithmic.
        ticks: Values shown at equal distances on the horizontal axis; empty for a numeric axis.
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
    """One entry of a legend."""

    label: str
    color: str
    marker: str
    dash: Dash
    hollow: bool = False


def dash_of(line: Line) -> Dash:
    """Return the dash of a line; measured ones are solid."""
    if line.guide:
        return GUIDE_DASH
    return PUBLISHED_DASH if line.published else "-"
