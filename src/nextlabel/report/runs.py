"""Read a run directory into plain records.

Knows which files a run holds (``experiment.toml``, ``results.csv``, ``cells/<cell>/...``), not their meaning.
"""

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

__all__ = ["Cell", "Query", "Run", "read_run"]


@dataclass(frozen=True)
class Query:
    """What one cycle of a cell asked for.

    Attributes:
        cycle: The cycle, from 1.
        ids: The items asked, in the strategy's order.
        classes: Number of them in each class, in the data set's order.
        pool_classes: Number of candidates in each class, of which they were chosen.
    """

    cycle: int
    ids: tuple[str, ...]
    classes: tuple[int, ...]
    pool_classes: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """One campaign of the run, as its folder tells it.

    Attributes:
        name: Name of its folder.
        dataset: Name of the data set.
        strategy: Name of the strategy.
        objective: Name of the training objective.
        seed: The cell's seed.
        class_names: The data set's classes in order; empty where the cell has not written them.
        queries: One per cycle that asked, in order.
        sheets: Contact sheets (PNG) of the queried images by cycle.
        error: Why the cell failed, or None where it did not.
    """

    name: str
    dataset: str
    strategy: str
    objective: str
    seed: int
    class_names: tuple[str, ...]
    queries: tuple[Query, ...]
    sheets: Mapping[int, Path]
    error: str | None


@dataclass(frozen=True)
class Run:
    """A run directory, read.

    Attributes:
        folder: The directory.
        settings: The resolved configuration of ``experiment.toml``, without its table ``environment``.
        environment: Versions, device and the like, by dotted key.
        rows: The rows of ``results.csv``, in its order.
        cells: The cells in order of their folder names.
    """

    folder: Path
    settings: Mapping[str, Any]  # Any: what TOML may hold
    environment: Mapping[str, str]
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]


def read_run(folder: Path) -> Run:
    """Read the run directory.

    Raises:
        ConfigurationError: ``experiment.toml`` is not TOML.
        DataError: It or ``results.csv`` is missing, or a file of a cell does not hold what it should.
    """
    if not folder.is_dir():
        raise DataError(f"expected a run directory, but there is none at {folder}")
    if not (folder / "experiment.toml").exists():
        raise DataError(
            f"expected a run directory, but {folder} has no experiment.toml; name the folder that nextlabel "
            "run made"
        )
    settings = read_toml(folder / "experiment.toml")
    environment = {".".join(path): str(value) for path, value in leaves(settings.pop("environment", {}))}
    rows = tuple(read_csv(folder / "results.csv"))
    paths = sorted(folder.glob("cells/*/cell.toml"))
    cells = tuple(_readable_cell(path.parent, settings) for path in paths)
    return Run(folder, settings, environment, rows, cells)


def _readable_cell(folder: Path, settings: Mapping[str, Any]) -> Cell:  # Any: TOML
    try:
        return _cell(folder, settings)
    except NextlabelError as error:
        raise DataError(f"{error}; {rerun_remedy(folder)}") from error


def _cell(folder: Path, settings: Mapping[str, Any]) -> Cell:  # Any: TOML
    described = read_toml(folder / "cell.toml")
    missing = [key for key in ("dataset", "strategy", "objective", "seed") if key not in described]
    if missing:
        raise DataError(
            f"expected the key '{missing[0]}' in {folder / 'cell.toml'}, but it has {sorted(described)}"
        )
    class_names = tuple(str(name) for name in _json(folder / "classes.json", list, default=[]))
    queries = _json(folder / "queries.json", list, default=[])
    failure = _json(folder / "failed.json", dict, default=None)
    return Cell(
        name=folder.name,
        dataset=_label(described, settings, "dataset"),
        strategy=_label(described, settings, "strategy"),
        objective=_label(described, settings, "objective"),
        seed=int(described["seed"]),
        class_names=class_names,
        queries=tuple(_query(record, len(class_names), folder / "queries.json") for record in queries),
        sheets={int(path.parent.name): path for path in sorted(folder.glob("cycles/*/queried.png"))},
        error=None if failure is None else str(failure.get("error", "no reason was recorded")),
    )


def _label(cell: Mapping[str, Any], settings: Mapping[str, Any], kind: str) -> str:  # Any: TOML
    """Return what rows call a part of a cell: its name, or its text where the run has several of the name."""
    part = Part.parse(cell[kind])
    return part_labels(parts_of(settings.get(kind, cell[kind]))).get(part, part.name)


def _query(record: Any, n_classes: int, path: Path) -> Query:  # Any: what JSON may hold
    try:
        query = Query(
            cycle=int(record["cycle"]),
            ids=tuple(str(item) for item in record["ids"]),
            classes=tuple(int(count) for count in record["classes"]),
            pool_classes=tuple(int(count) for count in record["pool_classes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        wanted = "cycle, ids, classes and pool_classes"
        raise DataError(
            f"expected queries with {wanted} in {path}, but reading one failed: {error!r}"
        ) from error
    for name, counts in (("classes", query.classes), ("pool_classes", query.pool_classes)):
        if len(counts) != n_classes:
            raise DataError(
                f"expected one count per class in '{name}' of cycle {query.cycle} in {path}, "
                f"but got {len(counts)} counts for {n_classes} classes"
            )
        if min(counts, default=0) < 0:
            raise DataError(
                f"expected no negative count in '{name}' of cycle {query.cycle} in {path}: {counts}"
            )
    if n_classes and sum(query.classes) != len(query.ids):  # items with masks have no class
        raise DataError(
            f"expected the counts in 'classes' of cycle {query.cycle} in {path} to sum to its "
            f"{len(query.ids)} ids, but they sum to {sum(query.classes)}"
        )
    return query


def _json(path: Path, kind: type, *, default: Any) -> Any:  # Any: what JSON may hold
    """Return what the file holds, or the default where there is no file."""
    return read_json(path, kind) if path.exists() else default
