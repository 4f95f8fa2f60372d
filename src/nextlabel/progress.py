"""Progress bars with counts and time left, on standard error, only where that is a terminal.

Knows nothing of what advances.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Progress", "bars"]

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase (``fit`` or ``scan``), the work done and the whole."""


def bars() -> Progress:
    """Return an ``Advance`` that draws a bar per phase, or does nothing without a terminal."""
    return _Bars() if sys.stderr.isatty() else lambda phase, done, total: None


class _Bars:
    """One bar at a time; a phase that is done leaves its line."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description:<6}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("", total=None)

    def __call__(self, phase: str, done: int, total: int) -> None:
        self._progress.start()
        self._progress.update(self._task, description=phase, completed=done, total=total)
        if done >= total:
            self._progress.stop()
