"""What a finished cell leaves for reports: rows, queries and class names, read off its ledger. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextlabel.bench.cell import Cell
from nextlabel.bench.diagnostics_record import write_diagnostics
from nextlabel.config.experiment import to_toml
from nextlabel.errors import DataError
from nextlabel.files import read_json, write_file
from nextlabel.ledger.events import State
from nextlabel.results import METRIC, Row, rerun_remedy

if TYPE_CHECKING:
    from nextlabel.ledger.events import ItemId, Label

__all__ = ["begin", "cell_state", "fail", "finish", "is_finished", "rows_of"]


def begin(folder: Path, cell: Cell) -> None:
    """Write down what the cell in this folder is; an error of an earlier attempt is forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failed.json").unlink(missing_ok=True)
    write_file(folder / "cell.toml", to_toml(cell.resolved()))


def finish(
    folder: Path, cell: Cell, state: State, labels: Mapping[ItemId, Label], classes: Sequence[str]
) -> None:
    """Write what reports read of a cell, and last of all the marker that it is finished."""
    measured = [row.as_dict() for row in _rows(cell, state)]
    write_file(folder / "classes.json", json.dumps(list(classes)))
    write_file(folder / "queries.json", json.dumps(_queries(state, labels, len(classes))))
    write_file(folder / "evaluations.json", json.dumps(_evaluations(state)))
    write_diagnostics(folder, state)
    write_file(folder / "rows.json", json.dumps(measured))
    write_file(folder / "finished", "")


def fail(folder: Path, sentence: str, details: str) -> None:
    """Leave word that a cell failed; running again tries it again."""
    write_file(folder / "failed.json", json.dumps({"error": sentence, "details": details}))


def cell_state(folder: Path) -> str:
    """Return ``finished``, ``failed``, ``started`` or ``waiting``."""
    for marker, word in (("finished", "finished"), ("failed.json", "failed"), ("cell.toml", "started")):
        if (folder / marker).exists():
            return word
    return "waiting"


def is_finished(folder: Path) -> bool:
    """Return whether the cell in this folder ran to its end."""
    return (folder / "finished").exists()


def rows_of(folder: Path) -> list[Row]:
    """Return the rows of a finished cell.

    Raises:
        DataError: Its file of rows is missing or damaged.
    """
    path, remedy = folder / "rows.json", rerun_remedy(folder)
    try:
        rows = [Row(**values) for values in read_json(path, list, remedy=remedy)]
    except TypeError as error:
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from error
    if not rows:
        raise DataError(f"{path} must hold at least one row, got none; {remedy}")
    return rows


def _rows(cell: Cell, state: State) -> list[Row]:
    rows = []
    for (cycle, name), training in state.measurements.items():
        if not name.startswith("train-"):
            continue
        query: Mapping[str, Any] = state.scoring(cycle) or {}  # Any: JSON
        chosen = (
            len(state.asked.get(cycle, ())) if query else 0
        )  # a score after the last training run asks none
        estimate = {key: value for key, value in query.get("diagnostics", {}).items() if key != "scorers"}
        rows.append(
            Row(
                cell.dataset.name, cell.strategy.name, cell.objective.name, cell.seed, cycle,
                training["n_labelled"], training["evaluation"]["accuracy"], training["evaluation"]["loss"],
                training["seconds"], query.get("scan_seconds", 0.0), query.get("select_seconds", 0.0),
                query.get("rows_forwarded", 0), chosen, **estimate,
                device=training["evaluation"]["device"],
                metric=training["evaluation"].get("metric", METRIC),
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: row.cycle)


def _evaluations(state: State) -> list[dict[str, Any]]:  # Any: JSON
    """Return all that was measured on the test items, cycle by cycle; the accuracy of each class among it."""
    found = [
        {"cycle": cycle, "n_labelled": training["n_labelled"], **training["evaluation"]}
        for (cycle, name), training in state.measurements.items()
        if name.startswith("train-")
    ]
    return sorted(found, key=lambda one: one["cycle"])


def _queries(state: State, labels: Mapping[ItemId, Label], classes: int) -> list[dict[str, Any]]:
    """Return for every cycle with a query its ids, and the class counts of what it chose and could choose."""
    queries: list[dict[str, Any]] = []
    left = dict(labels) if classes else {}  # of masks there are no classes of items
    for cycle, ids in sorted(state.asked.items()):
        counts = _count((left[item] for item in ids), classes)
        if cycle > 0:  # the start was drawn, not chosen
            queries.append(
                {
                    "cycle": cycle,
                    "ids": list(ids),
                    "classes": counts,
                    "pool_classes": _count(left.values(), classes),
                }
            )
        for item in ids if classes else ():
            del left[item]
    return queries


def _count(labels: Any, classes: int) -> list[int]:  # Any: an iterable of class indices
    counts = [0] * classes
    for label in labels if classes else ():
        counts[int(label)] += 1
    return counts
