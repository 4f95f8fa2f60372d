"""The tables of a report as text, for the page, for Markdown and for the terminal.

Knows how numbers are written; what they mean is :mod:`nextlabel.report.sections`'.
"""

from __future__ import annotations

from dataclasses import dataclass

from nextlabel.report.sections import BASELINE, Comparison, Curve, Section
from nextlabel.report.statistics import Interval, LabelsSaved, mean_interval

__all__ = [
    "UNKNOWN",
    "Table",
    "difference_text",
    "interval_text",
    "markdown",
    "saved_text",
    "summary_table",
    "time_table",
]

UNKNOWN = "\N{EN DASH}"
"""Stands where there is no number to give."""


@dataclass(frozen=True)
class Table:
    """A table of text; its first column names the rows.

    Attributes:
        caption: What it shows.
        headers: The column heads.
        rows: The cells, row by row.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary_table(section: Section) -> Table:
    """Return what each strategy reached and what it was worth against random."""
    headers: tuple[str, ...] = ("Strategy", "Labels", f"Final {section.metric}, %", "Area under curve, %")
    if section.baseline is not None:
        headers += (f"Against {BASELINE}, points", "p", "Labels saved")
    rows = tuple(_summary_row(section, curve) for curve in (*section.curves, *section.references))
    return Table(f"Results on {section.title}", (*headers, "Seeds"), rows)


def time_table(section: Section) -> Table:
    """Return the seconds of each strategy's campaign and the rows it sent through the model to choose."""
    columns = ("fit_seconds", "scan_seconds", "select_seconds")
    rows = []
    for curve in section.curves:
        seconds = [curve.total(column) for column in columns]
        forwarded = f"{curve.total('rows_forwarded'):,.0f}"
        rows.append((curve.strategy, *(f"{value:.3f}" for value in (*seconds, sum(seconds))), forwarded))
    headers = ("Strategy", "Fit, s", "Scan, s", "Select, s", "All, s", "Rows forwarded")
    return Table(f"Time of one campaign on {section.title}, mean of the seeds", headers, tuple(rows))


def interval_text(interval: Interval, *, factor: float = 1.0) -> str:
    """Return a mean with the half width of its interval: ``"96.8 ± 0.4"``; the mean alone for one value."""
    mean = f"{factor * interval.mean:.1f}"
    return mean if interval.half_width is None else f"{mean} ± {factor * interval.half_width:.1f}"


def difference_text(interval: Interval, *, factor: float = 1.0) -> str:
    """Return a difference with the ends of its interval: ``"+2.1 [+1.2, +3.0]"``."""
    mean = f"{factor * interval.mean:+.1f}"
    if interval.low is None or interval.high is None:
        return mean
    return f"{mean} [{factor * interval.low:+.1f}, {factor * interval.high:+.1f}]"


def saved_text(saved: LabelsSaved) -> str:
    """Return labels saved as ``"1.4x"``, or that random's final accuracy was not reached."""
    return "not reached" if saved.censored else f"{saved.ratio:.1f}x"


def markdown(table: Table) -> str:
    """Return the table in Markdown; numbers to the right."""
    lines = [table.headers, (":--", *("--:" for _ in table.headers[1:])), *table.rows]
    return "\n".join("| " + " | ".join(_markdown_cell(cell) for cell in line) + " |" for line in lines)


def _summary_row(section: Section, curve: Curve) -> tuple[str, ...]:
    area = interval_text(mean_interval(curve.areas), factor=100) if len(curve.areas) else UNKNOWN
    cells: tuple[str, ...] = (
        curve.strategy,
        f"{curve.n_labelled[-1]:,}",
        interval_text(curve.final, factor=100),
        area,
    )
    if section.baseline is not None:
        comparison, saved = section.against_random.get(curve.strategy), section.saved.get(curve.strategy)
        cells += _against(comparison)
        cells += (UNKNOWN if saved is None else saved_text(saved),)
    return (*cells, str(len(curve.seeds)))


def _against(comparison: Comparison | None) -> tuple[str, str]:
    if comparison is None:
        return UNKNOWN, UNKNOWN
    return difference_text(comparison.difference.interval, factor=100), _p_text(comparison.p)


def _p_text(p: float | None) -> str:
    if p is None:
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _markdown_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
