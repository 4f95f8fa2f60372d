"""Rows of results, one per run and cycle, from which reports are made.

A *cell* is one campaign of a benchmark: a data set, a strategy, an objective and a seed. No torch.
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
"""The default of :attr:`Row.metric`."""

FULL_TRAINING: Mapping[str, str] = {"once": "full_training", "equal_updates": "full_equal"}
"""References trained on all labels, by kind: the name in place of a strategy in their rows.

``once`` trains as one cycle does; ``equal_updates`` makes as many updates as all cycles together.
"""


@dataclass(frozen=True)
class Row:
    """What was measured at the end of one cycle of one cell.

    Attributes:
        dataset, strategy, objective, seed: The cell.
        cycle: The cycle, from 1.
        n_labelled: Number of labels that the model was trained on.
        accuracy: The value of ``metric`` on the test items, in [0, 1].
        loss: Mean cross-entropy on the test items, in nats.
        fit_seconds: Time of training.
        scan_seconds: Time of the model's passes over the pool.
        select_seconds: Time of the selection.
        rows_forwarded: Pool rows that went through the model for the score; 0 if nothing was scored.
        n_chosen: Items queried at the end of the cycle; 0 in the last.
        loss_correlation: Spearman's rank correlation of the score with the true loss on the candidates, or
            None if the strategy has no score or nothing was scored.
        top_fraction: Fraction of the B candidates with the largest true losses that is among the B chosen; in
            the last cycle, if it was scored, among those that would be chosen.
        top_random: The same for a random choice: B divided by the number of candidates.
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
    top_fraction: float | None = None
    top_random: float | None = None
    device: str = ""
    metric: str = METRIC

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Return the row as a mapping in column order."""
        return dataclasses.asdict(self)


COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Row))

_RERUN = "repeat the nextlabel run command to rewrite it"


def to_csv(rows: Iterable[Row]) -> str:
    """Return the rows as CSV text with a header line; None is an empty field, numbers keep all digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.as_dict() for row in rows)
    return text.getvalue()


def read_csv(path: Path) -> list[Row]:
    """Read the rows that :func:`to_csv` wrote.

    Raises:
        DataError: The file is missing, or lacks a column, or holds a value of the wrong type.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or ()
            if absent := [name for name in COLUMNS if name not in header]:
                has = listed(header, limit=30) or "none"
                raise DataError(f"{path} must have the column '{absent[0]}', got {has}; {_RERUN}")
            return [_row(record, path) for record in reader]
    except FileNotFoundError as error:
        raise DataError(f"results not found: {path}; run the experiment first") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} must be a CSV file, but {error}; {_RERUN}") from error


def rerun_remedy(cell: Path) -> str:
    """Return what to do about a damaged file in the folder of a finished cell, for messages."""
    return f"delete {cell / 'finished'} and run the same command again to rewrite it"


def _row(record: Mapping[str, str], path: Path) -> Row:
    values: dict[str, object] = {}
    for name, kind in ((column.name, str(column.type)) for column in fields(Row)):
        text = record[name]
        if text is None:
            raise DataError(f"a row of {path} ends before its column '{name}'; {_RERUN}")
        try:
            empty = not text and "None" in kind
            values[name] = None if empty else {"str": str, "int": int}.get(kind, float)(text)
        except ValueError as error:
            raise DataError(f"column '{name}' of {path} must hold {kind}, got '{text}'; {_RERUN}") from error
    return Row(**values)  # type: ignore[arg-type]  # each value was converted by its column's type
