"""One progress of several fits in a row. Knows nothing of what is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["AfterTask", "Progress", "of_member"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the steps done and the steps in all."""


class AfterTask:
    """Count a task's training and what comes after it together.

    Args:
        progress: Who is told, or None.
        steps: Steps of what comes after the task; those of the task are learnt from its own progress.
    """

    def __init__(self, progress: Progress | None, steps: int) -> None:
        self._progress, self._steps, self._task_steps = progress, steps, 0

    def task(self, done: int, total: int) -> None:
        """Take the progress of the task's training."""
        self._task_steps = total
        self._tell(done)

    def after(self, done: int) -> None:
        """Take the steps done after the task."""
        self._tell(self._task_steps + done)

    def _tell(self, done: int) -> None:
        if self._progress:
            self._progress(done, self._task_steps + self._steps)


def of_member(progress: Progress | None, number: int, members: int) -> Progress | None:
    """Return the progress of the training with this number of ``members`` equal ones."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, members * total)
