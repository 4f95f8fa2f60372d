"""An experiment: its folder, its cells, its results. Running it again completes what is unfinished.

Imports no torch, only the workers do, and displays nothing: it yields events.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextlabel import __version__
from nextlabel.bench.cell import Cell
from nextlabel.bench.environment import describe_environment
from nextlabel.bench.executors.processes import CellEvent, Ended, Started, run_cells
from nextlabel.bench.grid import Grid, make_grid, with_found_data
from nextlabel.bench.outcome import begin, fail, is_finished, rows_of
from nextlabel.bench.validation import forget_read_items
from nextlabel.config.experiment import ExperimentConfig, fingerprint, load_config, read_toml, to_toml
from nextlabel.config.settings import flat_settings
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.files import exclusive_lock, write_file
from nextlabel.parts import part_labels
from nextlabel.results import Row, to_csv
from nextlabel.trees import differences

__all__ = ["Experiment", "default_folder", "default_jobs"]


def default_folder(config: ExperimentConfig) -> Path:
    """Return the run directory of a configuration; the same configuration gives the same directory."""
    names = "-".join(dict.fromkeys(part.name.replace(":", "_") for part in config.dataset))
    return Path("runs") / f"{names}-{fingerprint(config.differences())}"


def default_jobs(config: ExperimentConfig) -> int:
    """Return how many cells to run in parallel: one with a GPU, otherwise one per core."""
    if config.device.startswith("cuda") or (config.device == "auto" and shutil.which("nvidia-smi")):
        return 1
    allowed = getattr(os, "sched_getaffinity", None)  # on Linux: a scheduler or container may allow fewer
    return max(1, (len(allowed(0)) if allowed else os.cpu_count() or 1) // config.threads)


@dataclass(frozen=True)
class Experiment:
    """A configuration and the folder of its cells and results.

    Attributes:
        config: The configuration.
        grid: Its cells.
        folder: The run directory.
        notes: What the user should know, a sentence each.
        writes_results: Whether a run writes ``results.csv``; off where cells of several experiments share the
            folder, because the table could not distinguish their rows.
    """

    config: ExperimentConfig
    grid: Grid
    folder: Path
    notes: tuple[str, ...] = ()
    writes_results: bool = True

    @staticmethod
    def open(config: ExperimentConfig, folder: Path) -> Experiment:
        """Create the run directory, or open the one of the same configuration.

        Raises:
            ConfigurationError: The directory holds an experiment of another configuration, or other files.
            DataError: The directory cannot be written.
        """
        config = with_found_data(config)
        grid = make_grid(config)
        record = folder / "experiment.toml"
        try:
            if record.exists():
                return Experiment(config, grid, folder, (*grid.notes, *_compare(config, record)))
            if folder.exists() and any(path.name != "experiment.toml.new" for path in folder.iterdir()):
                raise ConfigurationError(
                    f"the run directory must be empty, got {folder} with other files; choose another --out"
                )
            folder.mkdir(parents=True, exist_ok=True)
            written = {"training": dict(grid.training), "environment": describe_environment()}
            write_file(record, to_toml({"version": __version__, **config.resolved(), **written}))
        except OSError as error:
            raise DataError(
                f"cannot write the run directory {folder} ({error.strerror}); "
                "make room there or choose another --out"
            ) from error
        return Experiment(config, grid, folder, grid.notes)

    @property
    def unfinished(self) -> list[Cell]:
        """The cells that are not finished."""
        return [cell for cell in self.grid.cells if not is_finished(self._folder(cell))]

    @property
    def rows(self) -> list[Row]:
        """The rows of all finished cells in the grid's order; ambiguous part names become full texts."""
        found = []
        kinds = ("dataset", "strategy", "objective")
        labels = {kind: part_labels(getattr(self.config, kind)) for kind in kinds}
        for cell in self.grid.cells:
            if is_finished(folder := self._folder(cell)):
                parts = {kind: getattr(cell, kind) for kind in kinds}
                names: dict[str, Any] = {  # Any: a row's other fields are no strings
                    kind: labels[kind][part] for kind, part in parts.items() if part in labels[kind]
                }
                found += [replace(row, **names) for row in rows_of(folder)]
        return found

    def run(self, *, jobs: int) -> Generator[CellEvent, None, None]:
        """Run the unfinished cells, yield what happens, and write the results at the end.

        Closing the iterator stops the workers; their finished work is kept.

        Raises:
            BusyError: Another process runs this experiment.
        """
        with exclusive_lock(self.folder / "run.lock", f"the experiment in {self.folder}"):
            forget_read_items(self.folder / "cells")
            for event in run_cells(self.unfinished, self.folder / "cells", jobs=jobs):
                folder = self._folder(event.cell)
                if isinstance(event, Started):
                    begin(folder, event.cell)
                elif isinstance(event, Ended) and event.error:
                    with suppress(DataError):  # on a full disk; the event itself reports the error
                        fail(folder, event.error, event.details)
                yield event
            if self.writes_results:
                write_file(self.folder / "results.csv", to_csv(self.rows))

    def _folder(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.name


def _compare(config: ExperimentConfig, record: Path) -> list[str]:
    """Refuse another configuration than the recorded one; return a note if the environment has changed."""
    changed = differences(
        flat_settings(load_config(record).differences()), flat_settings(config.differences())
    )
    if changed:
        raise ConfigurationError(
            f"the run directory {record.parent} was created with another configuration "
            f"({'; '.join(changed)}); choose another --out, or use the original settings"
        )
    changed = differences(read_toml(record).get("environment", {}), describe_environment())
    note = f"this run was started elsewhere ({'; '.join(changed)}): the last digits may differ"
    return [note] if changed else []
