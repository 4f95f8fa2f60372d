"""Exhibits by class: accuracy of every class by cycle, and IoU of every class at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextlabel.errors import DataError
from nextlabel.published.exhibits import EXHIBITS
from nextlabel.reproduction.arms import Arm, Finished
from nextlabel.reproduction.exhibit import Exhibit, Made, Request
from nextlabel.reproduction.learning_curves import OURS_SEMI
from nextlabel.reproduction.numbers import measured
from nextlabel.reproduction.presenting import lines_made

__all__ = ["FIG11", "TABLE2"]

MOST = 10
"""Classes that are shown: more lines cannot be told apart."""


def _fig11(done: Sequence[Finished], _: Request) -> Made:
    own, notes = [], list(EXHIBITS["fig11"].notes)
    for arm in done:
        names = _read(arm.folders[0] / "classes.json")
        for number in range(1, min(len(names), MOST) + 1):
            for cycle in range(1, len(arm.rows_sp[0]) + 1):
                values = _values(arm, cycle, number - 1)
                if values:
                    own.append(
                        measured(
                            values, dataset=arm.dataset, series=f"class {number}", x=float(cycle), unit="%"
                        )
                    )
        told = ", ".join(f"{number} {name}" for number, name in list(enumerate(names, 1))[:MOST])
        notes.append(f"The classes of {arm.dataset}: {told}. The paper does not name those of its figure.")
        if len(names) > MOST:
            notes.append(f"Of {len(names)} classes the first {MOST} are shown.")
    return lines_made("fig11", own, notes=notes)


def _table2(done: Sequence[Finished], _: Request) -> Made:
    own = []
    for arm in done:
        names = _read(arm.folders[0] / "classes.json")
        cycle = len(arm.rows_sp[0])
        for number in range(1, len(names) + 1):
            values = _values(arm, cycle, number - 1)
            if values:
                own.append(
                    measured(
                        values, dataset=arm.dataset, panel="classes", series=arm.arm.label, x=float(number),
                        unit="%",
                    )
                )  # fmt: skip
        ends = [100 * rows[-1].accuracy for rows in arm.rows_sp]
        own.append(
            measured(ends, dataset=arm.dataset, panel="mean IoU", series=arm.arm.label, x=None, unit="%")
        )
    own.sort(key=lambda one: one.panel)
    caption = "Measured after the last cycle."
    return lines_made(
        "table2", own, reference="cityscapes", caption=caption, notes=EXHIBITS["table2"].notes,
        told_only=("mean IoU", "pixel share"),
    )  # fmt: skip


def _values(arm: Finished, cycle: int, place: int) -> list[float]:
    """Return the value of one class after one cycle in %, of the seeds that have it."""
    values = []
    for folder in arm.folders:
        found = [one for one in _read(folder / "evaluations.json") if one["cycle"] == cycle]
        by_class = found[0].get("class_accuracy") or found[0].get("class_iou") or [] if found else []
        by_class = list(by_class.values()) if isinstance(by_class, dict) else by_class
        if place < len(by_class) and by_class[place] is not None:
            values.append(100 * float(by_class[place]))
    return values


def _read(path: Path) -> list[Any]:  # Any: JSON
    try:
        content: list[Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"expected what a finished cell leaves at {path}, but {error}; delete {path.parent / 'finished'} "
            "and run the same command again"
        ) from error
    return content


FIG11 = Exhibit("fig11", lambda _: (OURS_SEMI,), _fig11)
TABLE2 = Exhibit(
    "table2",
    lambda _: (Arm("Task", "dense_cod"), Arm("Task+Unsupervised", "dense_cod", "tod")),
    _table2,
    dataset="nuclei",
)
