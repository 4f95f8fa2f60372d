"""The summary of a run, for the terminal and as JSON."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

from nextlabel.report.sections import Section
from nextlabel.report.statistics import mean_interval
from nextlabel.report.tables import summary_table

__all__ = ["as_records", "as_rich"]

SHORT = {
    "final accuracy, %": "accuracy, %",
    "final mean iou, %": "mean IoU, %",
    "area under curve, %": "area, %",
    "against random, points": "against random",
    "labels saved": "saved",
}
"""Column heads that let the table fit into 80 columns."""

LEFT_OUT = ("p", "seeds")
"""Columns that only the report has room for."""


def as_rich(section: Section) -> RichTable:
    """Return the summary of a section as a table for the terminal, without the columns in ``LEFT_OUT``."""
    summary = summary_table(section)
    seeds = sorted({len(curve.seeds) for curve in section.curves})
    title = f"{summary.caption}, {' or '.join(map(str, seeds))} seed{'' if seeds == [1] else 's'}"
    table = RichTable(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.padding, table.pad_edge, table.show_edge = (0, 1, 0, 0), False, False
    kept = [place for place, header in enumerate(summary.headers) if header.lower() not in LEFT_OUT]
    for place in kept:
        header = summary.headers[place]
        short = SHORT.get(header.lower(), header)
        table.add_column(short, justify="right" if place else "left", no_wrap=True)
    for row in summary.rows:
        table.add_row(*(row[place].replace("not reached", "never") for place in kept))
    return table


def as_records(section: Section) -> list[dict[str, Any]]:  # Any: JSON
    """Return the summary of a section as one record per strategy or reference; fractions in [0, 1]."""
    records = []
    for curve in (*section.curves, *section.references):
        saved, against = section.saved.get(curve.strategy), section.against_random.get(curve.strategy)
        records.append(
            {
                "dataset": section.dataset,
                "objective": section.objective,
                "strategy": curve.strategy,
                "seeds": len(curve.seeds),
                "n_labelled": int(curve.n_labelled[-1]),
                "accuracy": curve.final.mean,
                "accuracy_half_width": curve.final.half_width,
                "area_under_curve": mean_interval(curve.areas).mean if len(curve.areas) else None,
                "area_against_random": against.difference.interval.mean if against else None,
                "p": against.p if against else None,
                "labels_saved": saved.ratio if saved and not saved.censored else None,
            }
        )
    return records
