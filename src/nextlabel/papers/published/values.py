"""Published numbers from the figures and tables of Huang et al. Imports no torch.

S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with Temporal Output
Discrepancy", ICCV 2021, with its supplement; S. Huang, T. Wang, H. Xiong, B. Wen, J. Huan, D. Dou, "Temporal
Output Discrepancy for Loss Estimation-Based Active Learning", IEEE TNNLS 2022 (arXiv 2212.10613).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Literal

from nextlabel.errors import DataError, UnknownNameError

__all__ = ["TITLES", "Published", "by_series", "published"]

TITLES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhn": "SVHN",
    "caltech101": "Caltech-101",
    "fashion_mnist": "Fashion-MNIST",
    "stl10": "STL-10",
    "cityscapes": "Cityscapes",
}
"""Names of the data sets in the papers, by their names in the catalogue."""


@dataclass(frozen=True)
class Published:
    """One published number; measured ones are :class:`~nextlabel.papers.exhibits.numbers.Measured`.

    Attributes:
        exhibit: Its figure or table, a key of :data:`nextlabel.papers.published.exhibits.EXHIBITS`.
        dataset: Name of the data set in the catalogue.
        panel: Panel of the exhibit, empty if there is only one.
        series: Line, column or row, as named in the paper.
        x: Position on the horizontal axis, or None. Labelled fractions are in %.
        y: The number, in ``unit``.
        spread: Half width of the band in the figure, in ``unit``, or None.
        unit: ``%``, ``nats``, ``s``, a power of ten to multiply ``y`` by, or empty.
        how: ``vector``: recovered from the vector graphics, accurate to about 0.01 (fractions and accuracies)
            or 0.003 (losses); ``table``: printed as a number.
        source: Paper, and figure or table.
    """

    exhibit: str
    dataset: str
    panel: str
    series: str
    x: float | None
    y: float
    spread: float | None
    unit: str
    how: Literal["vector", "table"]
    source: str


def published(
    exhibit: str, dataset: str | None = None, *, panel: str | None = None, series: str | None = None
) -> tuple[Published, ...]:
    """Return the numbers of an exhibit, optionally only of one data set, panel or series.

    The result is empty if the exhibit does not show the data set.

    Raises:
        UnknownNameError: There are no numbers for such an exhibit, or it has no such panel or series.

    >>> [row.y for row in published("table1", "cifar10", series="Base+Semi+Active")]
    [94.5]
    """
    known = dict.fromkeys(row.exhibit for row in _all())
    if exhibit not in known:
        raise UnknownNameError("published exhibit", exhibit, known)
    wanted = {"dataset": dataset, "panel": panel, "series": series}
    rows = [row for row in _all() if row.exhibit == exhibit]
    for key in ("panel", "series"):
        names = dict.fromkeys(getattr(row, key) for row in rows)
        if wanted[key] is not None and wanted[key] not in names:
            raise UnknownNameError(f"published {key} of {exhibit}", str(wanted[key]), names)
    return tuple(
        row
        for row in rows
        if all(value is None or getattr(row, key) == value for key, value in wanted.items())
    )


def by_series(rows: Iterable[Published]) -> dict[tuple[str, str, str], tuple[Published, ...]]:
    """Group rows by data set, panel and series, keeping their order."""
    groups: dict[tuple[str, str, str], list[Published]] = {}
    for row in rows:
        groups.setdefault((row.dataset, row.panel, row.series), []).append(row)
    return {key: tuple(group) for key, group in groups.items()}


@cache
def _all() -> tuple[Published, ...]:
    text = resources.files("nextlabel.papers.published").joinpath("numbers.csv").read_text(encoding="utf-8")
    rows = []
    for record in csv.DictReader(text.splitlines()):
        known = set(record) == {field.name for field in fields(Published)}
        if not known or record["how"] not in {"vector", "table"}:
            raise DataError(f"the file of published numbers is damaged at {record}; reinstall nextlabel")
        numbers = {key: float(record[key]) if record[key] else None for key in ("x", "y", "spread")}
        row: dict[str, Any] = {**record, **numbers}  # Any: strings and numbers
        rows.append(Published(**row))
    return tuple(rows)
