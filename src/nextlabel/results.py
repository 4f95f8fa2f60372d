"""Rows of results: one per cell and cycle; what reports are made of.

A *cell* is one campaign of a benchmark: a data set, a strategy, an objective and a seed. Knows neither
torch nor how the numbers came about.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from nextlabel.errors import DataError, listed

__all__ = ["COLUMNS", "FULL_TRAINING", "METRIC", "Row", "read_csv", "rerun_remedy", "to_csv"]

METRIC = "accuracy"
"""What a row's accuracy is unless it says otherwise."""

FULL_TRAINING: Mapping[str, str] = {
    "once": "full_training",
    "equal_updates": "full_equal",
}
"""References trained on all labels, by kind: what stands in their rows in place of a strategy.

``once`` is one training as a cycle is; ``equal_updates`` makes as many updates as all cycles together.
"""


@dataclass(frozen=True)
class Row:
    """What was measured at the end of one cycle of one cell.

    Attributes:
        dataset: Name of the data set.
        strategy: Name of the strategy.
        objective: Name of the training objective.
        seed: The cell's seed.
        cycle: The cycle, from 1.
        n_labelled: Labels that the model was trained on.
        accuracy: Fraction of the test items classified rightly, or what ``metric`` says, in [0, 1].
        loss: Mean cross-entropy on the test items, in nats.
        fit_seconds: Time of training.
        scan_seconds: Time of the model's passes over the pool.
        select_seconds: Time of the choice.
        rows_forwarded: Pool rows that went through the model for the score; 0 where nothing was scored.
        n_chosen: Items queried at the end of the cycle; 0 in the last.
        loss_correlation: Spearman's rank correlation of the score with the true loss on the candidates, or
            None where the strategy has no score or nothing was scored.
        top_share: Fraction of a batch of candidates with the truly largest losses that is among the chosen;
            in the last cycle, where it was scored, among those that would be.
        top_chance: What a random choice would give: the batch divided by the candidates.
        device: What the model ran on: ``cpu``, or the name of the GPU.
        metric: What ``accuracy`` is: ``accuracy`` or ``mean IoU``.
    """

    dataset: str
    strategy: str
    objective: str
    seed: int
    cycle: int
    n_labelled: int
    accuracy: float
    loss: float
    fit_seconds: float
    scan_seconds: float
    select_seconds: float
    rows_forwarded: int
    n_chosen: int = 0
    loss_correlation: float | None = None
    top_share: float | None = None
    top_chance: float | None = None
    device: str = ""
    metric: str = METRIC

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Return the row as a mapping in column order."""
        return dataclasses.asdict(self)


COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Row))


def to_csv(rows: Iterable[Row]) -> str:
    """Return the rows as CSV text with a header line; None is an empty cell, numbers lose no digit."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.as_dict() for row in rows)
    return text.getvalue()


ANEW = "a run's nextlabel run command, given again, writes it again"


def read_csv(path: Path) -> list[Row]:
    """Read the rows that :func:`to_csv` wrote.

    Raises:
        DataError: The file is missing, or lacks a column, or holds a value of the wrong type.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            there = reader.fieldnames or ()
            if absent := [column.name for column in fields(Row) if column.name not in {*there, "metric"}]:
                has = listed(there, limit=30) or "none"
                raise DataError(f"expected the column '{absent[0]}' in {path}, but it has {has}; {ANEW}")
            return [_row(record, path) for record in reader]
    except FileNotFoundError as error:
        raise DataError(f"there are no results at {path}; run the experiment first") from error


def rerun_remedy(cell: Path) -> str:
    """Return what to do about a damaged file in the folder of a finished cell, for messages."""
    return f"delete {cell / 'finished'} and run the same command again to rewrite it"


def _row(record: Mapping[str, str], path: Path) -> Row:
    values: dict[str, object] = {}
    for column in fields(Row):
        text = record.get(column.name, METRIC if column.name == "metric" else None)  # older files have none
        if text is None:
            raise DataError(f"a row of {path} ends before its column '{column.name}'; {ANEW}")
        try:
            values[column.name] = _value(text, str(column.type))
        except ValueError as error:
            raise DataError(
                f"expected {column.type} in column '{column.name}' of {path}, but got '{text}'; {ANEW}"
            ) from error
    return Row(**values)  # type: ignore[arg-type]  # each value was converted by its column's type


def _value(text: str, kind: str) -> object:
    if not text and "None" in kind:
        return None
    return {"str": str, "int": int}.get(kind, float)(text)
