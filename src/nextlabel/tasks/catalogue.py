"""The registry of tasks."""

from __future__ import annotations

from nextlabel.errors import ConfigurationError, brief
from nextlabel.registry import Card, Registry
from nextlabel.tasks.task import Task

__all__ = ["TASKS", "as_task"]

TASKS: Registry[Task] = Registry(
    "task",
    "nextlabel.tasks",
    (
        Card(
            "classification", "nextlabel.tasks.classification:Classification", use_when="one class per item"
        ),
        Card("regression", "nextlabel.tasks.regression:Regression", use_when="one number per item"),
        Card("segmentation", "nextlabel.tasks.segmentation:Segmentation", use_when="one class per pixel"),
    ),
)
"""All tasks by name."""


def as_task(task: str | Task) -> Task:
    """Return the task: itself, or the one with this name and its defaults.

    Raises:
        UnknownNameError: There is no task with this name.
        ConfigurationError: It is neither a name nor a task.

    >>> as_task("regression").output
    'values'
    """
    if isinstance(task, str):
        return TASKS.create(task)
    if not isinstance(task, Task) or isinstance(task, type):
        raise ConfigurationError(
            f"task must be a name or a Task, such as Classification(('cat', 'dog')), got {brief(task)}"
        )
    return task
