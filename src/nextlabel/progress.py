"""The progress of long work: its type, several fits reported as one, and bars on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = ["AfterTask", "Progress", "bars", "of_member"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase (``fit``, ``scan``), the work done in it and its total."""


def bars() -> Progress:
    """Return a progress that draws one bar per phase on standard error; does nothing without a terminal."""
    running: list[RichProgress] = []  # at most one; the bar of a finished phase stays on the screen

    def draw(phase: str, done: int, total: int) -> None:
        if not running:
            running.append(_new_bar())
            running[0].start()
        running[0].update(running[0].task_ids[0], description=phase, completed=done, total=total)
        if done >= total:
            running.pop().stop()

    return draw if sys.stderr.isatty() else lambda phase, done, total: None


def _new_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description:<6}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=Console(stderr=True))
    bar.add_task("", total=None)
    return bar


class AfterTask:
    """Report the fit of a task and the ``steps`` that follow it as one."""

    def __init__(self, progress: Progress | None, steps: int) -> None:
        self._progress, self._steps, self._task_steps = progress, steps, 0

    def task(self, phase: str, done: int, total: int) -> None:
        """Report the task's fit."""
        self._task_steps = total
        self._report(phase, done)

    def after(self, phase: str, done: int, total: int) -> None:
        """Report the steps that follow."""
        self._report(phase, self._task_steps + done)

    def _report(self, phase: str, done: int) -> None:
        if self._progress:
            self._progress(phase, done, self._task_steps + self._steps)


def of_member(progress: Progress | None, number: int, members: int) -> Progress | None:
    """Return the progress of the fit with this number among ``members`` equal ones."""
    if progress is None:
        return None
    return lambda phase, done, total: progress(phase, number * total + done, members * total)
