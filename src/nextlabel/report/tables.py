"""The tables of a report as text, for the page, for Markdown and for the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from nextlabel.report.sections import BASELINE, Curve, Section
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
"""Stands for a missing number."""


@dataclass(frozen=True)
class Table:
    """A table of text; its first column names the rows."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary_table(section: Section) -> Table:
    """Return what each strategy reached and how it compares with random."""
    headers: tuple[str, ...] = ("Strategy", "Labels", f"Final {section.metric}, %", "Area under curve, %")
    if section.baseline is not None:
        headers += (f"Against {BASELINE}, points", "p", "Labels saved")
    rows = tuple(_summary_row(section, curve) for curve in (*section.curves, *section.references))
    return Table(f"Results on {section.title}", (*headers, "Seeds"), rows)


def time_table(section: Section) -> Table:
    """Return the seconds of each strategy's campaign, and the rows that it forwarded to choose."""
    columns = ("fit_seconds", "scan_seconds", "select_seconds")
    rows = []
    for curve in section.curves:
        seconds = [curve.total(column) for column in columns]
        forwarded = f"{curve.total('rows_forwarded'):,.0f}"
        rows.append((curve.strategy, *(f"{value:.3f}" for value in (*seconds, sum(seconds))), forwarded))
    headers = ("Strategy", "Fit, s", "Scan, s", "Select, s", "All, s", "Rows forwarded")
    return Table(f"Time of one campaign on {section.title}, mean of the seeds", headers, tuple(rows))


def interval_text(interval: Interval) -> str:
    """Return a mean with the half width of its interval: ``"96.8 ± 0.4"``; the mean alone for one value."""
    half_width = "" if interval.half_width is None else f" ± {interval.half_width:.1f}"
    return f"{interval.mean:.1f}{half_width}"


def difference_text(interval: Interval) -> str:
    """Return a difference with the ends of its interval: ``"+2.1 [+1.2, +3.0]"``."""
    ends = "" if interval.half_width is None else f" [{interval.low:+.1f}, {interval.high:+.1f}]"
    return f"{interval.mean:+.1f}{ends}"


def saved_text(saved: LabelsSaved) -> str:
    """Return labels saved as ``"1.4x"``, or that random's final accuracy was not reached."""
    return "not reached" if saved.censored else f"{saved.ratio:.1f}x"


def markdown(table: Table) -> str:
    """Return the table in Markdown, with numbers aligned to the right."""
    lines = [table.headers, (":--", *("--:" for _ in table.headers[1:])), *table.rows]
    escaped = ([" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def _summary_row(section: Section, curve: Curve) -> tuple[str, ...]:
    area = interval_text(mean_interval(curve.areas).scaled(100)) if len(curve.areas) else UNKNOWN
    cells = [curve.strategy, f"{curve.n_labelled[-1]:,}", interval_text(curve.final.scaled(100)), area]
    if section.baseline is not None:
        comparison, saved = section.against_random.get(curve.strategy), section.saved.get(curve.strategy)
        p = comparison.p if comparison else None
        cells += [
            difference_text(comparison.difference.interval.scaled(100)) if comparison else UNKNOWN,
            UNKNOWN if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
            saved_text(saved) if saved else UNKNOWN,
        ]
    return (*cells, str(len(curve.seeds)))
