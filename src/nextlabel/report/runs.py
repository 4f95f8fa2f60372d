"""Read a run directory into plain records: ``experiment.toml``, ``results.csv`` and ``cells/<cell>/...``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.config.experiment import read_toml
from nextlabel.errors import DataError, NextlabelError
from nextlabel.files import read_json
from nextlabel.parts import Part, part_labels, parts_of
from nextlabel.results import Row, read_csv, rerun_remedy
from nextlabel.trees import leaves

__all__ = ["CellRecord", "QueryRecord", "Run", "read_run"]

_RUN = "give the folder that nextlabel run created"


@dataclass(frozen=True)
class QueryRecord:
    """What one cycle of a cell queried.

    Attributes:
        ids: The queried items, in the strategy's order.
        classes: Number of them in each class, in the data set's order.
        pool_classes: Number of the candidates in each class.
    """

    cycle: int
    ids: tuple[str, ...]
    classes: tuple[int, ...]
    pool_classes: tuple[int, ...]


@dataclass(frozen=True)
class CellRecord:
    """One campaign of the run, read from its folder.

    Attributes:
        name: Name of its folder.
        class_names: The data set's classes in order; empty if the cell has not written them.
        queries: One per cycle that queried, in order.
        sheets: Contact sheets (PNG) of the queried images by cycle.
        error: Why the cell failed, or None if it did not.
    """

    name: str
    dataset: str
    strategy: str
    objective: str
    seed: int
    class_names: tuple[str, ...]
    queries: tuple[QueryRecord, ...]
    sheets: Mapping[int, Path]
    error: str | None


@dataclass(frozen=True)
class Run:
    """A run directory, read.

    Attributes:
        settings: The resolved configuration of ``experiment.toml``, without its table ``environment``.
        environment: Versions, device and the like, by dotted key.
        rows: The rows of ``results.csv``, in its order.
        cells: The cells in order of their folder names.
    """

    folder: Path
    settings: Mapping[str, Any]  # Any: TOML
    environment: Mapping[str, str]
    rows: tuple[Row, ...]
    cells: tuple[CellRecord, ...]


def read_run(folder: Path) -> Run:
    """Read the run directory.

    Raises:
        ConfigurationError: ``experiment.toml`` is not TOML.
        DataError: It or ``results.csv`` is missing, or the content of a cell's file is wrong.
    """
    if not folder.is_dir():
        raise DataError(f"run directory not found: {folder}; {_RUN}")
    if not (folder / "experiment.toml").exists():
        raise DataError(f"experiment.toml not found in {folder}; {_RUN}")
    settings = read_toml(folder / "experiment.toml")
    environment = {".".join(path): str(value) for path, value in leaves(settings.pop("environment", {}))}
    rows = tuple(read_csv(folder / "results.csv"))
    cells = []
    for path in sorted(folder.glob("cells/*/cell.toml")):
        try:
            cells.append(_cell(path.parent, settings))
        except NextlabelError as error:
            raise DataError(f"{error}; {rerun_remedy(path.parent)}") from error
    return Run(folder, settings, environment, rows, tuple(cells))


def _cell(folder: Path, settings: Mapping[str, Any]) -> CellRecord:  # Any: TOML
    def content(name: str, kind: type, default: Any) -> Any:  # Any: JSON
        return read_json(folder / name, kind) if (folder / name).exists() else default

    described, kinds = read_toml(folder / "cell.toml"), ("dataset", "strategy", "objective")
    if missing := [key for key in (*kinds, "seed") if key not in described]:
        raise DataError(f"{folder / 'cell.toml'} must have the key '{missing[0]}', got {sorted(described)}")
    if not isinstance(described["seed"], int):
        raise DataError(f"'seed' in {folder / 'cell.toml'} must be an integer, got {described['seed']!r}")
    labels = {}
    for kind in kinds:  # as in the rows: the name, or the full text if the run has several of that name
        part = Part.parse(described[kind])
        labels[kind] = part_labels(parts_of(settings.get(kind, part))).get(part, part.name)
    class_names = tuple(str(name) for name in content("classes.json", list, []))
    path, failure = folder / "queries.json", content("failed.json", dict, None)
    return CellRecord(
        name=folder.name,
        **labels,
        seed=described["seed"],
        class_names=class_names,
        queries=tuple(_query(record, len(class_names), path) for record in content(path.name, list, [])),
        sheets={int(path.parent.name): path for path in sorted(folder.glob("cycles/[0-9]*/queried.png"))},
        error=None if failure is None else str(failure.get("error", "no reason was recorded")),
    )


def _query(record: Any, n_classes: int, path: Path) -> QueryRecord:  # Any: JSON
    try:
        query = QueryRecord(
            cycle=int(record["cycle"]),
            ids=tuple(str(item) for item in record["ids"]),
            classes=tuple(int(count) for count in record["classes"]),
            pool_classes=tuple(int(count) for count in record["pool_classes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        wanted = "cycle, ids, classes and pool_classes"
        raise DataError(f"each query in {path} must have {wanted}, got {error!r}") from error
    where = f"of cycle {query.cycle} in {path}"
    for name, counts in (("classes", query.classes), ("pool_classes", query.pool_classes)):
        if len(counts) != n_classes:
            raise DataError(f"'{name}' {where} must count {n_classes} classes, got {len(counts)} counts")
        if min(counts, default=0) < 0:
            raise DataError(f"'{name}' {where} must not be negative, got {counts}")
    if n_classes and sum(query.classes) != len(query.ids):  # items with masks have no class
        raise DataError(f"'classes' {where} must sum to its {len(query.ids)} ids, got {sum(query.classes)}")
    return query
