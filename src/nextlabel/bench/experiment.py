"""An experiment: its folder, its cells, its results. Running it again does what is not yet done.

Imports no torch: the workers do. Draws nothing on the screen: it yields events.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextlabel import __version__
from nextlabel.bench.cell import Cell
from nextlabel.bench.environment import describe_environment
from nextlabel.bench.executors.processes import Ended, Event, Started, run_cells
from nextlabel.bench.grid import Grid, make_grid, with_found_data
from nextlabel.bench.items_read import forget_items_read
from nextlabel.bench.outcome import begin, fail, is_finished, rows_of
from nextlabel.config.experiment import ExperimentConfig, fingerprint, load_config, read_toml, to_toml
from nextlabel.config.setting import flat_settings
from nextlabel.errors import ConfigurationError, DataError, differences
from nextlabel.files import exclusive_lock, write_file
from nextlabel.parts import part_labels
from nextlabel.results import Row, to_csv

__all__ = ["Experiment", "default_folder", "default_jobs"]


def default_folder(config: ExperimentConfig) -> Path:
    """Return the run directory of a configuration; the same one gives the same directory."""
    names = "-".join(dict.fromkeys(part.name.replace(":", "_") for part in config.dataset))
    return Path("runs") / f"{names}-{fingerprint(config.differences())}"


def default_jobs(config: ExperimentConfig) -> int:
    """Return how many cells to run at once: one per core, but one in all where there is a GPU to share."""
    gpu = config.device.startswith("cuda") or (config.device == "auto" and shutil.which("nvidia-smi"))
    return 1 if gpu else max(1, _cores() // config.threads)


def _cores() -> int:
    """Return how many cores this process may use, which a scheduler or container may have made fewer."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone tells
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@dataclass(frozen=True)
class Experiment:
    """A configuration and the folder that holds, or will hold, its cells and results.

    Attributes:
        config: The configuration.
        grid: Its cells.
        folder: The run directory.
        notes: What the user should know, a sentence each.
        writes_results: Whether a run leaves ``results.csv``; not where cells of several experiments share the
            folder, whose rows a table of these columns could not tell apart.
    """

    config: ExperimentConfig
    grid: Grid
    folder: Path
    notes: tuple[str, ...] = ()
    writes_results: bool = True

    @staticmethod
    def open(config: ExperimentConfig, folder: Path) -> Experiment:
        """Make the run directory, or open the one of the same configuration.

        Raises:
            ConfigurationError: The directory holds an experiment of another configuration, or other files.
            DataError: The directory cannot be written.
        """
        config = with_found_data(config)
        grid = make_grid(config)
        experiment = Experiment(config, grid, folder, grid.notes)
        record = folder / "experiment.toml"
        try:
            if record.exists():
                experiment._compare(record)
                stored = read_toml(record).get("environment", {})
                return replace(experiment, notes=(*grid.notes, *_moved(stored)))
            if folder.exists() and any(path.name != "experiment.toml.new" for path in folder.iterdir()):
                raise ConfigurationError(
                    f"expected an empty run directory, but {folder} holds other files; choose another --out"
                )
            folder.mkdir(parents=True, exist_ok=True)
            write_file(record, to_toml(experiment._record()))
        except OSError as error:
            raise DataError(
                f"cannot write the run directory {folder} ({error.strerror}); "
                "make room there or choose another --out"
            ) from error
        return experiment

    @property
    def unfinished(self) -> list[Cell]:
        """The cells that have not run to their end."""
        return [cell for cell in self.grid.cells if not is_finished(self.folder / "cells" / cell.name)]

    @property
    def rows(self) -> list[Row]:
        """The rows of all finished cells, in the grid's order."""
        found = []
        for cell in self.grid.cells:
            folder = self.folder / "cells" / cell.name
            if is_finished(folder):
                found += [labelled(row, cell, self.config) for row in rows_of(folder)]
        return found

    def run(self, *, jobs: int) -> Generator[Event, None, None]:
        """Run the unfinished cells, yield what happens, and write the results at the end.

        Closing the iterator ends the workers; what they had done is kept.

        Raises:
            BusyError: Another process runs this experiment.
        """
        with exclusive_lock(self.folder / "run.lock", f"the experiment in {self.folder}"):
            forget_items_read(self.folder / "cells")
            for event in run_cells(self.unfinished, self.folder / "cells", jobs=jobs):
                folder = self.folder / "cells" / event.cell.name
                if isinstance(event, Started):
                    begin(folder, event.cell)
                elif isinstance(event, Ended) and event.error:
                    with suppress(DataError):  # on a full disk; the event itself says what happened
                        fail(folder, event.error, event.details)
                yield event
            if self.writes_results:
                self._write_results()

    def _write_results(self) -> None:
        write_file(self.folder / "results.csv", to_csv(self.rows))

    def _record(self) -> dict[str, Any]:  # Any: TOML
        return {
            "version": __version__,
            **self.config.resolved(),
            "recipes": dict(self.grid.recipes),
            "environment": describe_environment(),
        }

    def _compare(self, record: Path) -> None:
        changed = differences(
            flat_settings(load_config(record).differences()), flat_settings(self.config.differences())
        )
        if changed:
            raise ConfigurationError(
                f"the run directory {self.folder} was made with another configuration "
                f"({'; '.join(changed)}); "
                "choose another --out, or the settings it was made with"
            )


def labelled(row: Row, cell: Cell, config: ExperimentConfig) -> Row:
    """Return the row with its parts called as in this experiment: by text where names are ambiguous."""
    return replace(
        row,
        dataset=part_labels(config.dataset).get(cell.dataset, row.dataset),
        strategy=part_labels(config.strategy).get(cell.strategy, row.strategy),
        objective=part_labels(config.objective).get(cell.objective, row.objective),
    )


def _moved(stored: Mapping[str, Any]) -> list[str]:  # Any: TOML
    """Say so where a run was begun with other packages than those it goes on with."""
    changed = differences(stored, describe_environment())
    if not changed:
        return []
    return [f"this run was begun elsewhere ({'; '.join(changed)}): the last digits of its figures may differ"]
