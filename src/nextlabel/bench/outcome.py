"""What a finished cell leaves for reports: rows, queries and class names from its ledger. No torch."""

from __future__ import annotations

import json
from collections import Counter
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
    """Record the cell in its folder, and delete the error of an earlier attempt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failed.json").unlink(missing_ok=True)
    write_file(folder / "cell.toml", to_toml(cell.resolved()))


def finish(
    folder: Path, cell: Cell, state: State, labels: Mapping[ItemId, Label], classes: Sequence[str]
) -> None:
    """Write what reports read of a cell, and last of all the marker that it is finished."""
    fits = [(c, fit) for (c, name), fit in state.measurements.items() if name.startswith("train-")]
    fits.sort(key=lambda fit: fit[0])
    evaluations = [
        {"cycle": cycle, "n_labelled": fit["n_labelled"], **fit["evaluation"]} for cycle, fit in fits
    ]
    files = {
        "classes.json": list(classes),
        "queries.json": _queries(state, labels, len(classes)),
        "evaluations.json": evaluations,
        "rows.json": [_row(cell, state, cycle, fit).as_dict() for cycle, fit in fits],
    }
    for name, content in files.items():
        write_file(folder / name, json.dumps(content))
    write_diagnostics(folder, state)
    write_file(folder / "finished", "")


def fail(folder: Path, sentence: str, details: str) -> None:
    """Record that a cell failed; the next run tries it again."""
    write_file(folder / "failed.json", json.dumps({"error": sentence, "details": details}))


def cell_state(folder: Path) -> str:
    """Return ``finished``, ``failed``, ``started`` or ``waiting``."""
    markers = {"finished": "finished", "failed.json": "failed", "cell.toml": "started"}
    return next((state for marker, state in markers.items() if (folder / marker).exists()), "waiting")


def is_finished(folder: Path) -> bool:
    """Return whether the cell in this folder is finished."""
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


def _row(cell: Cell, state: State, cycle: int, fit: Mapping[str, Any]) -> Row:  # Any: JSON
    query: Mapping[str, Any] = state.scoring(cycle) or {}  # Any: JSON
    found, evaluation = query.get("diagnostics", {}), fit["evaluation"]
    return Row(
        cell.dataset.name, cell.strategy.name, cell.objective.name, cell.seed, cycle, fit["n_labelled"],
        evaluation["accuracy"], evaluation["loss"], fit["seconds"], query.get("scan_seconds", 0.0),
        query.get("select_seconds", 0.0), query.get("rows_forwarded", 0),
        len(state.asked.get(cycle, ())) if query else 0,  # none where only the score was recorded
        device=evaluation["device"], metric=evaluation.get("metric", METRIC),
        **{key: value for key, value in found.items() if key != "scorers"},
    )  # fmt: skip


def _queries(state: State, labels: Mapping[ItemId, Label], classes: int) -> list[dict[str, Any]]:  # Any: JSON
    """Return the ids that each cycle queried, and the class counts of these and of the candidates."""
    queries = []
    left = {item: int(label) for item, label in labels.items()} if classes else {}  # masks have no class
    for cycle, ids in sorted(state.asked.items()):
        pool, queried = Counter(left.values()), Counter(left.pop(item) for item in ids if classes)
        if cycle > 0:  # the initial set is random
            counts = [[found[label] for label in range(classes)] for found in (queried, pool)]
            queries.append(
                {"cycle": cycle, "ids": list(ids), "classes": counts[0], "pool_classes": counts[1]}
            )
    return queries
