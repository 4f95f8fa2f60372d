"""Exhibits by class: accuracy per class and cycle, and IoU per class after the last cycle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextlabel.files import read_json
from nextlabel.papers.exhibits.arms import Arm, Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request
from nextlabel.papers.exhibits.learning_curves import OURS_SEMI, title_at_the_end
from nextlabel.papers.exhibits.numbers import measured
from nextlabel.papers.exhibits.presentation import lines_made
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.results import rerun_remedy

__all__ = ["FIG11", "TABLE2"]

MOST = 10
"""Maximum number of classes shown, which is the number of colours."""


def _fig11(done: Sequence[Finished], _: Request) -> Made:
    own = []
    notes = [
        "Measured lines are named after their classes. The paper does not name its classes, so measured and "
        "published lines cannot be matched.",
        *EXHIBITS["fig11"].notes,
    ]
    for arm in done:
        cycles = [_by_class(arm, cycle) for cycle in range(1, len(arm.rows_sp[0]) + 1)]
        names = list(cycles[0])
        for name in names[:MOST]:
            for cycle, values in enumerate(cycles, 1):
                if values[name]:
                    own.append(measured(values[name], dataset=arm.dataset, series=name, x=cycle, unit="%"))
        if len(names) > MOST:
            notes.append(
                f"Only the first {MOST} of {len(names)} classes are shown, to keep the figure legible."
            )
    return lines_made("fig11", own, own_legends=True, apart=True, notes=notes)


def _table2(done: Sequence[Finished], _: Request) -> Made:
    own, notes = [], list(EXHIBITS["table2"].notes)
    for arm in done:
        of, name = arm.dataset, arm.arm.label
        found = _by_class(arm, len(arm.rows_sp[0]))
        for number, values in enumerate(found.values(), 1):
            if values:
                own.append(measured(values, dataset=of, panel="classes", series=name, x=number, unit="%"))
        ends = [100 * rows[-1].accuracy for rows in arm.rows_sp]
        own.append(measured(ends, dataset=of, panel="mean IoU", series=name, x=None, unit="%"))
        named = ", ".join(f"class {number} is '{name}'" for number, name in enumerate(found, 1))
        notes.append(f"In {of}, {named}.")
    own.sort(key=lambda one: one.panel)
    title = title_at_the_end("table2", done)
    return lines_made(
        "table2", own, reference="cityscapes", title=title, caption=f"{title}.",
        notes=list(dict.fromkeys(notes)), in_tables_only=("mean IoU", "pixel fraction"),
    )  # fmt: skip


def _by_class(arm: Finished, cycle: int) -> dict[str, list[float]]:
    """Return the values after a cycle in %, by class, of all seeds that have one."""
    values: dict[str, list[float]] = {}
    for folder in arm.folders:
        evaluation = next(one for one in _read(folder / "evaluations.json") if one["cycle"] == cycle)
        found = evaluation.get("class_iou")
        if found is None:
            names = _read(folder / "classes.json")
            found = dict(zip(names, evaluation["class_accuracy"], strict=True))
        for name, value in found.items():
            values.setdefault(name, []).extend([] if value is None else [100 * float(value)])
    return values


def _read(path: Path) -> list[Any]:  # Any: JSON
    return read_json(path, list, remedy=rerun_remedy(path.parent))


FIG11 = Exhibit("fig11", lambda _: (OURS_SEMI,), _fig11)
TABLE2 = Exhibit(
    "table2",
    lambda _: (Arm("Task", "cod_segmentation"), Arm("Task+Unsupervised", "cod_segmentation", "tod")),
    _table2,
    dataset="nuclei",
)
