"""How a running experiment looks: a line per cell at work, and one bar for the whole with the time left.

Without a terminal it prints a line a finished cell. Knows nothing of what the cells do.
"""

from __future__ import annotations

from collections.abc import Iterator

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

from nextlabel.bench.executors.processes import Advanced, Ended, Event, Started
from nextlabel.bench.experiment import Experiment

__all__ = ["follow"]


def follow(events: Iterator[Event], experiment: Experiment, *, quiet: bool = False) -> dict[str, str]:
    """Show the events until they end.

    Args:
        events: What happens in the experiment.
        experiment: The experiment; its grid says how much there is to do.
        quiet: Whether to show nothing at all.

    Returns:
        The errors of failed cells, by the cell's name.
    """
    console = Console(stderr=True, quiet=quiet)
    total = len(experiment.grid.cells)
    finished = total - len(experiment.unfinished)
    for note in experiment.notes:
        console.print(f"Note: {note}")
    if finished:
        console.print(f"{finished} of {total} cells were finished before")
    board = _Board(console, experiment, finished)
    failures: dict[str, str] = {}
    with board.progress:
        for event in events:
            board.show(event)
            if isinstance(event, Ended) and event.error:
                failures[event.cell.name] = event.error
    return failures


class _Board:
    """The bars: one for every cell at work, and one for all cycles of all cells."""

    def __init__(self, console: Console, experiment: Experiment, finished: int) -> None:
        self._cycles, self._cells = experiment.config.cycles, len(experiment.grid.cells)
        self._before, self._ended = finished * self._cycles, finished
        self._tasks: dict[str, TaskID] = {}
        self._reached: dict[str, float] = {}
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cycles"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._whole = self.progress.add_task(
            f"{self._cells} cells", total=self._cells * self._cycles, completed=self._before
        )

    def show(self, event: Event) -> None:
        """Show one event."""
        cell = event.cell
        if isinstance(event, Started):
            label = f"{cell.dataset} {cell.strategy} {cell.objective} seed {cell.seed}"
            self._tasks[cell.name] = self.progress.add_task(label, total=self._cycles)
        elif isinstance(event, Advanced):
            self._reach(cell.name, event.cycle - 1 + _share(event))
        else:
            self._reach(cell.name, self._cycles)
            self.progress.remove_task(self._tasks.pop(cell.name))
            self._ended += 1
            outcome = f"failed: {event.error}" if event.error else "done"
            line = f"[{self._ended}/{self._cells}] {cell.name} {outcome}"
            self.progress.console.print(line, markup=False, highlight=False)

    def _reach(self, name: str, cycles: float) -> None:
        self._reached[name] = max(cycles, self._reached.get(name, 0.0))
        self.progress.update(self._tasks[name], completed=int(self._reached[name]))
        self.progress.update(self._whole, completed=self._before + int(sum(self._reached.values())))


def _share(event: Advanced) -> float:
    """Return how much of its cycle the cell has done, taking training for nine tenths of it."""
    part = event.done / max(event.total, 1)
    return 0.9 * part if event.phase == "fit" else 0.9 + 0.1 * part
