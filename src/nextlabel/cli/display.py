"""The display of a running experiment: a bar per running cell, and one for the whole with the time left.

Without a terminal it prints a line per finished cell. Interrupts and failed cells end the command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from nextlabel.bench.executors.processes import Advanced, CellEvent, Ended, Started
from nextlabel.bench.experiment import Experiment, default_jobs
from nextlabel.cli.output import FAILED, print_error

__all__ = ["exit_if_failed", "follow", "run_and_follow"]


def run_and_follow(experiment: Experiment, jobs: int | None, *, as_json: bool) -> dict[str, str]:
    """Run the unfinished cells, show their progress, and return the errors of failed cells by name."""
    events = experiment.run(jobs=jobs or default_jobs(experiment.config))
    try:
        return follow(events, experiment, quiet=as_json)
    except KeyboardInterrupt:
        events.close()
        print_error(
            f"interrupted; nothing is lost: run the same command again to resume {experiment.folder}",
            as_json=as_json,
        )
        raise typer.Exit(FAILED) from None


def exit_if_failed(folder: Path, failures: Mapping[str, str], *, as_json: bool) -> None:
    """Print how many cells of the folder failed, with the first error, and exit; return if none failed."""
    if not failures:
        return
    name, error = next(iter(failures.items()))
    print_error(
        f"{len(failures)} cell{'s' * (len(failures) > 1)} failed, the first with: {error.rstrip('.')}. "
        "Run the same command again to retry; "
        f"the details are in {folder / 'cells' / name / 'failed.json'}",
        as_json=as_json,
    )
    raise typer.Exit(FAILED)


def follow(events: Iterator[CellEvent], experiment: Experiment, *, quiet: bool = False) -> dict[str, str]:
    """Show the events of an experiment until they end, and return the errors of failed cells by name."""
    console = Console(stderr=True, quiet=quiet)
    cycles, total = experiment.config.cycles, len(experiment.grid.cells)
    ended = total - len(experiment.unfinished)
    for note in experiment.notes:
        console.print(f"Note: {note}")
    if ended:
        console.print(f"{ended} of {total} cells were already finished")
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cycles"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal,
    )  # fmt: skip
    before = ended * cycles
    whole = bars.add_task(f"{total} cells", total=total * cycles, completed=before)
    tasks: dict[str, TaskID] = {}
    reached: dict[str, float] = {}
    failures: dict[str, str] = {}
    with bars:
        for event in events:
            cell, name = event.cell, event.cell.name
            if isinstance(event, Started):
                label = f"{cell.dataset} {cell.strategy} {cell.objective} seed {cell.seed}"
                tasks[name] = bars.add_task(label, total=cycles)
                continue
            done = _cycles_done(event) if isinstance(event, Advanced) else cycles
            reached[name] = max(done, reached.get(name, 0.0))
            bars.update(tasks[name], completed=int(reached[name]))
            bars.update(whole, completed=before + int(sum(reached.values())))
            if isinstance(event, Ended):
                bars.remove_task(tasks.pop(name))
                ended += 1
                outcome = f"failed: {event.error}" if event.error else "done"
                console.print(f"[{ended}/{total}] {name} {outcome}", markup=False, highlight=False)
                if event.error:
                    failures[name] = event.error
    return failures


def _cycles_done(event: Advanced) -> float:
    """Return the cycles that a cell has completed, assuming that training takes nine tenths of each."""
    part = event.done / max(event.total, 1)
    return event.cycle - 1 + (0.9 * part if event.phase == "fit" else 0.9 + 0.1 * part)
